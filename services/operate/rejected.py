"""What was put aside, for a person: found by event, source and reason, shown with its bytes, and read again.

Reading again is pure: the bytes go through this release's decoder, with the settings of now, and what comes out is sent
to ingest like anything else (`rejected_command`). What is on the log already counts once there, however often it is
sent.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

from schemas.events import NoticeReceived, ReadRow
from schemas.ids import label
from schemas.rejected import Rejection, decode_rejection
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.mylaps import ConnectionFault, Decoder, Markers, Passings, Unreadable
from services.ingest.http.reads import Push, TooManyReads, WireRead, push_from_json, push_from_msgpack
from services.ingest.readers.mylaps import Numbering, marker_facts, passing_facts
from services.ingest.readers.sources import Source

REASON_SHOWN_CHARS = 80
HEX_ROW_BYTES = 16
SHOWN_MAX_BYTES = 64 * 1024  # of one thing; the topic has all of it


class DeadLetter(NamedTuple):
    """A rejection and where it stands in the topic."""

    offset: int
    rejection: Rejection


class Wanted(Struct, frozen=True, kw_only=True):
    """Which rejections: by offset, event, source, gateway, and a part of the reason; what is null asks for nothing."""

    offsets: frozenset[int] | None = None
    event: str | None = None
    source: str | None = None
    gateway: str | None = None
    reason: str | None = None

    def takes(self, aside: DeadLetter) -> bool:
        """Whether it is one of them."""
        one = aside.rejection
        return (
            (self.offsets is None or aside.offset in self.offsets)
            and self.event in (None, one.event)
            and self.source in (None, one.source)
            and self.gateway in (None, one.gateway)
            and (self.reason is None or self.reason.lower() in one.reason.lower())
        )

    def everything(self) -> bool:
        """Whether nothing was asked for, so that all are taken."""
        return self == Wanted()


def aside_of(offset: int, value: bytes) -> DeadLetter | None:
    """The rejection in a record; null for one that is none."""
    try:
        return DeadLetter(offset, decode_rejection(value))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# --- shown


def table(found: Iterable[DeadLetter]) -> str:
    """Rejections as lines, oldest first."""
    rows = [("OFFSET", "WHEN (UTC)", "EVENT", "SOURCE", "GATEWAY", "BYTES", "REASON")]
    for offset, one in found:
        gateway = plain(one.gateway or "-")
        reason = plain(one.reason)[:REASON_SHOWN_CHARS]
        rows.append((str(offset), _when(one), plain(one.event), plain(one.source), gateway, str(one.size), reason))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def whole(aside: DeadLetter) -> str:
    """All of a rejection, its bytes as text where they are text, else as hex."""
    one = aside.rejection
    fields = {
        "offset": aside.offset,
        "when": _when(one),
        "event": one.event,
        "source": one.source,
        "gateway": one.gateway,
        "reason": one.reason,
        "index": one.index,
        "topic": one.topic,
        "partition": one.partition,
        "record": one.offset,
        "bytes": one.size if one.size == len(one.raw) else f"{one.size}, of which the first {len(one.raw)} are kept",
    }
    head = [f"{name:<10}{plain(str(value))}" for name, value in fields.items() if value is not None]
    return "\n".join([*head, "", readable(one.raw)])


def readable(raw: bytes) -> str:
    """Bytes for a terminal: text with its control characters escaped, or rows of hex; never what would act on it."""
    shown = raw[:SHOWN_MAX_BYTES]
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        rows = [_hex_row(at, shown[at : at + HEX_ROW_BYTES]) for at in range(0, len(shown), HEX_ROW_BYTES)]
    else:
        rows = [plain(line) for line in text.split("\n")]
    if len(shown) < len(raw):
        rows.append(f"... {len(raw) - len(shown)} bytes more")
    return "\n".join(rows)


def plain(text: str) -> str:
    """A text in one line without control characters."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _hex_row(at: int, row: bytes) -> str:
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{at:08x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {letters}"


def _when(one: Rejection) -> str:
    if one.recorded_at_us is None:
        return "-"
    try:
        return datetime.fromtimestamp(one.recorded_at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(one.recorded_at_us)


# --- read again


class StillUnreadable(Exception):
    """This release, with the settings of now, makes nothing of it either; the text says why and what to do."""


class ReadsAgain(NamedTuple):
    """Reads of one gateway and session."""

    gateway: str
    session: str
    rows: list[ReadRow]


class Again(NamedTuple):
    """What a rejection gives now, and what of it is still unreadable."""

    reads: list[ReadsAgain]
    notices: list[NoticeReceived]
    bad: list[str]


def read_again(aside: DeadLetter, sources: Sequence[Source]) -> Again:
    """What a rejection's bytes give now; `sources` have the zones and devices of readers. Raises StillUnreadable."""
    one = aside.rejection
    if one.size > len(one.raw):
        raise StillUnreadable(f"of its {one.size} bytes only the first {len(one.raw)} are kept; have it sent again")
    if one.source == "http":
        return _body_again(aside) if one.index is None else _read_again(aside)
    if one.source == "mylaps":
        return _frame_again(aside, sources)
    raise StillUnreadable(f"what {plain(one.source)} put aside is not read again here; mend the cause at its source")


def _body_again(aside: DeadLetter) -> Again:
    readings: list[Callable[[bytes], Push]] = [push_from_json, push_from_msgpack]
    faults: list[str] = []
    for reading in readings:
        try:
            push = reading(aside.rejection.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TooManyReads) as error:
            faults.append(str(error))
        else:
            return Again([ReadsAgain(push.gateway, push.session, push.rows)], [], [bad.reason for bad in push.bad])
    raise StillUnreadable(f"as JSON: {faults[0]}; as msgpack: {faults[1]}")


def _read_again(aside: DeadLetter) -> Again:
    """One read; its session is not known, and its number tells nothing in another."""
    one = aside.rejection
    if one.gateway is None:
        raise StillUnreadable("it does not say which gateway sent it")
    try:
        read = _wire_read(one.raw)
        chip = label(read.chip, "chip")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise StillUnreadable(str(error)) from None
    row = ReadRow(read.seq, read.device, chip, read.at_us, read.rssi, read.antenna, read.battery)
    return Again([ReadsAgain(one.gateway, session_of(aside), [row])], [], [])


def _wire_read(raw: bytes) -> WireRead:
    try:
        return msgspec.json.decode(raw, type=WireRead)
    except (msgspec.DecodeError, UnicodeDecodeError) as json_fault:
        try:
            return msgspec.msgpack.decode(raw, type=WireRead)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise json_fault from None


def _frame_again(aside: DeadLetter, sources: Sequence[Source]) -> Again:
    one = aside.rejection
    source = next((s for s in sources if s.identity() == ("mylaps", one.event, one.gateway)), None)
    if source is None:
        raise StillUnreadable(
            f"matline.toml has no mylaps source with gateway {one.gateway!r} and event {one.event!r}, which would say"
            " its zone and devices"
        )
    try:
        messages = Decoder(parse_zone(source.zone)).feed(one.raw if one.raw.endswith(b"$") else one.raw + b"$")
    except ConnectionFault as fault:
        raise StillUnreadable(str(fault)) from None
    found = Again([], [], [])
    numbering = Numbering(session_of(aside))
    at_us = one.recorded_at_us or 0
    for message in messages:
        if isinstance(message, Passings):
            for fact in passing_facts(source, message, numbering, at_us):
                found.reads.append(ReadsAgain(fact.gateway, fact.session, fact.reads))
        if isinstance(message, Markers):
            found.notices.extend(marker_facts(source, message, at_us))
        if isinstance(message, Passings | Markers):
            found.bad.extend(bad.reason for bad in message.unreadable)
        if isinstance(message, Unreadable):
            found.bad.append(message.reason)
    if not found.reads and not found.notices:
        raise StillUnreadable("; ".join(found.bad) or "it holds no passing and no marker")
    return found


def session_of(aside: DeadLetter) -> str:
    """The session of reads that are read again without one: the same each time."""
    return f"rejected-{aside.offset}"
