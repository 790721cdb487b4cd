"""A race of which the first half is on the boards, and a gateway that pushes the reads of the second."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice

import aiohttp
import msgspec

import races
from loadtest.driver import Target, drive
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack
from schemas.definition_parse import definition_from_toml

RACE = "vnexpress-hcmc-midnight-2024"
SHOWN_S = 300.0  # for the boards to show the first half
ATTEMPT_S = 1.0  # for one request, since a process that was killed leaves some without an answer
EVERY_S = 0.02  # between two attempts


class HalfRace:
    """The race in a stack; use it as a context. `event` is its id."""

    def __init__(self, stack: RunningStack, athletes: int) -> None:
        simulation = simulate(definition_from_toml(races.definition_toml(RACE)), athletes, 1)
        half = len(simulation.reads) // 2
        self.event = simulation.definition.event
        self._stack = stack
        self._first = _part(simulation, slice(half))
        self._rest = _single_reads(_part(simulation, slice(half, None)))
        self._seq = 0

    async def __aenter__(self) -> "HalfRace":
        """Send the first half and wait until live shows it. Raises DriveFailed, TimeoutError."""
        target = Target(
            url=f"http://127.0.0.1:{self._stack.ingest_port}",
            gateway_token=self._stack.good_token,
            official_token=self._stack.official_token,
        )
        driven = await drive(self._first, target)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_S))
        await self.shown(driven.revision or 0, SHOWN_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    async def shown(self, revision: int, patience_s: float) -> None:
        """Wait until live shows a revision. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            while True:
                shown = await self.revision()
                if shown is not None and shown >= revision:
                    return
                await asyncio.sleep(EVERY_S)

    async def revision(self) -> int | None:
        """Return the revision that live shows, or None when it does not answer."""
        try:
            async with self._session.get(f"http://127.0.0.1:{self._stack.live_port}/v1/events/{self.event}") as answer:
                return int(answer.headers["X-Revision"]) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    @property
    def pushed(self) -> int:
        """How many reads were pushed or taken."""
        return self._seq

    def take(self, number: int) -> list[RawRead]:
        """Return the next reads for somebody else to push."""
        reads = []
        for read in islice(self._rest, number):
            self._seq += 1
            reads.append(msgspec.structs.replace(read, seq=self._seq))
        return reads

    async def push(self, number: int = 1) -> int:
        """Push the next reads until they are accepted, and return the revision after them."""
        reads = self.take(number)
        body = msgspec.json.encode({"gateway": "bench", "session": "half", "reads": reads})
        headers = {"Authorization": f"Bearer {self._stack.good_token}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self._stack.ingest_port}/v1/events/{self.event}/reads"
        while True:
            try:
                async with self._session.post(url, data=body, headers=headers) as answer:
                    if answer.status == 200:
                        return int((await answer.json())["revision"])
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(EVERY_S)


@asynccontextmanager
async def pushing(race: HalfRace, reads: int, every_s: float) -> AsyncIterator[None]:
    """Push so many reads every so many seconds while the context is open, or as fast as they are taken."""

    async def push() -> None:
        while True:
            await asyncio.gather(race.push(reads), asyncio.sleep(every_s))

    task = asyncio.create_task(push())
    try:
        yield
    finally:
        task.cancel()


def _part(simulation: Simulation, part: slice) -> Simulation:
    """Return some of the reads of a race, which is not closed at their end."""
    reads = msgspec.structs.replace(simulation.reads, packed=simulation.reads.packed[part])
    return msgspec.structs.replace(simulation, reads=reads, rulings=[], closing=[])


def _single_reads(simulation: Simulation) -> Iterator[RawRead]:
    for delivery in simulation.deliveries():
        yield from delivery.reads
