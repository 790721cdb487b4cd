"""Run live: as a process of its own with a ClickHouse server, or inside the process of the projections.

chDB lets only one process open a folder. With the embedded database the projections open it, and live is served
`beside` them in the same event loop.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.live.app import serve
from services.live.settings import LiveSettings, settings_from
from services.runtime import exit_codes, logs
from services.runtime.clickhouse import Database, DatabaseUnavailable
from services.runtime.faults import StartFault

log = logging.getLogger(__name__)


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM. Return the exit code."""
    try:
        logs.set_up(chosen=logs.log_format(environment), service="live")
        settings = settings_from(environment)
        if settings.clickhouse.embedded:
            raise StartFault(
                f"{settings.clickhouse} can be opened by one process only; with it, `matline projections` serves live"
                " too. To run live as a process of its own, name a server: MATLINE_CLICKHOUSE=http://HOST:8123"
            )
        asyncio.run(_run(settings))
    except StartFault as error:
        return _fail(str(error), exit_codes.SETTINGS)
    except DatabaseUnavailable as error:
        return _fail(f"live has no ClickHouse: {error}", exit_codes.AWAY)
    except OSError as error:
        return _fail(f"live cannot listen: {error}", exit_codes.FAILED)
    return 0


async def _run(settings: LiveSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.clickhouse)
    await database.open()
    try:
        serving = await serve(settings, database)
        try:
            await stop.wait()
        finally:
            await serving.cleanup()
    finally:
        await database.close()


@asynccontextmanager
async def beside(environment: Mapping[str, str], database: Database) -> AsyncIterator[None]:
    """Serve live in this event loop while the context is open, on an open database that has its tables.

    Raises StartFault, and OSError for a port that is taken.
    """
    serving = await serve(settings_from(environment), database)
    try:
        yield
    finally:
        await serving.cleanup()


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
