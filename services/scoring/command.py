"""`matline scoring`: read settings once, report a fault in one line, return exit codes for the supervisor."""

import asyncio
import gc
import sys
from collections.abc import Mapping

import faust
from aiokafka.errors import KafkaError

from schemas.topics import RACE_LOG
from services.runtime import exit_codes, logs
from services.runtime.faults import StartFault
from services.runtime.kafka import kafka_fault
from services.runtime.topics_admin import check_topics
from services.scoring.app import create_app
from services.scoring.settings import ScoringSettings, settings_from

GC_THRESHOLDS = (100_000, 50, 100)  # the state is large and has no reference cycles; looking for them wastes time


def main(environment: Mapping[str, str]) -> int:
    """Score until a signal ends it; return the exit code: 0 after a signal, else one of `exit_codes`."""
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        settings = settings_from(environment)
        logs.set_up(chosen=logs.log_format(environment), service="scoring", worker=settings.worker)
        asyncio.run(_check(settings))
    except StartFault as fault:
        return _report(str(fault), exit_codes.SETTINGS)
    except (KafkaError, OSError) as error:
        return _report(kafka_fault(settings.kafka.servers, error), exit_codes.AWAY)
    settings.data.mkdir(parents=True, exist_ok=True)
    worker = faust.Worker(create_app(settings), quiet=True, override_logging=False)
    worker.spinner = None  # it writes escape codes even when it is quiet
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exit_codes.FAILED


async def _check(settings: ScoringSettings) -> None:
    """Raise StartFault when the topics do not fit the settings, KafkaError when Kafka does not answer."""
    partitions = (await check_topics(settings.kafka))[RACE_LOG.name]
    if partitions != settings.partitions:
        raise StartFault(
            f"race-log has {partitions} partitions, not {settings.partitions}, so scoring would look for events in the"
            f" wrong partition. Set MATLINE_PARTITIONS={partitions}, or check whether this is the right Kafka"
        )


def _report(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
