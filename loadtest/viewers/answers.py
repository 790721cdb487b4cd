"""Answers of a board beside a static file of the same size from the same server, and the share of 304 in a race."""

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

import aiohttp
from msgspec import Struct

from loadtest.viewers.polls import Order, PollReport, poll

CODINGS = ("identity", "br")
ROUNDS = 6  # of file and board in turn, since other work may slow a single one
ROUND_S = 1.5
STATIC = "/static/style.css"
ROWS_MAX = 500
RATIO_MIN = 0.7
BUSY = 0.9  # a client process that uses more of a processor may be what bounds the rate
PAGES = 200  # clients that poll as pages do, to see how many answers are 304
PAGE_PAUSE_S = 1.0
PAGES_S = 10.0


class Rate(Struct, frozen=True, kw_only=True):
    """How fast an address was answered: the best of some rounds by the clock, and all by the server's processor time.

    `per_cpu_s` is None where the server's process is not known. Other work on the machine does not change it.
    """

    body_bytes: int
    per_s: float
    per_cpu_s: float | None
    client_busy: float

    def text(self) -> str:
        """Return the rates for a person."""
        per_cpu = "" if self.per_cpu_s is None else f", {self.per_cpu_s:,.0f} a second of the server's processor"
        return f"{self.body_bytes:,} bytes {self.per_s:,.0f} times a second{per_cpu}"


class BoardRate(Struct, frozen=True, kw_only=True):
    """The rates of a board and of a static file."""

    board: Rate
    file: Rate
    coding: str

    @property
    def name(self) -> str:
        """What was measured."""
        return f"board beside file, {self.coding}"

    @property
    def ratio(self) -> float:
        """The board's rate in parts of the file's."""
        if self.board.per_cpu_s is not None and self.file.per_cpu_s is not None:
            return self.board.per_cpu_s / self.file.per_cpu_s
        return self.board.per_s / self.file.per_s

    @property
    def case(self) -> str:
        """Who answers, and what."""
        return "a board and a file of live"

    @property
    def values(self) -> Mapping[str, float]:
        """The ratio, and both rates by the clock."""
        return {
            "board's rate by file's": self.ratio,
            "boards a second": self.board.per_s,
            "files a second": self.file.per_s,
        }

    @property
    def holds(self) -> bool:
        """Whether a board is answered about as fast as a file."""
        return self.ratio >= RATIO_MIN

    def line(self) -> str:
        """Return one line for a person."""
        busiest = max(self.board.client_busy, self.file.client_busy)
        return (
            f"{self.name:<24} board of {self.board.text()}; file of {self.file.text()}; ratio {self.ratio:.2f} (at"
            f" least {RATIO_MIN:g}){'; bound by the clients' if busiest > BUSY else ''}"
            f"  {'ok' if self.holds else 'TOO SLOW'}"
        )


class TagHits(Struct, frozen=True, kw_only=True):
    """Polls of a board with the last ETag, once a second by each client."""

    report: PollReport
    name: str = "polls with ETag"
    case: str = "answers without a body"
    holds: bool = True

    @property
    def values(self) -> Mapping[str, float]:
        """The share of them."""
        return {"304 of 100 answers": self.report.not_modified * 100}

    def line(self) -> str:
        """Return one line for a person."""
        return (
            f"{self.name:<24} {PAGES} clients, each once a second: {self.report.answers:,} answers,"
            f" {self.report.not_modified:.0%} of them 304"
        )


async def longest_board(url: str, event: str) -> str:
    """Return the id of an event's board with the most rows. Raises aiohttp.ClientError."""
    rows: dict[str, int] = {}
    async with aiohttp.ClientSession(url, raise_for_status=True) as session:
        async with session.get(f"/v1/events/{event}") as answer:
            boards: list[str] = [board["board"] for board in (await answer.json())["boards"]]
        for board in boards:
            async with session.get(f"/v1/events/{event}/boards/{board}?limit=1") as answer:
                rows[board] = int(answer.headers["X-Total-Count"])
    return max(boards, key=rows.__getitem__)


async def board_beside_file(
    url: str, event: str, board: str, coding: str, pool: Executor, server: int | None
) -> BoardRate:
    """Return the rates of a board with about as many bytes as a static file, and of that file, both in a coding.

    `server` is the id of live's process, if it runs on this machine.
    """
    address = f"/v1/events/{event}/boards/{board}"
    async with aiohttp.ClientSession(url, auto_decompress=False, raise_for_status=True) as session:
        file_bytes = await _size(session, STATIC, coding)
        path = f"{address}?limit={await _rows(session, address, file_bytes, coding)}"
        sizes = {STATIC: file_bytes, path: await _size(session, path, coding)}
    reports: dict[str, list[PollReport]] = {STATIC: [], path: []}
    used_s = dict.fromkeys(reports, 0.0)
    for _ in range(ROUNDS):
        for polled, noted in reports.items():
            before_s = processor_s(server)
            noted.append(await poll(Order(url=url, path=polled, coding=coding, seconds=ROUND_S), pool, 1))
            used_s[polled] += processor_s(server) - before_s
    rates = {
        polled: Rate(
            body_bytes=sizes[polled],
            per_s=max(report.per_s for report in noted),
            per_cpu_s=sum(report.answers for report in noted) / used_s[polled] if used_s[polled] else None,
            client_busy=max(report.client_busy for report in noted),
        )
        for polled, noted in reports.items()
    }
    return BoardRate(board=rates[path], file=rates[STATIC], coding=coding)


async def etag_hits(url: str, event: str, board: str, pool: Executor) -> TagHits:
    """Return how clients fare that ask for a board every second with the ETag they have."""
    path = f"/v1/events/{event}/boards/{board}.json?limit=100"
    order = Order(
        url=url,
        path=path,
        coding=CODINGS[-1],
        seconds=PAGES_S,
        connections=PAGES,
        tagged=True,
        pause_s=PAGE_PAUSE_S,
    )
    return TagHits(report=await poll(order, pool, 1))


def processor_s(process: int | None) -> float:
    """Return the processor time that a process has used, in seconds; 0 of None. Source: proc(5), /proc/PID/stat."""
    if process is None:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _rows(session: aiohttp.ClientSession, address: str, size: int, coding: str) -> int:
    """Return how many rows of a board take up most of `size` bytes, and no more."""
    fewest, most = 1, ROWS_MAX
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if await _size(session, f"{address}?limit={middle}", coding) <= size:
            fewest = middle
        else:
            most = middle - 1
    return fewest


async def _size(session: aiohttp.ClientSession, path: str, coding: str) -> int:
    async with session.get(path, headers={"Accept-Encoding": coding}) as answer:
        return len(await answer.read())
