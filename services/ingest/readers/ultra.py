"""RFID Timing Ultra and Joey boxes, which we dial on port 23."""

from collections.abc import Callable
from pathlib import Path

from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.messages import Now
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.decoders.ultra import Ultra
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.reader_task import Running, dialling
from services.ingest.readers.sources import Source


async def start(
    source: Source,
    race_log: Log,
    metrics: IngestMetrics,
    now_us: Callable[[], int],
    data_folder: Path,
    clock: Callable[[], Now] | None = None,
) -> Running:
    """A box at work. `clock` null: this machine's. Raises StartFault."""
    zone, told = parse_zone(source.zone), ReaderStateNotices()
    return dialling(
        source, race_log, metrics, now_us, data_folder, lambda cursor: Ultra(zone, cursor, told), clock=clock
    )
