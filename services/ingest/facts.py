"""A reader's messages as facts of the race log, and as what is put aside."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from schemas.events import LoggedFact, NoticeReceived, ReadRow
from schemas.ids import NAME_CHARS, REASON_CHARS
from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection
from services.ingest.decoders.messages import WHERE_MAX_CHARS, DecodedRead, Message, Notice, Unreadable
from services.ingest.http.api import reads_facts
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.sources import Source

log = logging.getLogger(__name__)


def facts_of(source: Source, messages: Sequence[Message], at_us: int) -> list[LoggedFact]:
    """The reads and notices among messages that came in at `at_us`; reads of a session together, in their order."""
    sessions: dict[str, list[ReadRow]] = defaultdict(list)
    facts: list[LoggedFact] = []
    for message in messages:
        if isinstance(message, DecodedRead):
            sessions[message.session].append(_row(source, message))
        elif isinstance(message, Notice):
            facts.append(notice_fact(source, message, at_us))
    for session, rows in sessions.items():
        facts += reads_facts(source.event, source.gateway, session, rows, at_us)
    return facts


def rejections_of(source: Source, messages: Sequence[Message], at_us: int) -> list[Rejection]:
    """What could not be read among messages that came in at `at_us`."""
    return [
        Rejection(
            v=REJECTED_VERSION,
            event=source.event,
            source=source.protocol,
            reason=message.reason,
            raw=message.raw[:RAW_MAX_BYTES],
            size=len(message.raw),
            gateway=source.gateway,
            recorded_at_us=at_us,
        )
        for message in messages
        if isinstance(message, Unreadable)
    ]


def show_clocks(metrics: IngestMetrics, source: Source, offsets_us: Mapping[str, int]) -> None:
    """Set the metric of clocks: by a reader's name, how far ahead of ours its clock is."""
    for where, offset_us in offsets_us.items():
        device = device_of(source.devices, where, None) or source.gateway
        metrics.clock_offset_s.labels(source.gateway, device).set(offset_us / 1e6)


def device_of(devices: Mapping[str, str], where: str, antenna: int | None) -> str:
    """What the log calls a reader's place: of the mapping its antenna's entry, else its own, else its own name."""
    if antenna is not None and (device := devices.get(f"{where}/{antenna}")):
        return device
    return devices.get(where, where)[:WHERE_MAX_CHARS]


def _row(source: Source, seen: DecodedRead) -> ReadRow:
    device = device_of(source.devices, seen.where, seen.antenna) or source.gateway
    return ReadRow(seen.seq, device, seen.chip, seen.at_us, seen.rssi, seen.antenna, seen.battery)


def notice_fact(source: Source, notice: Notice, at_us: int) -> NoticeReceived:
    """The notice as a fact; its id makes the same one, told again, count once."""
    identity = repr((source.event, source.gateway, notice)).encode()
    log.warning("%s %s: %s tells %s: %s", source.protocol, source.gateway, notice.where, notice.kind, notice.text)
    return NoticeReceived(
        event=source.event,
        id="notice-" + hashlib.sha256(identity).hexdigest()[:40],
        recorded_at_us=at_us,
        gateway=source.gateway,
        device=device_of(source.devices, notice.where, None) or source.gateway,
        kind=notice.kind[:NAME_CHARS],
        at_us=notice.at_us,
        text=notice.text[:REASON_CHARS],
    )
