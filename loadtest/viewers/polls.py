"""Polls of one address from processes of their own: how many answers a second, and how many of them are 304."""

import asyncio
import time
from collections import Counter
from concurrent.futures import Executor

from msgspec import Struct

from loadtest.viewers.connections import Polled, Poller, address

CONNECTIONS = 64  # enough to keep a server busy, few enough that each answer finds its client waiting


class Order(Struct, frozen=True, kw_only=True):
    """The address to poll, and how.

    `coding` is the only one accepted. `tagged` sends the last ETag. `pause_s` passes between answer and next request.
    """

    url: str
    path: str
    coding: str
    seconds: float
    connections: int = CONNECTIONS
    tagged: bool = False
    pause_s: float = 0.0


class PollReport(Struct, frozen=True):
    """What came back: answers by status, bytes of their bodies, connections that the server closed.

    `client_busy` is the share of a processor that the busiest client process used.
    """

    statuses: dict[int, int]
    body_bytes: int
    lost: int
    seconds: float
    client_busy: float

    @property
    def answers(self) -> int:
        """The number of all answers."""
        return sum(self.statuses.values())

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def not_modified(self) -> float:
        """The share of answers that said 304, because the client had the current one."""
        return self.statuses.get(304, 0) / max(1, self.answers)


async def poll(order: Order, pool: Executor, processes: int) -> PollReport:
    """Poll from some processes of a pool at once, and return their reports as one."""
    loop = asyncio.get_running_loop()
    reports = await asyncio.gather(*(loop.run_in_executor(pool, run, order) for _ in range(processes)))
    statuses: Counter[int] = Counter()
    for report in reports:
        statuses.update(report.statuses)
    return PollReport(
        statuses=dict(statuses),
        body_bytes=sum(report.body_bytes for report in reports),
        lost=sum(report.lost for report in reports),
        seconds=max(report.seconds for report in reports),
        client_busy=max(report.client_busy for report in reports),
    )


def run(order: Order) -> PollReport:
    """Poll from this process."""
    return asyncio.run(_run(order))


async def _run(order: Order) -> PollReport:
    loop = asyncio.get_running_loop()
    polled = Polled()
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    host, port, authority = address(order.url)
    pollers = []
    for _ in range(order.connections):
        _, poller = await loop.create_connection(
            lambda: Poller(order.path, authority, order.coding, polled, tagged=order.tagged, pause_s=order.pause_s),
            host,
            port,
        )
        pollers.append(poller)
    await asyncio.sleep(order.seconds)
    seconds = time.monotonic() - began_s
    busy = (time.process_time() - began_cpu_s) / seconds
    for poller in pollers:
        poller.stop()
    await asyncio.sleep(0)  # for the loop to close the connections
    return PollReport(dict(polled.statuses), polled.body_bytes, polled.lost, seconds, busy)
