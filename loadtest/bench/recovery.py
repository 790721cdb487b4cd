"""Measure how soon a stack works again after kill -9 in the middle of a race.

A gateway goes on to push single reads, one after the other, and a client goes on to ask for the event. Three waits
count from the kill: until ingest accepts a read, until live answers, and until live shows a revision with a read that
was accepted after the kill.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct, field

from loadtest.bench.half_race import HalfRace
from loadtest.stack import RunningStack

KILLED = (("ingest",), ("projections",), ("scoring",), ("kafka",), ("ingest", "scoring", "projections"))
HEALTHY_S = 60.0  # `matline up` starts a process that ran for longer again at once, as it would in a race
LIMITS_S = {"accepted": 2.0, "answered": 5.0, "moving": 5.0}
LARGE = 20_000  # athletes of a race that may take longer
LARGE_LIMITS_S = {"accepted": 2.0, "answered": 10.0, "moving": 15.0}
EVERY_S = 0.02  # between two reads
BACK_S = 120.0
QUIET_S = 5.0  # between two faults, for the stack to be caught up again


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
    def case(self) -> str:
        """How large the race is."""
        return f"kill -9 in a race of {self.athletes:,}"

    @property
    def values(self) -> Mapping[str, float]:
        """The waits."""
        return {f"{what}, s": self.waits_s[what] for what in self.limits_s}

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
    async with HalfRace(stack, athletes) as race:
        killed_s = dict.fromkeys((name for names in killed for name in names), time.monotonic())
        for names in killed:
            healthy_s = time.monotonic() - max(killed_s[name] for name in names)
            await asyncio.sleep(max(QUIET_S, HEALTHY_S + QUIET_S - healthy_s))
            killed_s.update(dict.fromkeys(names, time.monotonic()))
            yield await _killed(stack, race, names, athletes)


async def _killed(stack: RunningStack, race: HalfRace, names: tuple[str, ...], athletes: int) -> Recovery:
    """Kill processes of the stack and return how it came back. Raises TimeoutError."""
    recovery = Recovery(killed=names, athletes=athletes)
    for name in names:
        os.kill(stack.process(name), signal.SIGKILL)
    began_s = time.monotonic()

    async def answered() -> None:
        await race.shown(0, BACK_S)
        recovery.waits_s["answered"] = time.monotonic() - began_s

    async with asyncio.timeout(BACK_S), asyncio.TaskGroup() as group:
        group.create_task(answered())
        accepted = await race.push()
        recovery.waits_s["accepted"] = time.monotonic() - began_s
        pushing = group.create_task(_keep_pushing(race))
        await race.shown(accepted, BACK_S)
        recovery.waits_s["moving"] = time.monotonic() - began_s
        pushing.cancel()
    return recovery


async def _keep_pushing(race: HalfRace) -> None:
    while True:
        await race.push()
        await asyncio.sleep(EVERY_S)
