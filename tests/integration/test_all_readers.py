"""One race read by readers of every protocol at once, on a stack as a user starts it, with everything going wrong.

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
from msgspec.structs import replace

import races
from loadtest.devices.registry import SIMULATED_PROTOCOLS
from loadtest.devices.trouble import Trouble
from loadtest.driver import Target
from loadtest.mats import Mats, Spoken, as_equipped, play_day, steps_ms, with_codes
from loadtest.simulation import simulate
from schemas import codec
from schemas.definition import Definition, Mat, Point
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
from tests.integration.mosquitto import Mosquitto
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
    "15k": "impinj_mqtt",
    "half": "raceresult",
    "30k": "llrp",
    "35k": "zebra_mqtt",
    "finish": "ubidium",
    "3k": "wiclax",
    "13k": "jchip",
    "17k": "p3",
    "25k": "impinj",
    "28k": "impinj_stream",
    "33k": "zebra",
    "38k": "raceresult_http",
}
MORE_MATS_KM = {"3k": 3.0, "13k": 13.0, "17k": 17.0, "25k": 25.0, "28k": 28.0, "33k": 33.0, "38k": 38.0}
"""Mats of the longest race that it does not have, so that each protocol has a mat."""
UNACKNOWLEDGED = ("llrp", "jchip", "impinj_stream")
"""Protocols in which a reader forgets what it has sent."""


def with_more_mats(definition: Definition) -> Definition:
    """The definition with MORE_MATS_KM along its longest race."""
    longest = max(definition.races, key=lambda race: race.points[-1].km)
    points = [Point(id=mat.upper(), mat=mat, km=km) for mat, km in MORE_MATS_KM.items()]
    course = sorted([*longest.points, *points], key=lambda point: point.km)
    return replace(
        definition,
        mats=[*definition.mats, *(Mat(id=mat, devices=[f"{mat.upper()}-A"]) for mat in MORE_MATS_KM)],
        races=[replace(race, points=course) if race is longest else race for race in definition.races],
    )


def trouble(spoken: Spoken) -> Trouble:
    """What goes wrong on a line. LLRP's and HTTP's messages say their lengths, so that rubbish there ends a connection,
    and what the reader has said behind it is nowhere: they have none.
    """
    if spoken == "mylaps":  # its frames carry many reads each
        return Trouble(SEED, cut=0.02, repeat=0.05, garbage=0.02, split=0.2, end=b"$")
    if spoken in ("llrp", "ubidium"):
        return Trouble(SEED, cut=0.01, split=0.2)
    # Few runners pass the mats of these:
    if spoken == "impinj_stream":
        return Trouble(SEED, cut=0.05, split=0.2)
    if spoken in ("wiclax", "jchip"):
        return Trouble(SEED, cut=0.05, split=0.2, end=b"\r")
    if spoken in ("impinj", "zebra", "raceresult_http"):
        return Trouble(SEED, cut=0.3, repeat=0.3, split=0.05)
    return Trouble(SEED, cut=0.004, repeat=0.02, garbage=0.005, split=0.2)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Yield a stack that is not started yet; stop it after the test in any case."""
    names = ("live", "ingest", "scoring", "projections", "mylaps", "kafka", "controller")
    made = Stack(fresh_folder(tmp_path / "data"), Ports(**{name: free_port() for name in names}), print)
    yield made
    await made.stop()


class Faults:
    """Ingest killed, Kafka stopped and the MQTT broker started anew, each at a share of the day's reads."""

    def __init__(self, stack: Stack, mosquitto: Mosquitto, mats: Mats, total: int) -> None:
        self._stack = stack
        self._mosquitto = mosquitto
        self._mats = mats
        self._total = total
        self._sent_before: dict[Spoken, int] = dict.fromkeys(UNACKNOWLEDGED, 0)
        self._killed: set[int] = set()
        self.seen = 0
        self.done: list[str] = []

    async def run(self) -> None:
        faults = (self._kill_ingest, self._stop_broker, self._restart_mosquitto, self._kill_ingest)
        for share, fault in zip((0.25, 0.5, 0.6, 0.75), faults, strict=True):
            while self.seen < share * self._total:
                await asyncio.sleep(0.02)
            await fault()

    async def _stop_broker(self) -> None:
        os.kill(self._stack.processes["kafka"], signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        os.kill(self._stack.processes["kafka"], signal.SIGCONT)
        self.done.append("broker stopped")

    async def _restart_mosquitto(self) -> None:
        await self._mosquitto.stop()
        await self._mosquitto.start()
        self.done.append("MQTT broker restarted")

    async def _kill_ingest(self) -> None:
        """kill -9, while the readers of UNACKNOWLEDGED are between two runners.

        Nobody acknowledges what they report: of what is between such a reader's socket and our disk at the instant of a
        kill the protocol has no second copy. What is in the journal, or kept by the reader while we are away, stays.
        """
        players: list[Any] = [player for player in self._mats.players if player.spoken in UNACKNOWLEDGED]
        for player in players:
            player.free.clear()
        await asyncio.sleep(0.1)  # a player that has passed the gate sends what it holds
        while any([await self._logged(spoken) < self._sent(spoken) for spoken in UNACKNOWLEDGED]):
            await asyncio.sleep(0.05)
        self._sent_before = {spoken: self._handed_over(spoken) for spoken in UNACKNOWLEDGED}
        process = self._stack.processes["ingest"]
        os.kill(process, signal.SIGKILL)
        while is_alive(process) or any(player.line.connected for player in players):
            await asyncio.sleep(0.005)
        for player in players:
            player.free.set()
        while self._stack.processes["ingest"] == process:
            await asyncio.sleep(0.02)
        self.done.append("ingest killed")

    def _handed_over(self, spoken: Spoken) -> int:
        return sum(player.sent for player in self._mats.players if player.spoken == spoken)

    def _sent(self, spoken: Spoken) -> int:
        """Return how many reads of a protocol's readers were sent to this ingest."""
        return self._handed_over(spoken) - self._sent_before[spoken]

    async def _logged(self, spoken: Spoken) -> int:
        """Return how many reads of a protocol's readers this ingest has on the log."""
        counted = f'reads_total{{source="{spoken}"}}'
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._stack.ingest}/metrics") as answer:
                counters = [line for line in (await answer.text()).splitlines() if counted in line]
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


async def test_all_protocols_at_once_end_in_the_standings_of_http_whatever_goes_wrong(
    stack: Stack, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    definition = as_equipped(with_more_mats(definition_from_toml(races.definition_toml("tien-phong-2024"))), PROTOCOLS)
    simulation = with_codes(simulate(definition, SIZE, SEED, steps_ms=steps_ms(PROTOCOLS)), PROTOCOLS)
    event = simulation.definition.event
    sent = {(read.device, read.chip, read.at_us) for read in as_read(simulation, PROTOCOLS)}
    reads = simulation.reads
    seconds = (reads.time_ms(reads.packed[-1]) - reads.time_ms(reads.packed[0])) / 1000
    rng = random.Random()
    positions: dict[Spoken, tuple[str, int]] = {
        spoken: ("127.0.0.1", stack.ports.ingest if device.posts else mosquitto.port if device.broker else 0)
        for spoken, device in SIMULATED_PROTOCOLS.items()
    }
    positions |= {
        "mylaps": ("127.0.0.1", stack.ports.mylaps),
        "chronotrack": ("127.0.0.1", free_port()),
        "jchip": ("127.0.0.1", free_port()),
        "ipico": (f"127.{rng.randrange(1, 255)}.{rng.randrange(255)}.1", 0),  # its ports are its own: so is its host
    }
    assert set(PROTOCOLS.values()) == set(SIMULATED_PROTOCOLS)
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
        faults = Faults(stack, mosquitto, mats, len(reads))
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
    assert faults.done == ["ingest killed", "broker stopped", "MQTT broker restarted", "ingest killed"]
    assert set(logged) == sent
    assert differences(simulation, document) == []
    assert equal_parts(document) == equal_parts(expected)
    assert against_truth(Screen(), served, simulation.truth)
    assert served["boards"] == expected["boards"]
    assert served["team_boards"] == expected["team_boards"]
