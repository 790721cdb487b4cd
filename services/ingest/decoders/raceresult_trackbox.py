"""Decode the pings that RACE RESULT Track Boxes post.

A record has 11 fields, and instead of an instant how long before the post's `boxTime` the tag was seen. `boxTime` is a
part of the URL, so it is put before each record: what becomes a dead letter can then be read again.

Known from one public client only (rrrelay, of metarace), not verified on a box: the fields read here, that records end
with a carriage return, and that `OK` answers them. Not known: by which clock `boxTime` is, so the zone of the source
says it; and what `index`, `count` and `boxPos` mean, so nothing shows which pings are missing.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from schemas.ids import US
from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import DecodedRead
from services.ingest.decoders.raceresult_passing import chip_of

FIELDS = 12  # of a record with the time of the box before it
TIME_CHARS = 40

_SEPARATORS = re.compile(r"[;\r\n\0]")
_TIME = re.compile(r"(?:20)?(\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*)", re.ASCII)
_ENDS = re.compile(rb"[\r\n\0]+")
_AGE = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,2}):)?(\d{1,6}(?:\.\d{1,6})?)", re.ASCII)
_DBM = re.compile(r"-\d{1,3}", re.ASCII)


def with_box_time(body: bytes, query: Mapping[str, str]) -> bytes:
    """Return what a box posted as records that stand for themselves; another reader's body as it is."""
    box_time = query.get("boxTime", "")
    if not box_time:
        return body
    head = _SEPARATORS.sub("", box_time[:TIME_CHARS]).encode() + b";"
    return b"\n".join(head + record for record in _ENDS.split(body) if record.strip())


def read_ping(fields: list[str], device: str, session: str, index: int, origin: ClockOrigin) -> DecodedRead:
    """Return the read in a record of FIELDS fields. Raises ValueError."""
    box_time, code, age, rssi, event_id = fields[0], fields[1], fields[2], fields[3], fields[11]
    if not (match := _AGE.fullmatch(age)):
        raise ValueError(f"{age[:40]!r} does not say how long before the box's time the tag was seen")
    hours, minutes, seconds = match.groups(default="0")
    age_us = (int(hours) * 3600 + int(minutes) * 60) * US + round(float(seconds) * US)
    return DecodedRead(
        session,
        index,
        device,
        chip_of(code, event_id),
        _box_instant_us(box_time, origin) - age_us,
        rssi=float(rssi) if _DBM.fullmatch(rssi) else None,
    )


def _box_instant_us(text: str, origin: ClockOrigin) -> int:
    """Return a box's date and time, of which some have a year of two digits, as an instant. Raises ValueError."""
    shown = None
    if match := _TIME.fullmatch(text):
        with suppress(ValueError):
            shown = datetime.fromisoformat(f"20{match[1]}")
    if shown is None:
        raise ValueError(f"{text[:40]!r} is not a date and time of a Track Box")
    if shown.tzinfo is not None:
        return round(shown.timestamp() * US)
    return one_instant_us(shown, origin.zone)
