"""The command that runs ingest: read the settings once, report a fault in one line, and exit with a code."""

import asyncio
import sys
from collections.abc import Mapping

from services.ingest.app import run
from services.ingest.settings import settings_from
from services.runtime import exit_codes, logs
from services.runtime.faults import StartFault


def main(environment: Mapping[str, str]) -> int:
    """Run ingest until it is stopped; return the exit code."""
    try:
        logs.set_up(chosen=logs.log_format(environment), service="ingest")
        asyncio.run(run(settings_from(environment)))
    except StartFault as error:
        return _fail(str(error), exit_codes.SETTINGS)
    except OSError as error:
        return _fail(f"ingest cannot listen: {error}", exit_codes.FAILED)
    return 0


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
