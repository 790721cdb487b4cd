"""`matline demo`: the demo from beginning to end."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from loadtest.driver import Answer, DriveFailed, Driven, Target, drive
from loadtest.simulation import Simulation, simulate
from loadtest.truth import Truth
from schemas.definition_parse import definition_from_toml
from schemas.named import in_language
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, partition_of
from services.demo import recorded
from services.demo.latency import Percentiles, Watcher
from services.demo.show import BoardLine, Racing, Screen, board_line, board_table
from services.demo.stack import Stack, free_port, fresh_folder, ports_for_demo
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions
from services.runtime.topic_records import LogUnavailable
from services.standings.event_index import title

RACE = "vnexpress-hcmc-midnight-2024.toml"
SEED = 2024
STEADY_READS_S = 2000.0  # reads per second while the time from read to board is measured
STEADY_FROM = 0.5  # of the race: by then runners are everywhere on the course
STEADY_S = 20.0
SETTLE_S = 3.0  # of the steady stretch, until the backlog is gone
BOARD_EVERY_S = 0.5
BOARD_ROWS = 8
FINAL_ROWS = 5
CATCH_UP_S = 120.0
TARGET_P99_MS = 300.0


class Measured(Struct, frozen=True):
    """How the stack coped with the simulated race: seconds to the final boards, and times from read to board."""

    driven: Driven
    board_s: float
    steady: Percentiles | None
    flood: Percentiles | None


def main(size: int, keep: bool, data: Path) -> int:
    """Run the demo and return the exit code: 0 only if every check holds."""
    screen = Screen()
    try:
        return asyncio.run(_run(screen, size, keep, data))
    except (StartFault, DriveFailed, LogUnavailable) as fault:
        screen.say(f"The demo stopped: {fault}", "bold red")
        return 1
    except KeyboardInterrupt:
        screen.say("stopped")
        return 130


async def _run(screen: Screen, size: int, keep: bool, data: Path) -> int:
    began_s = time.monotonic()
    folder = fresh_folder(data)
    stack = Stack(folder, ports_for_demo(), lambda line: screen.say("  " + line, "dim"))
    screen.step(f"Simulating a race with {size:,} entrants ({RACE}, seed {SEED})")
    definition = definition_from_toml(files("races").joinpath(RACE).read_bytes())
    simulation = await asyncio.to_thread(simulate, definition, size, SEED)
    screen.say(f"  {len(simulation.reads):,} raw reads; the true results are known: {_counts(simulation.truth)}")
    recorded_port = free_port()
    sources = folder / "sources.toml"
    sources.write_text(recorded.sources_toml(recorded_port) + "\n" + simulation.sources_toml())
    screen.step("Starting Kafka, ingest, scoring, projections and boards (up to a minute)")
    try:
        await stack.start(sources)
        checks = [await _replay(screen, stack, recorded_port)]
        measured = await _race(screen, stack, simulation)
        checks += await _check(screen, stack, simulation, measured)
        verdict = "All checks passed" if all(checks) else "SOME CHECKS FAILED"
        screen.step(f"{verdict} ({time.monotonic() - began_s:.0f} s)")
        if keep:
            await _keep(screen, stack, simulation)
    finally:
        await stack.stop()
    return 0 if all(checks) else 1


# --- a real session


async def _replay(screen: Screen, stack: Stack, port: int) -> bool:
    screen.step("Replaying a real MYLAPS session, recorded in April 2025, over TCP")
    replayed = await recorded.send(port, lambda _: None)
    logged = await recorded.arrived(KafkaOptions(servers=stack.kafka))
    screen.say(
        f"  {replayed.frames} frames sent, {replayed.acknowledged} messages acknowledged, {replayed.seconds:.1f} s"
    )
    return screen.check(
        "every passing of the recording is in the race log exactly once",
        logged.as_recorded,
        f"{logged.passings:,} passings of {logged.chips:,} chips, {logged.markers} gun markers",
    )


# --- the simulated race


def _pace(total: int) -> "_Pace":
    begin = int(total * STEADY_FROM)
    return _Pace(begin, begin + int(STEADY_READS_S * STEADY_S))


class _Pace(Struct, frozen=True):
    """As fast as ingest accepts, but at a steady rate between two numbers of sent reads."""

    begin: int
    end: int

    def __call__(self, sent: int) -> float | None:
        return STEADY_READS_S if self.begin <= sent < self.end else None


async def _race(screen: Screen, stack: Stack, simulation: Simulation) -> Measured:
    event, total = simulation.definition.event, len(simulation.reads)
    name, entrants = in_language(simulation.definition.name, None), len(simulation.entries)
    screen.step(f"{name}: {entrants:,} entrants, over HTTP and MYLAPS at the same time")
    watcher = Watcher(stack.live, event)
    pace = _pace(total)
    steady_us: list[int] = []
    board = simulation.definition.boards[0]
    with screen.racing(total, title(board)) as racing:

        def progress(driven: Driven) -> None:
            steady = pace(driven.accepted) is not None
            if steady:
                steady_us.append(time.time_ns() // 1000)
            note = f"at {STEADY_READS_S:,.0f} reads/s, to measure delays" if steady else "as fast as possible"
            racing.accepted(driven.accepted, f"{driven.requests:,} requests, {note}")

        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watcher.run())
            showing = group.create_task(_show_board(racing, stack, event, board.id))
            began_s = time.monotonic()
            target = Target(url=stack.ingest, mylaps=("127.0.0.1", stack.ports.mylaps))
            driven = await drive(simulation, target, pace=pace, progress=progress)
            await caught_up(stack, event, watcher)
            board_s = time.monotonic() - began_s
            watching.cancel()
            showing.cancel()
    screen.say(
        f"  {driven.accepted:,} reads and {driven.facts} officials' facts accepted, {driven.rejected} reads refused;"
        f" {driven.requests:,} requests, {driven.resent} of them sent again"
    )
    steady, flood = _split_answers(driven.answers, steady_us)
    return Measured(driven, board_s, watcher.percentiles(steady), watcher.percentiles(flood))


def _split_answers(answers: list[Answer], steady_us: list[int]) -> tuple[list[Answer], list[Answer]]:
    """Return the answers of the steady stretch, without its first seconds, and those outside it."""
    if not steady_us:
        return [], answers
    begin_us, end_us = steady_us[0] + int(SETTLE_S * 1e6), steady_us[-1]
    steady = [answer for answer in answers if begin_us <= answer.accepted_us <= end_us]
    return steady, [answer for answer in answers if not steady_us[0] <= answer.accepted_us <= end_us]


async def _show_board(racing: Racing, stack: Stack, event: str, board: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                racing.board(await _board(session, stack, event, board, BOARD_ROWS))
            await asyncio.sleep(BOARD_EVERY_S)


async def _board(session: aiohttp.ClientSession, stack: Stack, event: str, board: str, limit: int) -> list[BoardLine]:
    answer = await _get(session, f"{stack.live}/v1/events/{event}/boards/{board}?limit={limit}")
    return [] if answer is None else [board_line(row) for row in answer["rows"]]


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    """Return the JSON of an address, or None if its status is not 200."""
    async with session.get(url) as answer:
        return await answer.json() if answer.status == 200 else None


async def caught_up(stack: Stack, event: str, watcher: Watcher) -> None:
    """Wait until the boards show the end of the log. Raises StartFault after CATCH_UP_S."""
    end = await _log_end(event, KafkaOptions(servers=stack.kafka))
    async with aiohttp.ClientSession() as session:
        deadline_s = time.monotonic() + CATCH_UP_S
        while time.monotonic() < deadline_s:
            try:
                answer = await _get(session, f"{stack.live}/v1/events/{event}")
            except aiohttp.ClientConnectionError:  # live may have just been killed, and starts again
                answer = None
            if answer is not None and answer["revision"] >= end and watcher.newest >= end:
                return
            await asyncio.sleep(0.02)
    raise StartFault(
        f"after {CATCH_UP_S:g} s the boards are at revision {watcher.newest} and the log is at {end};"
        f" see {stack.data / 'up.log'}"
    )


async def _log_end(event: str, kafka: KafkaOptions) -> int:
    """Return the offset of the last record in the event's partition. It is the event's, which was sent last."""
    partition = TopicPartition(RACE_LOG.name, partition_of(event, PARTITIONS_DEFAULT))
    async with AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False) as consumer:
        consumer.assign([partition])
        ends = await consumer.end_offsets([partition])
    end: int = ends[partition]
    return end - 1


# --- checks


async def _check(screen: Screen, stack: Stack, simulation: Simulation, measured: Measured) -> list[bool]:
    event = simulation.definition.event
    async with aiohttp.ClientSession() as session:
        screen.step("Final boards")
        boards = [board for board in simulation.definition.boards if board.within is None]
        for board in boards:
            rows = await _board(session, stack, event, board.id, FINAL_ROWS)
            if rows:
                screen.tables([board_table(title(board), rows)])
        standings = await _get(session, f"{stack.live}/v1/events/{event}/standings")
    screen.step("Checks")
    driven = measured.driven
    checks = [
        screen.check(
            "every read that was sent was accepted",
            driven.accepted == driven.sent and driven.rejected == 0,
            f"{driven.accepted:,} of {driven.sent:,}, {driven.rejected} refused",
        ),
        against_truth(screen, standings, simulation.truth),
        await _verified(screen, stack, event),
        _delays(screen, measured),
    ]
    rate = driven.accepted / driven.seconds
    screen.say(
        f"  {rate:,.0f} reads/s accepted on average, with the stretch at {STEADY_READS_S:,.0f} reads/s; final boards"
        f" {measured.board_s:.1f} s after the first read"
    )
    return checks


def against_truth(screen: Screen, standings: Any, truth: dict[str, Truth]) -> bool:
    """Check the served standings against the simulator's truth, and show the outcome."""
    served = {athlete["bib"]: athlete for athlete in standings["athletes"]}
    wrong = [bib for bib, true in truth.items() if bib not in served or not _same(served[bib], true)]
    figures = f"{len(truth) - len(wrong):,} of {len(truth):,} athletes"
    if wrong:
        figures += f"; the first difference: served {served.get(wrong[0])}, true {truth[wrong[0]]}"
    return screen.check("all results equal the true results of the simulator", not wrong, figures)


def _same(served: dict[str, Any], true: Truth) -> bool:
    return (
        (served["race"], served["status"], served["gun_us"], served["chip_us"], served["time_s"], served["cut_at"])
        == (true.race, true.status, true.gun_us, true.chip_us, true.time_s, true.cut_at)
        and served["missed"] == true.missed
        and [(point["point"], point["at_us"]) for point in served["points"]]
        == [(point.point, point.at_us) for point in true.points]
    )


async def _verified(screen: Screen, stack: Stack, event: str) -> bool:
    """Have another process score the log again, with another hash seed and other batches."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        "verify",
        event,
        f"--live={stack.live}",
        "--seed=7",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "MATLINE_KAFKA": stack.kafka, "PYTHONHASHSEED": "4711"},
    )
    printed, _ = await process.communicate()
    lines = printed.decode(errors="replace").splitlines()
    figures = "; ".join(line[:100] for line in lines[:2]) if process.returncode == 0 else "\n".join(lines)
    return screen.check("scoring the log again gives the same bytes", process.returncode == 0, figures)


def _delays(screen: Screen, measured: Measured) -> bool:
    steady, flood = measured.steady, measured.flood
    if flood is not None:
        screen.say(
            f"  from accepted read to board, as fast as possible: p50 {flood.p50_ms:.0f} ms, p99 {flood.p99_ms:.0f} ms"
            f" ({flood.reads:,} reads)"
        )
    if steady is None:  # a race too small to have the stretch
        screen.say("  the race is too short for a stretch at a steady rate, so no delay is measured there")
        return True
    screen.say(
        f"  from accepted read to board, at {STEADY_READS_S:,.0f} reads/s: p50 {steady.p50_ms:.0f} ms,"
        f" p99 {steady.p99_ms:.0f} ms ({steady.reads:,} reads; the target of {TARGET_P99_MS:.0f} ms is"
        f" {'met' if steady.p99_ms <= TARGET_P99_MS else 'missed, on this machine at present'})"
    )
    return True


def _counts(truth: dict[str, Truth]) -> str:
    counts: dict[str, int] = {}
    for result in truth.values():
        counts[result.status] = counts.get(result.status, 0) + 1
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))


async def _keep(screen: Screen, stack: Stack, simulation: Simulation) -> None:
    screen.step(
        f"Still running, until Ctrl-C: boards {stack.live}/{simulation.definition.event}, ingest {stack.ingest}"
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(stack.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
