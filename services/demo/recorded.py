"""Replay the recorded session of a real MYLAPS exporter over TCP, and count its passings in the race log."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from loadtest.mylaps_replay import Replayed, client_frames, read_log, replay
from schemas import codec
from schemas.events import NoticeReceived, ReadsReceived
from services.operate.export_log import lines
from services.runtime.kafka import KafkaOptions

EVENT = "mylaps-5km-2025"
GATEWAY = "recorded-exporter"
ZONE = "+04:00"  # where the session was recorded


class Arrived(Struct, frozen=True):
    """The session's passings, chips and markers in the race log, and whether they are those of the recording."""

    passings: int
    chips: int
    markers: int
    as_recorded: bool


def sources_toml(port: int) -> str:
    """Return ingest's source for the session."""
    return (
        f'[[sources]]\nprotocol = "mylaps"\naddress = "127.0.0.1:{port}"\nevent = "{EVENT}"\n'
        f'gateway = "{GATEWAY}"\nzone = "{ZONE}"\n'
    )


async def send(port: int, progress: Callable[[Replayed], None]) -> Replayed:
    """Replay the session. Return once everything is acknowledged."""
    log = Path(str(files("loadtest").joinpath("data", "mylaps-april13-16.log.gz")))
    return await replay(client_frames(read_log(log)), "127.0.0.1", port, progress)


async def arrived(kafka: KafkaOptions) -> Arrived:
    """Count the passings in the log, each once, and compare them with those that the recorder listed."""
    seen: set[tuple[str, int]] = set()
    markers: set[tuple[str, int | None]] = set()
    async for line in lines(EVENT, kafka):
        _, fact = codec.line_from_json(line)
        if isinstance(fact, ReadsReceived):
            seen.update((read.chip, read.at_us) for read in fact.reads)
        elif isinstance(fact, NoticeReceived):
            markers.add((fact.kind, fact.at_us))
    return Arrived(len(seen), len({chip for chip, _ in seen}), len(markers), seen == _recorded())


def _recorded() -> set[tuple[str, int]]:
    text = files("loadtest").joinpath("data", "mylaps-5km-passings.csv").read_text()
    return {
        (row["chip"], _instant_us(row["date"], row["time_of_day_local"])) for row in csv.DictReader(text.splitlines())
    }


def _instant_us(day: str, clock: str) -> int:
    instant = datetime.fromisoformat(f"{day}T{clock}{ZONE}")
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
