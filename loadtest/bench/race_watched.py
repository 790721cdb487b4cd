"""Measure what viewers get of live while a race runs: answers of boards, streams, and the first load of a page."""

import asyncio
import multiprocessing
import re
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor

import aiohttp

from loadtest.bench.comparison import Measured
from loadtest.bench.half_race import HalfRace, pushing
from loadtest.stack import RunningStack
from loadtest.viewers import answers, first_load, streams

SIZE = 1500
PROCESSES = 2
VIEWERS = 5_000
WATCHED_S = 20.0


async def viewers_of_race(stack: RunningStack) -> AsyncIterator[Measured]:
    """Yield the rates of a board, its share of 304, the waits of streams and the bytes of a first load."""
    url = f"http://127.0.0.1:{stack.live_port}"
    spawn = multiprocessing.get_context("spawn")  # a fork would copy this process's event loop
    async with HalfRace(stack, SIZE) as race:
        board = await answers.longest_board(url, race.event)
        with ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=streams.allow_open_files) as pool:
            async with pushing(race, reads=1, every_s=0.5):  # boards change twice a second
                for coding in answers.CODINGS:
                    yield await answers.board_beside_file(
                        url, race.event, board, coding, pool, stack.process("projections")
                    )
                yield await answers.etag_hits(url, race.event, board, pool)
            watching = asyncio.create_task(streams.watch_event(url, race.event, VIEWERS, WATCHED_S, pool, PROCESSES))
            await _watched(url, VIEWERS, watching)
            async with pushing(race, reads=20, every_s=0.1):  # as in the busiest minutes of a race of 11,000
                yield await watching
        yield await first_load.first_load(url, race.event, board)


async def _watched(url: str, viewers: int, watching: "asyncio.Task[streams.StreamWaits]") -> None:
    """Wait until live has so many open streams, or there is something wrong with those who open them."""
    async with aiohttp.ClientSession(url) as session:
        while not watching.done():
            async with session.get("/metrics") as answer:
                shown = re.search(r"^matline_live_viewers (\S+)$", await answer.text(), re.MULTILINE)
            if shown is not None and float(shown[1]) >= viewers:
                return
            await asyncio.sleep(0.2)
