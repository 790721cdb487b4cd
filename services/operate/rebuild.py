"""`matline rebuild`: boards made anew from the race log, as after the log was restored, or by a release that tells.

Nothing is taken away: the old tables are put beside under a name with the time, and who is content deletes them.
Snapshots go, being a cache, so that scoring folds the log from its first record and sends everybody's result again.
"""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from services.runtime import folder_lock
from services.runtime.clickhouse import Database, DatabaseAddress, DatabaseUnavailable, database_address
from services.runtime.faults import StartFault

EMBEDDED = "clickhouse"  # the engine's folder within the data folder, as `matline up` has it


def main(data: Path, clickhouse: str | None, environment: Mapping[str, str]) -> int:
    """Put the tables aside and delete the snapshots; the exit code. The stack has to be stopped."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    try:
        lock = folder_lock.take(data)
        try:
            _delete_snapshots(data)
            aside: object
            if clickhouse is None:
                aside = _move_folder(data / EMBEDDED, stamp)
            else:
                address = database_address({**environment, "MATLINE_CLICKHOUSE": clickhouse})
                aside = asyncio.run(_rename_database(address, stamp))
        finally:
            lock.release()
    except (StartFault, DatabaseUnavailable, OSError) as error:
        print(f"rebuild: {error}", file=sys.stderr)
        return 1
    print("Start the stack again: scoring reads the whole log, and boards are made anew.")
    if aside is not None:
        print(f"The old tables are kept as {aside}; delete them when the new boards are right.")
    return 0


def _delete_snapshots(data: Path) -> None:
    folder = data / "snapshots"
    if folder.exists():
        shutil.rmtree(folder)
        print(f"snapshots in {folder} deleted; those of workers on other machines have to be deleted there")


def _move_folder(folder: Path, stamp: str) -> Path | None:
    """Where the engine's folder is now; None when there was none."""
    if not folder.exists():
        print(f"there are no tables in {folder}")
        return None
    return folder.rename(folder.with_name(f"{folder.name}-{stamp}"))


async def _rename_database(address: DatabaseAddress, stamp: str) -> str:
    """The database's name now. Raises StartFault, DatabaseUnavailable."""
    if address.embedded:
        raise StartFault("--clickhouse is for a server, http://HOST:8123; the embedded tables are found by --data")
    database = Database(address)
    await database.open()
    try:
        aside = f"{address.database}_{stamp.replace('-', '_')}"
        await database.command(f"RENAME DATABASE `{address.database}` TO `{aside}`")
    finally:
        await database.close()
    return f"database {aside}"
