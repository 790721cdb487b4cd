"""Convert local wall time to instants: nearly every reader sends local time without an offset.

A time that occurs twice (at the end of daylight saving) is never guessed. A fixed offset in the source's settings, or a
second time stamp in the same read, resolves it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
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
        at_us = (instant - _EPOCH) // _MICROSECOND
        if at_us not in instants and instant.astimezone(zone).replace(tzinfo=None) == local:
            instants.append(at_us)
    return instants


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
