"""Ingest's commands: settings read once, faults said in a line, exit codes for whoever supervises."""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import aclosing

from aiokafka.errors import KafkaError

from schemas.codec import UnknownVersion
from services.ingest.app import run
from services.ingest.settings import settings_from
from services.operate.export_log import LogUnavailable, lines
from services.runtime import logs
from services.runtime.faults import StartFault
from services.runtime.kafka import kafka_options

EXIT_FAILED = 1
EXIT_SETTINGS = 2  # a restart does not help


def main(environment: Mapping[str, str]) -> int:
    """Run ingest until it is told to stop; the exit code."""
    logs.set_up()
    try:
        asyncio.run(run(settings_from(environment)))
    except StartFault as error:
        return _said(str(error), EXIT_SETTINGS)
    except OSError as error:
        return _said(f"ingest cannot listen: {error}", EXIT_FAILED)
    return 0


def export_log(event: str, environment: Mapping[str, str]) -> int:
    """Print an event's log; the exit code."""
    logs.set_up(logging.WARNING)
    try:
        asyncio.run(_print_lines(event, environment))
    except (StartFault, LogUnavailable, UnknownVersion) as error:
        return _said(str(error), EXIT_FAILED)
    except KafkaError as error:
        return _said(f"Kafka cannot be read (MATLINE_KAFKA): {error}", EXIT_FAILED)
    except BrokenPipeError:  # whoever reads has read enough
        return EXIT_FAILED
    return 0


async def _print_lines(event: str, environment: Mapping[str, str]) -> None:
    async with aclosing(lines(event, kafka_options(environment))) as found:
        async for line in found:
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _said(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
