"""What happened on race day, before any reader saw it: who started, crossed what, stopped where; what each mat caught.

And from that the truth: what everybody's result has to be under the rules of R3 and R4. It is worked out here from true
crossings and from what officials rule, never from reads and never by the scorer. It can be, since the simulator keeps
to cases in which what a mat catches of a runner is one crossing a point:

- a course crosses a mat once; START and FINISH may share a line (its definition's checks keep them apart in time),
- nobody covers a stretch faster than the definition believes, also from his own gun,
- whoever a mat's main readers miss at the start was not seen by them while he waited there either,
- nobody who stopped comes by a mat of his course again, but for the finish line, and there at a believable time.

Instants are whole milliseconds, since that is what a MYLAPS reader can say, given in microseconds where they leave.
"""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Literal

from msgspec import Struct, field

from loadtest.dice import bell, between, dice
from loadtest.field import Entrant
from loadtest.pace import run_s
from loadtest.plans import Plan
from schemas.course_times import clock_instant_us, duration_us, min_duration_us, start_instant_us
from schemas.definition import Definition, Race
from schemas.ids import US
from schemas.results import Source, Status, printed_s

MS = 1000  # microseconds
START_RATE = 5.0  # runners a second through the start line; assumed, a gate of some 8 m
WAVE_EVERY_S = 180
GUN_DELAY_S = 25  # a gun is this late at most

DNS_RATE = 0.07
DNF_RATE = 0.02
WALKS_IN = 0.15  # of those who stop: walk straight to the finish line and over it
TAKEN_OFF = 0.6  # of those over a limit on the way: stop there
EARLY_STARTERS = 0.01  # of the runners of a later wave: start with the wave before
DQ_RATE = 0.004
HELPED = 0.3  # of those who stop: officials set DNF
VIDEO = 0.5  # of those whom the finish mat missed: officials set the time from the video
JURY = 0.6  # of the cases: decided
JURY_ACCEPTS = 0.75

# How often a mat catches nothing of a runner, neither main nor backup. Boston 2014: 0.11 to 0.68 % a split.
BOTH_MISS = (0.0011, 0.0068)
MAIN_MISSES = 0.012  # main readers alone
BACKUP_MISSES = 0.03  # backup alone
BACKUP_BEHIND_MS = (200, 1500)  # the backup lies a few metres on


class Crossing(Struct):
    """A runner on a mat of his course: when by the main readers and by the backup, null for who caught nothing."""

    point: int
    true_us: int
    main_us: int | None
    backup_us: int | None

    def caught(self) -> tuple[int, Source] | None:
        """What the rules make of it: the main passing, else the backup's."""
        if self.main_us is not None:
            return self.main_us, "main"
        return None if self.backup_us is None else (self.backup_us, "backup")


class PointTruth(Struct, frozen=True):
    """When a point was taken, and by what."""

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
    """What officials say of a runner."""

    status: Literal["DNF", "DQ"] | None = None
    status_at_us: int | None = None
    status_due_us: int = 0
    finish_us: int | None = None
    finish_due_us: int = 0
    decision: Literal["accept", "dnf"] | None = None
    walked_in: bool = False


class Run(Struct, kw_only=True):
    """A runner's day. `own_gun_us` null: his race has no gun. `crossings` in course order, each point once at most."""

    entrant: Entrant
    race: Race
    own_gun_us: int
    started: bool
    crossings: list[Crossing]
    ruled: Ruled
    truth: Truth


class Guns(Struct):
    """The guns of a race: by wave (None: the race's own), and the earliest."""

    by_wave: dict[str | None, int]

    @property
    def first_us(self) -> int:
        """The race's earliest gun."""
        return min(self.by_wave.values())


class Course(Struct):
    """A race as a runner meets it. By point: `miss`, how often its mat catches nothing; `backed`, whether it has a
    backup; `clock_us`, the instant of its cut-off by the clock; `step_us`, what its readers' clocks can tell apart.
    `least_us[i][j]`: the shortest believable duration.
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


class NotSimulated(Exception):
    """The simulator cannot say the truth of such a definition; the message says why."""


def check(definition: Definition) -> None:
    """Refuse a definition whose truth the simulator could not tell. Raises NotSimulated."""
    if definition.passing_gap_s < 5:
        raise NotSimulated(f"passing_gap_s is {definition.passing_gap_s:g}; reads of one crossing lie up to 3 s apart")
    for race in definition.races:
        mats = [point.mat for point in race.points[1:]]
        if len(set(mats)) < len(mats) or race.points[0].mat in mats[:-1]:
            raise NotSimulated(f"race {race.id!r} crosses a mat twice; a missed lap could not be told from another")
        if race.max_speed_mps < 7:
            raise NotSimulated(f"max_speed_mps of race {race.id!r} is below what the simulated runners reach")
        if any(b.km - a.km < 0.2 for a, b in pairwise(race.points)):
            raise NotSimulated(f"race {race.id!r} has a stretch under 200 m, on which a backup's delay is too much")
        if any(point.earliest is not None for point in race.points):
            raise NotSimulated(f"race {race.id!r} has an `earliest`, which simulated runners do not know")


def fire(definition: Definition, field_of: list[Entrant], seed: str) -> dict[str, Guns]:
    """The guns of every race that has runners: a little late, waves one after the other."""
    rng = dice(seed, "guns")
    found: dict[str, Guns] = {}
    for race in definition.races:
        own = [one.entry.wave for one in field_of if one.entry.race == race.id]
        if not own:
            continue
        at_us = start_instant_us(definition, race) + between(rng, 0, GUN_DELAY_S * 1000) * MS
        by_wave: dict[str | None, int] = {}
        for wave in sorted({wave or "" for wave in own}):
            by_wave[wave or None] = at_us
            at_us += (WAVE_EVERY_S * 1000 + between(rng, 0, 4000)) * MS
        found[race.id] = Guns(by_wave)
    return found


def courses(
    definition: Definition, plan: Plan, guns: dict[str, Guns], seed: str, steps_ms: Mapping[str, int]
) -> dict[str, Course]:
    """The courses of all races that have runners, in definition order. `steps_ms`: of mats whose clocks do not tell
    every millisecond, what they do tell.
    """
    backed = {mat.id: bool(mat.backup_devices) for mat in definition.mats}
    found: dict[str, Course] = {}
    for race in definition.races:
        if race.id not in guns:
            continue
        rng = dice(seed, f"mats {race.id}")
        points = race.points
        clocks = [None if point.cutoff is None else point.cutoff.clock for point in points]
        found[race.id] = Course(
            race=race,
            guns=guns[race.id],
            closed=plan.races[race.id].closed,
            officials_time=plan.races[race.id].officials_time,
            miss=[BOTH_MISS[0] + rng.random() * (BOTH_MISS[1] - BOTH_MISS[0]) for _ in points],
            backed=[backed[point.mat] for point in points],
            clock_us=[None if text is None else clock_instant_us(definition, race, text) for text in clocks],
            step_us=[steps_ms.get(point.mat, 1) * MS for point in points],
            least_us=[
                [min_duration_us(a.km, b.km, race.max_speed_mps) if b.km > a.km else 0 for b in points] for a in points
            ],
        )
    return found


def run_all(courses_by_race: dict[str, Course], field_of: list[Entrant], seed: str) -> list[Run]:
    """The day of everybody, and what the jury makes of it, by race and in the order of the field."""
    found: list[Run] = []
    for race_id, course in courses_by_race.items():
        rng = dice(seed, f"day {race_id}")
        waiting: dict[str | None, int] = {}
        for one in field_of:
            if one.entry.race != race_id:
                continue
            wave = one.entry.wave
            waiting[wave] = waiting.get(wave, 0) + 1
            run = (
                _officials_run(rng, course, one)
                if course.officials_time
                else _chip_run(rng, course, one, waiting[wave])
            )
            _decide(rng, course, run)
            found.append(run)
    return found


# --- One runner's day.


def _chip_run(rng: Random, course: Course, one: Entrant, waiting: int) -> Run:
    own_gun_us = course.guns.by_wave[one.entry.wave]
    ruled = Ruled()
    started = rng.random() >= DNS_RATE * (0.3 if one.strong else 1.0)
    crossings: list[Crossing] = []
    if started:
        line_us = _over_the_line(rng, course, one, waiting)
        times_us = [
            at_us - at_us % step_us
            for at_us, step_us in zip(
                _crossing_times(rng, course, one, line_us, own_gun_us), course.step_us, strict=True
            )
        ]
        reached = _reached(rng, course, times_us, own_gun_us)
        crossings = [_caught(rng, course, at, times_us[at]) for at in range(reached)]
        if reached < len(times_us):
            _stop(rng, course, crossings, ruled)
        _rule(rng, course, crossings, ruled, own_gun_us)
    return _run(course, one, own_gun_us, started, crossings, ruled)


def _officials_run(rng: Random, course: Course, one: Entrant) -> Run:
    """Without a chip: officials set the finish, of walkers nothing."""
    own_gun_us = course.guns.by_wave[one.entry.wave]
    ruled = Ruled()
    started = rng.random() >= DNS_RATE
    if started and one.entry.ranked:
        ruled.finish_us = own_gun_us + (5000 + int(one.race_s * 1000) + between(rng, 0, 20_000)) * MS
        ruled.finish_due_us = ruled.finish_us + between(rng, 30, 600) * US
    return _run(course, one, own_gun_us, started, [], ruled)


def _run(course: Course, one: Entrant, own_gun_us: int, started: bool, crossings: list[Crossing], ruled: Ruled) -> Run:
    truth = _truth(course, one, own_gun_us, crossings, ruled)
    return Run(
        entrant=one,
        race=course.race,
        own_gun_us=own_gun_us,
        started=started,
        crossings=crossings,
        ruled=ruled,
        truth=truth,
    )


def _over_the_line(rng: Random, course: Course, one: Entrant, waiting: int) -> int:
    """When he crosses the start line: the front of his wave first; now and then with the wave before his own."""
    guns = course.guns
    wave, window_ms = one.entry.wave, course.race.start_window_s * 1000
    after_ms = 600 + int(waiting / START_RATE * 1000 * (0.9 + 0.2 * rng.random()))
    gun_us = guns.by_wave[wave]
    earlier = [us for us in guns.by_wave.values() if us < gun_us]
    if earlier and rng.random() < EARLY_STARTERS:
        gun_us = max(earlier)
        after_ms = min(after_ms, (WAVE_EVERY_S - 60) * 1000)
    return gun_us + min(after_ms, window_ms * 7 // 10 + between(rng, 0, window_ms // 10)) * MS


def _crossing_times(rng: Random, course: Course, one: Entrant, line_us: int, own_gun_us: int) -> list[int]:
    """When he would cross each point if he went on to the end; believable from the line and from his own gun."""
    points = course.race.points
    total_s = one.race_s * (1.0 + 0.025 * bell(rng))
    seconds = run_s(rng, one.marathon, total_s, [point.km for point in points[1:]])
    times = [line_us, *(line_us + round(s * 1000) * MS for s in seconds)]
    late_us = max((own_gun_us + course.least_us[0][at] + US - times[at] for at in range(1, len(points))), default=0)
    if line_us < own_gun_us and late_us > 0:  # too early by far: his watch is then right, and he waits for his wave
        return [time_us + own_gun_us + US - line_us for time_us in times]
    return times


def _reached(rng: Random, course: Course, times_us: list[int], own_gun_us: int) -> int:
    """How many points he crosses: all, or as far as he runs or is let."""
    points = course.race.points
    stops_km = points[-1].km * rng.random() if rng.random() < DNF_RATE else points[-1].km
    for at, point in enumerate(points):
        if point.km > stops_km:
            return at
        limit_us = _limit_us(course, at, own_gun_us)
        last = at == len(points) - 1
        if not last and limit_us is not None and times_us[at] > limit_us and rng.random() < TAKEN_OFF:
            return at + 1
    return len(points)


def _caught(rng: Random, course: Course, at: int, true_us: int) -> Crossing:
    """What main and backup catch of a crossing."""
    draw = rng.random()
    both = course.miss[at]
    main = draw >= both + MAIN_MISSES
    backup = course.backed[at] and draw >= both and (not main or rng.random() >= BACKUP_MISSES)
    behind_us = between(rng, *BACKUP_BEHIND_MS) * MS
    behind_us -= behind_us % course.step_us[at]
    return Crossing(at, true_us, true_us if main else None, true_us + behind_us if backup else None)


def _stop(rng: Random, course: Course, crossings: list[Crossing], ruled: Ruled) -> None:
    """He has stopped; some walk straight to the finish line and over it, without the mats between."""
    if crossings and rng.random() < WALKS_IN:
        last = crossings[-1]
        finish = course.finish
        walk_us = max(course.least_us[at.point][finish] + at.true_us - last.true_us for at in crossings)
        at_us = last.true_us + (walk_us // MS + between(rng, 600_000, 2_400_000)) * MS
        at_us -= at_us % course.step_us[finish]
        crossings.append(Crossing(finish, at_us, at_us, None))
        ruled.walked_in = True


def _rule(rng: Random, course: Course, crossings: list[Crossing], ruled: Ruled, own_gun_us: int) -> None:
    """What officials say of him, so far as it does not hang on his result."""
    finish = course.finish
    last_us = crossings[-1].true_us if crossings else own_gun_us
    finished = bool(crossings) and crossings[-1].point == finish
    if finished and not ruled.walked_in and crossings[-1].caught() is None and rng.random() < VIDEO:
        ruled.finish_us = crossings[-1].true_us
        ruled.finish_due_us = last_us + between(rng, 300, 3600) * US
    if rng.random() < DQ_RATE:
        ruled.status = "DQ"
        ruled.status_due_us = last_us + between(rng, 60, 5400) * US
    elif crossings and not finished and rng.random() < HELPED:
        ruled.status = "DNF"
        ruled.status_at_us = last_us + between(rng, 60, 600) * US
        ruled.status_due_us = ruled.status_at_us + between(rng, 10, 1800) * US


def _decide(rng: Random, course: Course, run: Run) -> None:
    """The jury looks at a case that there is: a mat missed, and nothing else decides. The truth follows."""
    race, ruled = run.race, run.ruled
    if not run.truth.missed or race.missing_mat == "ignore" or ruled.status is not None or run.truth.cut_at:
        return
    if rng.random() >= JURY:
        return
    ruled.decision = "accept" if not ruled.walked_in and rng.random() < JURY_ACCEPTS else "dnf"
    run.truth = _truth(course, run.entrant, run.own_gun_us, run.crossings, ruled)


# --- The truth of it. Source: R3.4 to R3.8.


def _limit_us(course: Course, at: int, own_gun_us: int) -> int | None:
    """The earliest instant that a point's cut-off names."""
    limit = course.race.points[at].cutoff
    if limit is None:
        return None
    clock_us = course.clock_us[at]
    instants = [] if clock_us is None else [clock_us]
    if limit.gun is not None:
        instants.append(course.guns.first_us + (duration_us(limit.gun) or 0))
    if limit.wave is not None:
        instants.append(own_gun_us + (duration_us(limit.wave) or 0))
    return min(instants)


def _truth(course: Course, one: Entrant, own_gun_us: int, crossings: list[Crossing], ruled: Ruled) -> Truth:
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
    cut_at = next((points[at].id for at in sorted(taken) if _over(course, at, taken[at][0], own_gun_us)), None)
    last = max(taken, default=0)
    missed = [
        points[at].id
        for at in range(last)
        if at not in taken and points[at].mandatory and (at > 0 or race.missing_start == "dnf")
    ]
    status, let_off = _status(race, ruled, cut_at, missed, finish in taken, bool(taken), course.closed)
    gun_us = chip_us = None
    if finish in taken:
        at_us = taken[finish][0]
        gun_us = at_us - (course.guns.first_us if race.gun_from == "race" else own_gun_us)
        if 0 in taken:
            chip_us = at_us - taken[0][0]
        elif race.missing_start == "gun" or let_off:
            chip_us = at_us - own_gun_us
    official_us = gun_us if race.official_time == "gun" else chip_us
    return Truth(
        bib=one.entry.bib,
        race=race.id,
        status=status,
        gun_us=gun_us,
        chip_us=chip_us,
        time_s=printed_s(official_us) if status == "FINISHED" and official_us is not None else None,
        cut_at=cut_at,
        missed=missed,
        points=[PointTruth(points[at].id, *taken[at]) for at in sorted(taken)],
    )


def _over(course: Course, at: int, at_us: int, own_gun_us: int) -> bool:
    limit_us = _limit_us(course, at, own_gun_us)
    return limit_us is not None and at_us > limit_us


def _status(
    race: Race, ruled: Ruled, cut_at: str | None, missed: list[str], finished: bool, seen: bool, closed: bool
) -> tuple[Status, bool]:
    """Status, and whether he is let off what he missed."""
    let_off = not missed or race.missing_mat == "ignore" or ruled.decision == "accept"
    if ruled.status is not None:
        return ruled.status, let_off
    if cut_at is not None:
        return "OTL", let_off
    if ruled.decision == "dnf" or (finished and not let_off and race.missing_mat == "dnf"):
        return "DNF", let_off
    if finished:
        return "FINISHED", True
    if closed:
        return ("DNF" if seen else "DNS"), let_off
    return ("ON_COURSE" if seen else "NOT_STARTED"), let_off
