"""Access to ClickHouse through clickhouse-connect: a server, or the engine in this process (chDB).

Calls block, so they run on threads of their own. chDB gets one, since its client holds a lock. A server gets one for
inserts, which keep their order, and a few for queries.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec import Struct

from services.runtime.certificates import CertificateFile
from services.runtime.faults import StartFault

_T = TypeVar("_T")

DATABASE = "matline"
QUERY_THREADS = 4
TIMEOUT_S = 30

Columns = Mapping[str, tuple[str, Sequence[Any]]]
"""Column name to its ClickHouse type and its values; all columns are of one length."""


class DatabaseUnavailable(Exception):
    """ClickHouse failed, and may work later. The message is its own, shortened."""


class DatabaseAddress(Struct, frozen=True, kw_only=True):
    """Where ClickHouse is: the `path` of the engine in this process, or a server's host, port and credentials."""

    path: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8123
    secure: bool = False
    user: str = "default"
    password: str = ""
    database: str = DATABASE
    ca: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether this is the engine in this process."""
        return self.path is not None

    def certificates(self) -> list[CertificateFile]:
        """Return the files of certificates."""
        if self.ca is None:
            return []
        return [CertificateFile(variable="MATLINE_CLICKHOUSE_CA", path=Path(self.ca), authority=True)]

    def __repr__(self) -> str:  # never the password
        return f"DatabaseAddress({self})"

    def __str__(self) -> str:
        return f"chDB in {self.path}" if self.path is not None else f"ClickHouse at {self.host}:{self.port}"


def database_address(environment: Mapping[str, str]) -> DatabaseAddress:
    """Return the address in MATLINE_CLICKHOUSE: `chdb:///FOLDER` or
    `http[s]://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`.

    MATLINE_CLICKHOUSE_USER, _PASSWORD and _CA override the address. Raises StartFault.
    """
    text = environment.get("MATLINE_CLICKHOUSE", "").strip() or "chdb://.matline/clickhouse"
    if text.startswith("chdb://"):
        return DatabaseAddress(path=Path(text.removeprefix("chdb://")).absolute())
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a port that is not a number, or an unclosed bracket
        port = 0
    if port == 0 or parts.scheme not in ("http", "https") or not parts.hostname:
        raise StartFault(
            f"MATLINE_CLICKHOUSE={_without_password(text)} is not an address; write chdb:///FOLDER or http://HOST:8123"
        )
    secure = parts.scheme == "https"
    if environment.get("MATLINE_CLICKHOUSE_CA") and not secure:
        raise StartFault("MATLINE_CLICKHOUSE_CA needs TLS; write MATLINE_CLICKHOUSE as an https:// address")
    return DatabaseAddress(
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        secure=secure,
        user=environment.get("MATLINE_CLICKHOUSE_USER") or unquote(parts.username or "default"),
        password=environment.get("MATLINE_CLICKHOUSE_PASSWORD") or unquote(parts.password or ""),
        database=parts.path.strip("/") or DATABASE,
        ca=environment.get("MATLINE_CLICKHOUSE_CA") or None,
    )


def _without_password(address: str) -> str:
    head, separator, host = address.rpartition("@")
    return f"{head.partition('//')[0]}//…@{host}" if separator else address


class Database:
    """An open ClickHouse. Methods raise DatabaseUnavailable; `close` when done."""

    def __init__(self, address: DatabaseAddress) -> None:
        self.address = address
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="clickhouse-write")
        self._readers = (
            self._writer
            if address.embedded
            else ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="clickhouse-read")
        )
        self._client: Client | None = None

    async def open(self) -> None:
        """Connect, and create the database if it is missing. Raises DatabaseUnavailable, StartFault."""
        loop = asyncio.get_running_loop()
        self._client = await loop.run_in_executor(self._writer, _connect, self.address)

    async def prepare_inserts(self) -> None:
        """Load the libraries for which the first insert looks, pandas with its own: that takes a second or more."""
        await self._run(self._writer, lambda _: options.pd)

    async def insert(self, table: str, columns: Columns, token: str) -> None:
        """Insert rows. `token` identifies them, so that a retry after a lost answer inserts nothing twice."""
        await self._run(self._writer, lambda client: _insert(client, table, columns, token))

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Values are `{name:Type}` parameters, never parts of the text."""
        return await self._run(self._readers, lambda client: _query(client, sql, dict(parameters or {})))

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""
        await self._run(self._writer, lambda client: _command(client, sql, dict(parameters or {})))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[Client], _T]) -> _T:
        client = self._client
        if client is None:
            raise AssertionError("the database is not open")
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: work(client))

    async def close(self) -> None:
        """Disconnect; the folder of an embedded engine is then free for another process."""
        if self._client is not None:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._client.close)
            self._client = None
        self._writer.shutdown()
        self._readers.shutdown()


def _check_authority(ca: str | None) -> None:
    """Raise StartFault if the file cannot be used: the client itself would only wait for an answer."""
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise StartFault(f"MATLINE_CLICKHOUSE_CA={ca} cannot be used: {error}") from None


# Handing the few rows of a batch from thread to thread costs more than inserting them.
ONE_THREAD = {"max_threads": 1, "max_insert_threads": 1}
_DATABASE = "SELECT 1 FROM system.databases WHERE name = {name:String}"


def _connect(address: DatabaseAddress) -> Client:
    try:
        if address.path is not None:
            address.path.mkdir(parents=True, exist_ok=True)
            client = clickhouse_connect.get_client(interface="chdb", path=str(address.path), settings=ONE_THREAD)
        else:
            _check_authority(address.ca)
            client = clickhouse_connect.get_client(
                host=address.host,
                port=address.port,
                username=address.user,
                password=address.password,
                secure=address.secure,
                ca_cert=address.ca,
                connect_timeout=TIMEOUT_S,
                send_receive_timeout=TIMEOUT_S,
                autogenerate_session_id=False,
            )
        existing = client.query(_DATABASE, parameters={"name": address.database}).result_rows
        if not existing:  # a user with read access only would be refused even if nothing is to be created
            client.command(f"CREATE DATABASE IF NOT EXISTS {_quoted(address.database)}")
        client.database = address.database
    except ImportError:
        raise StartFault(
            "chDB is not installed; install `matline[embedded]`, or use a ClickHouse server with --clickhouse"
        ) from None
    except (ClickHouseError, OSError) as error:
        raise DatabaseUnavailable(f"{address}: {_short(error)}") from None
    return client


def _insert(client: Client, table: str, columns: Columns, token: str) -> None:
    try:
        client.insert(
            table,
            [values for _, values in columns.values()],
            column_names=list(columns),
            column_type_names=[kind for kind, _ in columns.values()],
            column_oriented=True,
            settings={"async_insert": 0, "insert_deduplication_token": token},
        )
    except (ClickHouseError, OSError) as error:
        raise DatabaseUnavailable(f"{table}: {_short(error)}") from None


def _query(client: Client, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    try:
        return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]
    except (ClickHouseError, OSError) as error:
        raise DatabaseUnavailable(_short(error)) from None


def _command(client: Client, sql: str, parameters: dict[str, Any]) -> None:
    try:
        client.command(sql, parameters=parameters)
    except (ClickHouseError, OSError) as error:
        raise DatabaseUnavailable(_short(error)) from None


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


ERROR_CHARS = 400  # ClickHouse's errors quote the whole query


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= ERROR_CHARS else text[:ERROR_CHARS] + " …"
