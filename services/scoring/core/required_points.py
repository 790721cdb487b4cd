"""The required points that an athlete missed, and those that officials waived. Source: R3.6 and R1.point_waived.

Scoring asks this of the points that reads gave. Lists for officials ask it of the points in a row that scoring gave.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from schemas.events import Outcome, PointWaived
from schemas.results import AthleteRow, Case, PointTime
from services.scoring.core.course import START, Course
from services.scoring.core.rulings import Rulings


class Stretch(NamedTuple):
    """The stretch over a point that was not taken: from the last point taken before it to the next one taken.

    Points are indexes of the course; `after` is None where no point was taken before, and `after_us` is the own gun.
    """

    after: int | None
    after_us: int
    before: int
    before_us: int


class WaivedPoint(NamedTuple):
    """A point, by index, with the athlete's stretch over it and waivers of it in log order."""

    point: int
    stretch: Stretch
    waivers: list[PointWaived]


class RequiredPoints(NamedTuple):
    """The mandatory points that an athlete missed, by id, and those that are not missed since waivers reach them.

    `unreached` are those of the missed points that have waivers, none of which reaches the athlete's stretch.
    """

    missed: list[str]
    waived: list[WaivedPoint]
    unreached: list[WaivedPoint]


def required_points(
    rulings: Rulings, course: Course, taken_us: Sequence[int | None], own_gun_us: int | None
) -> RequiredPoints:
    """Return the mandatory points without a time before a later one that has one: those missed and those waived.

    All are in course order. START counts among them only where the race requires it. Source: R3.6.
    """
    missed: list[str] = []
    waived: list[WaivedPoint] = []
    unreached: list[WaivedPoint] = []
    for point in _lacking(course, taken_us):
        name = course.points[point].id
        if waivers := rulings.waivers.get((course.race.id, name)):
            stretch = _stretch(taken_us, own_gun_us, point)
            if holding := [waiver for waiver in waivers if reaches(waiver, stretch)]:
                waived.append(WaivedPoint(point, stretch, holding))
                continue
            unreached.append(WaivedPoint(point, stretch, waivers))
        missed.append(name)
    return RequiredPoints(missed, waived, unreached)


def _lacking(course: Course, taken_us: Sequence[int | None]) -> list[int]:
    """Return the mandatory points without a time before a later point that has one, mandatory or not."""
    if None not in taken_us:
        return []
    last = max((point for point, at_us in enumerate(taken_us) if at_us is not None), default=0)
    return [
        index
        for index, point in enumerate(course.points[:last])
        if taken_us[index] is None and point.mandatory and (index != START or course.race.missing_start == "dnf")
    ]


def _stretch(taken_us: Sequence[int | None], own_gun_us: int | None, point: int) -> Stretch:
    """Return the stretch over a point without a time, of which a later point has one."""
    after = max((index for index in range(point) if taken_us[index] is not None), default=None)
    before = next(index for index in range(point + 1, len(taken_us)) if taken_us[index] is not None)
    after_us, before_us = own_gun_us if after is None else taken_us[after], taken_us[before]
    assert after_us is not None, "without a gun no point is taken"
    assert before_us is not None
    return Stretch(after, after_us, before, before_us)


def reaches(waiver: PointWaived, stretch: Stretch) -> bool:
    """Return whether a waiver's interval and a stretch, which is without its ends, have a time in common.

    An empty interval has none with any. Source: R3.6.
    """
    from_us, until_us = waiver.from_us, waiver.until_us
    if from_us is not None and until_us is not None and from_us >= until_us:
        return False
    return (until_us is None or stretch.after_us < until_us) and (from_us is None or from_us < stretch.before_us)


# --- Lists for officials, from rows.


class WaiverInForce(Struct, frozen=True):
    """A waiver in force, and the bibs of the athletes who do not miss its point because it holds."""

    waiver: PointWaived
    bibs: list[str]


def waivers_in_force(rulings: Rulings, rows: Iterable[AthleteRow]) -> list[WaiverInForce]:
    """Return the waivers of points that exist with those whom each lets off, by race, by point, then in log order.

    `rows` are those of the rulings; bibs keep their order. An athlete whom several waivers let off is listed by each.
    """
    listed = [
        WaiverInForce(waiver, [])
        for race, course in rulings.courses.items()
        for point in course.points
        for waiver in rulings.waivers.get((race, point.id), ())
    ]
    bibs = {id(line.waiver): line.bibs for line in listed}
    for row in rows:
        if "waived" in row.flags:
            course = rulings.courses[row.race]
            for waived in required_points(rulings, course, _taken_us(course, row), row.own_gun_us).waived:
                for waiver in waived.waivers:
                    bibs[id(waiver)].append(row.bib)
    return listed


EarlierRuling = Literal["accepted", "dnf_decided", "dq_decided", "dq_set"]
"""A ruling on an athlete who missed a point: the outcome of the case, or the status DQ that an official set."""

_DECIDED: dict[Outcome, EarlierRuling] = {"accept": "accepted", "dnf": "dnf_decided", "dq": "dq_decided"}


class OverruledAthlete(Struct, frozen=True):
    """An athlete on whom officials have ruled, and the points that waivers would let the athlete off.

    A case without missed points has no ground, so a decision on it no longer applies. A status that was set stays.
    """

    bib: str
    ruling: EarlierRuling
    points: list[str]


class JudgedAthlete(Protocol):
    """The part of an athlete's row that tells what a waiver would change: a row itself, or an outline of it."""

    @property
    def bib(self) -> str: ...
    @property
    def race(self) -> str: ...
    @property
    def own_gun_us(self) -> int | None: ...
    @property
    def points(self) -> list[PointTime]: ...
    @property
    def missed(self) -> list[str]: ...
    @property
    def cases(self) -> list[Case]: ...


def overruled_by(
    rulings: Rulings, rows: Iterable[JudgedAthlete], waivers: Sequence[PointWaived]
) -> list[OverruledAthlete]:
    """Return the athletes whose decided case waivers would lift, and those who are DQ and would miss a point less.

    `rulings` and `rows` are those before the waivers. The athletes keep the order of the rows.
    """
    overruled = []
    for row in rows:
        course = rulings.courses.get(row.race)
        if row.missed and course is not None:
            points = _let_off(course, row, waivers)
            ruling = _ruling_on(rulings, row, lifted=points == row.missed)
            if points and ruling is not None:
                overruled.append(OverruledAthlete(row.bib, ruling, points))
    return overruled


def _let_off(course: Course, row: JudgedAthlete, waivers: Sequence[PointWaived]) -> list[str]:
    """Return the points that an athlete misses and that one of the waivers reaches."""
    taken_us = _taken_us(course, row)
    return [
        point
        for point in row.missed
        if point in course.index
        and any(
            (waiver.race, waiver.point) == (row.race, point)
            and reaches(waiver, _stretch(taken_us, row.own_gun_us, course.index[point]))
            for waiver in waivers
        )
    ]


def _ruling_on(rulings: Rulings, row: JudgedAthlete, lifted: bool) -> EarlierRuling | None:
    """Return the ruling on an athlete's missed points; a decision only if its case is `lifted`."""
    status = rulings.statuses.get(row.bib)
    if status is not None and status.status == "DQ":
        return "dq_set"
    name = f"missed:{row.bib}"
    decided = rulings.decisions.get(name)
    if decided is None or not lifted or all(case.case != name for case in row.cases):
        return None
    return _DECIDED[decided]


def _taken_us(course: Course, row: JudgedAthlete) -> list[int | None]:
    """Return the times of a row's points, by the course's indexes."""
    taken = {point.point: point.at_us for point in row.points}
    return [taken.get(point.id) for point in course.points]
