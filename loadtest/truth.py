"""The result that each simulated runner must have, from true crossings and officials' rulings.

It is worked out by the rules (R3.4 to R3.8), but never from reads and never by the scorer.
"""

from typing import Literal

from msgspec import Struct, field

from schemas.course_times import duration_us
from schemas.definition import Race
from schemas.results import Source, Status, printed_s


class Crossing(Struct):
    """A runner on the mat of a point: the true instant, and those of main and backup readers (None if missed)."""

    point: int
    true_us: int
    main_us: int | None
    backup_us: int | None

    def caught(self) -> tuple[int, Source] | None:
        """Return the passing that counts by the rules: the main readers', or else the backup's."""
        if self.main_us is not None:
            return self.main_us, "main"
        return None if self.backup_us is None else (self.backup_us, "backup")


class PointTruth(Struct, frozen=True):
    """When a runner took a point, and the source of that time."""

    point: str
    at_us: int
    source: Source


class Truth(Struct, frozen=True, kw_only=True):
    """The result that a runner must have. Fields as in the standings document (R5)."""

    bib: str
    race: str
    status: Status
    gun_us: int | None = None
    chip_us: int | None = None
    time_s: int | None = None
    cut_at: str | None = None
    missed: list[str] = field(default_factory=list)
    points: list[PointTruth] = field(default_factory=list)


class Ruled(Struct):
    """Officials' rulings on a runner, with the instants at which they are sent (`due`)."""

    status: Literal["DNF", "DQ"] | None = None
    status_at_us: int | None = None
    status_due_us: int = 0
    finish_us: int | None = None
    finish_due_us: int = 0
    decision: Literal["accept", "dnf"] | None = None
    walked_in: bool = False


class Guns(Struct):
    """The guns of a race by wave; None is the wave of a race without waves."""

    by_wave: dict[str | None, int]

    @property
    def first_us(self) -> int:
        """The race's earliest gun."""
        return min(self.by_wave.values())


class Course(Struct):
    """A race with what the simulator needs to know of each of its points.

    By point: `miss` is how often the mat catches nothing, `backed` whether it has a backup, `clock_us` the instant of
    its cut-off by time of day, `step_us` the resolution of its readers' clocks. `least_us[i][j]` is the shortest
    believable duration between two points.
    """

    race: Race
    guns: Guns
    closed: bool
    officials_time: bool
    miss: list[float]
    backed: list[bool]
    clock_us: list[int | None]
    step_us: list[int]
    least_us: list[list[int]]

    @property
    def finish(self) -> int:
        """The index of FINISH."""
        return len(self.race.points) - 1


def limit_us(course: Course, point: int, own_gun_us: int) -> int | None:
    """Return the earliest instant that the cut-off of a point gives, or None without a cut-off."""
    limit = course.race.points[point].cutoff
    if limit is None:
        return None
    clock_us = course.clock_us[point]
    instants = [] if clock_us is None else [clock_us]
    if limit.gun is not None:
        instants.append(course.guns.first_us + (duration_us(limit.gun) or 0))
    if limit.wave is not None:
        instants.append(own_gun_us + (duration_us(limit.wave) or 0))
    return min(instants)


def truth_of(course: Course, bib: str, own_gun_us: int, crossings: list[Crossing], ruled: Ruled) -> Truth:
    """Return the result that a runner must have. Source: R3.4 to R3.8."""
    race = course.race
    points = race.points
    finish = course.finish
    taken: dict[int, tuple[int, Source]] = {}
    for crossing in crossings:
        caught = crossing.caught()
        if caught is not None and caught[0] >= own_gun_us:
            taken[crossing.point] = caught
    if ruled.finish_us is not None:
        taken[finish] = (ruled.finish_us, "official")
    cut_at = next((points[n].id for n in sorted(taken) if _over(course, n, taken[n][0], own_gun_us)), None)
    last = max(taken, default=0)
    missed = [
        points[n].id
        for n in range(last)
        if n not in taken and points[n].mandatory and (n > 0 or race.missing_start == "dnf")
    ]
    status, excused = _status(race, ruled, cut_at, missed, finish in taken, bool(taken), course.closed)
    gun_us = chip_us = None
    if finish in taken:
        at_us = taken[finish][0]
        gun_us = at_us - (course.guns.first_us if race.gun_from == "race" else own_gun_us)
        if 0 in taken:
            chip_us = at_us - taken[0][0]
        elif race.missing_start == "gun" or excused:
            chip_us = at_us - own_gun_us
    official_us = gun_us if race.official_time == "gun" else chip_us
    return Truth(
        bib=bib,
        race=race.id,
        status=status,
        gun_us=gun_us,
        chip_us=chip_us,
        time_s=printed_s(official_us) if status == "FINISHED" and official_us is not None else None,
        cut_at=cut_at,
        missed=missed,
        points=[PointTruth(points[n].id, *taken[n]) for n in sorted(taken)],
    )


def _over(course: Course, point: int, at_us: int, own_gun_us: int) -> bool:
    latest_us = limit_us(course, point, own_gun_us)
    return latest_us is not None and at_us > latest_us


def _status(
    race: Race, ruled: Ruled, cut_at: str | None, missed: list[str], finished: bool, seen: bool, closed: bool
) -> tuple[Status, bool]:
    """Return the status, and whether the missed points are excused."""
    excused = not missed or race.missing_mat == "ignore" or ruled.decision == "accept"
    if ruled.status is not None:
        return ruled.status, excused
    if cut_at is not None:
        return "OTL", excused
    if ruled.decision == "dnf" or (finished and not excused and race.missing_mat == "dnf"):
        return "DNF", excused
    if finished:
        return "FINISHED", True
    if closed:
        return ("DNF" if seen else "DNS"), excused
    return ("ON_COURSE" if seen else "NOT_STARTED"), excused
