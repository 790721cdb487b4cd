"""A stand-in for a ClickHouse server: `python -m tests.clickhouse_over_http FOLDER PORT`.

The real engine (chDB) opens FOLDER; around it is the part of ClickHouse's HTTP interface that clickhouse-connect uses:
statements in the body, whatever its coding; parameters, database and settings in the query, long parameters in a form;
errors with their code in a header. It answers uncompressed, which a client has to take, and knows no users, sessions
and native protocol version.
Source: ClickHouse documentation, "HTTP Interface".

`PUT /faults` with a JSON list of `faults.Fault` orders faults, and `GET /faults` returns what has not come yet.
"""

import asyncio
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile

import chdb
import cramjam
import msgspec
from aiohttp import web
from chdb.state.sqlitelike import Connection

from tests.clickhouse_over_http.faults import Fault, Faults

ENGINE_THREADS = 4
STATUS_OF_CODE = {60: 404, 81: 404, 62: 400}  # unknown table, unknown database, syntax error; others are 500
NOT_SETTINGS = {  # parameters that the HTTP interface itself understands
    "client_protocol_version",
    "database",
    "default_format",
    "enable_http_compression",
    "http_headers_progress_interval_ms",
    "query",
    "query_id",
    "send_progress_in_http_headers",
    "wait_end_of_query",
}
_CODE = re.compile(r"Code: (\d+)\.")
_NATIVE_INSERT = re.compile(rb"\s*(INSERT INTO [^\n]*\S)\s+FORMAT Native\n", re.IGNORECASE)
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)


class EngineError(Exception):
    """The engine refused a statement; the message is its own."""


class Engine:
    """The engine in FOLDER, with a connection of its own for each thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(ENGINE_THREADS)
        self._local = threading.local()
        self._first = chdb.connect(str(folder))  # holds the engine open
        self.version = self._first.query("SELECT version()", "TabSeparated").bytes().decode().strip()

    async def run(self, statement: bytes, query: dict[str, str]) -> bytes:
        """Run a statement with its parameters and settings; return its result. Raises EngineError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, statement, query)

    def _run(self, statement: bytes, query: dict[str, str]) -> bytes:
        if not hasattr(self._local, "connection"):
            self._local.connection = chdb.connect(str(self._folder))
        connection = self._local.connection
        parameters = {name.removeprefix("param_"): value for name, value in query.items() if name.startswith("param_")}
        settings = {name: query[name] for name in query.keys() - NOT_SETTINGS if not name.startswith("param_")}
        try:
            connection.query(f"USE `{query.get('database') or 'default'}`")
            _set(connection, {name: _quoted(value) for name, value in settings.items()})
            try:
                if insert := _NATIVE_INSERT.match(statement):
                    return _insert(connection, insert[1], statement[insert.end() :])
                result: bytes = connection.query(statement, _format(statement), params=parameters).bytes()
            finally:
                _set(connection, dict.fromkeys(settings, "DEFAULT"))
        except RuntimeError as error:  # chDB raises a kind of it
            raise EngineError(str(error).strip()) from None
        return result


def _insert(connection: Connection, head: bytes, rows: bytes) -> bytes:
    """Insert rows by way of a file: at the end of a statement the engine takes some bytes of rows for white space."""
    with NamedTemporaryFile() as file:
        file.write(rows)
        file.flush()
        statement = head + b" FROM INFILE '" + file.name.encode() + b"' FORMAT Native"
        result: bytes = connection.query(statement).bytes()  # type: ignore[arg-type]  # it takes bytes too
    return result


def _format(statement: bytes) -> str:
    written = _FORMAT.search(statement)
    return written[1].decode() if written else "TabSeparated"


def _set(connection: Connection, settings: dict[str, str]) -> None:
    if settings:
        connection.query("SET " + ", ".join(f"{name} = {value}" for name, value in settings.items()))


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Server:
    """Answers requests as ClickHouse does, and plays the ordered faults."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._faults = Faults()

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=0)
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/faults", self._still_waiting)
        app.router.add_put("/faults", self._order)
        app.router.add_post("/", self._statement)
        return app

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _order(self, request: web.Request) -> web.Response:
        self._faults.waiting = msgspec.json.decode(await request.read(), type=list[Fault])
        return web.Response()

    async def _still_waiting(self, _: web.Request) -> web.Response:
        waiting = [fault for fault in self._faults.waiting if fault.times > 0]
        return web.Response(body=msgspec.json.encode(waiting), content_type="application/json")

    async def _statement(self, request: web.Request) -> web.StreamResponse:
        statement, query = await _asked(request)
        fault = self._faults.take(statement)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "away":
            return _hung_up(request)
        try:
            result = await self._engine.run(statement, query)
        except EngineError as error:
            return self._error(str(error))
        if fault is not None and fault.kind == "lost_answer":
            return _hung_up(request)
        if fault is not None and fault.kind == "error_after":
            return self._error("Code: 236. DB::Exception: The server is shutting down. (ABORTED)")
        headers = {
            "X-ClickHouse-Format": _format(statement),
            "X-ClickHouse-Query-Id": request.query.get("query_id", ""),
            "X-ClickHouse-Summary": json.dumps({"read_rows": "0", "written_rows": "0"}),
            "X-ClickHouse-Timezone": "UTC",
        }
        return web.Response(body=result, headers=headers, content_type="application/octet-stream")

    def _error(self, message: str) -> web.Response:
        code = match[1] if (match := _CODE.search(message)) else "1002"
        text = f"{message} (version {self._engine.version} (official build))\n"
        headers = {"X-ClickHouse-Exception-Code": code}
        return web.Response(status=STATUS_OF_CODE.get(int(code), 500), text=text, headers=headers)


async def _asked(request: web.Request) -> tuple[bytes, dict[str, str]]:
    """Return the statement and its parameters and settings; a client sends long parameters in a form."""
    query = dict(request.query)
    if request.content_type == "multipart/form-data":
        fields = {name: str(value) for name, value in (await request.post()).items()}
        return fields.pop("query").encode(), query | fields
    body = _decompressed(await request.read(), request.headers.get("Content-Encoding"))
    in_query = query.get("query", "").encode()
    return in_query + b"\n" + body if in_query else body, query


def _decompressed(body: bytes, coding: str | None) -> bytes:
    if coding is None:
        return body
    if coding == "lz4":
        return bytes(cramjam.lz4.decompress(body))
    if coding == "zstd":
        return bytes(cramjam.zstd.decompress(body))
    raise web.HTTPUnsupportedMediaType(text=f"unknown coding {coding}")


def _hung_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _serve(folder: Path, port: int) -> None:
    runner = web.AppRunner(Server(Engine(folder)).app(), auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
