"""Attacks on an ingest from outside, and a good gateway whose reads have to get through all the same.

Each attack is a process of its own, `python -m loadtest.attack KIND HOST PORT PATH TOKEN`. It prints `ready` once it is
under way, continues until its standard input ends, and then prints as JSON how ingest answered. TOKEN belongs to a
gateway that may push reads there and has become hostile; attacks that need no token do without it.
"""

import asyncio
import gzip
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import Final

import aiohttp
import msgspec
import zstandard
from msgspec import Struct

SLOW_CLIENTS = 300
SLOW_EVERY_S = 1.0  # a byte
IDLE_CONNECTIONS = 10_000
IDLE_OPENING = 25  # connections opened at a time, each taking at least IDLE_OPENING_S: 2,500 a second
IDLE_OPENING_S = 0.01
IDLE_REOPEN_S = 5.0  # after one was closed: 10,000 that came back together would be a flood, not idle connections
FLOOD_CONNECTIONS = 32
PIPELINED = 16  # requests sent before the first is answered, where they are small
BOMB_CONNECTIONS = 16
BOMB_BYTES = 64 * 1024 * 1024  # decompressed
NESTED_DEPTH = 50_000
TOO_LARGE_BYTES = 64 * 1024 * 1024  # announced, and begun
OPEN_FILES = IDLE_CONNECTIONS + 1_000
READS_A_REQUEST = 50
PUSH_EVERY_S = 0.01  # between two requests of the good gateway
NEW_CONNECTION_EVERY = 10  # requests of the good gateway, of which one opens a connection of its own
ANSWER_S = 30.0  # an answer that takes longer counts as a failure
ATTACK_END_S = 60.0  # for an attack to begin, and to report


class AttackReport(Struct):
    """How ingest answered an attack: HTTP statuses by number of answers, and connections.

    `closed` counts connections that ingest closed or refused before it had answered.
    """

    statuses: dict[str, int] = {}
    opened: int = 0
    closed: int = 0


@asynccontextmanager
async def attacking(kind: str, host: str, port: int, path: str, token: str) -> AsyncIterator[AttackReport]:
    """Attack in a process of its own while the context lasts. The report is filled when the context is left."""
    report = AttackReport()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.attack", kind, host, str(port), path, token),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is None:
        raise AssertionError("a process without an output pipe")
    try:
        async with asyncio.timeout(ATTACK_END_S):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"the attack {kind!r} did not begin; its error is above")
        yield report
        async with asyncio.timeout(ATTACK_END_S):
            printed, _ = await process.communicate(b"")
        filled = msgspec.json.decode(printed, type=AttackReport)
        report.statuses, report.opened, report.closed = filled.statuses, filled.opened, filled.closed
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class _Attack:
    """An attack under way."""

    def __init__(self, host: str, port: int, path: str, token: str) -> None:
        self.host = host
        self.port = port
        self.path = path
        self.token = token
        self.statuses: Counter[str] = Counter()
        self.opened = 0
        self.closed = 0
        self.under_way = asyncio.Event()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a new connection. Raises OSError."""
        opened = await asyncio.open_connection(self.host, self.port)
        self.opened += 1
        return opened

    def head(self, length: int, *more: str, token: str | None = None, kind: str = "application/json") -> bytes:
        """Return the head of a request with a body of `length` bytes."""
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"Authorization: Bearer {self.token if token is None else token}",
            f"Content-Type: {kind}",
            f"Content-Length: {length}",
            *more,
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Read one answer and count it. Raises OSError, EOFError."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.statuses[head[9:12].decode()] += 1
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0].partition(b":")[2]))

    def answering(self, reader: asyncio.StreamReader) -> "asyncio.Task[None]":
        """Start to read one answer while the request is still being sent."""
        task = asyncio.create_task(self.answer(reader))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def repeat(self, connection: Callable[[], Awaitable[None]]) -> None:
        """Run one connection after another, each until it is closed."""
        while True:
            try:
                await connection()
            except (OSError, EOFError):
                self.closed += 1
                await asyncio.sleep(0.01)

    async def flood(self, requests: Iterator[bytes], pipelined: int) -> None:
        """Send requests on one connection as fast as they are answered."""
        reader, writer = await self.open()
        try:
            while True:
                for _ in range(pipelined):
                    writer.write(next(requests))
                for _ in range(pipelined):
                    await self.answer(reader)
                    self.under_way.set()
        finally:
            writer.close()


async def _many(attack: _Attack, number: int, connection: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(*(attack.repeat(connection) for _ in range(number)))


async def _slow(attack: _Attack) -> None:
    """Send bodies, and some heads, at a byte a second, from clients with a valid token."""
    begun = 0

    async def connection(in_head: bool) -> None:
        nonlocal begun
        reader, writer = await attack.open()
        request = attack.head(1_000) + b" " * 1_000
        answered = attack.answering(reader)
        try:
            sent = 20 if in_head else len(request) - 1_000
            writer.write(request[:sent])
            begun += 1
            if begun == SLOW_CLIENTS:
                attack.under_way.set()
            for offset in range(sent, len(request)):
                await asyncio.wait([answered], timeout=SLOW_EVERY_S)
                if answered.done():
                    break
                writer.write(request[offset : offset + 1])
                await writer.drain()
            await answered
        finally:
            answered.cancel()
            writer.close()

    clients = ((lambda in_head=number % 5 == 0: connection(in_head)) for number in range(SLOW_CLIENTS))
    await asyncio.gather(*(attack.repeat(client) for client in clients))


async def _idle(attack: _Attack) -> None:
    """Open as many connections as ingest may have, send nothing on them, and open them again when they are closed."""
    opening = asyncio.Semaphore(IDLE_OPENING)
    tried = 0

    async def connection() -> None:
        nonlocal tried
        async with opening:
            tried += 1
            if tried >= IDLE_CONNECTIONS:
                attack.under_way.set()
            reader, writer = await attack.open()
            await asyncio.sleep(IDLE_OPENING_S)
        try:
            await reader.readexactly(1)
        except (OSError, EOFError):
            await asyncio.sleep(IDLE_REOPEN_S)
            raise
        finally:
            writer.close()

    await _many(attack, IDLE_CONNECTIONS, connection)


async def _token(attack: _Attack) -> None:
    """Send requests with tokens that do not exist: one of the right form and id, others malformed or empty."""
    body = msgspec.json.encode(push(0, "x"))
    wrong = attack.token[:-4] + ("AAAA" if not attack.token.endswith("AAAA") else "BBBB")
    requests = cycle([attack.head(len(body), token=token) + body for token in (wrong, "x", "", "matline_")])
    await _many(attack, FLOOD_CONNECTIONS, lambda: attack.flood(requests, PIPELINED))


async def _gzip_bombs(attack: _Attack) -> None:
    """Send bodies that decompress to far more bytes, and some that stay just under the limit and hold no reads."""
    await _bombs(attack, "gzip", lambda data: gzip.compress(data, 9))


async def _zstd_bombs(attack: _Attack) -> None:
    """Send the same bodies, compressed by zstd."""
    await _bombs(attack, "zstd", zstandard.ZstdCompressor(level=19).compress)


async def _bombs(attack: _Attack, coding: str, compress: Callable[[bytes], bytes]) -> None:
    almost = b'{"gateway":"x","session":"s","reads":[' + b"1," * 2_000_000 + b"1]}"
    bodies = [compress(bytes(BOMB_BYTES)), compress(almost)]
    requests = cycle([attack.head(len(body), f"Content-Encoding: {coding}") + body for body in bodies])
    await _many(attack, BOMB_CONNECTIONS, lambda: attack.flood(requests, 1))


async def _nested(attack: _Attack) -> None:
    """Send deeply nested bodies, some of them not valid JSON."""
    begin = b'{"gateway":"x","session":"s","reads":'
    bodies = [begin + b"[" * NESTED_DEPTH, begin + b'{"a":' * NESTED_DEPTH, b"[" * NESTED_DEPTH + b"]" * NESTED_DEPTH]
    requests = cycle([attack.head(len(body)) + body for body in bodies])
    await _many(attack, FLOOD_CONNECTIONS, lambda: attack.flood(requests, 1))


async def _too_large(attack: _Attack) -> None:
    """Send bodies over the limit, announced or chunked, at full speed."""

    async def connection(head: bytes, piece: bytes) -> None:
        reader, writer = await attack.open()
        try:
            writer.write(head)
            answered = attack.answering(reader)
            with suppress(OSError):
                for _ in range(TOO_LARGE_BYTES // len(piece)):
                    writer.write(piece)
                    await writer.drain()
                    if answered.done():
                        break
            await answered
            attack.under_way.set()
        finally:
            writer.close()

    piece = b" " * 65_536
    announced = attack.head(TOO_LARGE_BYTES)
    chunked = announced.replace(f"Content-Length: {TOO_LARGE_BYTES}".encode(), b"Transfer-Encoding: chunked")
    kinds = cycle([(announced, piece), (chunked, b"10000\r\n" + piece + b"\r\n")])
    await _many(attack, FLOOD_CONNECTIONS, lambda: connection(*next(kinds)))


async def _burn(attack: _Attack) -> None:
    """Use the processor as an attack does, and send nothing to ingest: the control run."""
    attack.under_way.set()
    while True:
        for _ in range(10_000):
            pass
        await asyncio.sleep(0)


KINDS: Final = {
    "slow": _slow,
    "gzip_bombs": _gzip_bombs,
    "zstd_bombs": _zstd_bombs,
    "idle": _idle,
    "token": _token,
    "nested": _nested,
    "too_large": _too_large,
    "burn": _burn,
}


async def _run(kind: str, attack: _Attack) -> None:
    running = asyncio.create_task(KINDS[kind](attack))
    await asyncio.wait([running, asyncio.create_task(attack.under_way.wait())], return_when="FIRST_COMPLETED")
    if running.done():
        running.result()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    report = AttackReport(dict(attack.statuses), attack.opened, attack.closed)
    print(msgspec.json.encode(report).decode(), flush=True)


# --- the good gateway


def push(seq: int, gateway: str) -> dict[str, object]:
    """Return a request of the good gateway, its reads numbered from `seq`."""
    reads = [
        {"seq": seq + n, "device": "S1", "chip": f"C{(seq + n) % 9999}", "at_us": 1_767_477_600_000_000 + seq + n}
        for n in range(READS_A_REQUEST)
    ]
    return {"gateway": gateway, "session": "s", "reads": reads}


class Gateway:
    """A gateway that pushes reads steadily and measures the answers; every tenth request opens a new connection.

    `failed` lists the answers other than 200, `waited_s` the seconds that each answer took.
    """

    def __init__(self, url: str, gateway: str, token: str) -> None:
        self._url = url
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._seq = 0
        self.waited_s: list[float] = []
        self.failed: list[str] = []

    async def push_for(self, seconds: float) -> float:
        """Push for so many seconds. Return the 99th percentile of the answers' times, in seconds."""
        self.waited_s = []
        end_s = time.monotonic() + seconds
        pushing: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session:
            next_s = time.monotonic()
            number = 0
            while next_s < end_s:
                number += 1
                pushing.add(asyncio.create_task(self._push(session, number % NEW_CONNECTION_EVERY == 0)))
                next_s += PUSH_EVERY_S
                await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            await asyncio.gather(*pushing)
        return sorted(self.waited_s)[int(len(self.waited_s) * 0.99)]

    async def _push(self, session: aiohttp.ClientSession, new_connection: bool) -> None:
        body = msgspec.json.encode(push(self._seq, self._gateway))
        self._seq += READS_A_REQUEST
        began_s = time.monotonic()
        try:
            if new_connection:
                async with aiohttp.ClientSession(timeout=session.timeout) as own:
                    await self._post(own, body)
            else:
                await self._post(session, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append(f"{type(error).__name__} {error}")
        self.waited_s.append(time.monotonic() - began_s)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> None:
        async with session.post(self._url, data=body, headers=self._headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                self.failed.append(f"{answer.status} {text[:200]}")


if __name__ == "__main__":
    _, _kind, _host, _port, _path, _token_text = sys.argv
    _hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    _soft = _hard if _hard == resource.RLIM_INFINITY else min(OPEN_FILES, _hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_soft, _hard))

    async def _main() -> None:
        await _run(_kind, _Attack(_host, int(_port), _path, _token_text))

    asyncio.run(_main())
