"""When each athlete crossed each point, by the devices alone: without guns, and without the choices of scoring.

Rougher than scoring, and independent of it: it has to hold where a gun or a clock is wrong. A crossing that could be
one of several passings is left out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.ids import US
from services.health.observed import DevicePassing
from services.scoring.core.course import START, Course

NEAR_US = 600 * US

Instants = list[int | None]
"""The instants at which an athlete crossed the points of the course, by index; None where unknown."""


class Visit(NamedTuple):
    """Passings at one mat, by whichever devices, without a gap over `passing_gap_s`; a bit of `devices` for each."""

    first_us: int
    last_us: int
    devices: int


class Crossings(Struct):
    """One athlete's crossings. `devices`: the bits of those that saw each; `mats`: the course's mats that saw them."""

    bib: str
    at_us: Instants
    devices: list[int]
    mats: frozenset[str]


def find_crossings(
    bib: str, course: Course, passings: Sequence[DevicePassing], gap_us: int, taken: Mapping[int, int]
) -> Crossings:
    """Return an athlete's crossings from their passings in time order.

    `taken` are the points that scoring gave them; it decides where START and FINISH share a mat, as far as it goes.
    """
    visits = _visits(course, passings, gap_us)
    chosen: list[Visit | None] = [None] * len(course.points)
    start_mat = course.points[START].mat
    elsewhere = [visit.first_us for mat, mat_visits in visits.items() if mat != start_mat for visit in mat_visits]
    at_start = visits.get(start_mat)
    if at_start is not None:
        _cross_start(course, chosen, at_start, elsewhere, taken)
    start_us = None if (start := chosen[START]) is None else start.last_us
    for mat, mat_visits in visits.items():
        points = course.at_mat[mat]
        if mat == start_mat:
            continue
        if len(points) == len(mat_visits):
            for point, visit in zip(points, mat_visits, strict=True):
                chosen[point] = visit
        elif len(points) == 1 and start_us is not None:
            least_us = start_us + course.least_us[START][points[0]]
            chosen[points[0]] = next((visit for visit in mat_visits if visit.first_us >= least_us), None)
    at_us: Instants = [None if visit is None else visit.first_us for visit in chosen]
    at_us[START] = start_us
    return Crossings(bib, at_us, [0 if visit is None else visit.devices for visit in chosen], frozenset(visits))


def believable(course: Course, at_us: Instants, gun_us: int | None) -> Instants:
    """Return the crossings without those that nobody could reach so soon after START and their own gun.

    Such are stray reads. Of an athlete without a crossing of START and without a gun nothing is believed.
    """
    known = [instant for instant in (at_us[START], gun_us) if instant is not None]
    if not known:
        return [None] * len(at_us)
    start_us = max(known)
    least_us = course.least_us[START]
    return [
        instant if instant is None or not point or instant - start_us >= least_us[point] else None
        for point, instant in enumerate(at_us)
    ]


def _visits(course: Course, passings: Sequence[DevicePassing], gap_us: int) -> dict[str, list[Visit]]:
    """Return the visits to the course's mats."""
    visits: dict[str, list[Visit]] = {}
    at_mat = course.at_mat
    for first_us, last_us, device, mat in passings:
        mat_visits = visits.get(mat)
        if mat_visits is None:
            if mat in at_mat:
                visits[mat] = [Visit(first_us, last_us, 1 << device)]
            continue
        before = mat_visits[-1]
        if first_us - before.last_us <= gap_us:
            mat_visits[-1] = Visit(before.first_us, max(before.last_us, last_us), before.devices | 1 << device)
        else:
            mat_visits.append(Visit(first_us, last_us, 1 << device))
    return visits


def _nearest(visits: Sequence[Visit], at_us: int) -> Visit | None:
    """Return the visit that scoring meant, whose clock may have been put right since."""
    distance_us, nearest = min((max(visit.first_us - at_us, at_us - visit.last_us, 0), visit) for visit in visits)
    return nearest if distance_us <= NEAR_US else None


def _cross_start(
    course: Course,
    chosen: list[Visit | None],
    visits: list[Visit],
    elsewhere: list[int],
    taken: Mapping[int, int],
) -> None:
    """Take START from the last visit before any other mat, and a later point there from the first visit after all."""
    points = course.at_mat[course.points[START].mat]
    if len(points) > 1 and START in taken and (start := _nearest(visits, taken[START])) is not None:
        chosen[START] = start
        for point in points[1:]:
            chosen[point] = _nearest(visits, taken[point]) if point in taken else None
    elif len(points) > 2 and len(points) == len(visits):
        for point, visit in zip(points, visits, strict=True):
            chosen[point] = visit
    elif not elsewhere:
        if len(points) == 1 or len(visits) == 1:
            chosen[START] = visits[-1]
    else:
        first_us, last_us = min(elsewhere), max(elsewhere)
        before = [visit for visit in visits if visit.last_us < first_us]
        chosen[START] = before[-1] if before else None
        if len(points) == 2 and points[1] == course.finish:
            chosen[course.finish] = next((visit for visit in visits if visit.first_us > last_us), None)
