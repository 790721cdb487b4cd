"""The command that runs ingest: read the settings once, report a fault in one line, and exit with a code."""

import asyncio
import sys
from collections.abc import Mapping

from aiokafka.errors import KafkaError

from services.ingest.app import run
from services.ingest.settings import settings_from
from services.runtime import exit_codes, logs
from services.runtime.faults import StartFault
from services.runtime.lease import LeaseLost


def main(environment: Mapping[str, str], standby: bool = False) -> int:
    """Run ingest until it is stopped; return the exit code. `standby`: see IngestSettings."""
    try:
        logs.set_up(chosen=logs.log_format(environment), service="ingest")
        asyncio.run(run(settings_from(environment, standby)))
    except StartFault as error:
        return _fail(str(error), exit_codes.SETTINGS)
    except (LeaseLost, KafkaError) as error:
        return _fail(f"ingest: {error}", exit_codes.FAILED)
    except OSError as error:
        return _fail(f"ingest cannot listen: {error}", exit_codes.FAILED)
    return 0


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
