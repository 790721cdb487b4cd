"""What can still become of the time of an athlete at a point, from their own result alone. Source: R4.11."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.course_times import min_duration_us
from schemas.definition import Definition, Point, Race
from schemas.ids import US
from schemas.results import AthleteRow, EventRow, PointTime

AT_MAT_US = 10 * US  # that an athlete is in range of a mat in one crossing, besides the gap that ends a passing

NEVER_US = -(2**62)
"""An instant before all others."""


class PodiumCourse(Struct, frozen=True):
    """A race up to a point: what the limit of speed says of the ways there, as scoring computes them.

    `least_us` are the shortest believable durations from each of its points to the last, `target`. `own_finish`: the
    last is FINISH and finishers are ranked; else the order at a point, where every athlete who took it is ranked.
    `strict`: who misses a point before the finish is no finisher. `needed` are the earlier points without which later
    reads may still change the time at the last. `settle_us` is by how much a late read may move a time. `picks_later`:
    the last point does not take a passing's first read, so a passing that goes on may move its time.
    """

    race: Race
    index: dict[str, int]
    target: int
    least_us: list[int]
    own_finish: bool
    strict: bool
    needed: tuple[str, ...]
    settle_us: int
    window_us: int
    picks_later: bool
    closed: bool
    closed_at_us: int | None


class Contender(NamedTuple):
    """An athlete by what can still become of their time at the last point, from their own result alone.

    `taken_us` is when they took the last point (None: not yet); `ranked`: it gives them a place. `official` and
    `may_move` say of it that an official gave it, and that late reads may make it later. `read_us` is the same instant
    if a reader gave it. A crossing that is not known yet is not before `earliest_us`, and at least `after_us` after all
    reads that are known to be there; from `other_us` on they may have been read there already without it counting.
    Gun time counts from `gun_us`. Chip time counts from `start_us`, a start passing if `started`, else the own gun; the
    start window ends at `window_end_us`. `adjusted_us` is added to both times. `in_doubt`: a case is open.
    `incomplete`: one of the points that the course `needed` is missing. `reach` and `reached_us` are the index and the
    instant of the last point taken.
    """

    bib: str
    ranked: bool
    taken_us: int | None
    read_us: int
    official: bool
    may_move: bool
    earliest_us: int
    after_us: int
    other_us: int | None
    gun_us: int | None
    start_us: int | None
    started: bool
    window_end_us: int
    adjusted_us: int
    in_doubt: bool
    incomplete: bool
    reach: int
    reached_us: int


def podium_course(definition: Definition, race: Race, point: str | None, event: EventRow) -> PodiumCourse:
    """Return the course of a race up to a point, or to the finish for the board itself (`point` None)."""
    points = race.points
    target = len(points) - 1 if point is None else next(i for i, known in enumerate(points) if known.id == point)
    last = points[target]
    own_finish = point is None
    return PodiumCourse(
        race=race,
        index={known.id: index for index, known in enumerate(points)},
        target=target,
        least_us=[min_duration_us(before.km, last.km, race.max_speed_mps) for before in points[:target]] + [0],
        own_finish=own_finish,
        strict=own_finish and race.missing_mat == "dnf" and all(known.mandatory for known in points[1:-1]),
        needed=tuple(known.id for known in points[:target] if not own_finish or _is_needed(race, known)),
        settle_us=round(definition.passing_gap_s * US) + AT_MAT_US,
        window_us=race.start_window_s * US,
        picks_later=last.picked() != "first",
        closed=race.id in event.closed,
        closed_at_us=event.closed_at_us.get(race.id) if own_finish else None,
    )


def _is_needed(race: Race, point: Point) -> bool:
    """Return whether a finisher may still get another time who lacks a point.

    Two more crossings do that where the point is the one before FINISH, or where the finish mat has several points. A
    finish that is read too early, for its part, takes the place of the point before it.
    """
    finish = race.points[-1]
    return point is race.points[-2] or (point.mat == finish.mat and point is not race.points[0])


def contender(course: PodiumCourse, row: AthleteRow) -> Contender | None:
    """Return what can still become of an athlete; None when they are of another race, or only an official can bring
    them in.
    """
    if row.gone or row.race != course.race.id:
        return None
    taken = {split.point: split for split in row.points}
    target = course.race.points[course.target].id
    held = taken.get(target)
    ranked = held is not None and (not course.own_finish or row.status == "FINISHED")
    if not ranked and _ruled_out(course, row, held):
        return None
    indexed = sorted((course.index[split.point], split) for split in row.points if split.point in course.index)
    start = taken.get("START")
    own_gun_us = row.own_gun_us
    before = [(index, split) for index, split in indexed if index < course.target]
    earliest_us, after_us = _earliest(course, row, before)
    return Contender(
        bib=row.bib,
        ranked=ranked,
        taken_us=None if held is None else held.at_us,
        read_us=held.at_us if held is not None and held.source != "official" else NEVER_US,
        official=held is not None and held.source == "official",
        may_move=held is not None and (held.source == "backup" or course.picks_later),
        earliest_us=earliest_us,
        after_us=after_us,
        other_us=_hidden_us(course, indexed) if held is None else None,
        gun_us=row.gun_at_us,
        start_us=own_gun_us if start is None else start.at_us,
        started=start is not None,
        window_end_us=NEVER_US if own_gun_us is None else own_gun_us + course.window_us,
        adjusted_us=row.adjusted_us() if course.own_finish else 0,
        in_doubt=course.own_finish and ("review" in row.flags or any(case.open for case in row.cases)),
        incomplete=any(point not in taken for point in course.needed),
        reach=indexed[-1][0] if indexed else -1,
        reached_us=indexed[-1][1].at_us if indexed else 0,
    )


def _ruled_out(course: PodiumCourse, row: AthleteRow, held: PointTime | None) -> bool:
    """Return whether an official took the athlete out, so that no read brings them back.

    A close takes out those who are left, but a finish that is read late still counts; and a decided case has no effect
    once its ground is gone.
    """
    if row.own_gun_us is None and course.closed:
        return True
    if not course.own_finish or row.cases:
        return False
    if row.status in ("DNF", "DNS"):
        return held is not None or not course.closed
    return row.status == "DQ"


def _earliest(course: PodiumCourse, row: AthleteRow, before: Sequence[tuple[int, PointTime]]) -> tuple[int, int]:
    """Return the earliest believable crossing that is not known yet, and how long after the complete reads it is.

    Every athlete's way from the own gun is checked. A point that was taken counts only if no finisher may lack it: else
    scoring would rather leave it out than the finish. `before` are the points taken before the last, in course order.
    """
    if row.own_gun_us is None:
        return NEVER_US, 0
    from_gun_us = row.own_gun_us + course.least_us[0]
    if not course.strict:
        return from_gun_us, 0
    filled = [index for index, _ in before if index > 0]
    last = filled[-1] if filled else 0
    after_us = course.least_us[last + 1] if last + 1 < course.target else 0
    if len(filled) < last or not filled:
        return from_gun_us, after_us
    return max(from_gun_us, before[-1][1].at_us - course.settle_us + course.least_us[last]), after_us


def _hidden_us(course: PodiumCourse, indexed: Sequence[tuple[int, PointTime]]) -> int | None:
    """Return from when on an athlete may have been read at the last point without having it; None: they were not.

    Scoring leaves out a point that the next one that was taken follows too soon; if that read turns out to be wrong, or
    of another lap, the point is back.
    """
    following = next(((index, split.at_us) for index, split in indexed if index > course.target), None)
    if following is None:
        return None
    points, (index, instant_us) = course.race.points, following
    return instant_us - min_duration_us(points[course.target].km, points[index].km, course.race.max_speed_mps)
