"""`matline scoring`: read settings once, report a fault in one line, return exit codes for the supervisor."""

import asyncio
import gc
import sys
from collections.abc import Mapping

import faust
from aiokafka.errors import KafkaError

from schemas.topics import RACE_LOG
from services.runtime import logs
from services.runtime.faults import StartFault
from services.runtime.topics_admin import check_topics
from services.scoring.app import create_app
from services.scoring.settings import ScoringSettings, settings_from

EXIT_FAILED = 1
EXIT_SETTINGS = 2  # a restart does not help
GC_THRESHOLDS = (100_000, 50, 100)  # state is large and has no circles in it: looking for some is time lost


def main(environment: Mapping[str, str]) -> int:
    """Score until a signal ends it; return the exit code: 0 after a signal, else 1 or 2."""
    logs.set_up()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        settings = settings_from(environment)
        asyncio.run(_check(settings))
    except StartFault as fault:
        return _said(str(fault), EXIT_SETTINGS)
    except (KafkaError, OSError) as error:
        return _said(f"Kafka at {environment.get('MATLINE_KAFKA', 'its default address')}: {error}", EXIT_FAILED)
    settings.data.mkdir(parents=True, exist_ok=True)
    worker = faust.Worker(create_app(settings), quiet=True, override_logging=False)
    worker.spinner = None  # it writes escape codes even when it is quiet
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_FAILED


async def _check(settings: ScoringSettings) -> None:
    """Raises StartFault where the topics do not fit, KafkaError where Kafka does not answer."""
    found = (await check_topics(settings.kafka))[RACE_LOG.name]
    if found != settings.partitions:
        raise StartFault(
            f"race-log has {found} partitions, not {settings.partitions}: an event would be looked for in another."
            f" Set MATLINE_PARTITIONS={found}, or look whether this is the right Kafka"
        )


def _said(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
