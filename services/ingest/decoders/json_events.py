"""What readers that send JSON have in common: bodies of several events, and instants with their offset."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from services.ingest.decoders.messages import WHERE_MAX_CHARS, Message, Unreadable
from services.ingest.decoders.protocol import ReaderSettings

Antenna = Annotated[int, Meta(ge=0, le=65_535)]
Dbm = Annotated[float, Meta(ge=-1_000, le=1_000)]
Centidbm = Annotated[float, Meta(ge=-100_000, le=100_000)]

EVENTS_MAX = 25_000  # of one body: more reads than 1 MiB holds, and so few that dead letters of all fit into a quota
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ReadEvent = Callable[[bytes, str, str, int], list[Message]]
"""A function that returns the messages of an event, of its JSON, the reader's name (empty: its own), the session and
the event's number in it. Raises ValueError, RecursionError."""

ReadBody = Callable[[bytes, str, str], list[Message]]
"""A function that returns the messages in a body, of its bytes, the reader's name (empty: its own) and the session."""


def events_of(body: bytes) -> tuple[list[bytes], list[Unreadable]]:
    """Return the events in a body, each as JSON, and what is none: the body is a list, one event, or one a line."""
    text = body.strip(b"\0 \t\r\n")
    if text.startswith(b"["):
        try:
            events = [bytes(event) for event in msgspec.json.decode(text, type=list[Raw])]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [], [Unreadable(body, "not a list of events as JSON", unit="body")]
    else:
        events = [line for line in (line.strip() for line in text.split(b"\n")) if line]
    if len(events) > EVENTS_MAX:
        return [], [Unreadable(body, f"{len(events)} events; a body may have {EVENTS_MAX}", unit="body")]
    return events, []


def messages_of(read_event: ReadEvent, maker: str, raw: bytes, device: str, session: str, number: int) -> list[Message]:
    """Return the messages of an event of this maker's readers; one that cannot be read is a dead letter."""
    try:
        return read_event(raw, device, session, number)
    except (ValueError, RecursionError) as error:
        return [Unreadable(raw, f"not an event of {maker}: {error}", index=number, where=device)]


def body_reader(read_event: ReadEvent, maker: str) -> ReadBody:
    """Return the function that reads bodies of such events, in order, and numbers them from 0."""

    def read_body(body: bytes, device: str, session: str) -> list[Message]:
        events, faults = events_of(body)
        read = (messages_of(read_event, maker, raw, device, session, number) for number, raw in enumerate(events))
        return [*faults, *(message for messages in read for message in messages)]

    return read_body


def upload_reader(read_body: ReadBody) -> Callable[[bytes, str, str, ReaderSettings], list[Message]]:
    """Return `ReaderProtocol.read_upload` of a protocol for which its settings do not matter."""
    return lambda body, device, session, _: read_body(body, device, session)


def dead_letter_reader(read_body: ReadBody) -> Callable[[bytes, ReaderSettings, str], list[Message]]:
    """Return `ReaderProtocol.read_again` of a protocol for which its settings do not matter."""
    return lambda raw, _, session: read_body(raw, "", session)


def reader_name(text: str | None) -> str:
    """Return a reader's name for itself as the log takes it; empty without one that can be printed."""
    return text[:WHERE_MAX_CHARS] if text and text.isprintable() else ""


def instant_us(text: str) -> int:
    """Return an instant such as 2026-01-04T05:31:07.250Z, which names its offset. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not an instant such as 2026-01-04T05:31:07.250Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset from UTC; set the reader to send one, such as Z")
    try:
        return (instant - EPOCH) // MICROSECOND
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is out of range") from None
