"""A race's course, compiled: the distances and times of the definition as integers that scoring compares.

Source: R2 and R3.
"""

from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.course_times import clock_instant_us, duration_us, min_duration_us
from schemas.definition import Definition, Limit, Pick, Race
from schemas.ids import US

START = 0  # index of START in every course


BoundKind = Literal["clock", "gun", "wave"]
"""The ways to give a limit: as a time of day, or since the race's earliest gun or the athlete's own gun."""


class Bound(Struct, frozen=True):
    """A cut-off or earliest time: `clock_us` is an instant, the others are durations since a gun; None if not given."""

    clock_us: int | None
    gun_us: int | None
    wave_us: int | None

    def instants(self, race_gun_us: int, own_gun_us: int) -> dict[BoundKind, int]:
        """Return the instants of the given kinds, one or more."""
        instants: dict[BoundKind, int] = {}
        if self.clock_us is not None:
            instants["clock"] = self.clock_us
        if self.gun_us is not None:
            instants["gun"] = race_gun_us + self.gun_us
        if self.wave_us is not None:
            instants["wave"] = own_gun_us + self.wave_us
        return instants


class Limits(NamedTuple):
    """The instants that limit an athlete's points, by the index of the point; `window_end_us` is for START.

    If a point has several earliest times, the latest applies; if it has several cut-offs, the earliest applies.
    Source: R3.3 and R3.5.
    """

    window_end_us: int
    earliest_us: dict[int, int]
    cutoff_us: dict[int, int]


def is_early(at_us: int, earliest_us: int) -> bool:
    """Return whether an instant is before an earliest time; equal is in time."""
    return at_us < earliest_us


def is_late(at_us: int, latest_us: int) -> bool:
    """Return whether an instant is after a cut-off or the end of the start window; equal is in time."""
    return at_us > latest_us


class CoursePoint(Struct, frozen=True):
    """A point of the course, in course order."""

    id: str
    mat: str
    km: float
    pick: Pick
    mandatory: bool
    cutoff: Bound | None
    earliest: Bound | None


class Course:
    """A race as scoring needs it.

    `at_mat` holds the points of a mat by index. `lap_bits` holds a bit for each point of a mat that the course crosses
    more than once, and 0 for the others. `least_us[i][j]` is the shortest believable duration from point `i` to a later
    point `j`, at `max_speed_mps`.
    """

    def __init__(self, definition: Definition, race: Race) -> None:
        self.race = race
        self.points = tuple(
            CoursePoint(
                point.id,
                point.mat,
                point.km,
                point.picked(),
                point.mandatory,
                _bound(definition, race, point.cutoff),
                _bound(definition, race, point.earliest),
            )
            for point in race.points
        )
        self.index = {point.id: index for index, point in enumerate(self.points)}
        self.finish = len(self.points) - 1
        self.window_us = race.start_window_s * US
        at_mat: dict[str, list[int]] = {}
        for index, point in enumerate(self.points):
            at_mat.setdefault(point.mat, []).append(index)
        self.at_mat = {mat: tuple(points) for mat, points in at_mat.items()}
        self.lap_bits = tuple(1 << index if len(at_mat[p.mat]) > 1 else 0 for index, p in enumerate(self.points))
        self.earliests = tuple((index, p.earliest) for index, p in enumerate(self.points) if p.earliest is not None)
        self.cutoffs = tuple((index, p.cutoff) for index, p in enumerate(self.points) if p.cutoff is not None)
        self.least_us = [
            [min_duration_us(a.km, b.km, race.max_speed_mps) if b.km > a.km else 0 for b in self.points]
            for a in self.points
        ]
        self._limits: dict[tuple[int, int], Limits] = {}  # by the guns, of which a race has few

    def limits(self, race_gun_us: int, own_gun_us: int) -> Limits:
        """Return the limits of an athlete by the race's earliest gun and the athlete's own."""
        limits = self._limits.get((race_gun_us, own_gun_us))
        if limits is None:
            limits = self._limits[race_gun_us, own_gun_us] = Limits(
                own_gun_us + self.window_us,
                {point: max(earliest.instants(race_gun_us, own_gun_us).values()) for point, earliest in self.earliests},
                {point: min(cutoff.instants(race_gun_us, own_gun_us).values()) for point, cutoff in self.cutoffs},
            )
        return limits


def _bound(definition: Definition, race: Race, limit: Limit | None) -> Bound | None:
    if limit is None:
        return None
    return Bound(
        None if limit.clock is None else clock_instant_us(definition, race, limit.clock),
        None if limit.gun is None else duration_us(limit.gun),
        None if limit.wave is None else duration_us(limit.wave),
    )
