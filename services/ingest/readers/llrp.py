"""LLRP readers, which we dial. They send nothing a second time: reads are on our disk before all else."""

from collections.abc import Callable
from pathlib import Path

from services.ingest.decoders.llrp import LlrpReader
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.reader_task import Running, dialling
from services.ingest.readers.sources import Source


async def start(
    source: Source, race_log: Log, metrics: IngestMetrics, now_us: Callable[[], int], data_folder: Path
) -> Running:
    """Dial the reader. Its reads are called by the gateway's name, and by `<gateway>/<antenna>` in `devices`.

    Raises StartFault.
    """
    told = ReaderStateNotices()
    return dialling(
        source, race_log, metrics, now_us, data_folder, lambda _: LlrpReader(source.gateway, told), journalled=True
    )
