"""The times of a fact as people write them, and mistakes in units. Pure; facts are plain objects, not yet checked.

Beside `at_us`, `from_us` and `until_us` in microseconds, a fact that is sent may carry `at`, `from` and `until`: a
local time of day of the event, or an instant with its zone. The log gets microseconds. Source: R1.9.
"""

import re
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.course_times import instants_us, start_instant_us
from schemas.definition import Definition
from schemas.events import RULING_KINDS
from schemas.ids import US
from services.formatting.times import format_instant

TIMES = {"at": "at_us", "from": "from_us", "until": "until_us"}
"""The fields for people, each with the field of microseconds that it stands for."""

OWN_TIMES = {
    "read_excluded": {"at_us"},
    "clock_corrected": {"from_us", "until_us"},
    "notice_received": {"at_us"},
}
"""Fields that hold a device's own time, by kind: its clock may stand in 1970, so any instant is plausible."""

BEFORE_START = timedelta(hours=1)  # before the earliest scheduled start, where times of day begin: early guns, warm-ups
EARLIEST_US = 946_684_800 * US  # 2000-01-01T00:00:00Z
LATEST_US = 4_133_980_800 * US  # 2101-01-01T00:00:00Z, excluded
UNITS = {"seconds": Fraction(US), "milliseconds": Fraction(1_000), "nanoseconds": Fraction(1, 1_000)}
"""Units that are taken for microseconds by mistake, in microseconds."""

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_DAY_TIME = re.compile(r"(?:\+([0-9]{1,2})\s+)?([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.,]([0-9]{1,6}))?)?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_EXAMPLE = "2026-01-04T05:35:00.25+07:00"


class NoDefinition(ValueError):
    """A time of day needs the event's definition, which is not known."""


class _DayTime(NamedTuple):
    """A local time of day, `days` after the first day on which it can be meant."""

    days: int
    clock: time


def with_instants(fact: dict[str, Any], definition: Definition | None) -> dict[str, Any]:
    """Return a fact with `at`, `from` and `until` as microseconds. `definition`: the event's; None: it has none yet.

    A time of day is the first such instant from BEFORE_START before the event's earliest scheduled start on. Raises
    ValueError that says what to write instead: for a text that is no time, a time of day that the day skips, both forms
    at once, and a time of day while there is no definition.
    """
    sent = [name for name in TIMES if name in fact]
    kind_name = str(fact.get("type"))
    kind = RULING_KINDS.get(kind_name)
    if not sent or kind is None:  # an unknown kind is refused by the decoder
        return fact
    resolved = {name: value for name, value in fact.items() if name not in TIMES}
    for name in sent:
        field, value = TIMES[name], fact[name]
        if field not in kind.__struct_fields__:
            known = [f"`{people}`" for people, us in TIMES.items() if us in kind.__struct_fields__]
            there = f"it takes {', '.join(known)}" if known else "it takes no time"
            raise ValueError(f"a fact of the kind {fact['type']} has no `{name}`; {there}")
        if field in fact:
            raise ValueError(f"`{name}` is {value!r} and `{field}` is {fact[field]!r}; send only one of the two")
        at_us = resolved[field] = None if value is None else _instant_us(name, value, definition)
        if at_us is not None and field not in OWN_TIMES.get(kind_name, set()) and not EARLIEST_US <= at_us < LATEST_US:
            raise ValueError(f"`{name}` is {value!r}, which is not in the years 2000 to 2100; correct the year")
    return resolved


def check_instants(fact: dict[str, Any], definition: Definition | None) -> None:
    """Raise ValueError for an instant that is not in microseconds, with the value and the local time probably meant."""
    kind = str(fact.get("type"))
    own = OWN_TIMES.get(kind, set())
    for name, field in TIMES.items():
        value = fact.get(field)
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
            continue  # a number in quotes is refused as such, like that of any field
        if isinstance(value, str):
            raise ValueError(f"`{field}` is the text {value!r}; a time as text goes into `{name}`, without `_us`")
        if field in own or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if isinstance(value, int) and EARLIEST_US <= value < LATEST_US:
            continue
        raise ValueError(f"`{field}` is {value}, {_meant(field, value, definition)}")


def _meant(field: str, value: float, definition: Definition | None) -> str:
    """Return what a number was probably meant to say, in words."""
    for unit, in_us in UNITS.items():
        at_us = round(Fraction(value) * in_us)
        if EARLIEST_US <= at_us < LATEST_US:
            zone = ZoneInfo("UTC" if definition is None else definition.timezone)
            local = format_instant(at_us, zone, "auto")
            return f"which looks like {unit}; in microseconds it is {at_us} ({local}): send `{field}`: {at_us}"
    return (
        "which is no instant from the years 2000 to 2100 in microseconds since 1970; send such a number, or"
        f" `{field.removesuffix('_us')}`: {_EXAMPLE!r}"
    )


# --- Texts.


def _instant_us(name: str, text: Any, definition: Definition | None) -> int:
    """Return the instant of a text. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(
            f"`{name}` is {text!r}, not a text; write a local time of day such as '05:35:00.25', an instant such as"
            f" {_EXAMPLE!r}, or microseconds in `{name}_us`"
        )
    day_time = _day_time(text.strip())
    if day_time is None:
        return _zoned_us(name, text, definition)
    if definition is None:
        raise NoDefinition(
            f"`{name}` is {text!r}, but no definition of the event is known yet that says on which day and in which"
            f" zone; send the definition first, or write the instant with its zone, such as {_EXAMPLE!r}"
        )
    return _day_time_us(name, text, day_time, definition)


def _day_time(text: str) -> _DayTime | None:
    match = _DAY_TIME.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds, decimals = match.groups()
    microsecond = int((decimals or "0").ljust(6, "0"))
    return _DayTime(int(days or 0), time(int(hours), int(minutes), int(seconds or 0), microsecond))


def _day_time_us(name: str, text: str, day_time: _DayTime, definition: Definition) -> int:
    """Return the first such instant from BEFORE_START before the earliest scheduled start on. Raises ValueError."""
    zone = ZoneInfo(definition.timezone)
    start_us = min(start_instant_us(definition, race) for race in definition.races)
    begin_us = start_us - BEFORE_START // timedelta(microseconds=1)
    first = datetime.fromtimestamp(begin_us // US, zone).replace(tzinfo=None, microsecond=begin_us % US)
    day = first.date()
    while True:  # twice at most
        instants = instants_us(datetime.combine(day, day_time.clock), zone)
        later = [at_us for at_us in instants if at_us >= begin_us]
        if later or (not instants and datetime.combine(day, day_time.clock) >= first):
            break
        day += timedelta(days=1)
    if day_time.days:
        day += timedelta(days=day_time.days)
        later = instants_us(datetime.combine(day, day_time.clock), zone)
    if not later:
        raise ValueError(
            f"`{name}` is {text!r}, but on {day} clocks in {definition.timezone} went forward past that time; write the"
            f" instant with its zone, such as {_EXAMPLE!r}"
        )
    return later[0]


def _zoned_us(name: str, text: str, definition: Definition | None) -> int:
    """Return an instant as ISO 8601 writes it, with its zone. Raises ValueError."""
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"`{name}` is {text!r}, which is no time; write a local time of day such as '05:35:00.25' ('+1 05:35:00' a"
            f" day later), or an instant with its zone such as {_EXAMPLE!r}"
        )
    day, clock, zone = match.groups()
    try:
        instant = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').upper()}")
        at_us = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except ValueError as error:
        raise ValueError(f"`{name}` is {text!r}, which is no time: {error}") from None
    if zone is None:
        example = _with_zone(instant.replace(tzinfo=None), definition)
        raise ValueError(f"`{name}` is {text!r}, which has no zone; write it with one, such as {example!r}")
    return at_us


def _with_zone(local: datetime, definition: Definition | None) -> str:
    """Return a local time with the event's offset at that time, as an example."""
    zone = None if definition is None else ZoneInfo(definition.timezone)
    instants = [] if zone is None else instants_us(local, zone)
    return format_instant(instants[0], zone, "auto") if zone is not None and instants else _EXAMPLE
