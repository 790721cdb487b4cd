"""Measure a board's answers against a static file of the same size from the same server, one after the other."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp

from loadtest.bench.comparison import Comparison
from loadtest.bench.stack import BenchStack

STATIC = "/static/app.js"
CODINGS = ("identity", "br")
ROWS = range(10, 501, 10)  # of the board, to find as many as have the file's size
REQUESTS = 1_000  # a round
ROUNDS = 5  # of the board and the file in turn; the best of each counts, since other work may slow a single one
RATE_LEAST = 0.7  # of the file's


async def rate_comparisons(stack: BenchStack, event: str, board: str) -> AsyncIterator[Comparison]:
    """Yield, for each coding, the time of a board's answer and of a static file; the event must have been driven."""
    path = f"/v1/events/{event}/boards/{board}"
    for coding in CODINGS:
        size = await _size(stack, STATIC, coding)
        sizes = {count: await _size(stack, f"{path}?limit={count}", coding) for count in ROWS}
        rows = min(ROWS, key=lambda count: abs(sizes[count] - size))
        board_s, static_s = [], []
        for _ in range(ROUNDS):
            board_s.append(await _mean_s(stack, f"{path}?limit={rows}", coding))
            static_s.append(await _mean_s(stack, STATIC, coding))
        yield Comparison(
            name=f"board, {coding}, mean",
            loaded_s=min(board_s),
            control_s=min(static_s),
            ratio_max=1 / RATE_LEAST,
            floor_s=0.0,
        )


async def _size(stack: BenchStack, path: str, coding: str) -> int:
    async with (
        aiohttp.ClientSession(auto_decompress=False, raise_for_status=True) as session,
        session.get(f"http://127.0.0.1:{stack.live_port}{path}", headers={"Accept-Encoding": coding}) as answer,
    ):
        return len(await answer.read())


async def _mean_s(stack: BenchStack, path: str, coding: str) -> float:
    """Return the mean time of a request on one connection, by a client that does as little as possible."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.live_port, limit=2**20)
    sent = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {coding}\r\n\r\n".encode()
    began_s = time.perf_counter()
    for _ in range(REQUESTS):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
    elapsed_s = time.perf_counter() - began_s
    writer.close()
    await writer.wait_closed()
    return elapsed_s / REQUESTS
