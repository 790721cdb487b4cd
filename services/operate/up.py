"""`matline up`: run the whole stack on one machine, from one folder, until Ctrl-C.

The embedded Kafka starts first, then come its topics, then ingest, scoring and projections. The projections also serve
the live boards, because chDB allows only one process per path. This process only supervises.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct
from msgspec.structs import replace

from schemas.topics import PARTITIONS_DEFAULT
from services.operate import running_stack
from services.operate.embedded_kafka.node import check_again, prepare
from services.operate.supervise import Child, ChildSpec, Say, start_fault
from services.runtime import folder_lock, logs
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.topics_admin import check_topics, create_topics

_COLOURS = {"up": "1", "kafka": "35", "ingest": "36", "scoring": "33", "projections": "32", "live": "34"}
READY_S = 120.0  # for a cold start with a long log to fold
KAFKA_READY_S = 60.0
POLL_S = 0.1
DURABLE_HERE = {"flush.messages": "1"}  # an acknowledged read must survive a power cut


class Ports(Struct, frozen=True, kw_only=True):
    """The ports on which the parts listen on this machine."""

    live: int = 8700
    ingest: int = 8701
    scoring: int = 8702
    projections: int = 8703
    mylaps: int = 3097
    kafka: int = 9092
    controller: int = 9093


class UpSettings(Struct, frozen=True, kw_only=True):
    """The settings of `matline up`. If `kafka` or `clickhouse` is given, the embedded one is not started."""

    data: Path
    ports: Ports = Ports()
    kafka: str | None = None
    clickhouse: str | None = None
    sources: Path | None = None
    partitions: int = PARTITIONS_DEFAULT
    host: str = "127.0.0.1"
    log_format: logs.LogFormat = "text"


def main(settings: UpSettings, environment: Mapping[str, str]) -> int:
    """Run the stack with lines in the format that the environment names; return the exit code."""
    try:
        chosen = logs.log_format(environment)
    except StartFault as fault:
        say_in_colour("up", f"cannot start: {fault}")
        return 1
    return run(replace(settings, log_format=chosen), say_as_json if chosen == "json" else say_in_colour)


def run(settings: UpSettings, say: Say) -> int:
    """Run the stack until SIGINT or SIGTERM and return the exit code. `say` shows each line to a person."""
    try:
        lock = folder_lock.take(settings.data)
        try:
            asyncio.run(_up(settings, say))
        finally:
            running_stack.forget(settings.data)
            lock.release()
    except StartFault as fault:
        say("up", f"cannot start: {fault}")
        return 1
    except BaseExceptionGroup as group:
        fault_shown = start_fault(group)
        if fault_shown is None:
            raise
        say("up", str(fault_shown))
        return 1
    return 0


async def _up(settings: UpSettings, say: Say) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _check_ports(settings)
    children: list[Child] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(_stop_when(stop, children, say))
        try:
            await _start(settings, say, children, group, stop)
        except Exception:
            await _stop_all(children)
            raise


class _Stopped(Exception):
    """The stack was asked to stop while it was starting."""


async def _start(
    settings: UpSettings, say: Say, children: list[Child], group: asyncio.TaskGroup, stop: asyncio.Event
) -> None:
    def keep(spec: ChildSpec) -> Child:
        child = Child(spec, say)
        children.append(child)
        group.create_task(_guard(child, children))
        return child

    try:
        kafka = await _kafka(settings, say, keep, stop)
        for spec in _services(settings, kafka):
            keep(spec)
        await _ready(settings, stop)
        running_stack.note(settings.data, _client_variables(settings, kafka))
    except _Stopped:
        return
    say("up", _ready_line(settings, kafka))


async def _guard(child: Child, children: list[Child]) -> None:
    """Run a child; if it is given up, stop all others."""
    try:
        await child.run()
    except Exception:
        await _stop_all([other for other in children if other is not child])
        raise


async def _stop_when(stop: asyncio.Event, children: list[Child], say: Say) -> None:
    await stop.wait()
    say("up", "stopping")
    await _stop_all(children)
    say("up", "stopped")


async def _stop_all(children: list[Child]) -> None:
    """Stop the children in reverse order of their start, Kafka last."""
    for child in reversed(children):
        await child.stop()


async def _kafka(
    settings: UpSettings, say: Say, keep: Callable[[ChildSpec], Child], stop: asyncio.Event
) -> KafkaOptions:
    """Return the address of a Kafka with our topics: the given one, or the embedded one, which is started."""
    if settings.kafka is not None:
        options = kafka_options({**os.environ, "MATLINE_KAFKA": settings.kafka})
        try:
            await check_topics(options)
        except KafkaError as error:
            raise StartFault(kafka_fault(settings.kafka, error, "--kafka")) from None
        return options
    folder = _kafka_folder(settings)
    node = await asyncio.to_thread(
        prepare, folder, settings.ports.kafka, settings.ports.controller, lambda line: say("kafka", line)
    )
    keep(
        ChildSpec(
            name="kafka",
            command=node.command,
            environment=node.environment,
            before_start=lambda: check_again(folder),
        )
    )
    options = KafkaOptions(servers=node.servers)
    await _until(lambda: _accepts(settings.ports.kafka), KAFKA_READY_S, "the embedded Kafka", stop)
    counts = await _topics(options, settings.partitions, stop)
    if (existing := counts["race-log"]) != settings.partitions:
        raise StartFault(
            f"race-log has {existing} partitions, not {settings.partitions}; start with --partitions {existing}"
        )
    return options


async def _topics(kafka: KafkaOptions, partitions: int, stop: asyncio.Event) -> dict[str, int]:
    """Create what is missing of our topics on the embedded Kafka, and return the partitions of each.

    A broker that has just opened its port may still refuse requests, on a busy machine for seconds. Raises StartFault,
    _Stopped if asked to stop.
    """
    counts: dict[str, int] = {}

    async def created() -> bool:
        try:
            await create_topics(kafka, partitions, 1, DURABLE_HERE)
            counts.update(await check_topics(kafka))
        except KafkaError:
            return False
        return True

    await _until(created, KAFKA_READY_S, "the embedded Kafka", stop)
    return counts


def _services(settings: UpSettings, kafka: KafkaOptions) -> list[ChildSpec]:
    ports = settings.ports
    common = {
        "MATLINE_KAFKA": kafka.servers,
        "MATLINE_CLICKHOUSE": settings.clickhouse or _embedded(settings),
        "MATLINE_DATA": str(settings.data.absolute()),
        "MATLINE_HOST": settings.host,
        "MATLINE_LIVE_PORT": str(ports.live),
        "MATLINE_INGEST_PORT": str(ports.ingest),
        "MATLINE_SCORING_PORT": str(ports.scoring),
        "MATLINE_PROJECTIONS_PORT": str(ports.projections),
        "MATLINE_MYLAPS_PORT": str(ports.mylaps),
        "MATLINE_PARTITIONS": str(settings.partitions),
        "MATLINE_LOG_FORMAT": settings.log_format,
        "PYTHONUNBUFFERED": "1",
        # Only this machine reaches these ports, so certificates that are set for a server are not used.
        **dict.fromkeys(("MATLINE_TLS_CERT", "MATLINE_TLS_KEY", "MATLINE_TLS_CLIENT_CA"), ""),
        **({"MATLINE_SOURCES": str(settings.sources)} if settings.sources is not None else {}),
        "MATLINE_KAFKA_FOLDER": "" if settings.kafka is not None else str(_kafka_folder(settings).absolute()),
    }
    command = [sys.executable, "-m", "services.cli"]
    spare = [sys.executable, "-m", "services.commands.spare"]
    names = ["projections", "scoring", "ingest"]
    if settings.clickhouse is not None:  # a server takes a second client; without one, the projections serve the boards
        names.insert(1, "live")
    return [ChildSpec(name=name, command=[*command, name], environment=common, spare=[*spare, name]) for name in names]


def _kafka_folder(settings: UpSettings) -> Path:
    """Return the folder of the embedded Kafka."""
    return settings.data / "kafka"


def _embedded(settings: UpSettings) -> str:
    """Return the address of the embedded ClickHouse."""
    return f"chdb://{settings.data.absolute() / 'clickhouse'}"


def _client_variables(settings: UpSettings, kafka: KafkaOptions) -> dict[str, str]:
    """Return the variables by which commands on this machine find the parts of this stack; none has a secret."""
    ports, host = settings.ports, settings.host
    return {
        "MATLINE_DATA": str(settings.data.absolute()),
        "MATLINE_KAFKA": kafka.servers,
        "MATLINE_HOST": host,
        "MATLINE_LIVE": f"http://{host}:{ports.live}",
        "MATLINE_LIVE_PORT": str(ports.live),
        "MATLINE_INGEST_PORT": str(ports.ingest),
        "MATLINE_SCORING_PORT": str(ports.scoring),
        "MATLINE_PROJECTIONS_PORT": str(ports.projections),
        "MATLINE_PARTITIONS": str(settings.partitions),
        **({"MATLINE_CLICKHOUSE": _embedded(settings)} if settings.clickhouse is None else {}),
        **({"MATLINE_SOURCES": str(settings.sources.absolute())} if settings.sources is not None else {}),
    }


async def _ready(settings: UpSettings, stop: asyncio.Event) -> None:
    ports = settings.ports
    parts = {"projections": ports.projections, "scoring": ports.scoring, "ingest": ports.ingest, "live": ports.live}
    async with aiohttp.ClientSession() as session:
        for name, port in parts.items():
            address = f"http://{settings.host}:{port}/readyz"

            async def answers(address: str = address) -> bool:
                try:
                    async with session.get(address, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                        return answer.status == 200
                except (aiohttp.ClientError, TimeoutError):
                    return False

            await _until(answers, READY_S, f"{name} ({address})", stop)


async def _until(check: Callable[[], object], patience_s: float, what: str, stop: asyncio.Event) -> None:
    """Wait until `check` returns true. Raises StartFault after `patience_s`, _Stopped if asked to stop."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        reached = check()
        if asyncio.iscoroutine(reached):
            reached = await reached
        if reached:
            return
        if stop.is_set():
            raise _Stopped
        if loop.time() > end:
            raise StartFault(f"{what} is not ready after {patience_s:g} s; its lines above show the reason")
        await asyncio.sleep(POLL_S)


def _check_ports(settings: UpSettings) -> None:
    """Check that all ports are free before anything starts. Raises StartFault."""
    ports = settings.ports
    wanted = {"live": ports.live, "ingest": ports.ingest, "scoring": ports.scoring, "projections": ports.projections}
    wanted["mylaps"] = ports.mylaps
    if settings.kafka is None:
        wanted |= {"kafka": ports.kafka, "controller": ports.controller}
    for name, port in wanted.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host if name not in ("kafka", "controller") else "127.0.0.1", port))
            except OSError as error:
                raise StartFault(
                    f"port {port} for {name} cannot be opened ({error.strerror}); stop the program that uses it, or"
                    f" choose another by --{name}-port"
                ) from None


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def say_in_colour(name: str, line: str) -> None:
    """Print a line under the name of its process, in colour at a terminal; our own lines get the time."""
    shown = f"{name:>11} | "
    if name == "up":
        line = f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}"
    if sys.stdout.isatty():
        shown = f"\x1b[{_COLOURS.get(name, '37')}m{shown}\x1b[0m"
    _print(f"{shown}{line}")


def say_as_json(name: str, line: str) -> None:
    """Print a line as an object: that of a service as it is, others with the time and the name of their process."""
    if line.startswith("{"):
        _print(line)
        return
    made = {"time": datetime.now(UTC).isoformat(), "level": "INFO", "message": line, "service": name}
    _print(msgspec.json.encode(made).decode())


def _print(line: str) -> None:
    """Print a line; one that cannot be written, to a file on a full disk or a pipe that nobody reads, is lost."""
    with suppress(OSError):
        print(line, flush=True)


def _ready_line(settings: UpSettings, kafka: KafkaOptions) -> str:
    ports, host = settings.ports, settings.host
    return (
        f"ready: boards http://{host}:{ports.live}  ingest http://{host}:{ports.ingest}  MYLAPS {host}:{ports.mylaps}"
        f"  Kafka {kafka.servers}  data {settings.data}"
    )
