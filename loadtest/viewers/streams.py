"""Many open streams from processes of their own: how long after its acceptance a fact reaches the viewers.

The mix is that of an event with a page, feeds and athletes' own pages: most viewers follow the whole event, others a
board or an athlete. One more viewer of the whole event keeps the summaries of all revisions: which boards and bibs each
changed, and when ingest accepted the earliest of its facts. Clocks of clients and servers have to be the same.
"""

import asyncio
import random
import resource
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from loadtest.viewers.connections import Arrivals, StreamViewer, address

OPENING = 100  # streams opened at a time
OPENED_S = 120.0
ATHLETES = 50  # whom viewers follow
SHARES = {"event": 0.6, "board": 0.25, "athlete": 0.15}
P99_MAX_S = 1.0
SETTLED_S = 2.0  # after the last stream was opened: what opening cost is not measured


class Watched(Struct, frozen=True):
    """The subject of a stream: its query, and the boards and the bib whose changes it shows (None: all changes)."""

    kind: str
    query: str
    boards: frozenset[str] | None = None
    bib: str | None = None


class Order(Struct, frozen=True, kw_only=True):
    """The streams that a process opens, one of each subject in the list, and how long it holds them."""

    url: str
    event: str
    subjects: list[Watched]
    seconds: float


class Summary(Struct, frozen=True):
    """A revision as the stream of the whole event announces it."""

    revision: int
    boards: list[str]
    bibs: list[str] | None
    announced_at_us: int
    accepted_us: int | None = None


class WatchReport(Struct, frozen=True):
    """What the streams of a process got. `waits_s` are from acceptance to arrival, by kind of subject.

    `fan_out_s` are the part of them after the announcement. `client_busy` is the share of a processor used.
    """

    waits_s: dict[str, list[float]]
    fan_out_s: dict[str, list[float]]
    revisions: int
    received_bytes: int
    lost: int
    client_busy: float


def percentile(times_s: Sequence[float], share: float) -> float:
    """Return the time that `share` of some times do not exceed; NaN of none."""
    return sorted(times_s)[min(len(times_s) - 1, int(len(times_s) * share))] if times_s else float("nan")


async def subjects(url: str, event: str, number: int, seed: int) -> list[Watched]:
    """Return the subjects of so many viewers, mixed by SHARES. Raises aiohttp.ClientError."""
    dice = random.Random(seed)
    async with aiohttp.ClientSession(url, raise_for_status=True) as session:
        async with session.get(f"/v1/events/{event}") as answer:
            described = await answer.json()
        boards = [board["board"] for board in described["boards"]]
        bibs: list[str] = []
        for race in described["races"]:
            async with session.get(f"/v1/events/{event}/athletes?race={race['race']}&limit=200") as answer:
                bibs += [athlete["bib"] for athlete in (await answer.json())["athletes"]]
        athletes = [await _athlete(session, event, bib) for bib in dice.sample(bibs, min(len(bibs), ATHLETES))]
    made: list[Watched] = []
    for _ in range(number):
        kind = dice.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "board" and boards:
            board = dice.choice(boards)
            made.append(Watched(kind, f"?board={board}", frozenset({board})))
        elif kind == "athlete" and athletes:
            made.append(dice.choice(athletes))
        else:
            made.append(Watched("event", ""))
    return made


async def _athlete(session: aiohttp.ClientSession, event: str, bib: str) -> Watched:
    async with session.get(f"/v1/events/{event}/athletes/{bib}") as answer:
        boards = frozenset(board["board"] for board in (await answer.json())["boards"])
    return Watched("athlete", f"?bib={bib}", boards, bib)


async def watch_event(
    url: str, event: str, viewers: int, seconds: float, pool: Executor, processes: int
) -> "StreamWaits":
    """Hold the streams of so many viewers from some processes of a pool, and return their waits."""
    loop = asyncio.get_running_loop()
    mixed = await subjects(url, event, viewers, seed=1)
    orders = [
        Order(url=url, event=event, subjects=mixed[number::processes], seconds=seconds) for number in range(processes)
    ]
    reports = await asyncio.gather(*(loop.run_in_executor(pool, run, order) for order in orders))
    return StreamWaits(viewers=viewers, reports=list(reports))


class StreamWaits(Struct, frozen=True, kw_only=True):
    """What the streams of all processes got."""

    viewers: int
    reports: list[WatchReport]
    name: str = "streams"
    case: str = "from acceptance to the viewer"

    def waits_s(self, kind: str) -> list[float]:
        """Return the waits from acceptance to arrival of all viewers of a kind of subject."""
        return [wait_s for report in self.reports for wait_s in report.waits_s[kind]]

    @property
    def values(self) -> Mapping[str, float]:
        """The longest waits of each kind of subject."""
        return {f"p99 of {kind}, s": percentile(self.waits_s(kind), 0.99) for kind in SHARES}

    @property
    def holds(self) -> bool:
        """Whether nobody was cut off, and 99 of 100 events of each kind arrived in time."""
        late = [kind for kind in SHARES if not percentile(self.waits_s(kind), 0.99) <= P99_MAX_S]
        return not late and not any(report.lost for report in self.reports)

    def line(self) -> str:
        """Return a line for a person, and one for each kind of subject."""
        lost = sum(report.lost for report in self.reports)
        busiest = max(report.client_busy for report in self.reports)
        revisions = max(report.revisions for report in self.reports)
        head = (
            f"{self.name:<24} {self.viewers:,} viewers, {revisions} summaries, {lost} cut off, clients {busiest:.0%}"
            f" busy, p99 at most {P99_MAX_S:g} s  {'ok' if self.holds else 'TOO SLOW'}"
        )
        return "\n".join([head, *(self._line_of(kind) for kind in SHARES)])

    def _line_of(self, kind: str) -> str:
        waits_s = self.waits_s(kind)
        fan_out_s = [wait_s for report in self.reports for wait_s in report.fan_out_s[kind]]
        return (
            f"  {f'of {kind}':<22} {len(waits_s):,} arrivals, from acceptance p50 {percentile(waits_s, 0.5):.2f} s p99"
            f" {percentile(waits_s, 0.99):.2f} s, from announcement p50 {percentile(fan_out_s, 0.5):.2f} s p99"
            f" {percentile(fan_out_s, 0.99):.2f} s"
        )


def allow_open_files() -> None:
    """Let this process hold as many connections as the machine allows, since many shells allow 1,024 open files."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(order: Order) -> WatchReport:
    """Hold the streams of an order from this process."""
    return asyncio.run(_run(order))


async def _run(order: Order) -> WatchReport:
    loop = asyncio.get_running_loop()
    host, port, authority = address(order.url)
    base = f"/v1/events/{order.event}/stream"
    summaries: list[Summary] = []

    def summarised(kind: bytes, data: bytes) -> None:
        if kind == b"board":
            summaries.append(msgspec.json.decode(data, type=Summary))

    arrivals = {subject: Arrivals() for subject in dict.fromkeys(order.subjects)}
    opening = asyncio.Semaphore(OPENING)

    async def opened(path: str, noted: Arrivals, data_of: Any = None) -> StreamViewer:
        async with opening:
            _, viewer = await loop.create_connection(lambda: StreamViewer(path, authority, noted, data_of), host, port)
            await viewer.opened
            return viewer

    async with asyncio.timeout(OPENED_S):
        reference = await opened(base, Arrivals(), summarised)
        viewers = await asyncio.gather(*(opened(base + s.query, arrivals[s]) for s in order.subjects))
    await asyncio.sleep(SETTLED_S)
    began_us, began_s, began_cpu_s = time.time_ns() // 1000, time.monotonic(), time.process_time()
    await asyncio.sleep(order.seconds)
    busy = (time.process_time() - began_cpu_s) / (time.monotonic() - began_s)
    all_viewers = [reference, *viewers]
    for viewer in all_viewers:
        viewer.stop()
    await asyncio.sleep(0)  # for the loop to close the connections
    waits_s: dict[str, list[float]] = {kind: [] for kind in SHARES}
    fan_out_s: dict[str, list[float]] = {kind: [] for kind in SHARES}
    for subject, noted in arrivals.items():
        for accepted_us, announced_us, at_us in waits(subject, noted, summaries):
            if accepted_us >= began_us:
                waits_s[subject.kind].append((at_us - accepted_us) / 1e6)
                fan_out_s[subject.kind].append((at_us - announced_us) / 1e6)
    return WatchReport(
        waits_s=waits_s,
        fan_out_s=fan_out_s,
        revisions=len(summaries),
        received_bytes=sum(viewer.received_bytes for viewer in all_viewers),
        lost=sum(viewer.lost for viewer in all_viewers),
        client_busy=busy,
    )


def waits(subject: Watched, arrivals: Arrivals, summaries: Sequence[Summary]) -> list[tuple[int, int, int]]:
    """Return of each arrival when the earliest fact in it was accepted, when it was announced, and when it arrived.

    An arrival may hold several revisions; it counts from the first that changed its subject. Arrivals without one, such
    as those of estimates that depend on others, are left out.
    """
    revisions = [summary.revision for summary in summaries]
    noted = []
    for revision, before, at_us in zip(arrivals.revisions, arrivals.before, arrivals.at_us, strict=True):
        for summary in summaries[bisect_right(revisions, before) : bisect_right(revisions, revision)]:
            if summary.accepted_us is not None and _changes(summary, subject):
                noted.append((summary.accepted_us, summary.announced_at_us, at_us))
                break
    return noted


def _changes(summary: Summary, subject: Watched) -> bool:
    if subject.boards is None:
        return True
    changed = subject.bib is not None and (summary.bibs is None or subject.bib in summary.bibs)
    return changed or not subject.boards.isdisjoint(summary.boards)
