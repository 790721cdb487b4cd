"""The times of an athlete, from the instants of the points and the guns. Source: R3.4 and R3.8."""

from msgspec import Struct, field

from schemas.results import AthleteRow, printed_s
from services.scoring.core.assign_points import Candidate
from services.scoring.core.classify_reads import Guns
from services.scoring.core.course import START, Course
from services.scoring.core.judge_status import STATUS_RULES, Verdict, is_excused
from services.scoring.core.rulings import Rulings


class Times(Struct, frozen=True):
    """The times of an athlete and the instants between which they are measured; None where there is none.

    `gun_at_us` is the gun from which the gun time counts, `start_us` the instant from which the chip time counts.
    `start_assumed`: without a start passing, the own gun stands in for it. `official_us` is the one of the two times
    that the race makes official, and `time_s` its printed seconds, for finishers only. Gun time and chip time include
    the `adjustments`, the fields of `AthleteRow.ADJUSTMENTS` that are not 0. Source: R3.4 and R3.8.
    """

    gun_at_us: int | None
    finish_us: int | None = None
    gun_us: int | None = None
    start_us: int | None = None
    start_assumed: bool = False
    chip_us: int | None = None
    official_us: int | None = None
    time_s: int | None = None
    adjustments: dict[str, int] = field(default_factory=dict)

    def flags(self) -> list[str]:
        """Return the flags that the result has for how the times were measured."""
        flags = ["start_assumed"] if self.start_assumed else []
        return [*flags, *(name.removesuffix("_us") for name in self.adjustments)]


def measure_times(
    rulings: Rulings, course: Course, bib: str, guns: Guns, taken: list[Candidate | None], verdict: Verdict
) -> Times:
    """Return the gun time and the chip time as adjusted, and the printed time. Source: R3.4 and R3.8.

    Without a start passing, the own gun stands in for it if the race says so, or if the missed points do not count.
    """
    race = course.race
    adjustments = _adjustments(penalty_us=rulings.penalties.get(bib, 0))
    added_us = sum(AthleteRow.ADJUSTMENTS[name] * value for name, value in adjustments.items()) if adjustments else 0
    gun_at_us = guns.race_us if race.gun_from == "race" else guns.own_us
    finish, start = taken[course.finish], taken[START]
    if finish is None or gun_at_us is None or guns.own_us is None:
        return Times(gun_at_us, adjustments=adjustments)
    gun_us = finish.at_us - gun_at_us + added_us
    start_us = None if start is None else start.at_us
    start_assumed = start is None and (race.missing_start == "gun" or is_excused(verdict))
    if start_assumed:
        start_us = guns.own_us
    chip_us = None if start_us is None else finish.at_us - start_us + added_us
    official_us = gun_us if race.official_time == "gun" else chip_us
    time_s = None
    if official_us is not None and STATUS_RULES[verdict.rule].status == "FINISHED":
        time_s = printed_s(official_us)
    return Times(gun_at_us, finish.at_us, gun_us, start_us, start_assumed, chip_us, official_us, time_s, adjustments)


def _adjustments(**every: int) -> dict[str, int]:
    """Return the adjustments in force, of all by name."""
    return {name: value for name, value in every.items() if value}
