"""What Matline does with ClickHouse, over HTTP: values, errors, and inserts that came although their answer did not."""

import asyncio
import time
from contextlib import suppress

import pytest

from services.projections.migrate import migrate, migrations
from services.projections.tables import TABLES
from services.runtime.clickhouse import Columns, Database, DatabaseAddress, DatabaseUnavailable
from tests.clickhouse_over_http.faults import Fault
from tests.clickhouse_over_http.server import ClickHouse

HOSTILE = [
    "",
    "'",
    '"',
    "\\",
    "`",
    "{x:String}",
    "a\tb\nc",
    "\0",
    "Nguyễn Thị Ánh",
    "😀",
    "'); DROP TABLE revisions; --",
]


def _revision(number: int) -> Columns:
    return {
        "event": ("LowCardinality(String)", ["e"]),
        "revision": ("Int64", [number]),
        "announced_at_us": ("Int64", [number]),
    }


async def test_migrations_run_once_and_make_the_tables_that_inserts_expect(database: Database):
    assert await migrate(database) == []
    assert await database.query("SELECT count() FROM migrations") == [(len(migrations()),)]
    columns = await database.query(
        "SELECT table, name, type FROM system.columns WHERE database = {name:String}",
        {"name": database.address.database},
    )
    made = {(table, name): kind for table, name, kind in columns}
    assert {(table, *column) for table, kinds in TABLES.items() for column in kinds} <= {
        (table, name, kind) for (table, name), kind in made.items()
    }


async def test_values_come_back_as_they_were_inserted(database: Database):
    columns: Columns = {
        "event": ("LowCardinality(String)", HOSTILE),
        "board": ("LowCardinality(String)", HOSTILE[::-1]),
        "revision": ("Int64", [-(2**63), 2**63 - 1, *range(9)]),
        "places": ("Array(Nullable(UInt32))", [[1, None, 2**32 - 1]] + [[]] * 10),
        "teams": ("Array(String)", [HOSTILE] * 11),
        "scores": ("Array(Nullable(Int64))", [[None, -1]] * 11),
        "members": ("Array(String)", [[]] * 11),
        "crowded": ("Array(String)", [["x"]] * 11),
    }
    await database.insert("team_standings", columns, "token")
    rows = await database.query(f"SELECT {', '.join(columns)} FROM team_standings")
    assert sorted(rows) == sorted(zip(*(values for _, values in columns.values()), strict=True))


async def test_parameters_are_values_whatever_they_contain(database: Database):
    for text in HOSTILE:
        assert await database.query("SELECT {text:String}", {"text": text}) == [(text,)]
    assert await database.query("SELECT {texts:Array(String)}", {"texts": HOSTILE}) == [(HOSTILE,)]
    many = [f"{text}{number}" for number in range(500) for text in HOSTILE]  # the client sends these in a form
    assert await database.query("SELECT {texts:Array(String)}", {"texts": many}) == [(many,)]
    assert await database.query("SELECT 1 WHERE 0") == []


async def test_an_error_names_what_clickhouse_said(database: Database):
    with pytest.raises(DatabaseUnavailable, match="UNKNOWN_TABLE"):
        await database.query("SELECT * FROM nothing")
    with pytest.raises(DatabaseUnavailable, match="SYNTAX_ERROR"):
        await database.command("SELECT (1")


@pytest.mark.parametrize("kind", ["lost_answer", "error_after"])
async def test_an_insert_that_was_taken_without_a_good_answer_is_not_doubled_by_its_retry(
    clickhouse: ClickHouse, database: Database, kind
):
    await clickhouse.order(Fault(kind=kind, times=6, begins="INSERT INTO revisions"))
    while await clickhouse.waiting():  # the client itself also repeats an insert after a connection that closed
        with suppress(DatabaseUnavailable):
            await database.insert("revisions", _revision(1), "token")
    await database.insert("revisions", _revision(1), "token")
    assert await database.query("SELECT count() FROM revisions") == [(1,)]
    await database.insert("revisions", _revision(1), "another")
    assert await database.query("SELECT count() FROM revisions") == [(2,)]


async def test_a_server_that_closes_connections_is_unavailable_and_then_it_is_not(
    clickhouse: ClickHouse, database: Database
):
    await clickhouse.order(Fault(kind="away", times=10))
    with pytest.raises(DatabaseUnavailable):
        await database.insert("revisions", _revision(1), "token")
    with pytest.raises(DatabaseUnavailable):
        await database.query("SELECT 1")
    await clickhouse.order()
    await database.insert("revisions", _revision(1), "token")
    assert await database.query("SELECT revision FROM revisions") == [(1,)]


async def test_a_slow_insert_does_not_hold_up_queries(clickhouse: ClickHouse, database: Database):
    await clickhouse.order(Fault(kind="slow", times=1, begins="INSERT INTO revisions", seconds=2.0))
    began = time.monotonic()
    slow = asyncio.create_task(database.insert("revisions", _revision(1), "token"))
    while await clickhouse.waiting():
        await asyncio.sleep(0.01)
    assert await database.query("SELECT count() FROM revisions") == [(0,)]
    assert not slow.done()
    await slow
    assert time.monotonic() - began >= 2.0


async def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path):
    away = ClickHouse(tmp_path)
    address = DatabaseAddress(port=away.port, user="race", password="secret")
    with pytest.raises(DatabaseUnavailable, match=f"ClickHouse at 127.0.0.1:{away.port}") as unavailable:
        await Database(address).open()
    assert "secret" not in str(unavailable.value)
