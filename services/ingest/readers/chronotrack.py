"""ChronoTrack SimpleClient, which calls us. Its own log is what is asked again, location by location."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from services.ingest.decoders.chronotrack import ChronoTrackReader
from services.ingest.decoders.local_time import parse_zone
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.reader_task import Running, listening
from services.ingest.readers.sources import Source

ADDRESS = "127.0.0.1:61611"


async def start(
    source: Source,
    race_log: Log,
    metrics: IngestMetrics,
    now_us: Callable[[], int],
    data_folder: Path,
    day: date | None = None,
) -> Running:
    """Listen for clients. `day` is the date of their times where they send none. Raises StartFault, OSError."""
    zone = parse_zone(source.zone)
    return await listening(
        source,
        race_log,
        metrics,
        now_us,
        data_folder,
        lambda cursor: ChronoTrackReader(zone, cursor, day),
        ADDRESS,
    )
