"""What `matline check` says of a good definition: the day of each clock limit, and probable mistakes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.course_times import clock_instant_us, duration_us, min_duration_us, start_instant_us
from schemas.definition import Definition, Point, Race
from schemas.definition_faults import Fault
from schemas.ids import US
from services.formatting.times import format_hms, offset_on_changing_day

FAST_MPS = 3.5  # 4:46 min/km: a cut-off is for the slowest, and few ask for more than 12 km/h
ULTRA_KM = 45  # from here on the slowest walk: 2:30 h for 20 km is usual, 100 km in 11 h is not
ULTRA_FAST_MPS = 2.5  # 6:40 min/km
SLOW_MPS = 0.3  # a fifth of a walk, rests of a night in a mountain race included


class _Limit(NamedTuple):
    """One kind of a point's cut-off: its path and text, and microseconds after the gun (`clock`: scheduled start)."""

    path: str
    point: Point
    kind: str
    text: str
    after_us: int


def notes(definition: Definition) -> Iterator[Fault]:
    """Yield probable mistakes that are not faults: a mat that no race passes, a cut-off that few can make,
    a rule for carried chips that no course is long enough for.
    """
    passed = {point.mat for race in definition.races for point in race.points}
    for index, mat in enumerate(definition.mats):
        if mat.id not in passed:
            yield Fault(f"mats[{index}].id", f"no race has a point at mat {mat.id!r}, so reads there will not count")
    wanted = 0 if definition.together is None else definition.together.points
    most = max(len(race.points) for race in definition.races) - 1
    if wanted > most:
        yield Fault(
            "together.points",
            f"is {wanted}, and no race has more than {most} after START, so chips that are carried together cannot be"
            " found",
        )
    for index, race in enumerate(definition.races):
        for limit in _limits(definition, index, race):
            km_from = race.points[0].km
            least_us = min_duration_us(km_from, limit.point.km, race.max_speed_mps) if limit.point.km > km_from else 0
            said = ""
            if limit.after_us < least_us:
                said = (
                    f"nobody can be at {limit.point.id} by {limit.text}: at max_speed_mps = {race.max_speed_mps:g} it"
                    f" takes {-(-least_us // US)} s"
                )
            if limit.kind == "clock":
                said = "; ".join(filter(None, (said, _other_day(definition, race, limit))))
            if said:
                yield Fault(limit.path, said)


def _other_day(definition: Definition, race: Race, limit: _Limit) -> str | None:
    """Return that another day is probably meant by a clock limit, with the limit that says so; None if it is not."""
    km = limit.point.km - race.points[0].km
    speed_mps = km * 1000 * US / limit.after_us
    if speed_mps > (FAST_MPS if km < ULTRA_KM else ULTRA_FAST_MPS):
        next_us = clock_instant_us(definition, race, limit.text, days=1) - start_instant_us(definition, race)
        return (
            f"{limit.text} is only {_duration(limit.after_us)} after the start, {speed_mps * 3.6:.1f} km/h to"
            f' {limit.point.id}; if the next day is meant, write gun = "{_duration(next_us)}"'
        )
    if 0 < speed_mps < SLOW_MPS:
        return (
            f"{limit.text} is {_duration(limit.after_us)} after the start, since the first such time after"
            f" {race.start[11:]} counts; check which day is meant"
        )
    return None


def clock_cutoffs(definition: Definition) -> Iterator[Fault]:
    """Yield on which day each clock limit falls: the local date and time, and how long after the scheduled start."""
    zone = ZoneInfo(definition.timezone)
    for index, race in enumerate(definition.races):
        start_us = start_instant_us(definition, race)
        for limit in _limits(definition, index, race):
            if limit.kind == "clock":
                local = _local(start_us + limit.after_us, zone)
                yield Fault(
                    limit.path,
                    f"{limit.point.id} closes on {local:%Y-%m-%d} at {local:%H:%M:%S}{offset_on_changing_day(local)},"
                    f" {_day(_local(start_us, zone), local)}, {_duration(limit.after_us)} after the start",
                )


def _day(start: datetime, local: datetime) -> str:
    """Return which day of the race and which part of it a local time is: `the evening of the start`."""
    parts = ((5, "early morning"), (11, "morning"), (13, "noon"), (18, "afternoon"), (22, "evening"), (24, "night"))
    part = next(name for until, name in parts if local.hour < until)
    days = (local.date() - start.date()).days
    whose = {0: "the start", 1: "the day after the start"}.get(days, f"day {days + 1}")
    return f"{part} of {whose}" if part == "noon" else f"the {part} of {whose}"


def _limits(definition: Definition, index: int, race: Race) -> Iterator[_Limit]:
    for number, point in enumerate(race.points):
        for kind, text in () if point.cutoff is None else point.cutoff.kinds():
            after_us = duration_us(text) or 0
            if kind == "clock":
                after_us = clock_instant_us(definition, race, text) - start_instant_us(definition, race)
            yield _Limit(f"races[{index}].points[{number}].cutoff.{kind}", point, kind, text, after_us)


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(zone)


def _duration(time_us: int) -> str:
    return format_hms(time_us // US)
