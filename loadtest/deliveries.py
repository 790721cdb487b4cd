"""How reads reach us: in small batches as they come, but some late, some twice, some only after an outage."""

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
LATE = 0.02  # of batches
LATE_MS = (5_000, 120_000)
AGAIN = 0.02
AGAIN_MS = (0, 300_000)
OUTAGES = 2  # of gateways, now and then
OUTAGE_MS = (180_000, 900_000)
MYLAPS_GATEWAY = "start-finish"


class Delivery(Struct, frozen=True):
    """A batch that a gateway pushes at `due_us`: at most 500 reads, `seq` ascending. `again`: it was sent before."""

    due_us: int
    gateway: str
    session: str
    via: Via
    reads: list[RawRead]
    again: bool = False


class Gateway(Struct, frozen=True):
    """Who sends a device's reads, and how."""

    name: str
    via: Via


def gateways(definition: Definition) -> dict[str, Gateway]:
    """By device. Mats where races start or end go by MYLAPS, one sender for all; each other mat has its own by HTTP."""
    ends = {race.points[at].mat for race in definition.races for at in (0, -1)}
    found = {
        device: Gateway(MYLAPS_GATEWAY, "mylaps") if mat.id in ends else Gateway(f"mat-{mat.id}", "http")
        for mat in definition.mats
        for device in (*mat.devices, *mat.backup_devices)
    }
    return {**found, TEST_READER: Gateway("workshop", "http")}


class _Outage(Struct, frozen=True):
    gateway: str
    from_ms: int
    until_ms: int


class _Line:
    """One gateway's way to us: what waits, and where its numbering stands."""

    def __init__(self, gateway: Gateway, outages: list[_Outage]) -> None:
        self.gateway = gateway
        self.waiting: list[int] = []
        self.seq = 0
        self.session = 1
        self._outages = outages

    def is_down(self, at_ms: int) -> bool:
        """Whether an outage holds at this instant."""
        return any(one.from_ms <= at_ms < one.until_ms for one in self._outages)


def deliver(definition: Definition, reads: RawReads, seed: str) -> Iterator[Delivery]:
    """All batches by the instant when they are due. Made as they are asked for; the same each time."""
    rng = dice(seed, "deliveries")
    by_device = gateways(definition)
    outages = _outages(reads, [by_device[device].name for device in reads.devices], seed)
    lines = {
        gateway.name: _Line(gateway, [one for one in outages if one.gateway == gateway.name])
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
                if draw > 1 - AGAIN:
                    made += 1
                    heapq.heappush(due, (batch.due_us + between(rng, *AGAIN_MS) * MS, made, _again(batch)))
        while due and due[0][0] <= end_ms * MS:
            yield _due(*heapq.heappop(due))
    while due:
        yield _due(*heapq.heappop(due))


def _due(due_us: int, _: int, batch: Delivery) -> Delivery:
    return Delivery(due_us, batch.gateway, batch.session, batch.via, batch.reads, batch.again)


def _again(batch: Delivery) -> Delivery:
    return Delivery(batch.due_us, batch.gateway, batch.session, batch.via, batch.reads, again=True)


def _outages(reads: RawReads, names: list[str], seed: str) -> list[_Outage]:
    """Times in which a gateway has no connection; it keeps what it reads and sends it afterwards, in a new session.

    Each begins with some read, so that there is something to keep; `names` gives each device's gateway.
    """
    rng = dice(seed, "outages")
    if not reads.packed:
        return []
    found = []
    for _ in range(OUTAGES):
        first = one_of(rng, reads.packed)
        from_ms = reads.time_ms(first)
        found.append(_Outage(names[reads.device(first)], from_ms, from_ms + between(rng, *OUTAGE_MS)))
    return found


def _ticks(reads: RawReads, line_of: list[_Line]) -> Iterator[tuple[int, list[_Line]]]:
    """The day in steps of PUSH_EVERY_MS: the end of each, and the gateways that have something to send."""
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
    """What waits, in batches; after an outage, when more waits than a step brings, in a new session."""
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
