"""Tables by numbered migrations."""

import re

import msgspec
import pytest

from services.projections.migrate import migrate, migrations, statements
from services.projections.tables import EPOCH, FENCED, TABLES
from services.runtime.clickhouse import Database
from services.runtime.faults import StartFault


async def test_tables_have_the_columns_that_inserts_give(database: Database) -> None:
    for table, columns in TABLES.items():
        described = await database.query(f"DESCRIBE TABLE {table}")
        given = [*columns, EPOCH] if table in FENCED else list(columns)
        assert [(row[0], row[1]) for row in described] == given


async def test_comments_of_columns_call_no_athlete_he(database: Database) -> None:
    commented = await database.query(
        "SELECT table, name, comment FROM system.columns WHERE database = {name:String} AND comment != ''",
        {"name": database.address.database},
    )
    assert ("board_rows", "there", "0: the athlete left the board") in commented
    assert [row for row in commented if re.search(r"\b(he|him|his|she|her)\b", row[2])] == []


async def test_tables_of_an_older_release_keep_what_they_have(database: Database) -> None:
    await database.command("CREATE DATABASE old")
    old = Database(msgspec.structs.replace(database.address, database="old"))
    await old.open()
    try:
        for _, text in migrations()[:5]:
            for statement in statements(text):
                await old.command(statement)
        await old.command("INSERT INTO revisions VALUES ('x', 4, 40), ('x', 5, 50)")
        await old.command("INSERT INTO board_rows VALUES ('x', 'men', '7', 5, 1, 3, 9, 9, 9)")
        assert await migrate(old) == [number for number, _ in migrations()]
        assert await old.query("SELECT * FROM announced") == [("x", 5, 50, 0)]
        assert await old.query("SELECT place, bib, revision FROM leaderboard") == [(1, "7", 5)]
    finally:
        await old.close()
        await database.command("DROP DATABASE old")


async def test_a_migration_that_was_cut_off_is_applied_again(database: Database) -> None:
    await database.command("TRUNCATE TABLE migrations")
    assert await migrate(database) == [number for number, _ in migrations()]


async def test_a_second_time_nothing_is_applied(database: Database) -> None:
    assert await migrate(database) == []


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


async def test_tables_of_a_newer_release_are_refused_with_what_to_do(database: Database) -> None:
    await database.insert("migrations", {"number": ("UInt32", [999])}, "newer")
    with pytest.raises(StartFault, match=r"migration 999.*To go back to this one, stop .* run `matline rebuild`"):
        await migrate(database)
