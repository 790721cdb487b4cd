"""Measure what viewers get of live while a race runs: answers of boards, streams, and the first load of a page."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor

import aiohttp

import races
from loadtest.bench.comparison import Measured
from loadtest.driver import Target, drive
from loadtest.simulation import simulate
from loadtest.stack import RunningStack
from loadtest.viewers import answers, first_load, streams
from schemas.definition_parse import definition_from_toml

RACE = "vnexpress-hcmc-midnight-2024"
SIZE = 1500
POLLED_READS_PER_S = 2.0  # each makes a revision: boards then change about twice a second
STREAMED_READS_PER_S = 200.0  # as the busiest minutes of a race of 11,000 have
PROCESSES = 2
VIEWERS = 5_000
WATCHED_S = 20.0
SHOWN_S = 300.0


async def viewers_of_race(stack: RunningStack) -> AsyncIterator[Measured]:
    """Yield the rates of a board, its share of 304, the waits of streams and the bytes of a first load."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), SIZE, 1)
    event = simulation.definition.event
    half = len(simulation.reads) // 2
    reads_per_s = POLLED_READS_PER_S
    target = Target(
        url=f"http://127.0.0.1:{stack.ingest_port}", gateway_token=stack.good_token, official_token=stack.official_token
    )
    driving = asyncio.create_task(drive(simulation, target, pace=lambda handed: None if handed < half else reads_per_s))
    url = f"http://127.0.0.1:{stack.live_port}"
    spawn = multiprocessing.get_context("spawn")  # a fork would copy this process's event loop
    try:
        await _quiet(url, event)
        board = await answers.longest_board(url, event)
        with ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=streams.allow_open_files) as pool:
            for coding in answers.CODINGS:
                yield await answers.board_beside_file(url, event, board, coding, pool, stack.process("projections"))
            yield await answers.etag_hits(url, event, board, pool)
            reads_per_s = STREAMED_READS_PER_S
            yield await streams.watch_event(url, event, VIEWERS, WATCHED_S, pool, PROCESSES)
        yield await first_load.first_load(url, event, board)
    finally:
        driving.cancel()


async def _quiet(url: str, event: str) -> None:
    """Wait until live has shown the first half of the race, and follows the slow rest of it."""
    shown = -1
    async with asyncio.timeout(SHOWN_S), aiohttp.ClientSession(url) as session:
        while True:
            await asyncio.sleep(3.0)
            async with session.get(f"/v1/events/{event}") as answer:
                before, shown = shown, int(answer.headers["X-Revision"]) if answer.status == 200 else -1
            if 0 <= shown <= before + 3 * 4 * POLLED_READS_PER_S:
                return
