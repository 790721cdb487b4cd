"""Ingest wired up: HTTP, the readers' listeners, the way to Kafka, metrics and health, in one process."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.ingest.access import Access
from services.ingest.http import Door, problem
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import KafkaLog, Log
from services.ingest.readers.raceresult_upload import Uploads
from services.ingest.reading import Reading
from services.ingest.settings import IngestSettings
from services.runtime import ops
from services.runtime.faults import StartFault
from services.runtime.tls import ServerTls
from services.runtime.tokens import Tokens

SHUTDOWN_S = 15.0  # for requests being worked on: they wait for Kafka at most 10 s
CONNECTIONS_MAX = 1_024  # by HTTP: far more than there are gateways, and within a process's open files
BACKLOG = 512  # connections that the kernel holds while we are busy
IDLE_S = 75.0  # a connection without a whole request for so long is closed; gateways connect again
LINGER_S = 2.0  # for the rest of a body that was refused, so that the client hears why before we hang up
HANDSHAKE_S = 10.0
LOOK_EVERY_S = 1.0  # how often files of settings are looked at

log = logging.getLogger(__name__)

READING: web.AppKey[Reading] = web.AppKey("reading", Reading)
FAILED: web.AppKey["asyncio.Future[None]"] = web.AppKey("failed", asyncio.Future)
"""Fails with what ingest cannot go on from."""


def now_us() -> int:
    """This machine's clock."""
    return time.time_ns() // 1000


def create_app(settings: IngestSettings, race_log: Log | None = None) -> web.Application:
    """Ingest as an aiohttp application. `race_log` null: Kafka. Raises StartFault, UnsafeAddress.

    Serve it by `serving`, which leaves unpacking of bodies to us.
    """
    access = Access(Tokens(settings.tokens))
    access.check_listening(settings.host)
    metrics = IngestMetrics(CollectorRegistry())
    writer = KafkaLog(settings.kafka.client(), settings.partitions, metrics) if race_log is None else race_log
    reading = Reading(
        settings.config, settings.host, settings.mylaps_port, access, writer, metrics, now_us, settings.data
    )
    app = web.Application(middlewares=[_problems])
    app[READING] = reading
    app.add_routes(Door(writer, metrics, now_us, access).routes())
    app.add_routes(Uploads(reading.uploading, writer, metrics, now_us).routes())
    app.add_routes(ops.routes(metrics.registry, lambda: None if writer.reachable() else "Kafka does not answer"))

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        app[FAILED] = asyncio.get_running_loop().create_future()
        writing = asyncio.create_task(_write(writer, app[FAILED]))
        try:
            await reading.start()
            looking = asyncio.create_task(_look(reading, app[FAILED]))
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                await reading.close()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    app.cleanup_ctx.append(lifetime)
    return app


async def _look(reading: Reading, failed: "asyncio.Future[None]") -> None:
    """Keep the readers as the file has them, for as long as this task lives."""
    try:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await reading.look()
    except Exception as error:
        if not failed.done():
            failed.set_exception(error)


async def _write(writer: Log, failed: "asyncio.Future[None]") -> None:
    if not isinstance(writer, KafkaLog):
        return
    try:
        await writer.run()
    except Exception as error:
        if not failed.done():
            failed.set_exception(error)


class _Refusing(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


@asynccontextmanager
async def serving(app: web.Application, settings: IngestSettings) -> AsyncIterator[int]:
    """Serve the application; the port that it has. Raises OSError for one that is taken, StartFault."""
    tls = None if settings.tls is None else ServerTls(settings.tls)
    # Bodies as they came: `bodies` unpacks them within bounds.
    runner = web.AppRunner(
        app,
        auto_decompress=False,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=IDLE_S,
        lingering_time=LINGER_S,
    )
    await runner.setup()
    try:
        handler = runner.server
        assert handler is not None

        def connection() -> asyncio.BaseProtocol:
            return _Refusing() if len(handler.connections) >= CONNECTIONS_MAX else handler()

        server = await asyncio.get_running_loop().create_server(
            connection,
            settings.host,
            settings.port,
            ssl=None if tls is None else tls.context,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_S,
            backlog=BACKLOG,
        )
        renewing = asyncio.create_task(_renew(tls))
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            renewing.cancel()
            server.close()
    finally:
        await runner.cleanup()


async def _renew(tls: ServerTls | None) -> None:
    """Take up certificates that are renewed, for as long as this task lives."""
    while tls is not None:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            if tls.renewed():
                log.info("the TLS certificate was renewed")
        except StartFault as fault:
            log.error("%s", fault)


async def run(settings: IngestSettings) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError for a port that is taken, WrongPartitions, UnsafeAddress."""
    app = create_app(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(app, settings) as port:
        log.info("ingest listens on %s://%s:%d", "https" if settings.tls else "http", settings.host, port)
        app[FAILED].add_done_callback(lambda _: stop.set())
        await stop.wait()
        if app[FAILED].done():
            app[FAILED].result()


@web.middleware
async def _problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """No path, no method: answered in the same form as everything else."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPNotFound:
        return problem(
            404,
            "Nothing here",
            f"there is no {request.path}; see /v1/events/{{event}}/reads, definition, entries, facts",
        )
    except web.HTTPMethodNotAllowed as error:
        refused = problem(405, "Wrong method", f"{request.path} takes {', '.join(sorted(error.allowed_methods))}")
        refused.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return refused
    except web.HTTPException as error:
        return problem(error.status, error.reason, error.text or error.reason)
    except Exception:
        log.exception("a request to %s failed by a fault of ours", request.path)
        return problem(500, "A fault of ours", "nothing of this request is acknowledged; our log says why")
    return response
