"""An upgrade in the middle of two races, in the order of docs/upgrade.md, and what senders and viewers saw of it."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

import races
from loadtest.chaos.checker import Verdict, judge
from loadtest.chaos.evidence import Evidence
from loadtest.chaos.line import Line
from loadtest.chaos.observed_race import collect, evidence_of, run_matline, send_race, stored_boards
from loadtest.chaos.servers import Servers, running_servers
from loadtest.simulation import Simulation, simulate
from loadtest.stack import StackAddresses, make_tokens
from loadtest.upgrade.gaps import Gaps, Step, after_the_race, gaps
from loadtest.upgrade.release import Release
from loadtest.upgrade.services import Place, Service, start
from schemas.definition_parse import definition_from_toml
from schemas.topics import PARTITIONS_DEFAULT

RACES = ("hanoi-half-2024", "vnexpress-nha-trang-2023")  # in different partitions, so that two workers score them
WORKERS = ("scoring-0", "scoring-1")
WARM_S = 20.0  # before the first step, and what a step is compared with
PUBLISH_EVERY_S = 15.0  # in the end each publication is asked for once more
AFTER_S = 12.0  # after each step, counted as a part of it; two releases run side by side meanwhile


class Outcome(Struct, frozen=True, kw_only=True):
    """A finished upgrade: the verdict on each race, the gaps of each step, and which steps came too late."""

    verdicts: list[Verdict]
    gaps: list[Gaps]
    late: list[str]


class Upgrade:
    """A stack of the old release, whose services are replaced by those of the new one. `steps` has what was done."""

    def __init__(
        self, place: Place, addresses: StackAddresses, old: Release, new: Release, ingest: Line, live: Line
    ) -> None:
        self.steps: list[Step] = []
        self._place = place
        self._addresses = addresses
        self._old = old
        self._new = new
        self._ingest = ingest
        self._live = live
        self._running: dict[str, Service] = {}

    async def start(self) -> None:
        """Start all services of the old release: two workers of scoring, and projections that wait if it has them."""
        await self._start_scoring_and_boards(self._old)
        await self._start(self._old, "ingest")
        self._ingest.to_port, self._live.to_port = self._running["ingest"].port, self._running["live"].port

    async def _start_scoring_and_boards(self, release: Release) -> None:
        await asyncio.gather(*(self._start(release, "scoring", worker) for worker in WORKERS))
        await self._start(release, "projections")
        if release.has_leases:
            await self._start(release, "projections", "waiting")
        await self._start(release, "live")

    async def _start(self, release: Release, name: str, as_name: str = "") -> None:
        worker = as_name if name == "scoring" else ""
        self._running[as_name or name] = await start(self._place, release, name, worker)

    async def replace_all(self) -> None:
        """Replace service after service, with some seconds between them."""
        async with self._step("nothing is done"):
            await asyncio.sleep(WARM_S)
        async with self._step("topics"):
            await self._run("topics", "create", f"--partitions={PARTITIONS_DEFAULT}", "--replication=1")
        for worker in WORKERS:
            async with self._step(worker):
                await self._running[worker].stop()
                await self._start(self._new, "scoring", worker)
        async with self._step("projections"):
            await self._replace_projections()
        async with self._step("live"):
            await self._replace_behind(self._live, self._new, "live")
        async with self._step("ingest"):
            await self._replace_behind(self._ingest, self._new, "ingest")

    async def take_back(self) -> None:
        """Start all services of the old release again: ingest first, the others on new tables."""
        async with self._step("ingest back"):
            await self._replace_behind(self._ingest, self._old, "ingest")
        async with self._step("all others back"):
            for name in [name for name in self._running if name != "ingest"]:
                await self._running.pop(name).stop()
            for worker in WORKERS:
                await asyncio.to_thread(shutil.rmtree, self._place.folder / worker / "snapshots", ignore_errors=True)
            await self._run("rebuild", f"--data={self._place.folder}", f"--clickhouse={self._place.clickhouse}")
            await self._start_scoring_and_boards(self._old)
            self._live.to_port = self._running["live"].port

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        began_s = time.monotonic()
        yield
        await asyncio.sleep(AFTER_S)
        self.steps.append(Step(name, began_s, time.monotonic()))

    async def _run(self, *words: str) -> None:
        code, said = await run_matline(self._addresses, *words)
        if code != 0:
            raise RuntimeError(f"matline {' '.join(words)}: {said.decode(errors='replace')}")

    async def _replace_projections(self) -> None:
        """Replace the ones that wait before those that write; without leases, end the old ones before the new start."""
        writing = self._running["projections"]
        if not self._old.has_leases:
            await writing.stop()
            await self._start(self._new, "projections")
            await self._start(self._new, "projections", "waiting")
            return
        await self._running["waiting"].stop()
        await self._start(self._new, "projections", "waiting")
        await writing.stop()
        await self._start(self._new, "projections")

    async def _replace_behind(self, line: Line, release: Release, name: str) -> None:
        """Start another process of a service, lead new connections there, and end the one that runs."""
        before = self._running[name]
        await self._start(release, name)
        line.to_port = self._running[name].port
        await before.stop()

    async def stop(self) -> None:
        """End everything that runs."""
        await asyncio.gather(*(service.stop() for service in self._running.values()))


async def run(old: Release, new: Release, size: int, seconds: float, back: bool) -> Outcome:
    """Upgrade, and go back if asked to, while two races of `size` entrants are sent over `seconds`.

    Raises RuntimeError, TimeoutError.
    """
    simulations = [simulate(definition_from_toml(races.definition_toml(name)), size, 1) for name in RACES]
    runs = [evidence_of(simulation) for simulation in simulations]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matline-upgrade-")))
        servers = await stack.enter_async_context(running_servers(folder, old.matline))
        place = Place(folder=folder, kafka=f"127.0.0.1:{servers.kafka.port}", clickhouse=servers.clickhouse)
        tokens = make_tokens(folder, old.matline)
        ingest, live = [await stack.enter_async_context(Line(0)) for _ in range(2)]
        addresses = StackAddresses(
            live_port=live.port,
            ingest_port=ingest.port,
            kafka_port=servers.kafka.port,
            good_token=tokens["good"],
            official_token=tokens["bench"],
        )
        upgrade = Upgrade(place, addresses, old, new, ingest, live)
        stack.push_async_callback(upgrade.stop)
        await upgrade.start()
        await _race(addresses, simulations, seconds, runs, upgrade, back)
        for simulation, evidence in zip(simulations, runs, strict=True):
            await collect(addresses, simulation.definition.event, evidence)
        await upgrade.stop()
        await _look_at_tables(servers, simulations, runs)
    return Outcome(
        verdicts=[judge(evidence) for evidence in runs],
        gaps=[gaps(step, runs) for step in upgrade.steps],
        late=after_the_race(upgrade.steps, runs),
    )


async def _race(
    addresses: StackAddresses,
    simulations: list[Simulation],
    seconds: float,
    runs: list[Evidence],
    upgrade: Upgrade,
    back: bool,
) -> None:
    async def replace() -> None:
        await upgrade.replace_all()
        if back:
            await upgrade.take_back()

    async with asyncio.TaskGroup() as group:
        for simulation, evidence in zip(simulations, runs, strict=True):
            meanwhile = replace() if evidence is runs[0] else asyncio.sleep(0.0)
            sending = send_race(
                addresses,
                addresses.ingest_port,
                simulation,
                seconds,
                evidence,
                meanwhile,
                publish_every_s=PUBLISH_EVERY_S,
            )
            group.create_task(sending)


async def _look_at_tables(servers: Servers, simulations: list[Simulation], runs: list[Evidence]) -> None:
    """Note what ClickHouse's tables have, once nothing has them open."""
    await servers.processes["clickhouse"].stop()
    for simulation, evidence in zip(simulations, runs, strict=True):
        evidence.stored_boards = await stored_boards(servers.engine, simulation.definition.event)
