"""One race read by readers of six protocols at once, on a stack as a user starts it, with everything going wrong.

Readers cut their connections, send frames in pieces, twice and with rubbish between; ingest is killed twice and the
broker stands still for a while. All of it ends in the standings that the same reads give over HTTP, and in the truth.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import races
from loadtest.devices.trouble import Trouble
from loadtest.driver import Target
from loadtest.mats import Mats, Spoken, play_day, steps_ms, with_codes
from loadtest.simulation import simulate
from schemas import codec
from schemas.definition_parse import definition_from_toml
from schemas.events import ReadsLogged, ReadsReceived
from services.demo.latency import Watcher
from services.demo.run import against_truth, caught_up
from services.demo.show import Screen
from services.demo.stack import Stack, free_port, fresh_folder
from services.offline.scored_log import score_lines
from services.operate.export_log import lines
from services.operate.up import Ports
from services.runtime.kafka import KafkaOptions
from tests.integration.processes import is_alive
from tests.loadtest.scored import as_read, differences, equal_parts, over_http

SEED = 11
SIZE = 120
PLAYED_S = 30.0  # the day takes so long
STOPPED_S = 10.0
WAIT_S = 90.0  # for a hang only
PROTOCOLS: dict[str, Spoken] = {
    "start": "mylaps",
    "2k5": "ipico",
    "5k": "chronotrack",
    "10k": "ultra",
    "15k": "llrp",
    "half": "raceresult",
    "30k": "llrp",
    "35k": "ultra",
    "finish": "raceresult",
}


def trouble(spoken: Spoken) -> Trouble:
    """What goes wrong on a line. LLRP's messages say their lengths, so that rubbish there ends a connection, and what
    the reader has said behind it is nowhere: it has none.
    """
    if spoken == "mylaps":  # its frames carry many reads each
        return Trouble(SEED, cut=0.02, repeat=0.05, garbage=0.02, split=0.2, end=b"$")
    if spoken == "llrp":
        return Trouble(SEED, cut=0.01, split=0.2)
    return Trouble(SEED, cut=0.004, repeat=0.02, garbage=0.005, split=0.2)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Yield a stack that is not started yet; stop it after the test in any case."""
    names = ("live", "ingest", "scoring", "projections", "mylaps", "kafka", "controller")
    made = Stack(fresh_folder(tmp_path / "data"), Ports(**{name: free_port() for name in names}), print)
    yield made
    await made.stop()


class Faults:
    """Ingest killed and the broker stopped, each at a share of the day's reads."""

    def __init__(self, stack: Stack, mats: Mats, total: int) -> None:
        self._stack = stack
        self._mats = mats
        self._total = total
        self._llrp_before = 0
        self._killed: set[int] = set()
        self.seen = 0
        self.done: list[str] = []

    async def run(self) -> None:
        for share, fault in ((0.25, self._kill_ingest), (0.5, self._stop_broker), (0.75, self._kill_ingest)):
            while self.seen < share * self._total:
                await asyncio.sleep(0.02)
            await fault()

    async def _stop_broker(self) -> None:
        os.kill(self._stack.processes["kafka"], signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        os.kill(self._stack.processes["kafka"], signal.SIGCONT)
        self.done.append("broker stopped")

    async def _kill_ingest(self) -> None:
        """kill -9, while the LLRP readers are between two runners.

        Nobody acknowledges an LLRP report: of what is between a reader's socket and our disk at the instant of a kill
        the protocol has no second copy. Whatever is in the journal, or held by the reader while we are away, is kept.
        """
        players: list[Any] = [player for player in self._mats.players if player.spoken == "llrp"]
        for player in players:
            player.free.clear()
        devices = [player.line.device for player in players]
        sent = sum(len(device.reads) for device in devices)
        while any(device.waiting() for device in devices) or await self._llrp_logged() < sent - self._llrp_before:
            await asyncio.sleep(0.02)
            sent = sum(len(device.reads) for device in devices)
        self._llrp_before = sent
        process = self._stack.processes["ingest"]
        os.kill(process, signal.SIGKILL)
        while is_alive(process) or any(device.connected for device in devices):
            await asyncio.sleep(0.005)
        for player in players:
            player.free.set()
        while self._stack.processes["ingest"] == process:
            await asyncio.sleep(0.02)
        self.done.append("ingest killed")

    async def _llrp_logged(self) -> int:
        """Return how many reads of LLRP readers this ingest has on the log."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._stack.ingest}/metrics") as answer:
                counters = [line for line in (await answer.text()).splitlines() if 'reads_total{source="llrp"}' in line]
        except aiohttp.ClientError:
            return -1
        return int(float(counters[0].split()[-1])) if counters else 0


async def _log(stack: Stack, event: str) -> list[bytes]:
    return [line async for line in lines(event, KafkaOptions(servers=stack.kafka))]


def _reads(log: list[bytes]) -> Counter[tuple[str, str, int]]:
    facts = [codec.line_from_json(line)[1] for line in log]
    return Counter(
        (read.device, read.chip, read.at_us)
        for fact in facts
        if isinstance(fact, ReadsReceived | ReadsLogged)
        for read in fact.reads
    )


async def test_six_protocols_at_once_end_in_the_standings_of_http_whatever_goes_wrong(
    stack: Stack, tmp_path: Path
) -> None:
    definition = definition_from_toml(races.definition_toml("tien-phong-2024"))
    simulation = with_codes(simulate(definition, SIZE, SEED, steps_ms=steps_ms(PROTOCOLS)), PROTOCOLS)
    event = simulation.definition.event
    sent = {(read.device, read.chip, read.at_us) for read in as_read(simulation, PROTOCOLS)}
    reads = simulation.reads
    seconds = (reads.time_ms(reads.packed[-1]) - reads.time_ms(reads.packed[0])) / 1000
    rng = random.Random()
    positions = {
        "mylaps": ("127.0.0.1", stack.ports.mylaps),
        "chronotrack": ("127.0.0.1", free_port()),
        "ipico": (f"127.{rng.randrange(1, 255)}.{rng.randrange(255)}.1", 0),  # its ports are its own: so is its host
        "raceresult": ("127.0.0.1", 0),
        "ultra": ("127.0.0.1", 0),
        "llrp": ("127.0.0.1", 0),
    }
    troubles: dict[Spoken, list[Trouble]] = {}

    def kept(spoken: Spoken) -> Trouble:
        troubles.setdefault(spoken, []).append(trouble(spoken))
        return troubles[spoken][-1]

    async with Mats(simulation, PROTOCOLS, positions, kept) as mats, asyncio.timeout(2 * WAIT_S):
        sources = tmp_path / "matline.toml"
        sources.write_text(mats.sources_toml())
        await stack.start(sources)
        watcher = Watcher(stack.live, event)
        watching = asyncio.create_task(watcher.run())
        await mats.connected()
        faults = Faults(stack, mats, len(reads))
        failing = asyncio.create_task(faults.run())

        def progress(seen: int) -> None:
            faults.seen = seen

        await play_day(simulation, mats, Target(url=stack.ingest), seconds / PLAYED_S, progress)
        await failing
        for happened in (trouble for some in troubles.values() for trouble in some):
            happened.calm()
        await mats.all_sent()
        log = await _log(stack, event)
        try:
            async with asyncio.timeout(WAIT_S):
                while not sent <= set(_reads(log)):
                    await asyncio.sleep(0.5)
                    log = await _log(stack, event)
        except TimeoutError:
            missing = sorted(sent - set(_reads(log)))
            raise AssertionError(f"{len(missing)} reads are not on the log; the first are {missing[:5]}") from None
        await caught_up(stack, event, watcher)
        watching.cancel()
        log = await _log(stack, event)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{stack.live}/v1/events/{event}/standings") as answer,
        ):
            served = await answer.json()
    logged = _reads(log)
    document, expected = score_lines(log), over_http(simulation, PROTOCOLS)
    for spoken, some in troubles.items():
        print(
            f"{spoken}: {sum(trouble.cuts for trouble in some)} connections cut,"
            f" {sum(trouble.repeats for trouble in some)} frames twice,"
            f" {sum(trouble.garbage for trouble in some)} times rubbish"
        )
    print(f"{', '.join(faults.done)}; {len(sent)} reads sent, {len(logged)} on the log in {logged.total()} rows")
    assert faults.done == ["ingest killed", "broker stopped", "ingest killed"]
    assert set(logged) == sent
    assert differences(simulation, document) == []
    assert equal_parts(document) == equal_parts(expected)
    assert against_truth(Screen(), served, simulation.truth)
    assert served["boards"] == expected["boards"]
    assert served["team_boards"] == expected["team_boards"]
