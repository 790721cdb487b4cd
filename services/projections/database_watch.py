"""Watch the room on a ClickHouse server's disks, and how many parts our tables have."""

import asyncio
import logging

from services.projections.metrics import ProjectionMetrics
from services.runtime.clickhouse import Database, DatabaseUnavailable

WATCH_S = 30.0

DISKS = "SELECT name, toUInt64(free_space) FROM system.disks"
PARTS = "SELECT count() FROM system.parts WHERE active AND database = {database:String}"

log = logging.getLogger(__name__)


async def watch_server(database: Database, metrics: ProjectionMetrics) -> None:
    """Set the metrics of a server until cancelled; one that does not show its own tables to us has none."""
    denied = False
    while True:
        try:
            for disk, free in await database.query(DISKS):
                metrics.database_free.labels(disk).set(free)
            ((parts,),) = await database.query(PARTS, {"database": database.address.database})
            metrics.database_parts.set(parts)
        except DatabaseUnavailable as error:
            if not denied:
                log.info("the metrics of ClickHouse's disks and parts are not shown: %s", error)
                denied = True
        await asyncio.sleep(WATCH_S)
