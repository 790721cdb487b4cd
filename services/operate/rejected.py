"""Find dead letters by event, source and reason, show them with their bytes, and decode them again.

Decoding again is pure: the bytes go through this release's decoder with the present settings, and the result is sent to
ingest like any other request (`rejected_command`). A read that is on the log already counts once, however often it is
sent.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schemas.events import NoticeReceived, ReadRow, ReadsLogged
from schemas.ids import label
from schemas.rejected import Rejection, decode_rejection
from services.ingest.decoders.messages import ConnectionFault, DecodedRead, Message, Notice, Unreadable
from services.ingest.decoders.protocol import ReaderProtocol
from services.ingest.facts import facts_of, with_times_in_range
from services.ingest.http.push import Push, TooManyReads, WireRead, push_from_json, push_from_msgpack
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source

REASON_SHOWN_CHARS = 80
HEX_ROW_BYTES = 16
SHOWN_MAX_BYTES = 64 * 1024  # of one dead letter; the topic has all of it


class DeadLetter(NamedTuple):
    """A rejection and its offset in the topic."""

    offset: int
    rejection: Rejection


class DeadLetterFilter(Struct, frozen=True, kw_only=True):
    """A filter of dead letters by offset, event, source, gateway and a part of the reason; null matches any."""

    offsets: frozenset[int] | None = None
    event: str | None = None
    source: str | None = None
    gateway: str | None = None
    reason: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter passes."""
        rejection = letter.rejection
        return (
            (self.offsets is None or letter.offset in self.offsets)
            and self.event in (None, rejection.event)
            and self.source in (None, rejection.source)
            and self.gateway in (None, rejection.gateway)
            and (self.reason is None or self.reason.lower() in rejection.reason.lower())
        )

    def everything(self) -> bool:
        """Return whether every dead letter passes."""
        return self == DeadLetterFilter()


def dead_letter_of(offset: int, value: bytes) -> DeadLetter | None:
    """Return the dead letter in a record; null if the record is not one."""
    try:
        return DeadLetter(offset, decode_rejection(value))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# --- output


def table(letters: Iterable[DeadLetter]) -> str:
    """Return dead letters as lines, oldest first."""
    rows = [("OFFSET", "WHEN (UTC)", "EVENT", "SOURCE", "GATEWAY", "BYTES", "REASON")]
    for offset, rejection in letters:
        rows.append(
            (
                str(offset),
                _when(rejection),
                plain(rejection.event),
                plain(rejection.source),
                plain(rejection.gateway or "-"),
                str(rejection.size),
                plain(rejection.reason)[:REASON_SHOWN_CHARS],
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def in_full(letter: DeadLetter) -> str:
    """Return all of a dead letter, its bytes as text where they are text, else as hex."""
    rejection = letter.rejection
    kept = len(rejection.raw)
    fields = {
        "offset": letter.offset,
        "when": _when(rejection),
        "event": rejection.event,
        "source": rejection.source,
        "gateway": rejection.gateway,
        "reason": rejection.reason,
        "index": rejection.index,
        "topic": rejection.topic,
        "partition": rejection.partition,
        "record": rejection.offset,
        "bytes": rejection.size if rejection.size == kept else f"{rejection.size}, of which the first {kept} are kept",
    }
    head = [f"{name:<10}{plain(str(value))}" for name, value in fields.items() if value is not None]
    return "\n".join([*head, "", readable(rejection.raw)])


def readable(raw: bytes) -> str:
    """Return bytes for a terminal: text with its control characters escaped, or rows of hex."""
    shown = raw[:SHOWN_MAX_BYTES]
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        rows = [_hex_row(start, shown[start : start + HEX_ROW_BYTES]) for start in range(0, len(shown), HEX_ROW_BYTES)]
    else:
        rows = [plain(line) for line in text.split("\n")]
    if len(shown) < len(raw):
        rows.append(f"... {len(raw) - len(shown)} more bytes")
    return "\n".join(rows)


def plain(text: str) -> str:
    """Return a text in one line without control characters."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _hex_row(offset: int, row: bytes) -> str:
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{offset:08x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {letters}"


def _when(rejection: Rejection) -> str:
    if rejection.recorded_at_us is None:
        return "-"
    try:
        return datetime.fromtimestamp(rejection.recorded_at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(rejection.recorded_at_us)


# --- decode again


class StillUnreadable(Exception):
    """This release cannot decode it with the present settings either; the text says why and what to do."""


class ReadsAgain(NamedTuple):
    """Reads of one gateway and session."""

    gateway: str
    session: str
    rows: list[ReadRow]


class Again(NamedTuple):
    """The content of a dead letter decoded again, and the reasons for its parts that are still unreadable."""

    reads: list[ReadsAgain]
    notices: list[NoticeReceived]
    bad: list[str]


def read_again(letter: DeadLetter, sources: Sequence[Source]) -> Again:
    """Return the content of a dead letter, decoded again; `sources` have the zones and devices of readers.

    Raises StillUnreadable.
    """
    rejection = letter.rejection
    if rejection.size > len(rejection.raw):
        kept = len(rejection.raw)
        raise StillUnreadable(f"only the first {kept} of its {rejection.size} bytes are kept; send it again")
    if rejection.source == "http":
        return _body_again(letter) if rejection.index is None else _read_again(letter)
    protocol = PROTOCOLS.get(rejection.source)
    if protocol is None:
        name = plain(rejection.source)
        raise StillUnreadable(f"dead letters of {name} cannot be decoded again; fix the cause at the source")
    return _messages_again(letter, protocol, sources)


def _body_again(letter: DeadLetter) -> Again:
    parsers: list[Callable[[bytes], Push]] = [push_from_json, push_from_msgpack]
    faults: list[str] = []
    for parse in parsers:
        try:
            push = parse(letter.rejection.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TooManyReads) as error:
            faults.append(str(error))
        else:
            return Again([ReadsAgain(push.gateway, push.session, push.rows)], [], [bad.reason for bad in push.bad])
    raise StillUnreadable(f"as JSON: {faults[0]}; as msgpack: {faults[1]}")


def _read_again(letter: DeadLetter) -> Again:
    """Return a single read, in a session of its own: its number has no meaning in another session."""
    rejection = letter.rejection
    if rejection.gateway is None:
        raise StillUnreadable("it does not name the gateway that sent it; send it again from its source")
    try:
        read = _wire_read(rejection.raw)
        chip = label(read.chip, "chip")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise StillUnreadable(str(error)) from None
    row = ReadRow(read.seq, read.device, chip, read.at_us, read.rssi, read.antenna, read.battery)
    return Again([ReadsAgain(rejection.gateway, session_of(letter), [row])], [], [])


def _wire_read(raw: bytes) -> WireRead:
    try:
        return msgspec.json.decode(raw, type=WireRead)
    except (msgspec.DecodeError, UnicodeDecodeError) as json_fault:
        try:
            return msgspec.msgpack.decode(raw, type=WireRead)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise json_fault from None


def _messages_again(letter: DeadLetter, protocol: ReaderProtocol, sources: Sequence[Source]) -> Again:
    """Return the content of a reader's bytes, decoded with the settings of its source."""
    rejection = letter.rejection
    identity = (rejection.source, rejection.event, rejection.gateway)
    source = next((source for source in sources if source.identity() == identity), None)
    if source is None:
        raise StillUnreadable(
            f"matline.toml has no {protocol.name} source with gateway {rejection.gateway!r} and event"
            f" {rejection.event!r}; add it, since it gives zone and devices"
        )
    try:
        messages = _placed(protocol.read_again(rejection.raw, source.settings(), session_of(letter)), rejection.where)
    except ConnectionFault as fault:
        raise StillUnreadable(str(fault)) from None
    bad = [message.reason for message in with_times_in_range(messages) if isinstance(message, Unreadable)]
    again = Again([], [], bad)
    for fact in facts_of(source, messages, rejection.recorded_at_us or 0):
        if isinstance(fact, ReadsLogged):
            again.reads.append(ReadsAgain(fact.gateway, fact.session, fact.reads))
        elif isinstance(fact, NoticeReceived):
            again.notices.append(fact)
    if not again.reads and not again.notices:
        raise StillUnreadable("; ".join(bad) or "it holds neither a read nor a notice")
    return again


def _placed(messages: list[Message], where: str | None) -> list[Message]:
    """Return messages with the place that the bytes came from, in those that name none."""
    return [
        replace(message, where=where)
        if isinstance(message, DecodedRead | Notice) and not message.where and where
        else message
        for message in messages
    ]


def session_of(letter: DeadLetter) -> str:
    """Return the session for reads decoded again without one; it is the same each time."""
    return f"rejected-{letter.offset}"
