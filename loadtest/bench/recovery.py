"""Measure how soon a stack works again after kill -9 in the middle of a race.

A gateway goes on to push single reads, one after the other, and a client goes on to ask for the event. Three waits
count from the kill: until ingest accepts a read, until live answers, and until live shows a revision with a read that
was accepted after the kill.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import aiohttp
import msgspec
from msgspec import Struct, field

import races
from loadtest.driver import Target, drive
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, simulate
from loadtest.stack import RunningStack
from schemas.definition_parse import definition_from_toml

RACE = "vnexpress-hcmc-midnight-2024"
KILLED = (("ingest",), ("projections",), ("scoring",), ("kafka",), ("ingest", "scoring", "projections"))
HEALTHY_S = 60.0  # `matline up` starts a process that ran for longer again at once, as it would in a race
LIMITS_S = {"accepted": 2.0, "answered": 5.0, "moving": 5.0}
LARGE = 20_000  # athletes of a race that may take longer
LARGE_LIMITS_S = {"accepted": 2.0, "answered": 10.0, "moving": 15.0}
EVERY_S = 0.02  # between two attempts
ATTEMPT_S = 1.0  # for one request, since a process that was killed leaves some without an answer
BACK_S = 120.0
QUIET_S = 5.0  # between two faults, for the stack to be caught up again
SHOWN_S = 300.0  # for the boards to show the first half of the race


class Recovery(Struct, kw_only=True):
    """What was killed, and the seconds from there until each thing worked again."""

    killed: tuple[str, ...]
    athletes: int
    waits_s: dict[str, float] = field(default_factory=dict)

    @property
    def limits_s(self) -> dict[str, float]:
        """The longest waits that are in time."""
        return LARGE_LIMITS_S if self.athletes > LARGE else LIMITS_S

    @property
    def name(self) -> str:
        """What was killed."""
        return f"kill -9 {', '.join(self.killed)}"

    @property
    def holds(self) -> bool:
        """Whether everything worked again in time."""
        return all(self.waits_s[what] <= limit_s for what, limit_s in self.limits_s.items())

    def line(self) -> str:
        """Return one line for a person."""
        waits = ", ".join(f"{what} {self.waits_s[what]:.1f} s" for what in self.limits_s)
        limits = ", ".join(f"{limit_s:g}" for limit_s in self.limits_s.values())
        verdict = "ok" if self.holds else "TOO SLOW"
        return f"{self.name:<40} {self.athletes:,} athletes: {waits} (at most {limits})  {verdict}"


async def recoveries(stack: RunningStack, athletes: int, killed: Sequence[tuple[str, ...]]) -> AsyncIterator[Recovery]:
    """Yield how the stack came back each time some of it was killed, half-way through a race of so many athletes."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), athletes, 1)
    half = len(simulation.reads) // 2
    packed = simulation.reads.packed
    first_half = msgspec.structs.replace(
        simulation, reads=msgspec.structs.replace(simulation.reads, packed=packed[:half]), rulings=[], closing=[]
    )
    rest = msgspec.structs.replace(simulation, reads=msgspec.structs.replace(simulation.reads, packed=packed[half:]))
    target = Target(
        url=f"http://127.0.0.1:{stack.ingest_port}", gateway_token=stack.good_token, official_token=stack.official_token
    )
    driven = await drive(first_half, target)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_S)) as session:
        probe = _Probe(stack, simulation.definition.event, _single_reads(rest), session)
        await probe.shown(driven.revision or 0, SHOWN_S)
        killed_s = dict.fromkeys((name for names in killed for name in names), time.monotonic())
        for names in killed:
            healthy_s = time.monotonic() - max(killed_s[name] for name in names)
            await asyncio.sleep(max(QUIET_S, HEALTHY_S + QUIET_S - healthy_s))
            killed_s.update(dict.fromkeys(names, time.monotonic()))
            yield await probe.killed(names, athletes)


def _single_reads(simulation: Simulation) -> Iterator[RawRead]:
    for delivery in simulation.deliveries():
        yield from delivery.reads


class _Probe:
    """A gateway and a viewer that do not give up."""

    def __init__(
        self, stack: RunningStack, event: str, reads: Iterator[RawRead], session: aiohttp.ClientSession
    ) -> None:
        self._stack = stack
        self._event = event
        self._reads = reads
        self._session = session
        self._seq = 0

    async def killed(self, names: tuple[str, ...], athletes: int) -> Recovery:
        """Kill processes of the stack and return how it came back. Raises TimeoutError."""
        recovery = Recovery(killed=names, athletes=athletes)
        for name in names:
            os.kill(self._stack.process(name), signal.SIGKILL)
        began_s = time.monotonic()
        async with asyncio.timeout(BACK_S), asyncio.TaskGroup() as group:
            group.create_task(self._answered(recovery, began_s))
            accepted = await self._push_until_accepted()
            recovery.waits_s["accepted"] = time.monotonic() - began_s
            pushing = group.create_task(self._keep_pushing())
            await self.shown(accepted, BACK_S)
            recovery.waits_s["moving"] = time.monotonic() - began_s
            pushing.cancel()
        return recovery

    async def _answered(self, recovery: Recovery, began_s: float) -> None:
        await self._answering(lambda _: True)
        recovery.waits_s["answered"] = time.monotonic() - began_s

    async def shown(self, revision: int, patience_s: float) -> None:
        """Wait until live shows a revision. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            await self._answering(lambda shown: shown >= revision)

    async def _answering(self, wanted: Callable[[int], bool]) -> None:
        """Ask until live answers with a revision that is wanted."""
        while True:
            revision = await self._revision()
            if revision is not None and wanted(revision):
                return
            await asyncio.sleep(EVERY_S)

    async def _revision(self) -> int | None:
        """Return the revision that live shows, or None when it does not answer."""
        try:
            async with self._session.get(f"http://127.0.0.1:{self._stack.live_port}/v1/events/{self._event}") as answer:
                return int(answer.headers["X-Revision"]) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def _push_until_accepted(self) -> int:
        """Push the next read until it is accepted, and return the revision after it."""
        self._seq += 1
        read = msgspec.structs.replace(next(self._reads), seq=self._seq)
        body = msgspec.json.encode({"gateway": "probe", "session": "recovery", "reads": [read]})
        headers = {"Authorization": f"Bearer {self._stack.good_token}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self._stack.ingest_port}/v1/events/{self._event}/reads"
        while True:
            try:
                async with self._session.post(url, data=body, headers=headers) as answer:
                    if answer.status == 200:
                        return int((await answer.json())["revision"])
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(EVERY_S)

    async def _keep_pushing(self) -> None:
        while True:
            await self._push_until_accepted()
            await asyncio.sleep(EVERY_S)
