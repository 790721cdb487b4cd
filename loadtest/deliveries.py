"""Deliver reads to ingest in small batches as they come, some late, some twice, some only after an outage."""

import heapq
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from loadtest.dice import between, dice, one_of
from loadtest.race_day import MS
from loadtest.raw_reads import TEST_READER, RawRead, RawReads
from schemas.definition import Definition

Via = Literal["http", "mylaps"]

BATCH_READS_MAX = 500
PUSH_EVERY_MS = 2000
LATE = 0.02  # of all batches
LATE_MS = (5_000, 120_000)
RESENT = 0.02
RESENT_MS = (0, 300_000)
OUTAGES = 2  # per day, each of one gateway
OUTAGE_MS = (180_000, 900_000)
MYLAPS_GATEWAY = "start-finish"


class Delivery(Struct, frozen=True):
    """A batch that a gateway pushes at `due_us`: at most 500 reads, `seq` ascending. `resent`: it was sent before."""

    due_us: int
    gateway: str
    session: str
    via: Via
    reads: list[RawRead]
    resent: bool = False


class Gateway(Struct, frozen=True):
    """A gateway that sends reads, and how."""

    name: str
    via: Via


def gateways(definition: Definition) -> dict[str, Gateway]:
    """Return the gateway of each device.

    Mats where races start or end share one MYLAPS gateway. Each other mat has its own, over HTTP.
    """
    ends = {race.points[end].mat for race in definition.races for end in (0, -1)}
    by_device = {
        device: Gateway(MYLAPS_GATEWAY, "mylaps") if mat.id in ends else Gateway(f"mat-{mat.id}", "http")
        for mat in definition.mats
        for device in (*mat.devices, *mat.backup_devices)
    }
    return {**by_device, TEST_READER: Gateway("workshop", "http")}


class _Outage(Struct, frozen=True):
    gateway: str
    from_ms: int
    until_ms: int


class _Line:
    """A gateway's reads that wait, and the state of its numbering."""

    def __init__(self, gateway: Gateway, outages: list[_Outage]) -> None:
        self.gateway = gateway
        self.waiting: list[int] = []
        self.seq = 0
        self.session = 1
        self._outages = outages

    def is_down(self, at_ms: int) -> bool:
        """Return whether the gateway has an outage at this instant."""
        return any(outage.from_ms <= at_ms < outage.until_ms for outage in self._outages)


def deliver(definition: Definition, reads: RawReads, seed: str) -> Iterator[Delivery]:
    """Yield all batches in the order in which they are due, the same each time."""
    rng = dice(seed, "deliveries")
    by_device = gateways(definition)
    outages = _outages(reads, [by_device[device].name for device in reads.devices], seed)
    lines = {
        gateway.name: _Line(gateway, [outage for outage in outages if outage.gateway == gateway.name])
        for gateway in by_device.values()
    }
    line_of = [lines[by_device[device].name] for device in reads.devices]
    due: list[tuple[int, int, Delivery]] = []
    made = 0
    for end_ms, busy in _ticks(reads, line_of):
        for line in busy:
            if line.is_down(end_ms):
                continue
            for batch in _batches(line, reads, end_ms):
                draw = rng.random()
                late_ms = between(rng, *LATE_MS) if draw < LATE else 0
                made += 1
                heapq.heappush(due, (batch.due_us + late_ms * MS, made, batch))
                if draw > 1 - RESENT:
                    made += 1
                    heapq.heappush(due, (batch.due_us + between(rng, *RESENT_MS) * MS, made, _resent(batch)))
        while due and due[0][0] <= end_ms * MS:
            yield _due(*heapq.heappop(due))
    while due:
        yield _due(*heapq.heappop(due))


def _due(due_us: int, _: int, batch: Delivery) -> Delivery:
    return Delivery(due_us, batch.gateway, batch.session, batch.via, batch.reads, batch.resent)


def _resent(batch: Delivery) -> Delivery:
    return Delivery(batch.due_us, batch.gateway, batch.session, batch.via, batch.reads, resent=True)


def _outages(reads: RawReads, names: list[str], seed: str) -> list[_Outage]:
    """Return outages, during which a gateway keeps its reads; it sends them afterwards in a new session.

    Each begins with a read, so that there is something to keep. `names` has the gateway of each device.
    """
    rng = dice(seed, "outages")
    if not reads.packed:
        return []
    outages = []
    for _ in range(OUTAGES):
        first = one_of(rng, reads.packed)
        from_ms = reads.time_ms(first)
        outages.append(_Outage(names[reads.device(first)], from_ms, from_ms + between(rng, *OUTAGE_MS)))
    return outages


def _ticks(reads: RawReads, line_of: list[_Line]) -> Iterator[tuple[int, list[_Line]]]:
    """Yield the day in steps of PUSH_EVERY_MS: the end of each, and the gateways with reads to send."""
    busy: dict[str, _Line] = {}
    end_ms = 0
    for packed in reads.packed:
        at_ms = reads.time_ms(packed)
        if at_ms >= end_ms:
            if busy:
                yield end_ms, list(busy.values())
                busy = {name: line for name, line in busy.items() if line.waiting}
            end_ms = at_ms - at_ms % PUSH_EVERY_MS + PUSH_EVERY_MS
        line = line_of[reads.device(packed)]
        line.waiting.append(packed)
        busy.setdefault(line.gateway.name, line)
    while busy:
        yield end_ms, list(busy.values())
        busy = {name: line for name, line in busy.items() if line.waiting}
        end_ms += PUSH_EVERY_MS


def _batches(line: _Line, reads: RawReads, due_ms: int) -> Iterator[Delivery]:
    """Yield the waiting reads in batches; after an outage, which shows by their age, in a new session."""
    waiting, line.waiting = line.waiting, []
    if due_ms - reads.time_ms(waiting[0]) > 2 * PUSH_EVERY_MS:
        line.session += 1
        line.seq = 0
    session = f"{line.gateway.name}-{line.session}"
    for start in range(0, len(waiting), BATCH_READS_MAX):
        rows = [
            reads.unpacked(packed, line.seq + nth)
            for nth, packed in enumerate(waiting[start : start + BATCH_READS_MAX])
        ]
        line.seq += len(rows)
        yield Delivery(due_ms * MS, line.gateway.name, session, line.gateway.via, rows)
