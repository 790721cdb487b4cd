"""`python -m loadtest.viewers URL EVENT`: measure a running live by many viewers of an event."""

import argparse
import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from loadtest.viewers import answers, first_load, streams


async def _run(order: argparse.Namespace) -> None:
    url, event = order.url.rstrip("/"), order.event
    board = order.board or await answers.longest_board(url, event)
    spawn = multiprocessing.get_context("spawn")  # a fork would copy this process's event loop
    with ProcessPoolExecutor(order.processes, mp_context=spawn, initializer=streams.allow_open_files) as pool:
        for coding in answers.CODINGS:
            print((await answers.board_beside_file(url, event, board, coding, pool, order.pid)).line(), flush=True)
        print((await answers.etag_hits(url, event, board, pool)).line(), flush=True)
        watched = streams.watch_event(url, event, order.viewers, order.seconds, pool, order.processes)
        print((await watched).line(), flush=True)
    print((await first_load.first_load(url, event, board)).line())


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m loadtest.viewers", description=__doc__)
    _parser.add_argument("url", help="of live, such as http://127.0.0.1:8700")
    _parser.add_argument("event")
    _parser.add_argument("--board", help="to poll; without it the one with the most rows")
    _parser.add_argument("--viewers", type=int, default=5_000, metavar="N", help="streams to hold open")
    _parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="how long to watch the streams")
    _parser.add_argument("--processes", type=int, default=2, metavar="N", help="of clients")
    _parser.add_argument("--pid", type=int, help="live's process, to count its processor time")
    asyncio.run(_run(_parser.parse_args()))
