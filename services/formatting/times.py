"""Durations and instants as text, in the variants that documents, feeds, tables and sentences need. Pure.

Durations are hours, minutes and seconds. They differ in what follows the seconds and in the sign: programs read
`-` (HYPHEN), sentences for people have the typographic minus (MINUS).
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.definition import Definition
from schemas.ids import US

HYPHEN = "-"
MINUS = "\N{MINUS SIGN}"
MS = 1_000  # microseconds of a millisecond
HOUR_S = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- Durations.


def format_hms(seconds: int, minus: str = HYPHEN) -> str:
    """Return whole seconds as `h:mm:ss`."""
    sign, seconds = (minus, -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // HOUR_S}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def format_gap(seconds: int) -> str:
    """Return whole seconds with their sign as `+m:ss`, or `+h:mm:ss` from one hour on."""
    sign, seconds = (HYPHEN, -seconds) if seconds < 0 else ("+", seconds)
    if seconds < HOUR_S:
        return f"{sign}{seconds // 60}:{seconds % 60:02}"
    return f"{sign}{format_hms(seconds)}"


def format_ms(time_us: int) -> str:
    """Return a duration as `h:mm:ss.mmm`. Digits after the thousandths are cut, never rounded."""
    sign, time_us = (HYPHEN, -time_us) if time_us < 0 else ("", time_us)
    return f"{sign}{format_hms(time_us // US)}.{time_us // MS % 1000:03}"


def format_exact(time_us: int) -> str:
    """Return a duration for a sentence, exact: `h:mm:ss.mmm`, with six decimals where three do not suffice."""
    sign, time_us = (MINUS, -time_us) if time_us < 0 else ("", time_us)
    return f"{sign}{format_hms(time_us // US)}{_fraction(time_us % US)}"


def format_seconds(seconds: float) -> str:
    """Return seconds, not negative, as `h:mm:ss` with up to three decimals, without trailing zeros."""
    whole_s, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{format_hms(whole_s)}{f'.{thousandths:03}'.rstrip('0').rstrip('.')}"


def format_short(time_us: int) -> str:
    """Return a duration of less than a minute in seconds, exact, without trailing zeros: `0.2 s`."""
    return f"{Decimal(time_us) / US:f} s"


def _fraction(rest_us: int) -> str:
    """Return thousandths of a second, or millionths where thousandths do not suffice."""
    return f".{rest_us // MS:03}" if rest_us % MS == 0 else f".{rest_us:06}"


def ceil_ms(time_us: int) -> int:
    """Return whole milliseconds, rounded up as printed seconds are, so that the two agree."""
    return -(-time_us // MS)


# --- Paces and speeds.


def format_pace(time_us: int, km: float) -> str | None:
    """Return minutes and seconds per kilometre as `m:ss`, to the nearest second; None without a distance or time."""
    if km <= 0 or time_us <= 0:
        return None
    seconds = int(time_us / US / km + 0.5)
    return f"{seconds // 60}:{seconds % 60:02}"


def speed_kmh(time_us: int, km: float) -> float | None:
    """Return kilometres per hour to two decimals; None without a distance or time."""
    return round(km * HOUR_S * US / time_us, 2) if km > 0 and time_us > 0 else None


# --- Instants.


def format_instant(at_us: int, zone: ZoneInfo, timespec: str = "seconds") -> str:
    """Return an instant as ISO 8601 in the event's zone. Digits beyond `timespec` are cut."""
    seconds, rest_us = divmod(at_us, US)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest_us).isoformat(timespec=timespec)


class LocalClock:
    """The local time of an event, for sentences and tables; UTC when the event has no definition.

    A time of day is unambiguous: it has its date unless that is the event's, and its UTC offset (`UTC+02:00`) on a day
    whose offset changes.
    """

    def __init__(self, definition: Definition | None) -> None:
        self._zone: tzinfo = UTC if definition is None else ZoneInfo(definition.timezone)
        self._date = None if definition is None else definition.date

    def at(self, at_us: int) -> str:
        """Return an instant as the exact local time of day."""
        return self._shown(at_us, _fraction(at_us % US))

    def second(self, at_us: int) -> str:
        """Return an instant as the local time of day. Digits beyond the second are cut."""
        return self._shown(at_us, "")

    def _shown(self, at_us: int, fraction: str) -> str:
        local = _local(at_us, self._zone)
        if local is None:
            return f"{at_us} us"
        text = f"{local:%H:%M:%S}{fraction}{offset_on_changing_day(local)}"
        day = local.date().isoformat()
        return text if day == self._date else f"{day} {text}"

    def between(self, from_us: int | None, until_us: int | None) -> str:
        """Return ` from TIME until TIME` for a half-open interval, leaving out the bounds that it does not have."""
        return ("" if from_us is None else f" from {self.at(from_us)}") + (
            "" if until_us is None else f" until {self.at(until_us)}"
        )


def offset_on_changing_day(local: datetime) -> str:
    """Return ` UTC+02:00`, the offset of a local time, if the offset of its zone changes that day; else nothing."""
    if local.tzinfo is None or not _changes(local.date(), local.tzinfo):
        return ""
    offset = f"{local:%z}"
    return f" UTC{offset[:3]}:{offset[3:5]}"


@lru_cache(maxsize=256)
def _changes(day: date, zone: tzinfo) -> bool:
    if day == date.max:
        return False
    begins, ends = (datetime.combine(first, time(), zone) for first in (day, day + timedelta(days=1)))
    return begins.utcoffset() != ends.utcoffset()


def _local(at_us: int, zone: tzinfo) -> datetime | None:
    """Return an instant in a zone, or None for one outside the years of `datetime`."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    except OverflowError:
        return None
