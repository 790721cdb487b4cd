"""Measure a board of live beside a file with the same bytes from servers that do nothing but serve files.

All are asked by the same clients, one after the other, for the same time. The figure that counts is answers for a
second of the server's processor, with all its processes. The race goes on meanwhile: the board changes twice a second.
Granian sends a file in chunks, whose frames count as bytes of the body.
"""

import asyncio
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from msgspec import Struct

from loadtest.bench.alternative import ENVIRONMENT, require_alternatives
from loadtest.bench.caught_up import is_answered
from loadtest.bench.comparison import Measure, Measured
from loadtest.bench.half_race import HalfRace, pushing
from loadtest.bench.processor_time import with_children_s
from loadtest.stack import end, free_ports, running_stack
from loadtest.viewers.answers import longest_board
from loadtest.viewers.polls import Order, poll

ATHLETES = 1_500
ROWS = 30  # about 8 KB
ROUND_S = 3.0
PATH = "/files/board.json"
STARTED_S = 120.0
ENDED_S = 120.0
RATIO_MIN = 0.7
NGINX = """daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  sendfile on;
  open_file_cache max=10;
  client_body_temp_path {folder}/temporary;
  proxy_temp_path {folder}/temporary;
  fastcgi_temp_path {folder}/temporary;
  uwsgi_temp_path {folder}/temporary;
  scgi_temp_path {folder}/temporary;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


class Answers(Struct, frozen=True, kw_only=True):
    """How fast a server answered. `least` is how many answers it should give for a second of the processor."""

    name: str
    body_bytes: int
    per_processor_s: float
    per_s: float
    client_busy: float
    least: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it is as fast as it should be."""
        return self.per_processor_s >= self.least

    @property
    def case(self) -> str:
        """The size, which is the same for each."""
        return "a board or a file, of about 8 KB"

    @property
    def values(self) -> Mapping[str, float]:
        """The rates."""
        return {"answers a second of the processor": self.per_processor_s, "answers a second": self.per_s}

    def line(self) -> str:
        """Return one line for a person."""
        return (
            f"{self.name:<24} {self.body_bytes:,} bytes: {self.per_processor_s:,.0f} answers a second of the processor,"
            f" {self.per_s:,.0f} a second, clients {self.client_busy:.0%} busy  {'ok' if self.holds else 'TOO SLOW'}"
        )


@asynccontextmanager
async def boards_beside_files() -> AsyncIterator[Measure]:
    """Yield a measurement of live and of each server of files. It raises RuntimeError if one does not start."""
    require_alternatives()
    if shutil.which("nginx") is None:
        raise RuntimeError("nginx is missing: apt-get install nginx-light")
    spawn = multiprocessing.get_context("spawn")  # a fork would copy this process's event loop
    async with running_stack() as stack, HalfRace(stack, ATHLETES) as race:
        url = f"http://127.0.0.1:{stack.live_port}"
        path = f"/v1/events/{race.event}/boards/{await longest_board(url, race.event)}?limit={ROWS}"
        with tempfile.TemporaryDirectory(prefix="matline-files-") as folder, ProcessPoolExecutor(1, spawn) as pool:
            _write(folder + PATH, await _body(url + path))

            async def measure() -> AsyncIterator[Measured]:
                files = []
                for name, command in FILE_SERVERS.items():
                    async with _serving(command(folder, port := free_ports(1)[0]), port) as (server_url, process):
                        files.append(await _asked(name, server_url, PATH, process, pool))
                async with pushing(race, 1, 0.5):
                    board = await _asked("board of live", url, path, stack.process("projections"), pool)
                yield msgspec.structs.replace(board, least=RATIO_MIN * files[0].per_processor_s)
                for answers in files:
                    yield answers

            yield measure


def _aiohttp(folder: str, port: int) -> list[str]:
    return [sys.executable, "-m", "loadtest.alternatives.aiohttp_files", str(port), f"{folder}/files"]


def _granian(folder: str, port: int) -> list[str]:
    return [
        *(ENVIRONMENT, "-m", "granian", "--interface=asgi", "--host=127.0.0.1", f"--port={port}", "--no-ws"),
        *("--static-path-route=/files", f"--static-path-mount={folder}/files", "--log-level=error"),
        "loadtest.alternatives.no_pages:app",
    ]


def _nginx(folder: str, port: int) -> list[str]:
    configuration = Path(folder, "nginx.conf")
    configuration.write_text(NGINX.format(folder=folder, port=port))
    return ["nginx", "-e", "stderr", "-c", str(configuration)]


FILE_SERVERS: dict[str, Callable[[str, int], list[str]]] = {
    "file of aiohttp": _aiohttp,
    "file of Granian": _granian,
    "file of nginx": _nginx,
}
"""The commands that serve a folder on a port; live is judged by the first."""


def _write(file: str, data: bytes) -> None:
    Path(file).parent.mkdir()
    Path(file).write_bytes(data)


async def _body(url: str) -> bytes:
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url) as answer:
        return await answer.read()


async def _asked(name: str, url: str, path: str, process: int, pool: Executor) -> Answers:
    """Return how fast a server answers. Raises RuntimeError if an answer is not 200."""
    before_s = with_children_s(process)
    report = await poll(Order(url=url, path=path, coding="identity", seconds=ROUND_S), pool, 1)
    used_s = with_children_s(process) - before_s
    if set(report.statuses) != {200}:
        raise RuntimeError(f"{name} answered with these statuses: {report.statuses}")
    return Answers(
        name=name,
        body_bytes=report.body_bytes // report.answers,
        per_processor_s=report.answers / used_s,
        per_s=report.per_s,
        client_busy=report.client_busy,
    )


@asynccontextmanager
async def _serving(command: Sequence[str], port: int) -> AsyncIterator[tuple[str, int]]:
    """Run a server, wait until it serves the file, and yield its address and process. Raises RuntimeError."""
    url = f"http://127.0.0.1:{port}"
    server = await asyncio.create_subprocess_exec(*command)
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(STARTED_S):
            while not await is_answered(session, url + PATH):
                if server.returncode is not None:
                    raise RuntimeError(f"{command[0]} ended with {server.returncode}")
                await asyncio.sleep(0.1)
        yield url, server.pid
    finally:
        await end(server, ENDED_S)
