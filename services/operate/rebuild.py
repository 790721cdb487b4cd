"""`matline rebuild`: rebuild the boards from the race log, after it was restored or when release notes ask for it.

The old tables are kept under a name with the time, until somebody deletes them. Snapshots are a cache and are deleted,
so that scoring folds the log from its first record and publishes every result again.
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
    """Rename the tables, delete the snapshots, and return the exit code. The stack must not be running."""
    if clickhouse is None and not any((data / name).exists() for name in ("kafka", "snapshots", EMBEDDED)):
        print(
            f"rebuild: {data} has no data of a stack; name the folder that `matline up` uses by --data", file=sys.stderr
        )
        return 1
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    try:
        lock = folder_lock.take(data)
        try:
            _delete_snapshots(data)
            kept_as: object
            if clickhouse is None:
                kept_as = _move_folder(data / EMBEDDED, stamp)
            else:
                address = database_address({**environment, "MATLINE_CLICKHOUSE": clickhouse})
                kept_as = asyncio.run(_rename_database(address, stamp))
        finally:
            lock.release()
    except (StartFault, DatabaseUnavailable, OSError) as error:
        print(f"rebuild: {error}", file=sys.stderr)
        return 1
    print("Start the stack again: scoring then reads the whole log and the boards are rebuilt.")
    if kept_as is not None:
        print(f"The old tables are kept as {kept_as}; delete them once the new boards are right.")
    return 0


def _delete_snapshots(data: Path) -> None:
    folder = data / "snapshots"
    if folder.exists():
        shutil.rmtree(folder)
        print(f"Deleted the snapshots in {folder}. Delete those of workers on other machines there.")


def _move_folder(folder: Path, stamp: str) -> Path | None:
    """Return the new path of the engine's folder, or None if there was no folder."""
    if not folder.exists():
        print(f"There are no tables in {folder}.")
        return None
    return folder.rename(folder.with_name(f"{folder.name}-{stamp}"))


async def _rename_database(address: DatabaseAddress, stamp: str) -> str:
    """Return the database's new name. Raises StartFault, DatabaseUnavailable."""
    if address.embedded:
        raise StartFault("--clickhouse takes a server's address, http://HOST:8123; for embedded tables use --data")
    database = Database(address)
    await database.open()
    try:
        kept_as = f"{address.database}_{stamp.replace('-', '_')}"
        await database.command(f"RENAME DATABASE `{address.database}` TO `{kept_as}`")
    finally:
        await database.close()
    return f"database {kept_as}"
