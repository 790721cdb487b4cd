"""Times and durations that a definition spells, as exact microseconds."""

import re
from datetime import datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from schemas.definition import Definition, Limit, Race
from schemas.ids import US


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone, or None when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a path-like name a ValueError
        return None


def clock_of(text: str) -> time | None:
    """A local time of day, or None. `06:26` and `06:26:00` are the same."""
    try:
        value = time.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is None else None


def duration_us(text: str) -> int | None:
    """Microseconds of `h:mm:ss`, with decimals of a second if need be, or None."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * US)


_DURATION = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,6})?)")


def start_instant_us(definition: Definition, race: Race) -> int:
    """The scheduled start as an instant, from a definition that was parsed."""
    return _instant_us(datetime.fromisoformat(race.start), ZoneInfo(definition.timezone))


def clock_instant_us(definition: Definition, race: Race, clock: str) -> int:
    """The first such local time of day after the race's scheduled start. Source: R3.5."""
    zone = ZoneInfo(definition.timezone)
    start = datetime.fromisoformat(race.start)
    start_us = _instant_us(start, zone)
    at = clock_of(clock)
    if at is None:
        raise ValueError(f"{clock!r} is no time of day")
    day = start.date()
    while (instant := _instant_us(datetime.combine(day, at), zone)) <= start_us:
        day += timedelta(days=1)
    return instant


def _instant_us(local: datetime, zone: ZoneInfo) -> int:
    aware = local.replace(tzinfo=zone)
    return (aware - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(microseconds=1)


def earliest_after_start_us(definition: Definition, race: Race, limit: Limit) -> int:
    """How long after the gun (`clock`, `gun`: the scheduled start) the latest of the limit's kinds lies, in us."""
    start_us = start_instant_us(definition, race)
    after = [duration_us(text) or 0 for text in (limit.gun, limit.wave) if text is not None]
    if limit.clock is not None:
        after.append(clock_instant_us(definition, race, limit.clock) - start_us)
    return max(after)


def min_duration_us(km_from: float, km_to: float, max_speed_mps: float) -> int:
    """The least whole microseconds in which a stretch can be covered at `max_speed_mps`.

    Exact: kilometres and speed are taken as the decimal numbers that the file spells, not as binary fractions.
    """
    metres = (Fraction(repr(km_to)) - Fraction(repr(km_from))) * 1000
    return -int((-metres * US) // Fraction(repr(max_speed_mps)))
