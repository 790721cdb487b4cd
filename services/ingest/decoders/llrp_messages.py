"""Decode the messages of an LLRP 1.0.1 reader, and encode the requests to it.

A message is a header of ten bytes (version and type, length with the header, number) and parameters. Parameters nest,
but nothing here recurses: each function reads the one level that it knows, so a deeply nested message costs no more
than its length.

Times are the reader's UTC in microseconds; nothing here corrects them. A reader without a UTC clock sends its uptime
instead, which is an instant once its source says when it was at zero.

This file is long because it is a table of the standard: types, lengths and requests stand beside each other as they
do there.

Source: EPCglobal LLRP 1.0.1, sections 12.2.6, 13 (ROSpec), 14 to 16 (messages and parameters).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from schemas.ids import INSTANT_MAX_US, LABEL_CHARS, label
from services.ingest.decoders.messages import ConnectionFault, Unreadable

HEADER_BYTES = 10
MESSAGE_MAX_BYTES = (
    256 * 1024
)  # a report of 4,000 tags; a reader that sends a report for each tag needs a hundred bytes
VERSIONS = (1, 2)  # 1.0.1, and 1.1, which encodes the parts read here alike

GET_READER_CAPABILITIES, SET_READER_CONFIG = 1, 3
ADD_ROSPEC, DELETE_ROSPEC, START_ROSPEC, ENABLE_ROSPEC, GET_ROSPECS = 20, 21, 22, 24, 26
CLOSE_CONNECTION, CLOSE_CONNECTION_RESPONSE = 14, 4
RO_ACCESS_REPORT, KEEPALIVE, READER_EVENT, ENABLE_EVENTS_AND_REPORTS = 61, 62, 63, 64
KEEPALIVE_ACK, ERROR_MESSAGE = 72, 100
ANSWERS: Final = {11: 1, 13: 3, 30: 20, 31: 21, 32: 22, 34: 24, 36: 26}
"""The types of answers, each with the type of the request that it answers."""

ROSPEC_ID = 0x4D4C  # ours, different from those of other programs
KEEPALIVE_MS = 5_000
ALL_ROSPECS = 0
ACTIVE = 2  # the state of a ROSpec that runs
REPORTED = 0x9780  # fields of a report: ROSpec, antenna, RSSI, first and last time, count
EVENTS_WANTED = (3, 4, 8)  # report buffer, reader exception, antenna

_TV_BYTES = {1: 2, 2: 8, 3: 8, 4: 8, 5: 8, 6: 1, 7: 2, 8: 2, 9: 4, 10: 2}
_TV_BYTES |= {11: 2, 12: 2, 13: 12, 14: 2, 15: 2, 16: 4, 17: 2, 18: 4, 19: 2, 20: 2}
"""The length of each parameter that does not carry it, without the type."""
_TLV_LEAST = 128  # the types from here on carry their length; section 15.2.1.2
_ANTENNA, _FIRST_SEEN, _FIRST_UPTIME, _LAST_SEEN, _LAST_UPTIME, _PEAK_RSSI, _SEEN_COUNT, _EPC_96 = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    13,
)
_UTC, _UPTIME, _CAPABILITIES, _ROSPEC, _REPORT, _EPC_DATA, _EVENT_DATA, _STATUS = 128, 129, 142, 177, 240, 241, 246, 287
_BUFFER_WARNING, _BUFFER_OVERFLOW, _EXCEPTION, _ANTENNA_EVENT, _ATTEMPT, _CLOSED = 250, 251, 252, 255, 256, 257
_NOTICE_TEXT_CHARS = 300


class Sighting(NamedTuple):
    """One instant at which a tag was seen.

    `rssi` is the strongest of its report in dBm, given with the first instant. `chip` is the tag's code in hex, of a
    longer one than a chip may have its end; then `code` is all of it.
    """

    chip: str
    at_us: int
    antenna: int | None = None
    rssi: float | None = None
    code: str = ""


class Alarm(Struct, frozen=True):
    """A reader's report about itself; `at_us` is null when it gave no UTC.

    Kinds are `report_buffer_warning` (reads are about to be lost), `report_buffer_overflow` (reads were lost),
    `exception` and `antenna`.
    """

    kind: str
    at_us: int | None
    text: str


class Attempt(Struct, frozen=True):
    """The reader's first message: whether it accepts the connection, and its own time.

    `at_us` null: it has no UTC clock. `uptime_us` is then how long it has been up, null where it does not say.
    """

    status: int
    at_us: int | None
    uptime_us: int | None = None


class Closed(Struct, frozen=True):
    """The reader is about to close the connection."""


class KeepAlive(Struct, frozen=True):
    """A keepalive message, which is answered at once with its number."""

    number: int


class Report(Struct, frozen=True):
    """A message of tag reports: the reads in order, and the reports that could not be read."""

    seen: list[Sighting]
    unreadable: list[Unreadable]


class Answer(Struct, frozen=True):
    """The answer to a request: its number and type, the status (0 is success) and the reader's text.

    `holds`: the reader can hold events and reports while no client is connected (in an answer about capabilities).
    `rospecs`: the ROSpecs that exist, each with its state (0 disabled, 1 inactive, 2 active).
    """

    number: int
    to: int
    status: int
    text: str
    holds: bool = False
    rospecs: dict[int, int] = {}


class Refusal(Struct, frozen=True):
    """An error message: the answer to the request of that number, if there is one."""

    number: int
    status: int
    text: str


class Info(Struct, frozen=True):
    """A message without meaning for the race."""

    type: int


ReaderMessage = Attempt | Closed | KeepAlive | Report | Alarm | Answer | Refusal | Unreadable | Info


class _Parameter(NamedTuple):
    type: int
    value: bytes


class Decoder:
    """Decode the bytes of one connection to a reader. `began_us` is the instant of its uptime 0, null if not known."""

    def __init__(self, began_us: int | None = None) -> None:
        self._began_us = began_us
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[ReaderMessage]:
        """Return the messages now complete, in order. Raises ConnectionFault for bytes that are not a header."""
        self._rest += data
        messages: list[ReaderMessage] = []
        start = 0
        while len(self._rest) - start >= HEADER_BYTES:
            head, length = struct.unpack_from(">HI", self._rest, start)
            if not HEADER_BYTES <= length <= MESSAGE_MAX_BYTES or head >> 10 not in VERSIONS:
                if messages:
                    break  # hand these over first; the next call finds this header again
                raise ConnectionFault(
                    f"these bytes are not an LLRP header: {bytes(self._rest[start : start + HEADER_BYTES]).hex()}"
                )
            if len(self._rest) - start < length:
                break
            messages += decode_message(bytes(self._rest[start : start + length]), self._began_us)
            start += length
        del self._rest[:start]
        return messages


def decode_message(raw: bytes, began_us: int | None = None) -> list[ReaderMessage]:
    """Return the content of one complete message; `began_us` as in `Decoder`."""
    head, _, number = struct.unpack_from(">HII", raw)
    kind, body = head & 0x3FF, raw[HEADER_BYTES:]
    if kind == KEEPALIVE:
        return [KeepAlive(number)]
    try:
        if kind == RO_ACCESS_REPORT:
            return [read_report(body, began_us)]
        if kind == READER_EVENT:
            return read_event(body)
        if kind in ANSWERS:
            return [_answer(number, ANSWERS[kind], body)]
        if kind == ERROR_MESSAGE:
            status, text = _status(body)
            return [Refusal(number, status, text)]
    except ValueError as error:
        return [Unreadable(raw, str(error))]
    return [Info(kind)]


def read_report(body: bytes, began_us: int | None = None) -> Report:
    """Return the reads of a report message. Raises ValueError when it is not made of parameters."""
    seen: list[Sighting] = []
    unreadable: list[Unreadable] = []
    for parameter in parameters(body):
        if parameter.type != _REPORT:
            continue
        try:
            seen += read_tag(parameter.value, began_us)
        except ValueError as error:
            unreadable.append(Unreadable(parameter.value, str(error)))
    return Report(seen, unreadable)


def read_tag(value: bytes, began_us: int | None = None) -> list[Sighting]:
    """Return the reads of one tag's report: its first instant, and its last where it was seen more than once.

    Raises ValueError.
    """
    given = {parameter.type: parameter.value for parameter in parameters(value)}
    if _EPC_96 in given:
        code = given[_EPC_96]
    elif _EPC_DATA in given:
        code = _epc(given[_EPC_DATA])
    else:
        raise ValueError("a tag's report has no code")
    digits = label(code.hex()[-LABEL_CHARS:], "chip")
    long = code.hex().upper() if 2 * len(code) > LABEL_CHARS else ""
    instants_us = _instants(given, began_us)
    antenna = _unsigned(given[_ANTENNA]) if _ANTENNA in given else None
    rssi = float(int.from_bytes(given[_PEAK_RSSI], "big", signed=True)) if _PEAK_RSSI in given else None
    often = _unsigned(given[_SEEN_COUNT]) > 1 if _SEEN_COUNT in given else False
    seen = [Sighting(digits, instants_us[0], antenna, rssi, long)]
    if often and instants_us[-1] > instants_us[0]:
        seen.append(Sighting(digits, instants_us[-1], antenna))
    return seen


def _instants(given: dict[int, bytes], began_us: int | None) -> list[int]:
    """Return the instants of a tag's report, first and last, or whichever it has. Raises ValueError for one without."""
    if utc := [given[kind] for kind in (_FIRST_SEEN, _LAST_SEEN) if kind in given]:
        return [_instant(value) for value in utc]
    uptimes = [given[kind] for kind in (_FIRST_UPTIME, _LAST_UPTIME) if kind in given]
    if not uptimes:
        raise ValueError("a tag's report has no time")
    if began_us is None:
        raise ValueError(
            "a tag's report has no UTC time: it counts from the reader's start, because its clock was never set; set"
            " `began` of its source, then replay this"
        )
    return [_in_range(began_us + _instant(value)) for value in uptimes]


def read_event(body: bytes) -> list[ReaderMessage]:
    """Return the content of an event notification, without events that were not asked for. Raises ValueError."""
    data = next((parameter.value for parameter in parameters(body) if parameter.type == _EVENT_DATA), None)
    if data is None:
        raise ValueError("an event notification has no data")
    events: list[ReaderMessage] = []
    uptime_us: int | None = None
    at_us: int | None = None
    for kind, value in parameters(data):
        if kind == _UTC:
            at_us = _instant(value)
        elif kind == _UPTIME:
            uptime_us = _instant(value)
        elif kind in _EVENTS:
            events.append(_EVENTS[kind](value, at_us))
    if at_us is None:
        events = [replace(event, uptime_us=uptime_us) if isinstance(event, Attempt) else event for event in events]
    return events or [Info(READER_EVENT)]


def _buffer_warning(value: bytes, at_us: int | None) -> ReaderMessage:
    return Alarm("report_buffer_warning", at_us, f"the reader's buffer is {_unsigned(value[:1])} % full")


def _buffer_overflow(value: bytes, at_us: int | None) -> ReaderMessage:
    return Alarm("report_buffer_overflow", at_us, "the reader's buffer overflowed, and reads were lost")


def _exception(value: bytes, at_us: int | None) -> ReaderMessage:
    length = _unsigned(value[:2])
    text = value[2 : 2 + length].decode("utf-8", "replace")
    return Alarm("exception", at_us, text[:_NOTICE_TEXT_CHARS])


def _antenna(value: bytes, at_us: int | None) -> ReaderMessage:
    state = "connected" if value[:1] == b"\1" else "disconnected"
    return Alarm("antenna", at_us, f"antenna {_unsigned(value[1:3])} {state}")


def _attempt(value: bytes, at_us: int | None) -> ReaderMessage:
    if len(value) != 2:
        raise ValueError(f"a connection attempt event has {len(value)} bytes; it should have 2")
    return Attempt(_unsigned(value), at_us)


def _closed(value: bytes, at_us: int | None) -> ReaderMessage:
    return Closed()


_EVENTS: dict[int, Callable[[bytes, int | None], ReaderMessage]] = {
    _BUFFER_WARNING: _buffer_warning,
    _BUFFER_OVERFLOW: _buffer_overflow,
    _EXCEPTION: _exception,
    _ANTENNA_EVENT: _antenna,
    _ATTEMPT: _attempt,
    _CLOSED: _closed,
}


def parameters(body: bytes) -> Iterator[_Parameter]:
    """Yield the parameters that follow one another in `body`. Raises ValueError when they do not fill it exactly."""
    start = 0
    while start < len(body):
        if body[start] & 0x80:
            kind, value_start = body[start] & 0x7F, start + 1
            if kind not in _TV_BYTES:
                raise ValueError(f"a parameter has type {kind}, whose length is not known")
            end = value_start + _TV_BYTES[kind]
        else:
            if start + 4 > len(body):
                raise ValueError("a parameter is cut off in its head")
            kind, length = struct.unpack_from(">HH", body, start)
            kind, value_start, end = kind & 0x3FF, start + 4, start + length
            if length < 4:
                raise ValueError(f"a parameter gives its length as {length} bytes; the least is 4")
            if kind < _TLV_LEAST:  # those have a fixed length and another head
                raise ValueError(f"a parameter of type {kind} carries a length, which that type never has")
        if end > len(body):
            raise ValueError(f"a parameter of type {kind} continues for {end - len(body)} bytes after the end")
        yield _Parameter(kind, body[value_start:end])
        start = end


def _answer(number: int, to: int, body: bytes) -> Answer:
    status, text = _status(body)
    holds = False
    rospecs: dict[int, int] = {}
    for kind, value in parameters(body):
        if kind == _CAPABILITIES and value:
            holds = bool(value[0] & 0x08)
        elif kind == _ROSPEC and len(value) >= 6:
            rospecs[_unsigned(value[:4])] = value[5]
    return Answer(number, to, status, text, holds, rospecs)


def _status(body: bytes) -> tuple[int, str]:
    for kind, value in parameters(body):
        if kind == _STATUS and len(value) >= 4:
            code, length = struct.unpack_from(">HH", value)
            return code, value[4 : 4 + length].decode("utf-8", "replace")[:_NOTICE_TEXT_CHARS]
    raise ValueError("an answer has no status")


def _epc(value: bytes) -> bytes:
    bits = _unsigned(value[:2])
    code = value[2:]
    if not bits or len(code) != (bits + 7) // 8:
        raise ValueError(f"a tag code of {bits} bits does not fit its {len(code)} bytes")
    return code


def _instant(value: bytes) -> int:
    if len(value) != 8:
        raise ValueError(f"a time has {len(value)} bytes; it should have 8")
    return _in_range(_unsigned(value))


def _in_range(at_us: int) -> int:
    if abs(at_us) > INSTANT_MAX_US:
        raise ValueError(f"{at_us} is not a plausible time in microseconds")
    return at_us


def _unsigned(value: bytes) -> int:
    return int.from_bytes(value, "big")


# --- requests


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """Return a message of version 1 as it goes onto the wire."""
    return struct.pack(">HII", 1 << 10 | kind, HEADER_BYTES + len(body), number) + body


def _tlv(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(body)) + body


def get_capabilities(number: int) -> bytes:
    """Return the request for the reader's capabilities, such as whether it can hold reports."""
    return message(GET_READER_CAPABILITIES, number, b"\0")


def get_rospecs(number: int) -> bytes:
    """Return the request for the list of ROSpecs and their states."""
    return message(GET_ROSPECS, number)


def set_config(number: int, hold: bool, events: bool) -> bytes:
    """Return the request for keepalives, for `events` of lost reads, and to `hold` reports while we are away."""
    wanted = b"".join(_tlv(245, struct.pack(">HB", event, 0x80)) for event in EVENTS_WANTED)
    body = b"\0" + (_tlv(244, wanted) if events else b"") + _tlv(220, struct.pack(">BI", 1, KEEPALIVE_MS))
    return message(SET_READER_CONFIG, number, body + (_tlv(226, b"\x80") if hold else b""))


def delete_rospecs(number: int) -> bytes:
    """Return the request to delete every ROSpec."""
    return message(DELETE_ROSPEC, number, struct.pack(">I", ALL_ROSPECS))


def add_rospec(number: int) -> bytes:
    """Return the request to add our ROSpec: every antenna, no end, a report for every tag."""
    boundary = _tlv(178, _tlv(179, b"\0") + _tlv(182, struct.pack(">BI", 0, 0)))
    antennas = struct.pack(">HH", 1, 0)  # one entry, 0: all of them
    inventory = _tlv(183, antennas + _tlv(184, struct.pack(">BI", 0, 0)) + _tlv(186, struct.pack(">HB", 1, 1)))
    report = _tlv(237, struct.pack(">BH", 1, 1) + _tlv(238, struct.pack(">H", REPORTED)))
    head = struct.pack(">IBB", ROSPEC_ID, 0, 0)
    return message(ADD_ROSPEC, number, _tlv(177, head + boundary + inventory + report))


def enable_rospec(number: int) -> bytes:
    """Return the request to enable our ROSpec."""
    return message(ENABLE_ROSPEC, number, struct.pack(">I", ROSPEC_ID))


def start_rospec(number: int) -> bytes:
    """Return the request to start our ROSpec."""
    return message(START_ROSPEC, number, struct.pack(">I", ROSPEC_ID))


def enable_reports(number: int) -> bytes:
    """Return the request to release held reports, which has no answer."""
    return message(ENABLE_EVENTS_AND_REPORTS, number)
