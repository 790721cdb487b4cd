"""Decode the passing record of RACE RESULT decoders, over TCP and in part by HTTP.

Source: RACE RESULT knowledge base, "passing record".
"""

import re
from datetime import date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import WHERE_MAX_CHARS, DecodedRead, Notice, Unreadable

FIELDS = 20
FIELDS_OLD = 8
FIELDS_NAMED = 4  # number, code, date and time, which every box sends first
MARKER = "99999"  # the code of a marker or trigger

NUMBER = re.compile(r"\d{1,12}", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_UNDATED = re.compile(r"0000-00-(\d\d)|", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_DBM = re.compile(r"-\d{1,3}(\.\d{1,3})?", re.ASCII)
_VOLTS = re.compile(r"\d{1,2}(\.\d{1,4})?", re.ASCII)


class Passing(Struct, frozen=True):
    """A passing record. `at_us` null: the decoder's clock was never set, and nobody has said when it began.

    `chip` is empty for a marker. `file` and `box` are null in records of older protocols, which lack them.
    """

    number: int
    chip: str
    local: str
    at_us: int | None
    rssi: float | None = None
    antenna: int | None = None
    battery: float | None = None
    box: str | None = None
    file: int | None = None

    @property
    def check(self) -> str:
        """The content that tells this passing from another one with its number."""
        return f"{self.local} {self.chip}"


def read_passing(text: str, zone: tzinfo, origin: ClockOrigin | None = None) -> Passing:
    """Return the passing in a record without `#P;`; unknown further fields are ignored. Raises ValueError.

    Records of old protocols (before 1.6) have up to FIELDS_OLD fields, the first of a whole one. Others that are
    shorter than FIELDS come from compatible boxes: only their first FIELDS_NAMED have a known meaning.
    The chip of a passive tag is `EventID-Bib`, which is unique worldwide. Of a multi-use tag, which has no EventID, and
    of an active transponder it is the code.
    """
    fields = [field.strip() for field in text.split(";")]
    if len(fields) < FIELDS_NAMED:
        raise ValueError(f"a passing has {len(fields)} fields; it should have at least {FIELDS_NAMED}")
    if FIELDS_OLD < len(fields) < FIELDS:
        del fields[FIELDS_NAMED:]
    fields += [""] * (FIELDS - len(fields))
    number, code, day, clock, event_id, _, rssi, _, is_active, _, loop, _, _, battery, _, _, box, file, antenna, _ = (
        fields[:FIELDS]
    )
    if not NUMBER.fullmatch(number):
        raise ValueError(f"{number[:40]!r} is not a passing number")
    active = is_active == "1"
    chip = "" if code == MARKER else chip_of(code, "" if active else event_id)
    return Passing(
        int(number),
        chip,
        f"{day} {clock}",
        instant_us(day, clock, origin or ClockOrigin(zone)),
        rssi=float(rssi) if not active and _DBM.fullmatch(rssi) else None,
        antenna=_small(loop if active else antenna),
        battery=float(battery) if _VOLTS.fullmatch(battery) else None,
        box=name_of(box),
        file=int(file) if NUMBER.fullmatch(file) else None,
    )


def chip_of(code: str, event_id: str) -> str:
    """Return the chip of a tag; `event_id` is empty or 0 for one of no set. Raises ValueError, also for no code."""
    chip = label(code, "chip")
    return chip if event_id in ("", "0") else label(f"{event_id}-{chip}", "chip")


def message_of(passing: Passing, line: bytes, where: str, session: str) -> DecodedRead | Notice | Unreadable:
    """Return a passing as the message that all protocols share; `line` is its record as it came."""
    if not passing.chip:
        # Without the mark of a push: fetched again, it is the same notice.
        return Notice(where, "marker", passing.at_us, line.decode("latin-1").removeprefix("#P;"))
    if passing.at_us is None:
        reason = (
            f"without a date: the decoder's clock was never set, and {passing.local} counts from its start; set"
            " `began` or `day` of its source, then replay this"
        )
        return Unreadable(line, reason, held=True, where=where)
    return DecodedRead(
        session, passing.number, where, passing.chip, passing.at_us, passing.antenna, passing.rssi, passing.battery
    )


def instant_us(day: str, clock: str, origin: ClockOrigin) -> int | None:
    """Return the instant of a decoder's date and time; null for one without a date whose origin is not known.

    Raises ValueError.
    """
    since_us = undated_us(day, clock)
    if since_us is not None:
        return origin.instant_us(since_us)
    return one_instant_us(_local(day, clock), origin.zone)


def undated_us(day: str, clock: str) -> int | None:
    """Return what a clock that was never set shows (date 0000-00-00, then 0000-00-01, or none); null for a dated time.

    Raises ValueError.
    """
    if not (match := _UNDATED.fullmatch(day)):
        return None
    midnight = datetime(2000, 1, 1)
    since = datetime.combine(midnight, _clock_time(clock)) - midnight + timedelta(days=int(match[1] or 0))
    return since // timedelta(microseconds=1)


def _local(day: str, clock: str) -> datetime:
    if not (match := _DATE.fullmatch(day)):
        raise ValueError(f"{day[:40]!r} is not a date yyyy-mm-dd")
    year, month, day_of_month = map(int, match.groups())
    if not 2000 <= year <= 2099:
        raise ValueError(f"the year {year} is not in this century; check the decoder's clock")
    return datetime.combine(date(year, month, day_of_month), _clock_time(clock))


def _clock_time(clock: str) -> time:
    if not (match := _TIME.fullmatch(clock)):
        raise ValueError(f"{clock[:40]!r} is not a time hh:mm:ss.kkk")
    hour, minute, second, fraction = match.groups()
    return time(int(hour), int(minute), int(second), int((fraction or "0").ljust(6, "0")))


def _small(text: str) -> int | None:
    return int(text) if NUMBER.fullmatch(text) and int(text) < 1000 else None


def name_of(text: str) -> str | None:
    """Return a box's name, cut to the length of a device on the log; null if it is empty or not printable."""
    return text[:WHERE_MAX_CHARS] if text and text.isprintable() else None
