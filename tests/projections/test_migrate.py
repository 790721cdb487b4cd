"""Tables by numbered migrations."""

import pytest

from services.projections.migrate import migrate, migrations
from services.projections.tables import TABLES
from services.runtime.clickhouse import Database
from services.runtime.faults import StartFault


async def test_tables_have_the_columns_that_inserts_give(database: Database) -> None:
    for table, columns in TABLES.items():
        described = await database.query(f"DESCRIBE TABLE {table}")
        assert [(row[0], row[1]) for row in described] == list(columns)


async def test_a_second_time_nothing_is_applied(database: Database) -> None:
    assert await migrate(database) == []


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


async def test_tables_of_a_newer_release_are_refused_by_name(database: Database) -> None:
    await database.insert("migrations", {"number": ("UInt32", [999])}, "newer")
    with pytest.raises(StartFault, match="migration 999"):
        await migrate(database)
