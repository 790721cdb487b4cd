"""Live's commands: as a process of its own beside a ClickHouse server, or within the projections' process.

chDB allows one process a folder, so embedded the projections hold it and live is served `beside` them, in the same
loop.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.live.app import serve
from services.live.settings import LiveSettings, settings_from
from services.runtime import logs
from services.runtime.clickhouse import Database, DatabaseUnavailable
from services.runtime.faults import StartFault

EXIT_FAILED = 1
EXIT_SETTINGS = 2  # a restart does not help

log = logging.getLogger(__name__)


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    logs.set_up()
    try:
        settings = settings_from(environment)
        if settings.clickhouse.embedded:
            raise StartFault(
                f"{settings.clickhouse} can be held by one process only, and `matline projections` serves live beside"
                " itself then; for a process of its own give a server, MATLINE_CLICKHOUSE=http://HOST:8123"
            )
        asyncio.run(_run(settings))
    except StartFault as error:
        return _said(str(error), EXIT_SETTINGS)
    except DatabaseUnavailable as error:
        return _said(f"live has no ClickHouse: {error}", EXIT_FAILED)
    except OSError as error:
        return _said(f"live cannot listen: {error}", EXIT_FAILED)
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
    """Live served in this loop for as long as the context lasts, on a database that is open and has its tables.

    Raises StartFault, OSError for a port that is taken.
    """
    serving = await serve(settings_from(environment), database)
    try:
        yield
    finally:
        await serving.cleanup()


def _said(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
