"""Single services of a release as processes on ports of their own, as `deploy/` runs them."""

import asyncio
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import aiohttp
from msgspec import Struct

from loadtest.stack import WITH_US, end, free_ports
from loadtest.upgrade.release import Release
from schemas.topics import PARTITIONS_DEFAULT

READY_S = 300.0
END_S = 120.0
POLL_S = 0.1
_PORTS = {
    "ingest": ("MATLINE_INGEST_PORT", "MATLINE_MYLAPS_PORT"),
    "scoring": ("MATLINE_SCORING_PORT",),
    "projections": ("MATLINE_PROJECTIONS_PORT",),
    "live": ("MATLINE_LIVE_PORT",),
}


class Place(Struct, frozen=True, kw_only=True):
    """What all services share: a folder with the tokens, and where Kafka and ClickHouse are."""

    folder: Path
    kafka: str
    clickhouse: str


class Service(Struct, frozen=True, kw_only=True):
    """A running service: the port of its HTTP, its process, and the file with what it prints."""

    name: str
    port: int
    process: asyncio.subprocess.Process
    output: Path

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        await end(self.process, END_S)


async def start(place: Place, release: Release, name: str, worker: str = "") -> Service:
    """Start a service of a release and wait until it is ready.

    `worker` is the name of a worker of scoring, which keeps a folder of its own. Raises RuntimeError, TimeoutError.
    """
    ports = free_ports(len(_PORTS[name]))
    output = place.folder / f"{name}-{ports[0]}.log"
    environment = {
        **os.environ,
        "MATLINE_KAFKA": place.kafka,
        "MATLINE_CLICKHOUSE": place.clickhouse,
        "MATLINE_TOKENS": str(place.folder / "tokens.json"),
        "MATLINE_DATA": str(place.folder / (worker or f"{name}-{ports[0]}")),
        "MATLINE_WORKER": worker,
        "MATLINE_PARTITIONS": str(PARTITIONS_DEFAULT),
        **{variable: str(port) for variable, port in zip(_PORTS[name], ports, strict=True)},
    }
    with output.open("wb") as printed:
        process = await asyncio.create_subprocess_exec(
            *(*WITH_US, str(os.getpid()), *release.matline, name),
            cwd=release.folder,  # what it starts itself is of its own release
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    service = Service(name=name, port=ports[0], process=process, output=output)
    await _ready(service)
    return service


async def _ready(service: Service) -> None:
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
        while True:
            if service.process.returncode is not None:
                said = "\n".join(service.output.read_text(errors="replace").splitlines()[-15:])
                raise RuntimeError(f"{service.name} ended instead of becoming ready:\n{said}")
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{service.port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(POLL_S)
