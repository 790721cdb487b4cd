"""A simulated day read by simulated devices: at each mat one that speaks a reader's protocol over real TCP.

Each protocol has its own codes of chips, its clock has milliseconds or hundredths of a second, and some send no
strength, or no reader's name. So the day is made for the devices: `as_equipped` for its mats, `steps_ms` for its
crossings, `with_codes` for its entries. `as_sent` is a read as ingest gets it, and `Mats.sources_toml` is how ingest
has to be set up for the devices.

    protocols = dict.fromkeys([mat.id for mat in definition.mats], "llrp")
    definition = as_equipped(definition, protocols)
    day = with_codes(simulate(definition, 120, 7, steps_ms=steps_ms(protocols)), protocols)
    async with Mats(day, protocols) as mats: ...; await play(day, mats, speed=60)
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from loadtest.devices.registry import SIMULATED_PROTOCOLS
from loadtest.devices.simulated import Sighted, SimulatedProtocol, SimulatedReader, Site, places, utc
from loadtest.devices.trouble import Trouble
from loadtest.driver import DriveFailed, Target, drive
from loadtest.race_day import MS
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, Timed
from schemas.definition import Definition, Mat
from schemas.events import ChipAssigned, EntriesAdded, Ruling

Spoken = str
"""The name of a protocol that simulated readers speak, one of SIMULATED_PROTOCOLS."""
SPOKEN: tuple[Spoken, ...] = tuple(SIMULATED_PROTOCOLS)
TOGETHER_MAX = 100  # waiting reads that a device sends together: a full message of MYLAPS
QUEUED_MAX = 20_000  # reads that wait for a device without a listener


def as_equipped(definition: Definition, protocols: Mapping[str, Spoken]) -> Definition:
    """Return the same race with the readers that its mats can have.

    Where a protocol does not say which reader of a mat saw a chip, the mat keeps its first reader and has no backup.
    """
    mats = [
        mat
        if mat.id not in protocols or SIMULATED_PROTOCOLS[protocols[mat.id]].sends_place
        else msgspec.structs.replace(mat, devices=mat.devices[:1], backup_devices=[])
        for mat in definition.mats
    ]
    return msgspec.structs.replace(definition, mats=mats)


def steps_ms(protocols: Mapping[str, Spoken]) -> dict[str, int]:
    """Return by mat the step of its readers' clocks, where that is not a millisecond."""
    steps = {mat: SIMULATED_PROTOCOLS[spoken].clock_step_ms for mat, spoken in protocols.items()}
    return {mat: step_ms for mat, step_ms in steps.items() if step_ms > 1}


def code_of(spoken: Spoken, chip: str) -> str:
    """Return a chip as the log has it from a reader of this protocol. Chips here are seven letters and digits."""
    return SIMULATED_PROTOCOLS[spoken].code(chip)


def with_codes(simulation: Simulation, protocols: Mapping[str, Spoken]) -> Simulation:
    """Return the same day with every chip known by each code that its readers give it."""
    spoken = sorted(set(protocols.values()))

    def codes(chip: str) -> list[str]:
        return list(dict.fromkeys([chip, *(code_of(name, chip) for name in spoken)]))

    entries = [
        msgspec.structs.replace(entry, chips=[code for chip in entry.chips for code in codes(chip)])
        for entry in simulation.entries
    ]
    by_bib = {entry.bib: entry for entry in entries}
    opening: list[Timed] = []
    for timed in simulation.opening:
        facts: list[Ruling] = [timed.fact]
        if isinstance(timed.fact, EntriesAdded):
            facts = [msgspec.structs.replace(timed.fact, entries=[by_bib[entry.bib] for entry in timed.fact.entries])]
        elif isinstance(timed.fact, ChipAssigned):
            fact = timed.fact
            facts = [msgspec.structs.replace(fact, id=f"{fact.id}-{code}", chip=code) for code in codes(fact.chip)]
        opening += [Timed(timed.due_us, fact) for fact in facts]
    return msgspec.structs.replace(simulation, entries=entries, opening=opening)


def as_sent(read: RawRead, spoken: Spoken) -> RawRead:
    """Return a read as a reader of this protocol sends it; but with its strength, which not all send."""
    at_us = read.at_us - read.at_us % (SIMULATED_PROTOCOLS[spoken].clock_step_ms * MS)
    return msgspec.structs.replace(read, chip=code_of(spoken, read.chip), at_us=at_us)


class _Player:
    """A simulated reader with a queue of reads, so that no reader holds up the others."""

    def __init__(self, gateway: str, spoken: Spoken, line: SimulatedReader) -> None:
        self.gateway = gateway
        self.spoken: Spoken = spoken
        self.line = line
        self.queue: asyncio.Queue[Sighted] = asyncio.Queue(QUEUED_MAX)
        self.sent = 0
        self.free = asyncio.Event()  # cleared: it is between two runners, and sends nothing
        self.free.set()

    async def run(self) -> None:
        """Have the line send the reads that wait, for as long as this task lives."""
        while True:
            seen = [await self.queue.get()]
            while not self.queue.empty() and len(seen) < TOGETHER_MAX:
                seen.append(self.queue.get_nowait())
            await self.free.wait()
            await self.line.send_reads(seen)
            self.sent += len(seen)
            for _ in seen:
                self.queue.task_done()


class Mats:
    """The devices of a day. Use it as `async with`.

    `protocols` by mat; `addresses` by protocol is where its devices listen, or the address that they call (else the
    usual ports); `troubles` makes the faults of a line by its protocol.
    """

    def __init__(
        self,
        simulation: Simulation,
        protocols: Mapping[str, Spoken],
        addresses: Mapping[Spoken, tuple[str, int]] | None = None,
        troubles: Callable[[Spoken], Trouble] = lambda _: Trouble(0),
    ) -> None:
        self._simulation = simulation
        self._definition = simulation.definition
        self._protocols = protocols
        self._zone = ZoneInfo(self._definition.timezone)
        self._addresses = dict(addresses or {})
        self._troubles = troubles
        first = simulation.reads.packed[0] if simulation.reads.packed else 0
        self.first_us = simulation.reads.time_ms(first) * MS
        self._began_s = time.monotonic()
        self.players: list[_Player] = self._players()
        self._place = {
            device: (mat.id, place, self._player(mat.id)) for mat in self._mats() for place, device in places(mat)
        }
        self._tasks: list[asyncio.Task[None]] = []

    def _mats(self) -> list[Mat]:
        return [mat for mat in self._definition.mats if mat.id in self._protocols]

    def _players(self) -> list[_Player]:
        players: list[_Player] = []
        for protocol in SIMULATED_PROTOCOLS.values():
            mats = [mat for mat in self._mats() if self._protocols[mat.id] == protocol.name]
            groups = [mats] if mats and protocol.shared else [[mat] for mat in mats]
            players += [self._player_at(protocol, group, number) for number, group in enumerate(groups, start=1)]
        return players

    def _player_at(self, protocol: SimulatedProtocol, mats: list[Mat], number: int) -> _Player:
        host, port = self._addresses.get(protocol.name, ("127.0.0.1", protocol.port))
        site = Site(
            event=self._definition.event,
            gateway=f"sim-{protocol.name if protocol.shared else mats[0].id}",
            number=number,
            mats=mats,
            host=host,
            port=port if protocol.posts or protocol.broker or not port else port + number - 1,
            trouble=self._troubles(protocol.name),
            clock=self._clock,
            first_us=self.first_us,
            zone=self._definition.timezone,
        )
        return _Player(site.gateway, protocol.name, protocol.make(site))

    def _player(self, mat: str) -> _Player:
        spoken = self._protocols[mat]
        return next(player for player in self.players if player.gateway in (f"sim-{spoken}", f"sim-{mat}"))

    def _clock(self) -> datetime:
        """Return what the devices' clocks show: the day's first read when they were switched on, then real time.

        Not the time of the day as it is played, since that would be a clock that jumps.
        """
        return self._local(self.first_us + int((time.monotonic() - self._began_s) * 1e6))

    def _local(self, at_us: int) -> datetime:
        return utc(at_us).astimezone(self._zone).replace(tzinfo=None)

    async def __aenter__(self) -> "Mats":
        try:
            for player in self.players:
                await player.line.start()
                self._tasks.append(asyncio.create_task(player.run()))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Switch all devices off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(player.line.close() for player in self.players))

    async def connected(self) -> None:
        """Wait until ingest has connected to every reader."""
        await self._unless_one_fails(*(player.line.heard() for player in self.players))

    async def see(self, read: RawRead) -> bool:
        """Have a reader see a chip, once there is room for it; false if it belongs to none of these devices."""
        known = self._place.get(read.device)
        if known is None:
            return False
        mat, place, player = known
        await player.queue.put(Sighted(read, mat, place, self._local(read.at_us)))
        return True

    async def all_sent(self) -> None:
        """Return once every device has sent all its reads."""
        await self._unless_one_fails(*(player.queue.join() for player in self.players))
        await self._unless_one_fails(*(player.line.all_sent() for player in self.players))

    async def _unless_one_fails(self, *awaited: Coroutine[Any, Any, None]) -> None:
        """Await all of these. Raises the error of a device that failed."""
        waiting: asyncio.Future[list[None]] = asyncio.gather(*awaited)
        pending: list[asyncio.Future[Any]] = [waiting, *self._tasks]
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            next(task for task in self._tasks if task.done()).result()
        waiting.result()

    def sources_toml(self) -> str:
        """Return ingest's `[[sources]]` for these devices."""
        return "\n".join(self._source_toml(player) for player in self.players)

    def _source_toml(self, player: _Player) -> str:
        fields: dict[str, object] = {
            "protocol": player.spoken,
            "event": self._definition.event,
            "gateway": player.gateway,
            **({"zone": self._definition.timezone} if SIMULATED_PROTOCOLS[player.spoken].has_zone else {}),
            **player.line.source(),
        }
        return "\n".join(["[[sources]]", *(f"{key} = {_toml(value)}" for key, value in fields.items())]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + " }"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


async def play(
    simulation: Simulation, mats: Mats, speed: float | None = None, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Have the devices see all reads of the day at this `speed` (null: at once), and return how many they saw.

    Reads of readers that stand at none of the mats are left out. `progress` takes how many were seen so far.
    """
    began_s, seen = time.monotonic(), 0
    reads = simulation.reads
    first_ms = reads.time_ms(reads.packed[0]) if reads.packed else 0
    for nth, packed in enumerate(reads.packed):
        if speed is not None:
            wait_s = (reads.time_ms(packed) - first_ms) / 1000 / speed - (time.monotonic() - began_s)
            if wait_s > 0:
                progress(seen)
                await asyncio.sleep(wait_s)
        seen += await mats.see(reads.unpacked(packed, nth))
        if nth % 1000 == 0:
            await asyncio.sleep(0)
    progress(seen)
    return seen


async def play_day(
    simulation: Simulation,
    mats: Mats,
    target: Target | None,
    speed: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Play the day and send officials' facts to `target`: definition and entries first, the others when they are due.

    Return how many reads the readers saw. Raises DriveFailed.
    """
    if target is None:
        return await play(simulation, mats, speed, progress)
    nothing = msgspec.structs.replace(simulation.reads, packed=array("q"))
    office = msgspec.structs.replace(simulation, reads=nothing)
    await drive(msgspec.structs.replace(office, guns=[], rulings=[], closing=[]), target)
    later = msgspec.structs.replace(office, opening=[])
    first_us = min((timed.due_us for timed in later.facts), default=0)
    wait_s = 0.0 if speed is None else max(0.0, (first_us - mats.first_us) / 1e6 / speed)

    async def officials() -> None:
        await asyncio.sleep(wait_s)
        await drive(later, target, speed)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(officials())
            playing = group.create_task(play(simulation, mats, speed, progress))
    except* DriveFailed as failed:
        raise failed.exceptions[0] from None
    return playing.result()


def all_alike(definition: Definition, spoken: Spoken) -> dict[str, Spoken]:
    """Return this protocol for every mat."""
    return {mat.id: spoken for mat in definition.mats}
