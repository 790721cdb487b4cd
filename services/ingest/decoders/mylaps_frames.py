"""Decode the frames of the MYLAPS Timing & Scoring TCP/IP exporter, V1 and V2.1.

A frame is `Source@Function[@Data...]@$`; NUL, CR and LF may surround it. Every `Pong` is answered in the V2.1 form,
since a single plain answer makes the client speak V1 for the whole event. Message numbers restart with each session of
the client, and only tell which message an acknowledgement belongs to.

Source: Timing & Scoring TCP-IP protocol V2, v2021.1; V1's checksum and marker, and `AckAuth`, by recorded traffic.
"""

import re
from datetime import date, datetime, time, tzinfo

from msgspec import Struct

from schemas.ids import label
from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import WHERE_MAX_CHARS, ConnectionFault, Notice, Unreadable

FRAME_MAX_BYTES = 256 * 1024  # the longest message, 100 records with all keys, has 40 KB
RECORDS_MAX = 6_500  # of one message: more than fit a frame, unless most of them are no records
SERVER_NAME = "Matline"
PASSING_KEYS = "c|ct|t|d|utc|ut|l|dv|re|an|h|ts|dm|b|n"  # the keys that a V2.1 client is asked to send
RECORD_V1_BYTES = 39
FIRST_YEAR, LAST_YEAR = 2000, 2099  # the range of a date of six digits

_PADDING = b"\0\r\n"
_NUMBER = re.compile(rb"\d{1,19}")
_DATED_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T]+([\d:.]+)", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_DATE = re.compile(r"\d{6}", re.ASCII)
_MARKER_V1 = re.compile(r"(\d{4})-(\d\d)-(\d\d) +([\d:.]+)\|([^|]*)\|?(.*)", re.ASCII)


class Record(Struct, frozen=True):
    """One passing as the client reports it.

    `at_us` is the reader's local time in the zone of the source. `unit` is the decoder's device and reader number,
    `sequence` its count of records (V1, 0-65535, then from 0), null where it sends none. `utc_off_us` is how far
    the client's own `utc` is from `at_us`, where it sends one.
    """

    chip: str
    at_us: int
    unit: str
    sequence: int | None = None
    antenna: int | None = None
    rssi: float | None = None
    utc_off_us: int | None = None


class Hello(Struct, frozen=True):
    """A `Pong`: a location announces itself; `reply` is due at once."""

    location: str
    reply: bytes


class KeepAlive(Struct, frozen=True):
    """A request that needs only `reply`, at once."""

    reply: bytes


class Login(Struct, frozen=True):
    """The client's password (empty where it gave none); `reply` lets it in, `refusal` rejects it."""

    password: bytes
    reply: bytes
    refusal: bytes

    def __repr__(self) -> str:  # never the password
        return "Login()"


class Passings(Struct, frozen=True):
    """A `Store` (V1) or `Passing` (V2) message.

    `reply` acknowledges it once its content is on the log (empty: it has no number, so it cannot be acknowledged);
    `frame` is the complete message. What could not be read is a frame of its own, so that it can be decoded again.
    """

    location: str
    records: list[Record]
    unreadable: list[Unreadable]
    reply: bytes
    frame: bytes


class Markers(Struct, frozen=True):
    """A `Marker` message; `reply` and `frame` as in `Passings`."""

    location: str
    notices: list[Notice]
    unreadable: list[Unreadable]
    reply: bytes
    frame: bytes


class Info(Struct, frozen=True):
    """Information about the client and its readers, which needs no answer."""

    location: str
    function: str


ClientMessage = Hello | KeepAlive | Login | Passings | Markers | Info | Unreadable


class Decoder:
    """Decode the bytes of one client's connection. `zone` is that of its readers' clocks, `server` our name."""

    def __init__(self, zone: tzinfo, server: str = SERVER_NAME) -> None:
        self._zone = zone
        self._server = server
        self._rest = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[ClientMessage]:
        """Return the messages now complete, in order. Raises ConnectionFault when a frame does not end."""
        self._rest += data
        messages: list[ClientMessage] = []
        start = 0
        while (end := self._rest.find(b"$", max(start, self._scanned))) >= 0:
            if end - start > FRAME_MAX_BYTES:
                raise ConnectionFault(f"a frame has {end - start} bytes; the longest allowed has {FRAME_MAX_BYTES}")
            frame = bytes(self._rest[start:end]).translate(None, _PADDING)
            start = end + 1
            if frame:
                messages.append(decode_frame(frame, self._zone, self._server))
        del self._rest[:start]
        self._scanned = len(self._rest)
        if self._scanned > FRAME_MAX_BYTES:
            raise ConnectionFault(
                f"{self._scanned} bytes without the end of a frame; the longest allowed has {FRAME_MAX_BYTES}"
            )
        return messages


def decode_frame(frame: bytes, zone: tzinfo, server: str) -> ClientMessage:
    """Return the message of one frame, without its `$` and without NUL, CR and LF."""
    name, *rest = frame.removesuffix(b"@").split(b"@")
    source, function, fields = _text(name), _text(rest[0]) if rest else "", rest[1:]
    if function == "Pong":
        return Hello(source, frame_bytes(server, "AckPong", "Version2.1", PASSING_KEYS))
    if function == "Ping":
        return KeepAlive(frame_bytes(server, "AckPing"))
    if function == "AckAuth":
        return Login(fields[-1] if fields else b"", frame_bytes(server, "AuthOk"), frame_bytes(server, "AuthFailed"))
    if function in ("AckPing", "AckGetInfo", "GetLocations", "GetInfo"):
        return Info(source, function)
    if function in ("Store", "Passing", "Marker"):
        return _numbered(frame, source, function, fields, zone, server)
    return Unreadable(frame + b"$", f"it is not a message of the exporter (function {function[:40]!r})", unit="frame")


def frame_bytes(source: str, function: str, *data: str) -> bytes:
    """Return the bytes of a frame."""
    return ("@".join((source, function, *data)) + "@$").encode()


def frame_alone(frame: bytes, record: bytes, number: bytes) -> bytes:
    """Return a frame with only this record of a message; `frame` is the message, `number` its own or empty."""
    name, function, _ = frame.split(b"@", 2)
    return b"@".join((name, function, record, *([number] if number else []))) + b"@$"


def _numbered(
    frame: bytes, source: str, function: str, fields: list[bytes], zone: tzinfo, server: str
) -> ClientMessage:
    number = fields[-1].strip() if fields else b""
    if not _NUMBER.fullmatch(number):
        number = b""
    records = [record for record in (fields[:-1] if number else fields) if record]
    if not fields:
        reason = f"{function} has neither a record nor a message number"
        return Unreadable(frame + b"$", reason, unit="frame")
    reply = frame_bytes(server, f"Ack{function}", number.decode()) if number else b""
    location = _place(source)
    passings: list[Record] = []
    notices: list[Notice] = []
    unreadable: list[Unreadable] = []
    if len(records) > RECORDS_MAX:
        reason = f"{function} has {len(records)} records; at most {RECORDS_MAX} are allowed"
        unreadable, records = [Unreadable(frame + b"$", reason, unit="frame")], []
    for index, record in enumerate(records):
        try:
            if function == "Store":
                passings.append(read_v1(record, zone))
            elif function == "Passing":
                passings.append(read_v2(_text(record), zone))
            else:
                notices.append(marker(location, _text(record), zone))
        except ValueError as error:
            unreadable.append(Unreadable(frame_alone(frame, record, number), str(error), index=index))
            if function == "Marker":  # perhaps a gun, which the office has to hear of
                notices.append(Notice(location, "marker", None, f"{_text(record)}: {error}"))
    if function == "Marker":
        return Markers(location, notices, unreadable, reply, frame)
    return Passings(location, passings, unreadable, reply, frame)


def _place(source: str) -> str:
    """Return a location's name as a device on the log can have it: its printable characters, the first 64."""
    return "".join(character for character in source if character.isprintable())[:WHERE_MAX_CHARS]


def checksum_v1(record: bytes) -> str:
    """Return the last two characters of a V1 record: the sum of the 37 bytes before, modulo 256, in upper-case hex."""
    return f"{sum(record[:37]) % 256:02X}"


def read_v1(raw: bytes, zone: tzinfo) -> Record:
    """Return the passing in a V1 record: 39 bytes at fixed places. Raises ValueError with the fault.

    The character for the antenna is ignored: on ChipX readers it counts detections instead, and the record does not
    tell which it is.
    """
    if len(raw) != RECORD_V1_BYTES or not raw.isascii():
        raise ValueError(f"a V1 record has {len(raw)} bytes; it should have {RECORD_V1_BYTES}, all ASCII")
    record = raw.decode()
    if record[37:] != checksum_v1(raw):
        raise ValueError(f"checksum {record[37:]!r} is wrong; the record's bytes give {checksum_v1(raw)}")
    local = datetime.combine(_date(record[31:37]), _time(record[7:19]))
    unit = f"{record[19:21].strip()}.{record[21:23].strip()}"
    return Record(label(record[:7], "chip"), one_instant_us(local, zone), unit, sequence=_hex(record[27:31]))


def read_v2(record: str, zone: tzinfo) -> Record:
    """Return the passing in a V2 record: `key=value` in any order, unknown keys ignored. Raises ValueError."""
    keys = _keys(record)
    dated = _DATED_TIME.fullmatch(keys.get("t", "").strip())
    missing = [key for key in ("c", "t", *([] if dated else ["d"])) if not keys.get(key, "").strip()]
    if missing:
        raise ValueError(f"a V2 record has no {', '.join(missing)}; it needs c, d and t")
    local = _dated(*dated.groups()) if dated else datetime.combine(_date(keys["d"].strip()), _time(keys["t"]))
    utc_us = _milliseconds_us(keys.get("utc", ""))
    at_us = one_instant_us(local, zone, utc_us)
    return Record(
        label(keys["c"], "chip"),
        at_us,
        unit=f"{keys.get('dv', '').strip()}.{keys.get('re', '').strip()}",
        antenna=_antenna(keys),
        rssi=_dbm(keys.get("amd", "")),
        utc_off_us=None if utc_us is None else utc_us - at_us,
    )


def marker(location: str, record: str, zone: tzinfo) -> Notice:
    """Return the notice of a marker, V1 (`2025-04-13 05:57:56.027|ext-gun|Extern gunshot`) or V2
    (`t=..|mt=Gunshot|n=..`), whose time has a date of its own, or one in `d`, or none; then it has no instant.

    Raises ValueError.
    """
    if match := _MARKER_V1.fullmatch(record):
        year, month, day, clock, kind, text = match.groups()
        return Notice(location, kind.strip(), one_instant_us(_dated(year, month, day, clock), zone), text)
    keys = _keys(record)
    local = _marker_time(keys.get("t", "").strip(), keys.get("d", "").strip())
    at_us = None if local is None else one_instant_us(local, zone)
    return Notice(location, keys.get("mt", "").strip() or "marker", at_us, record)


def _marker_time(clock: str, day: str) -> datetime | None:
    """Return the local time of a V2 marker; null if it has no date. Raises ValueError."""
    if match := _DATED_TIME.fullmatch(clock):
        return _dated(*match.groups())
    if not clock:
        return None
    clock_time = _time(clock)
    return datetime.combine(_date(day), clock_time) if day else None


def _dated(year: str, month: str, day: str, clock: str) -> datetime:
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise ValueError(f"the year {year} is not in this century; check the clock")
    return datetime.combine(date(int(year), int(month), int(day)), _time(clock))


def _keys(record: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in record.split("|") if part]
    if not pairs or not all(equals for _, equals, _ in pairs):
        raise ValueError("a record has parts that are not key=value")
    return {key.strip(): value for key, _, value in pairs}


def _time(text: str) -> time:
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a time of day hh:mm:ss.kkk")
    hour, minute, second, fraction = match.groups()
    return time(int(hour), int(minute), int(second), int((fraction or "0").ljust(6, "0")))


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date yymmdd")
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def _hex(text: str) -> int:
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", text):
        raise ValueError(f"device sequence {text!r} is not a hex number of four digits")
    return int(text, 16)


def _milliseconds_us(text: str) -> int | None:
    return int(text) * 1000 if re.fullmatch(r"\d{12,14}", text, re.ASCII) else None


def _antenna(keys: dict[str, str]) -> int | None:
    """Return the strongest antenna, or `an` unless it is a mask of eight digits, whose order is unknown."""
    for text in (keys.get("ans", ""), keys.get("an", "")):
        if re.fullmatch(r"\d{1,3}", text, re.ASCII):
            return int(text)
    return None


def _dbm(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d{1,4}(\.\d{1,4})?", text, re.ASCII) else None


def _text(frame: bytes) -> str:
    """Decode UTF-8, else Latin-1, so that location names of an old Windows still differ from each other."""
    try:
        return frame.decode()
    except UnicodeDecodeError:
        return frame.decode("latin-1")
