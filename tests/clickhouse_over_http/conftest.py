"""What the tests share: one stand-in server for the session, with a database of its own for each test."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from services.projections.migrate import migrate
from services.runtime.clickhouse import Database, DatabaseAddress
from tests.clickhouse_over_http.server import ClickHouse

_databases = count(1)


@pytest.fixture(scope="session")
async def clickhouse_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ClickHouse]:
    """The server for the session."""
    server = ClickHouse(tmp_path_factory.mktemp("clickhouse-server"))
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def clickhouse(clickhouse_process: ClickHouse) -> AsyncIterator[ClickHouse]:
    """The server without faults to come."""
    await clickhouse_process.order()
    yield clickhouse_process
    await clickhouse_process.order()


@pytest.fixture
def address(clickhouse: ClickHouse) -> DatabaseAddress:
    """A database of the server that does not exist yet."""
    return DatabaseAddress(port=clickhouse.port, database=f"t_{next(_databases)}")


@pytest.fixture
async def database(address: DatabaseAddress) -> AsyncIterator[Database]:
    """A database of the server with Matline's tables, empty."""
    opened = Database(address)
    await opened.open()
    await migrate(opened)
    yield opened
    await opened.close()
