"""Explain an athlete's times step by step, in words. Source: R3.4 and R3.8."""

from schemas.ids import US
from schemas.results import AthleteRow
from services.formatting.times import MINUS, LocalClock, format_exact, format_hms
from services.scoring.core.athlete import Examined
from services.scoring.core.explain.model import StepWhy
from services.scoring.core.measure_times import Times


def time_steps(examined: Examined, clock: LocalClock, path: str) -> list[StepWhy]:
    """Return the steps from the guns to the printed time, as far as there are any. `path` is the path of the race."""
    steps = _gun_steps(examined, clock, path)
    if examined.guns.own_us is None:
        return steps
    if examined.times.finish_us is None:
        return [*steps, StepWhy(step="finish", says="FINISH has no passing, so there are no times")]
    return [*steps, *_finish_steps(examined, clock), *_start_steps(examined, clock, path), _printed(examined, path)]


def _gun_steps(examined: Examined, clock: LocalClock, path: str) -> list[StepWhy]:
    race, guns, gun_at_us = examined.course.race, examined.guns, examined.times.gun_at_us
    if guns.own_us is None:
        wave = examined.written.entry.wave
        nor = "" if wave is None else f", nor for wave {wave}"
        says = f"no gun has been fired for {race.id}{nor}, so there are no times, and no passing is used"
        return [StepWhy(step="own_gun", says=says)]
    whose = race.id if guns.own_wave is None else f"wave {guns.own_wave}"
    steps = [StepWhy(step="own_gun", says=f"own gun, of {whose}: {clock.at(guns.own_us)}", at_us=guns.own_us)]
    if gun_at_us is not None:
        counts_from = "the race's earliest gun" if race.gun_from == "race" else "the own gun"
        says = f"gun time counts from {counts_from}: {clock.at(gun_at_us)}"
        steps.append(StepWhy(step="gun", says=says, at_us=gun_at_us, rule=f"{path}.gun_from", value=race.gun_from))
    return steps


def _finish_steps(examined: Examined, clock: LocalClock) -> list[StepWhy]:
    times = examined.times
    if times.finish_us is None or times.gun_at_us is None or times.gun_us is None:
        return []
    finish = clock.at(times.finish_us)
    return [
        StepWhy(step="finish", says=f"FINISH at {finish}", at_us=times.finish_us),
        StepWhy(
            step="gun_time",
            says=f"gun time {finish} − {clock.at(times.gun_at_us)}{_adjustments(times)} = {format_exact(times.gun_us)}",
            time_us=times.gun_us,
        ),
    ]


def _start_steps(examined: Examined, clock: LocalClock, path: str) -> list[StepWhy]:
    times = examined.times
    rule, value = f"{path}.missing_start", examined.course.race.missing_start
    if times.start_us is None or times.finish_us is None or times.chip_us is None:
        says = "START has no passing and no gun replaces it, so there is no chip time"
        return [StepWhy(step="start", says=says, rule=rule, value=value)]
    start = clock.at(times.start_us)
    if times.start_assumed:
        but = "" if value == "gun" else ", and missing it does not count"
        says = f"START has no passing{but}; the own gun replaces it: {start}"
        first = StepWhy(step="start", says=says, at_us=times.start_us, rule=rule, value=value)
    else:
        first = StepWhy(step="start", says=f"START at {start}", at_us=times.start_us)
    says = f"chip time {clock.at(times.finish_us)} − {start}{_adjustments(times)} = {format_exact(times.chip_us)}"
    return [first, StepWhy(step="chip_time", says=says, time_us=times.chip_us)]


def _adjustments(times: Times) -> str:
    """Return the adjustments as terms of a sum; an empty text without any."""
    terms = ((AthleteRow.ADJUSTMENTS[field] * us, field) for field, us in times.adjustments.items())
    return "".join(
        f" {'+' if us > 0 else MINUS} {format_exact(abs(us))} {field.removesuffix('_us').replace('_', ' ')}"
        for us, field in terms
    )


def _printed(examined: Examined, path: str) -> StepWhy:
    times, value = examined.times, examined.course.race.official_time
    if times.official_us is None:
        says = f"{value} time is official, but there is none"
    elif times.time_s is None:
        says = f"{value} time is official, but only finishers have a printed time"
    else:
        exact, printed = format_exact(times.official_us), format_hms(times.time_s, MINUS)
        says = f"{value} time is official: {exact}, rounded up to the whole second {printed}"
    printed_us = None if times.time_s is None else times.time_s * US
    return StepWhy(step="printed", says=says, time_us=printed_us, rule=f"{path}.official_time", value=value)
