"""Troubles of the stack and of those who send to it, each a context that plants it and mends it when it is left."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import aiohttp
from msgspec import Struct

from loadtest.chaos.injection import poison
from loadtest.devices.mylaps import Exporter
from loadtest.drill.prometheus import Prometheus
from loadtest.raw_reads import RawRead
from loadtest.stack import RunningStack

EVENT = "drill"
ZONE = "Asia/Ho_Chi_Minh"
WRONG_ZONE = "Europe/London"
BAD_EVERY_S = 0.2
CHIP = "AB00001"  # of all reads that can be used
PLACES = ("2K5-A", "2K5-B")  # of the two readers
SERVICES = ("ingest", "scoring", "projections", "live")


class Scene(Struct, frozen=True):
    """A running stack, the Prometheus that watches it, and two connected readers, of which one is set up wrongly.

    `reader_port` is where ingest awaits the right one; `spare_port` is free.
    """

    stack: RunningStack
    prometheus: Prometheus
    reader: Exporter
    wrong_zone_reader: Exporter
    reader_port: int
    spare_port: int

    def targets(self) -> dict[str, int]:
        """Return the ports of the stack's services by their names."""
        return {name: getattr(self.stack, f"{name}_port") for name in SERVICES}


Plant = Callable[[Scene], AbstractAsyncContextManager[None]]


class Trouble(Struct, frozen=True, kw_only=True):
    """A trouble, the alerts that it has to raise, and how to plant it. `ends`: its alerts end soon after it is mended,
    and not only once it is out of the window over which they count. `patience_s` is how long to wait for them.
    """

    name: str
    alerts: frozenset[str]
    plant: Plant
    ends: bool
    patience_s: float


def stopped(part: str) -> Plant:
    """Return how to stop a part of the stack without ending it, as a machine does that is overloaded."""

    @asynccontextmanager
    async def plant(scene: Scene) -> AsyncIterator[None]:
        process = scene.stack.process(part)
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    return plant


def killed(part: str) -> Plant:
    """Return how to kill a part of the stack, which its supervisor starts again."""

    @asynccontextmanager
    async def plant(scene: Scene) -> AsyncIterator[None]:
        os.kill(scene.stack.process(part), signal.SIGKILL)
        yield

    return plant


@asynccontextmanager
async def not_found(scene: Scene) -> AsyncIterator[None]:
    """Have Prometheus find no scoring any more, as when its pod is gone."""
    targets = scene.targets()
    scene.prometheus.scrape({name: port for name, port in targets.items() if name != "scoring"})
    try:
        yield
    finally:
        scene.prometheus.scrape(targets)


@asynccontextmanager
async def no_room(scene: Scene) -> AsyncIterator[None]:
    """Have one more ingest, on a disk without room: /proc says that it has none."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.operate.child", str(os.getpid()), sys.executable, "-m", "services.cli"),
        "ingest",
        env={
            **os.environ,
            "MATLINE_KAFKA": f"127.0.0.1:{scene.stack.kafka_port}",
            "MATLINE_DATA": "/proc/no-room",
            "MATLINE_INGEST_PORT": str(scene.spare_port),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    scene.prometheus.scrape({**scene.targets(), "small": scene.spare_port})
    try:
        yield
    finally:
        scene.prometheus.scrape(scene.targets())
        process.terminate()
        await process.wait()


# --- Senders.


def repeated(path: str, token: str | None, body: Callable[[int], Any]) -> Plant:
    """Return how to post to an address of the event again and again; `token` is the field of the stack's token."""

    @asynccontextmanager
    async def plant(scene: Scene) -> AsyncIterator[None]:
        url = f"http://127.0.0.1:{scene.stack.ingest_port}/v1/events/{EVENT}/{path}"
        bearer = "not-a-token" if token is None else getattr(scene.stack, token)

        async def post() -> None:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {bearer}"}) as session:
                number = 0
                while True:
                    number += 1
                    with suppress(aiohttp.ClientError):  # ingest may be what has the trouble
                        async with session.post(url, json=body(number)) as answer:
                            await answer.read()
                    await asyncio.sleep(BAD_EVERY_S)

        posting = asyncio.create_task(post())
        try:
            yield
        finally:
            posting.cancel()
            with suppress(asyncio.CancelledError):
                await posting

    return plant


def _reads(gateway: str, *reads: dict[str, Any]) -> dict[str, Any]:
    return {"gateway": gateway, "session": "drill", "reads": list(reads)}


def _read(number: int, chip: str = CHIP) -> dict[str, Any]:
    return {"seq": number, "device": "LINE-A", "chip": chip, "at_us": time.time_ns() // 1000}


def steady(number: int) -> dict[str, Any]:
    """Return a request as it ought to be, with one read."""
    return _reads("steady", _read(number))


def garbage(number: int) -> dict[str, Any]:
    """Return a request with a read that nobody can use."""
    return _reads("garbage", _read(number, chip="X" * 99))


def very_much_garbage(number: int) -> dict[str, Any]:
    """Return a request that uses up a good part of what one sender may have as dead letters."""
    return _reads("flood", *(_read(number * 4_000 + nth, chip="X" * 99) for nth in range(4_000)))


def with_gap(number: int) -> dict[str, Any]:
    """Return a request whose numbers leave one out each time."""
    return _reads("gaps", _read(2 * number))


def unreadable(topic: str, kind: Any, times: int) -> Plant:
    """Return how to write records that no service can read."""

    @asynccontextmanager
    async def plant(scene: Scene) -> AsyncIterator[None]:
        for _ in range(times):
            await poison(scene.stack, EVENT, topic, kind)
        yield

    return plant


# --- Readers by TCP.


def sources(reader_port: int, wrong_zone_port: int) -> str:
    """Return the file of readers: one as it ought to be, and one with a zone that is not its own."""
    return "".join(
        f'[[sources]]\nprotocol = "mylaps"\naddress = "127.0.0.1:{port}"\nevent = "{EVENT}"\ngateway = "{gateway}"\n'
        f'zone = "{zone}"\ndevices = {{ "{place}" = "{place}" }}\n'
        for gateway, port, zone, place in (
            ("tent", reader_port, ZONE, PLACES[0]),
            ("wrong-zone", wrong_zone_port, WRONG_ZONE, PLACES[1]),
        )
    )


@asynccontextmanager
async def reader_away(scene: Scene) -> AsyncIterator[None]:
    """Hang up as a reader does whose cable is pulled."""
    await scene.reader.__aexit__()
    try:
        yield
    finally:
        await scene.reader.__aenter__()


@asynccontextmanager
async def zone_wrong(scene: Scene) -> AsyncIterator[None]:
    """Send a read of now from a reader that is set up with another zone than its own."""
    await scene.wrong_zone_reader.send([RawRead(1, PLACES[1], CHIP, time.time_ns() // 1000, -50.0)])
    await scene.wrong_zone_reader.finish()
    yield


@asynccontextmanager
async def config_faulty(scene: Scene) -> AsyncIterator[None]:
    """Misspell a protocol in the file of readers."""
    path = scene.stack.data / "matline.toml"
    text = path.read_text()
    path.write_text(text.replace('"mylaps"', '"mylapse"'))
    try:
        yield
    finally:
        path.write_text(text)


@asynccontextmanager
async def port_taken(scene: Scene) -> AsyncIterator[None]:
    """Set up one more reader, on a port that another program has."""
    path = scene.stack.data / "matline.toml"
    text = path.read_text()
    source = text.split("[[sources]]")[1].replace('"tent"', '"taken"')
    source = source.replace(f":{scene.reader_port}", f":{scene.spare_port}")
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", scene.spare_port)
    path.write_text(f"{text}[[sources]]{source}")
    try:
        yield
    finally:
        path.write_text(text)
        taken.close()


def _trouble(name: str, alerts: set[str], plant: Plant, ends: bool = True, patience_s: float = 240.0) -> Trouble:
    return Trouble(name=name, alerts=frozenset(alerts), plant=plant, ends=ends, patience_s=patience_s)


TROUBLES = (
    _trouble("ingest killed, and started again", set(), killed("ingest")),
    _trouble("scoring killed, and started again", set(), killed("scoring")),
    _trouble("ingest does not answer", {"ReaderAway", "ServiceDown"}, stopped("ingest")),
    _trouble("scoring does not answer", {"BoardsBehind", "PartitionUnscored", "ServiceDown"}, stopped("scoring")),
    _trouble("projections and live do not answer", {"ServiceDown"}, stopped("projections")),
    _trouble("no scoring to be found", {"PartitionUnscored", "ServiceMissing"}, not_found),
    _trouble("Kafka does not answer", {"KafkaDown"}, stopped("kafka")),
    _trouble("a disk without room", {"DiskFull"}, no_room),
    _trouble("a reader's cable pulled", {"ReaderAway"}, reader_away),
    _trouble("a reader's zone is wrong", {"WrongZone"}, zone_wrong, ends=False),
    _trouble("a reader's port is taken", {"ReaderFails"}, port_taken, ends=False),
    _trouble("the file of readers is faulty", {"ConfigFaulty"}, config_faulty),
    _trouble("a gateway sends garbage", {"ManyRejected"}, repeated("reads", "good_token", garbage), ends=False),
    _trouble(
        "a sender's dead letters have no end",
        {"ManyRejected", "SenderHalted"},
        repeated("reads", "good_token", very_much_garbage),
        ends=False,
    ),
    _trouble("a token is wrong", {"TokenRefused"}, repeated("reads", None, garbage), ends=False),
    _trouble("the log has records of no kind", {"LogRejected"}, unreadable("race-log", "cut", 60), ends=False),
    _trouble("a result cannot be read", {"ResultsUnreadable"}, unreadable("results", "cut", 1), ends=False),
    _trouble(
        "numbers of a session are left out",
        {"ReadsMissing"},
        repeated("reads", "good_token", with_gap),
        ends=False,
        patience_s=720.0,  # of which the alert waits ten minutes
    ),
)
