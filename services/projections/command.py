"""`matline projections`: read settings once, report a fault in one line, return exit codes for the supervisor."""

import asyncio
import gc
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from aiokafka.errors import KafkaError

from schemas.codec import UnknownVersion
from services.projections.app import run
from services.projections.settings import settings_from
from services.runtime import exit_codes, logs
from services.runtime.clickhouse import Database, DatabaseUnavailable
from services.runtime.faults import StartFault
from services.runtime.kafka import kafka_fault
from services.runtime.lease import LeaseLost

GC_FIRST = 50_000  # results have no reference cycles; looking for them among 50,000 athletes takes half a second

_KNOWN = (StartFault, LeaseLost, KafkaError, DatabaseUnavailable, UnknownVersion, OSError)

Companion = Callable[[Mapping[str, str], Database], AbstractAsyncContextManager[None]]


def main(environment: Mapping[str, str], live: Companion) -> int:
    """Run the projections until stopped, and return the exit code. `live` runs beside them when chDB is embedded."""
    gc.set_threshold(GC_FIRST, 50, 100)
    try:
        logs.set_up(chosen=logs.log_format(environment), service="projections")
        settings = settings_from(environment)
        beside = (lambda database: live(environment, database)) if settings.database.embedded else None
        asyncio.run(run(settings, beside))
    except (*_KNOWN, BaseExceptionGroup) as raised:
        error = first_error(raised)
        if not isinstance(error, _KNOWN):
            raise
        said = kafka_fault(settings.kafka.servers, error) if isinstance(error, KafkaError) else str(error)
        sys.stderr.write(f"projections: {said}\n")
        return _exit_code(error)
    return 0


def _exit_code(error: BaseException) -> int:
    if isinstance(error, StartFault):
        return exit_codes.SETTINGS
    return exit_codes.AWAY if isinstance(error, (KafkaError, DatabaseUnavailable)) else exit_codes.FAILED


def first_error(raised: BaseException) -> BaseException:
    """Return the first error in the groups that tasks put around it."""
    while isinstance(raised, BaseExceptionGroup):
        raised = raised.exceptions[0]
    return raised
