"""Convert local wall time to instants: nearly every reader sends local time without an offset.

A time that occurs twice (at the end of daylight saving) is never guessed. A fixed offset in the source's settings, or a
second time stamp in the same read, resolves it.
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from schemas.course_times import instants_us

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def parse_zone(text: str) -> tzinfo:
    """Return a zone by its IANA name (`Asia/Ho_Chi_Minh`) or as a fixed offset (`+04:00`). Raises ValueError."""
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset < timedelta(hours=24) and int(minutes) < 60:
            return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError(
            f"{text!r} is not a time zone; name one such as Asia/Dubai, or an offset such as +04:00"
        ) from None


def one_instant_us(local: datetime, zone: tzinfo, hint_us: int | None = None) -> int:
    """Return the instant at which clocks of `zone` showed `local`, of two the one nearer to `hint_us`.

    Raises ValueError if there is none, or two and no hint; the text says which setting of the source resolves it.
    """
    instants = instants_us(local, zone)
    if len(instants) == 1:
        return instants[0]
    if not instants:
        raise ValueError(
            f"{local} did not occur in {zone}, where clocks went forward; check its clock and the zone of the source"
        )
    if hint_us is None:
        raise ValueError(
            f"{local} occurred twice in {zone}, where clocks went back; set its zone to an offset such as +02:00"
        )
    return min(instants, key=lambda at_us: abs(at_us - hint_us))
