"""Times, durations and the start window of a course, as exact numbers."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

from schemas.definition import START_WINDOW_S, Definition, Limit, Point, Race
from schemas.ids import US

START_YEARS = range(1970, 2101)  # of a scheduled start: times of day after it stay within the range of instants
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone of a name, or None when no zone has it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a path-like name a ValueError
        return None


def clock_of(text: str) -> time | None:
    """Return a local time of day, or None. `06:26` and `06:26:00` are the same."""
    try:
        value = time.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is None else None


def duration_us(text: str) -> int | None:
    """Return the microseconds of `h:mm:ss`, with or without decimals; None for another text."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * US)


_DURATION = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,6})?)")


def local_start(text: str) -> datetime | None:
    """Return a scheduled start in local time, of any year, or None for another text."""
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        return None
    return start if "T" in text and start.tzinfo is None else None


def is_scheduled(definition: Definition, race: Race) -> bool:
    """Return whether the race's start is an instant: a local time of START_YEARS, in a zone that exists."""
    start = local_start(race.start)
    return start is not None and start.year in START_YEARS and zone_of(definition.timezone) is not None


def start_instant_us(definition: Definition, race: Race) -> int:
    """Return the scheduled start as an instant. The race must be scheduled."""
    return _instant_us(datetime.fromisoformat(race.start), ZoneInfo(definition.timezone))


def clock_instant_us(definition: Definition, race: Race, clock: str, days: int = 0) -> int:
    """Return the first such local time of day after the scheduled start, or the one `days` later. Source: R3.5.

    The race must be scheduled. Raises ValueError when `clock` is not a time of day.
    """
    zone = ZoneInfo(definition.timezone)
    start = datetime.fromisoformat(race.start)
    start_us = _instant_us(start, zone)
    time_of_day = clock_of(clock)
    if time_of_day is None:
        raise ValueError(f"{clock!r} is not a time of day")
    day = start.date()
    while (instant := _instant_us(datetime.combine(day, time_of_day), zone)) <= start_us:
        day += timedelta(days=1)
    return instant if not days else _instant_us(datetime.combine(day + timedelta(days=days), time_of_day), zone)


def _instant_us(local: datetime, zone: ZoneInfo) -> int:
    return (local.replace(tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)


def instants_us(local: datetime, zone: tzinfo) -> list[int]:
    """Return the instants at which clocks of `zone` showed `local`, the earlier first.

    There is one, none in a skipped hour or beyond the years of datetime, and two in an hour that occurs twice.
    """
    instants: list[int] = []
    for fold in (0, 1):
        try:
            instant = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        except OverflowError:  # on the first day of year 1 or the last of 9999
            continue
        at_us = (instant - _EPOCH) // timedelta(microseconds=1)
        if at_us not in instants and instant.astimezone(zone).replace(tzinfo=None) == local:
            instants.append(at_us)
    return instants


def limit_us(definition: Definition, race: Race, kind: str, text: str) -> int | None:
    """Return a limit of kind `clock` as an instant, of kind `gun` or `wave` as a duration.

    None when the text is neither, or when the race is not scheduled.
    """
    if kind != "clock":
        return duration_us(text)
    known = clock_of(text) is not None and is_scheduled(definition, race)
    return clock_instant_us(definition, race, text) if known else None


def earliest_after_start_us(definition: Definition, race: Race, limit: Limit) -> int | None:
    """Return the time from the gun to the latest of the limit's kinds; for `clock`, from the scheduled start.

    None when the limit is empty, or one of its kinds is not a time.
    """
    after: list[int] = []
    for kind, text in limit.kinds():
        value = limit_us(definition, race, kind, text)
        if value is None:
            return None
        after.append(value - start_instant_us(definition, race) if kind == "clock" else value)
    return max(after, default=None)


def min_duration_us(km_from: float, km_to: float, max_speed_mps: float) -> int:
    """Return the least whole microseconds in which a stretch can be covered at `max_speed_mps`.

    Exact: kilometres and speed are the decimal numbers that the file spells, not binary fractions.
    """
    metres = (Fraction(repr(km_to)) - Fraction(repr(km_from))) * 1000
    return -int((-metres * US) // Fraction(repr(max_speed_mps)))


# --- The start window.


def out_of_reach_us(definition: Definition, race: Race, point: Point) -> int | None:
    """Return the time from the gun until an athlete can reach a later point on START's mat.

    A start window must end before it. It is the point's `earliest`; without one, the time for the distance from START
    at the race's `max_speed_mps`. None when the `earliest` is not a time. Source: R2.
    """
    if point.earliest is not None:
        return earliest_after_start_us(definition, race, point.earliest)
    return min_duration_us(race.points[0].km, point.km, race.max_speed_mps)


def widest_start_window_s(definition: Definition, race: Race) -> int:
    """Return the start window of a race that gives none: START_WINDOW_S, or less where START shares its mat.

    It is then the widest one, in whole seconds, that ends before an athlete can reach a later point on that mat.
    Source: R2.
    """
    shared = [point for point in race.points[1:] if point.mat == race.points[0].mat]
    reached_us = [out_of_reach_us(definition, race, point) for point in shared]
    windows_s = [(after_us - 1) // US for after_us in reached_us if after_us is not None]
    return max(0, min([START_WINDOW_S, *windows_s]))
