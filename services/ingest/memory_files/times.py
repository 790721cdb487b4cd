"""Times as files write them, and the dates of those that have none."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from schemas.ids import US
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.memory_files.file_lines import TimeOfDay, UnknownFile, When

FIRST_YEAR, LAST_YEAR = 2000, 2099
NEAR_THE_DAY = timedelta(days=3)  # of two readings of a date such as 03/04/2026, the one this near to the day is taken
EPOCH = datetime(1970, 1, 1)
MIDNIGHT = time()

_CLOCK = r"(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?([AaPp])\.?[Mm]\.?)?"
_TIME = re.compile(_CLOCK, re.ASCII)
_ISO = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)[T ] *" + _CLOCK + r" ?(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII)
_NUMERIC = re.compile(r"(\d\d?)([-/.])(\d\d?)[-/.](\d{4})[T ] *" + _CLOCK, re.ASCII)
_SECONDS = re.compile(r"(\d{9,10})(?:\.(\d{1,9}))?", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)
_SHIFT = re.compile(r"([+-])?(?:(\d{1,3}):(\d\d):)?(\d{1,9})(?:\.(\d{1,6}))?", re.ASCII)


def when_of(text: str, zone: tzinfo, day: date | None) -> When:
    """Return the time in a text: a date and time of day, a time of day, or seconds or milliseconds since 1970 UTC.

    Without an offset of its own it is the local time of `zone`. Whether day or month comes first in 03/04/2026 is
    decided by `day`. Raises ValueError with the fault.
    """
    text = text.strip()
    if match := _TIME.fullmatch(text):
        return TimeOfDay(_clock_us(*match.groups()))
    if match := _ISO.fullmatch(text):
        year, month, day_of_month, *clock, offset = match.groups()
        local = _combined(_date(int(year), int(month), int(day_of_month)), _clock_us(*clock))
        return one_instant_us(local, zone) if offset is None else _with_offset_us(local, offset)
    if match := _NUMERIC.fullmatch(text):
        first, separator, second, year, *clock = match.groups()
        dated = _day_or_month_first(int(first), int(second), int(year), separator, day)
        return one_instant_us(_combined(dated, _clock_us(*clock)), zone)
    if match := _SECONDS.fullmatch(text):
        return int(match[1]) * US + _fraction_us(match[2])
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1000
    raise ValueError(f"{text[:40]!r} is not a time; write one such as 2026-01-04 05:31:07.250, or 05:31:07.250")


def date_of(text: str, day: date | None) -> date:
    """Return the date in a text, in the forms of `when_of`. Raises ValueError."""
    moment = when_of(f"{text.strip()} 00:00:00", UTC, day)
    assert isinstance(moment, int)
    return datetime.fromtimestamp(moment // US, UTC).date()


def unix_us(text: str, zone: tzinfo) -> int:
    """Return the instant of seconds since 1970 as a clock of `zone` counts them. Raises ValueError."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not seconds since 1970")
    local = EPOCH + timedelta(seconds=int(match[1]), microseconds=_fraction_us(match[2]))
    return one_instant_us(local, zone)


def shift_us(text: str) -> int:
    """Return a shift such as `-12.5` (seconds) or `+01:00:00`, in microseconds. Raises ValueError."""
    match = _SHIFT.fullmatch(text.strip())
    if match is None or (match[2] is not None and (int(match[3]) > 59 or int(match[4]) > 59)):
        raise ValueError(f"{text[:40]!r} is not a shift; write seconds such as -12.5, or hours such as +01:00:00")
    sign, hours, minutes, seconds, fraction = match.groups()
    size_us = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)) * US + _fraction_us(fraction)
    return -size_us if sign == "-" else size_us


class Days:
    """The dates of times of day, in the order of the file: the first is on `day`, each next one nearest to the last.

    So a file may run past midnight, and a read that is written late does not move the date. Where the device counts
    days, they are counted from the last time on.
    """

    def __init__(self, zone: tzinfo, day: date | None) -> None:
        self._zone = zone
        self._day = day
        self._last: dict[str, tuple[datetime, int | None]] = {}

    def instant_us(self, where: str, when: When) -> int:
        """Return the instant of a time at a place. Raises ValueError, and UnknownFile if the day is needed."""
        if isinstance(when, int):
            return when
        if self._day is None:
            raise UnknownFile("the file has times without a date; say the day of its first read, such as 2026-01-04")
        local = self._nearest(where, when)
        self._last[where] = local, when.days
        return one_instant_us(local, self._zone)

    def _nearest(self, where: str, when: TimeOfDay) -> datetime:
        assert self._day is not None
        if where not in self._last:
            return _combined(self._day, when.us)
        last, last_days = self._last[where]
        if when.days is not None and last_days is not None:
            passed = (when.days - last_days + 5) % 10 - 5  # the count has one digit; a read may be written late
            return _combined(last.date() + timedelta(days=passed), when.us)
        return min(_around(last.date(), when.us), key=lambda local: abs(local - last))


def _around(day: date, us: int) -> Iterator[datetime]:
    return (_combined(day + timedelta(days=days), us) for days in (0, 1, -1))


def _clock_us(hour: str, minute: str, second: str, fraction: str | None, half: str | None) -> int:
    hours = int(hour)
    if half is not None:
        if not 1 <= hours <= 12:
            raise ValueError(f"hour {hour} does not go with am or pm")
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    if hours > 23 or int(minute) > 59 or int(second) > 59:
        raise ValueError(f"{hour}:{minute}:{second} is not a time of day")
    return ((hours * 60 + int(minute)) * 60 + int(second)) * US + _fraction_us(fraction)


def _fraction_us(text: str | None) -> int:
    return int((text or "0").ljust(6, "0")[:6])


def _date(year: int, month: int, day: int) -> date:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the year {year} is not in this century; check the device's clock")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{year:04d}-{month:02d}-{day:02d} is not a date") from None


def _day_or_month_first(first: int, second: int, year: int, separator: str, day: date | None) -> date:
    """Return the date of two numbers and a year: with dots the day is first, else what is possible, else near `day`."""
    if separator == "." or first > 12 or first == second:
        return _date(year, second, first)
    if second > 12:
        return _date(year, first, second)
    near = [
        candidate
        for candidate in (_date(year, second, first), _date(year, first, second))
        if day is not None and abs(candidate - day) <= NEAR_THE_DAY
    ]
    if len(near) != 1:
        text = f"{first:02d}{separator}{second:02d}{separator}{year}"
        raise ValueError(f"{text} may be two dates; write {year}-{second:02d}-{first:02d}, or say the day of the file")
    return near[0]


def _combined(day: date, us: int) -> datetime:
    return datetime.combine(day, MIDNIGHT) + timedelta(microseconds=us)


def _with_offset_us(local: datetime, offset: str) -> int:
    seconds = 0
    if offset not in ("Z", "UTC"):
        digits = offset[1:].replace(":", "")
        seconds = (int(digits[:2]) * 60 + int(digits[2:])) * 60 * (-1 if offset[0] == "-" else 1)
    return one_instant_us(local - timedelta(seconds=seconds), UTC)
