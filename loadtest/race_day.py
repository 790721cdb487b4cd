"""A simulated race day without its reads: who starts, crosses which mat when, stops where, and what each mat catches.

The simulator keeps to cases in which a mat catches one crossing of a runner for each point, so that the truth follows
from the crossings (`truth`) without scoring any read:

- A course crosses a mat once. START and FINISH may share a line; checks of the definition keep them apart in time.
- No runner covers a stretch faster than the definition believes, nor the way from their own gun.
- If a mat's main readers miss a runner at the start, they did not see them wait there either.
- A runner who stopped does not pass a mat of the course again, except for the finish line at a believable time.

Instants are whole milliseconds, the resolution of a MYLAPS reader, in microseconds where they leave this module.
"""

from collections.abc import Mapping
from itertools import pairwise
from random import Random

from msgspec import Struct

from loadtest.dice import bell, between, dice
from loadtest.field import Entrant
from loadtest.pace import run_s
from loadtest.plans import Plan
from loadtest.truth import Course, Crossing, Guns, Ruled, Truth, limit_us, truth_of
from schemas.course_times import clock_instant_us, min_duration_us, start_instant_us
from schemas.definition import Definition, Race
from schemas.ids import US

MS = 1000  # microseconds
START_RATE = 5.0  # runners per second over the start line; an assumption, for a gate of about 8 m
WAVE_EVERY_S = 180
GUN_DELAY_S = 25  # the longest delay of a gun

DNS_RATE = 0.07
DNF_RATE = 0.02
WALKS_IN = 0.15  # of those who stop, this many walk straight to the finish line and over it
TAKEN_OFF = 0.6  # of those over a cut-off on the way, this many stop there
EARLY_STARTERS = 0.01  # of the runners of a later wave, this many start with the wave before
DQ_RATE = 0.004
HELPED = 0.3  # of those who stop, officials set this many to DNF
VIDEO = 0.5  # of those whom the finish mat missed, officials time this many by video
JURY = 0.6  # of the cases, the jury decides this many
JURY_ACCEPTS = 0.75

# How often neither the main nor the backup readers of a mat catch a runner. Boston 2014: 0.11 to 0.68 % per split.
BOTH_MISS = (0.0011, 0.0068)
MAIN_MISSES = 0.012  # the main readers alone
BACKUP_MISSES = 0.03  # the backup alone
BACKUP_BEHIND_MS = (200, 1500)  # the backup lies a few metres further on


class Run(Struct, kw_only=True):
    """A runner's day. `own_gun_us` is their wave's gun; `crossings` are in course order, each point at most once."""

    entrant: Entrant
    race: Race
    own_gun_us: int
    started: bool
    crossings: list[Crossing]
    ruled: Ruled
    truth: Truth


class NotSimulated(Exception):
    """The simulator cannot tell the true results of this definition; the message says why."""


def check(definition: Definition) -> None:
    """Check that the simulator can tell the true results of a definition. Raises NotSimulated."""
    if definition.passing_gap_s < 5:
        raise NotSimulated(
            f"passing_gap_s is {definition.passing_gap_s:g}; it must be 5 or more, since the reads of one crossing lie"
            " up to 3 s apart"
        )
    for race in definition.races:
        mats = [point.mat for point in race.points[1:]]
        if len(set(mats)) < len(mats) or race.points[0].mat in mats[:-1]:
            raise NotSimulated(
                f"race {race.id!r} crosses a mat twice; a missed lap could not be distinguished from another"
            )
        if race.max_speed_mps < 7:
            raise NotSimulated(
                f"max_speed_mps of race {race.id!r} is {race.max_speed_mps:g}; simulated runners need 7 or more"
            )
        if any(b.km - a.km < 0.2 for a, b in pairwise(race.points)):
            raise NotSimulated(f"race {race.id!r} has a stretch under 200 m, too short for the delay of a backup mat")
        if any(point.earliest is not None for point in race.points):
            raise NotSimulated(f"race {race.id!r} has an `earliest`, which simulated runners do not obey")


def fire(definition: Definition, field_of: list[Entrant], seed: str) -> dict[str, Guns]:
    """Return the guns of every race that has runners: a little late, one wave after the other."""
    rng = dice(seed, "guns")
    guns: dict[str, Guns] = {}
    for race in definition.races:
        waves = {entrant.entry.wave for entrant in field_of if entrant.entry.race == race.id}
        if not waves:
            continue
        at_us = start_instant_us(definition, race) + between(rng, 0, GUN_DELAY_S * 1000) * MS
        by_wave: dict[str | None, int] = {}
        for wave in sorted(wave or "" for wave in waves):
            by_wave[wave or None] = at_us
            at_us += (WAVE_EVERY_S * 1000 + between(rng, 0, 4000)) * MS
        guns[race.id] = Guns(by_wave)
    return guns


def courses(
    definition: Definition, plan: Plan, guns: dict[str, Guns], seed: str, steps_ms: Mapping[str, int]
) -> dict[str, Course]:
    """Return the courses of all races that have runners, in the order of the definition.

    `steps_ms` has the resolution of the clocks at mats where it is coarser than a millisecond.
    """
    backed = {mat.id: bool(mat.backup_devices) for mat in definition.mats}
    courses_by_race: dict[str, Course] = {}
    for race in definition.races:
        if race.id not in guns:
            continue
        rng = dice(seed, f"mats {race.id}")
        points = race.points
        clocks = [None if point.cutoff is None else point.cutoff.clock for point in points]
        courses_by_race[race.id] = Course(
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
    return courses_by_race


def run_all(courses_by_race: dict[str, Course], field_of: list[Entrant], seed: str) -> list[Run]:
    """Return the day of all runners with the jury's decisions, by race and in the order of the field."""
    runs: list[Run] = []
    for race_id, course in courses_by_race.items():
        rng = dice(seed, f"day {race_id}")
        waiting: dict[str | None, int] = {}
        for entrant in field_of:
            if entrant.entry.race != race_id:
                continue
            wave = entrant.entry.wave
            waiting[wave] = waiting.get(wave, 0) + 1
            run = (
                _officials_run(rng, course, entrant)
                if course.officials_time
                else _chip_run(rng, course, entrant, waiting[wave])
            )
            _decide(rng, course, run)
            runs.append(run)
    return runs


# --- One runner's day.


def _chip_run(rng: Random, course: Course, entrant: Entrant, waiting: int) -> Run:
    own_gun_us = course.guns.by_wave[entrant.entry.wave]
    ruled = Ruled()
    started = rng.random() >= DNS_RATE * (0.3 if entrant.strong else 1.0)
    crossings: list[Crossing] = []
    if started:
        line_us = _over_the_line(rng, course, entrant, waiting)
        times_us = [
            at_us - at_us % step_us
            for at_us, step_us in zip(
                _crossing_times(rng, course, entrant, line_us, own_gun_us), course.step_us, strict=True
            )
        ]
        reached = _reached(rng, course, times_us, own_gun_us)
        crossings = [_caught(rng, course, point, times_us[point]) for point in range(reached)]
        if reached < len(times_us):
            _stop(rng, course, crossings, ruled)
        _rule(rng, course, crossings, ruled, own_gun_us)
    return _run(course, entrant, own_gun_us, started, crossings, ruled)


def _officials_run(rng: Random, course: Course, entrant: Entrant) -> Run:
    """Return the day of a runner without a chip: officials set the finish time, but not for walkers."""
    own_gun_us = course.guns.by_wave[entrant.entry.wave]
    ruled = Ruled()
    started = rng.random() >= DNS_RATE
    if started and entrant.entry.ranked:
        ruled.finish_us = own_gun_us + (5000 + int(entrant.race_s * 1000) + between(rng, 0, 20_000)) * MS
        ruled.finish_due_us = ruled.finish_us + between(rng, 30, 600) * US
    return _run(course, entrant, own_gun_us, started, [], ruled)


def _run(
    course: Course, entrant: Entrant, own_gun_us: int, started: bool, crossings: list[Crossing], ruled: Ruled
) -> Run:
    truth = truth_of(course, entrant.entry.bib, own_gun_us, crossings, ruled)
    return Run(
        entrant=entrant,
        race=course.race,
        own_gun_us=own_gun_us,
        started=started,
        crossings=crossings,
        ruled=ruled,
        truth=truth,
    )


def _over_the_line(rng: Random, course: Course, entrant: Entrant, waiting: int) -> int:
    """Return when a runner crosses the start line: in the order of the wave, a few with the wave before their own."""
    guns = course.guns
    wave, window_ms = entrant.entry.wave, course.race.start_window_s * 1000
    after_ms = 600 + int(waiting / START_RATE * 1000 * (0.9 + 0.2 * rng.random()))
    gun_us = guns.by_wave[wave]
    earlier = [us for us in guns.by_wave.values() if us < gun_us]
    if earlier and rng.random() < EARLY_STARTERS:
        gun_us = max(earlier)
        after_ms = min(after_ms, (WAVE_EVERY_S - 60) * 1000)
    return gun_us + min(after_ms, window_ms * 7 // 10 + between(rng, 0, window_ms // 10)) * MS


def _crossing_times(rng: Random, course: Course, entrant: Entrant, line_us: int, own_gun_us: int) -> list[int]:
    """Return when a runner would cross each point on the way to the end, believable from the line and from the gun."""
    points = course.race.points
    total_s = entrant.race_s * (1.0 + 0.025 * bell(rng))
    seconds = run_s(rng, entrant.marathon, total_s, [point.km for point in points[1:]])
    times = [line_us, *(line_us + round(s * 1000) * MS for s in seconds)]
    short_us = max((own_gun_us + course.least_us[0][n] + US - times[n] for n in range(1, len(points))), default=0)
    if line_us < own_gun_us and short_us > 0:  # far too early: the runner waits for their wave instead
        return [time_us + own_gun_us + US - line_us for time_us in times]
    return times


def _reached(rng: Random, course: Course, times_us: list[int], own_gun_us: int) -> int:
    """Return how many points a runner crosses: all, or those before they stop or are taken off the course."""
    points = course.race.points
    stops_km = points[-1].km * rng.random() if rng.random() < DNF_RATE else points[-1].km
    for number, point in enumerate(points):
        if point.km > stops_km:
            return number
        latest_us = limit_us(course, number, own_gun_us)
        last = number == len(points) - 1
        if not last and latest_us is not None and times_us[number] > latest_us and rng.random() < TAKEN_OFF:
            return number + 1
    return len(points)


def _caught(rng: Random, course: Course, point: int, true_us: int) -> Crossing:
    """Return what the main and backup readers catch of a crossing."""
    draw = rng.random()
    both = course.miss[point]
    main = draw >= both + MAIN_MISSES
    backup = course.backed[point] and draw >= both and (not main or rng.random() >= BACKUP_MISSES)
    behind_us = between(rng, *BACKUP_BEHIND_MS) * MS
    behind_us -= behind_us % course.step_us[point]
    return Crossing(point, true_us, true_us if main else None, true_us + behind_us if backup else None)


def _stop(rng: Random, course: Course, crossings: list[Crossing], ruled: Ruled) -> None:
    """Let some runners who stopped walk straight over the finish line, past the mats between."""
    if crossings and rng.random() < WALKS_IN:
        last = crossings[-1]
        finish = course.finish
        walk_us = max(course.least_us[c.point][finish] + c.true_us - last.true_us for c in crossings)
        at_us = last.true_us + (walk_us // MS + between(rng, 600_000, 2_400_000)) * MS
        at_us -= at_us % course.step_us[finish]
        crossings.append(Crossing(finish, at_us, at_us, None))
        ruled.walked_in = True


def _rule(rng: Random, course: Course, crossings: list[Crossing], ruled: Ruled, own_gun_us: int) -> None:
    """Add officials' rulings that do not depend on the result."""
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
    """Let the jury decide a case: a missed mat where nothing else decides. The truth follows the decision."""
    race, ruled = run.race, run.ruled
    if not run.truth.missed or race.missing_mat == "ignore" or ruled.status is not None or run.truth.cut_at:
        return
    if rng.random() >= JURY:
        return
    ruled.decision = "accept" if not ruled.walked_in and rng.random() < JURY_ACCEPTS else "dnf"
    run.truth = truth_of(course, run.entrant.entry.bib, run.own_gun_us, run.crossings, ruled)
