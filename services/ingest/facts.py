"""Turn gateways' requests and readers' messages into facts of the race log and dead letters."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from schemas.events import EntriesAdded, Entry, LoggedFact, NoticeReceived, ReadRow, ReadsLogged
from schemas.ids import INSTANT_MAX_US, NAME_CHARS, REASON_CHARS
from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection
from schemas.topics import ENVELOPE_READS_MAX, RECORD_MAX_BYTES
from services.ingest.decoders.messages import WHERE_MAX_CHARS, DecodedRead, Message, Notice, Unreadable
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.sources import Source

ENTRIES_A_FACT = 500
ENTRIES_FACT_BYTES = RECORD_MAX_BYTES // 2  # a record has room for the fact's other fields

log = logging.getLogger(__name__)


def reads_facts(event: str, gateway: str, session: str, rows: list[ReadRow], at_us: int) -> list[ReadsLogged]:
    """Return rows as facts that fit an envelope each; `at_us` is when they came in."""
    return [
        ReadsLogged(
            event=event,
            recorded_at_us=at_us,
            gateway=gateway,
            session=session,
            reads=rows[start : start + ENVELOPE_READS_MAX],
        )
        for start in range(0, len(rows), ENVELOPE_READS_MAX)
    ]


def entries_facts(stamp: EntriesAdded, entries: list[Entry]) -> list[EntriesAdded]:
    """Return entries as facts that fit a record each, all of them parts of the upload that has the id of `stamp`.

    Their own ids derive from it, so that a resend makes the same ids.
    """
    parts: list[list[Entry]] = []
    size = ENTRIES_FACT_BYTES
    for entry in entries:
        size += len(msgspec.msgpack.encode(entry))
        if size > ENTRIES_FACT_BYTES or len(parts[-1]) == ENTRIES_A_FACT:
            parts.append([])
            size = len(msgspec.msgpack.encode(entry))
        parts[-1].append(entry)
    return [
        replace(stamp, id=None if stamp.id is None else f"{stamp.id}.{number}", part_of=stamp.id, entries=part)
        for number, part in enumerate(parts)
    ]


def request_rejection(
    event: str, reason: str, raw: bytes, at_us: int, gateway: str | None = None, index: int | None = None
) -> Rejection:
    """Return the dead letter for a request that came in at `at_us`, or for its read at `index`."""
    return Rejection(
        v=REJECTED_VERSION,
        event=event,
        source="http",
        reason=reason,
        raw=raw[:RAW_MAX_BYTES],
        size=len(raw),
        gateway=gateway,
        index=index,
        recorded_at_us=at_us,
    )


def with_times_in_range(messages: Sequence[Message]) -> list[Message]:
    """Return messages in order, each read whose instant a fact cannot hold (INSTANT_MAX_US) as an unreadable one.

    Its bytes are the decoded read as JSON.
    """
    return [
        Unreadable(msgspec.json.encode(message), f"its time is out of range: {message.at_us} microseconds since 1970")
        if isinstance(message, DecodedRead) and abs(message.at_us) > INSTANT_MAX_US
        else message
        for message in messages
    ]


def facts_of(source: Source, messages: Sequence[Message], at_us: int) -> list[LoggedFact]:
    """Return the reads and notices among messages that came in at `at_us`; reads of a session together, in order.

    A read whose instant is out of range is among the dead letters of `rejections_of` instead.
    """
    sessions: dict[str, list[ReadRow]] = defaultdict(list)
    facts: list[LoggedFact] = []
    for message in with_times_in_range(messages):
        if isinstance(message, DecodedRead):
            sessions[message.session].append(_row(source, message))
        elif isinstance(message, Notice):
            facts.append(notice_fact(source, message, at_us))
    for session, rows in sessions.items():
        facts += reads_facts(source.event, source.gateway, session, rows, at_us)
    return facts


def rejections_of(source: Source, messages: Sequence[Message], at_us: int) -> list[Rejection]:
    """Return dead letters for the unreadable messages, and reads out of range, that came in at `at_us`."""
    return [
        Rejection(
            v=REJECTED_VERSION,
            event=source.event,
            source=source.protocol,
            reason=message.reason,
            raw=message.raw[:RAW_MAX_BYTES],
            size=len(message.raw),
            gateway=source.gateway,
            index=message.index,
            recorded_at_us=at_us,
            where=message.where or None,
        )
        for message in with_times_in_range(messages)
        if isinstance(message, Unreadable)
    ]


def show_clocks(metrics: IngestMetrics, source: Source, offsets_us: Mapping[str, int]) -> None:
    """Set the clock metric of each reader: how far its clock is ahead of ours."""
    for where, offset_us in offsets_us.items():
        device = device_of(source.devices, where, None) or source.gateway
        metrics.clock_offset_s.labels(source.event, source.gateway, device).set(offset_us / 1e6)


def device_of(devices: Mapping[str, str], where: str, antenna: int | None) -> str:
    """Return the device of a place: `devices["<where>/<antenna>"]`, else `devices["<where>"]`, else `where`."""
    if antenna is not None and (device := devices.get(f"{where}/{antenna}")):
        return device
    return devices.get(where, where)[:WHERE_MAX_CHARS]


def _row(source: Source, read: DecodedRead) -> ReadRow:
    device = device_of(source.devices, read.where, read.antenna) or source.gateway
    return ReadRow(read.seq, device, read.chip, read.at_us, read.rssi, read.antenna, read.battery)


def notice_fact(source: Source, notice: Notice, at_us: int) -> NoticeReceived:
    """Return the notice as a fact. Its id derives from its content, so a repeated notice counts once.

    A time that a fact cannot hold stands in the text only.
    """
    happened_us, text = notice.at_us, notice.text
    if happened_us is not None and abs(happened_us) > INSTANT_MAX_US:
        text = f"its time is out of range: {happened_us} microseconds since 1970; {text}"
        happened_us = None
    identity = repr((source.event, source.gateway, notice)).encode()
    log.warning(
        "%s %s: %s reports %s: %s",
        source.protocol,
        source.gateway,
        notice.where,
        notice.kind,
        notice.text,
        extra=source.log_fields(),
    )
    return NoticeReceived(
        event=source.event,
        id="notice-" + hashlib.sha256(identity).hexdigest()[:40],
        recorded_at_us=at_us,
        gateway=source.gateway,
        device=device_of(source.devices, notice.where, None) or source.gateway,
        kind=notice.kind[:NAME_CHARS],
        at_us=happened_us,
        text=text[:REASON_CHARS],
    )
