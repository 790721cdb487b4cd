"""The command that runs ingest: read the settings once, report a fault in one line, and exit with a code."""

import asyncio
import sys
from collections.abc import Mapping

from services.ingest.app import run
from services.ingest.settings import settings_from
from services.runtime import logs
from services.runtime.faults import StartFault

EXIT_FAILED = 1
EXIT_SETTINGS = 2  # a restart does not help


def main(environment: Mapping[str, str]) -> int:
    """Run ingest until it is stopped; return the exit code."""
    logs.set_up()
    try:
        asyncio.run(run(settings_from(environment)))
    except StartFault as error:
        return _fail(str(error), EXIT_SETTINGS)
    except OSError as error:
        return _fail(f"ingest cannot listen: {error}", EXIT_FAILED)
    return 0


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
