"""Wire up ingest in one process: HTTP, the readers, the Kafka producer, metrics and health checks."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.ingest.disk_guard import DiskGuard
from services.ingest.http.access import Access
from services.ingest.http.api import IngestApi
from services.ingest.http.connection_limiter import ACCEPTED_AT_ONCE, BACKLOG, ConnectionLimiter
from services.ingest.http.error_throttle import ErrorThrottle
from services.ingest.http.operations import SERVICE
from services.ingest.limits import IngestLimits
from services.ingest.log_follower import LogFollower
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import KafkaLog, Log
from services.ingest.readers.standby import ReadersStandby
from services.ingest.readers.supervisor import ReaderSupervisor
from services.ingest.readers.uploads import Uploads
from services.ingest.replicas import ReplicaWatch
from services.ingest.settings import IngestSettings
from services.runtime import ops, reference
from services.runtime.certificates import watch_certificates
from services.runtime.faults import StartFault
from services.runtime.open_files import allow_open_files
from services.runtime.problem import problem
from services.runtime.problem_runner import ProblemRunner
from services.runtime.service_metrics import service_registry
from services.runtime.tls import ServerTls
from services.runtime.tokens import Tokens

SHUTDOWN_S = 15.0  # for requests in progress: they wait for Kafka at most 10 s
IDLE_S = 75.0  # a connection that completes no request for this long is closed; gateways connect again
HANDSHAKE_S = 10.0
OPEN_FILES = (
    2 * IngestLimits().connections
)  # with readers, Kafka and our own files; many systems allow 1,024 unless asked

log = logging.getLogger(__name__)

SUPERVISOR: web.AppKey[ReaderSupervisor] = web.AppKey("supervisor", ReaderSupervisor)
CONNECTIONS: web.AppKey[ConnectionLimiter] = web.AppKey("connections", ConnectionLimiter)
LIMITS: web.AppKey[IngestLimits] = web.AppKey("limits", IngestLimits)
FAILED: web.AppKey["asyncio.Future[None]"] = web.AppKey("failed", asyncio.Future)
"""Fails with the error that ingest cannot recover from."""


def now_us() -> int:
    """Return the time of this machine's clock."""
    return time.time_ns() // 1000


def create_app(
    settings: IngestSettings, race_log: Log | None = None, limits: IngestLimits | None = None
) -> web.Application:
    """Return ingest as an aiohttp application. Raises StartFault, UnsafeAddress.

    `race_log` null means Kafka. Run the application with `serving`, which leaves bodies compressed for `http.body`.
    """
    limits = limits or IngestLimits()
    connections = ConnectionLimiter(limits)
    access = Access(Tokens(settings.tokens), connections, limits)
    access.check_listening(settings.host)
    metrics = IngestMetrics(service_registry("ingest", settings.data, settings.certificates()))
    follower = LogFollower(settings.kafka, settings.partitions, metrics)
    guard, quota = _disk_guard(settings), limits.dead_letters
    writer = (
        KafkaLog(settings.kafka.client(), settings.partitions, metrics, quota, guard, follower.is_archived)
        if race_log is None
        else race_log
    )
    supervisor = ReaderSupervisor(
        settings.config, settings.host, settings.mylaps_port, access, writer, metrics, now_us, settings.data, limits
    )
    standby = None
    if settings.standby:
        standby = ReadersStandby(settings.kafka, supervisor, lambda: _watch_readers(supervisor, limits.watch_files_s))

    def fault() -> str | None:
        return writer.fault() or (None if standby is None else standby.fault())

    app = web.Application(middlewares=[_answering(ErrorThrottle(limits))])
    app[SUPERVISOR] = supervisor
    app[CONNECTIONS] = connections
    app[LIMITS] = limits
    described = [
        *IngestApi(writer, follower, metrics, now_us, access, limits).routes(),
        *Uploads(supervisor.uploading, writer, metrics, now_us, limits).routes(),
        *ops.routes(metrics.registry, fault),
    ]
    app.add_routes([*described, *reference.routes(SERVICE, described)])

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        app[FAILED] = asyncio.get_running_loop().create_future()
        writing = [writer.run()] if isinstance(writer, KafkaLog) else []
        tasks = [asyncio.create_task(_until_failed(work, app[FAILED])) for work in writing]
        beside = [follower.run(), ReplicaWatch(settings.kafka, metrics).run()] if race_log is None else []
        tasks += [asyncio.create_task(work) for work in beside]
        try:
            if standby is None:
                await supervisor.start()
            work = _watch_readers(supervisor, limits.watch_files_s) if standby is None else standby.run()
            watching = asyncio.create_task(_until_failed(work, app[FAILED]))
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await supervisor.close()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app.cleanup_ctx.append(lifetime)
    return app


def _disk_guard(settings: IngestSettings) -> DiskGuard | None:
    return None if settings.kafka_folder is None else DiskGuard(settings.kafka_folder)


async def _watch_readers(supervisor: ReaderSupervisor, every_s: float) -> None:
    """Keep the readers in step with their file, for as long as this task lives."""
    while True:
        await asyncio.sleep(every_s)
        await supervisor.look()


async def _until_failed(work: Coroutine[Any, Any, None], failed: "asyncio.Future[None]") -> None:
    try:
        await work
    except Exception as error:
        if not failed.done():
            failed.set_exception(error)


@asynccontextmanager
async def serving(app: web.Application, settings: IngestSettings) -> AsyncIterator[int]:
    """Serve the application and yield its port. Raises StartFault, and OSError for a port that is taken."""
    tls = None if settings.tls is None else ServerTls(settings.tls)
    # Bodies stay compressed: `http.body` decompresses them within bounds.
    runner = ProblemRunner(
        app,
        auto_decompress=False,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=IDLE_S,
        lingering_time=0,  # `ErrorThrottle` reads the rest of a refused body
    )
    await runner.setup()
    try:
        handler = runner.server
        assert handler is not None
        connections = app[CONNECTIONS]
        server = await asyncio.get_running_loop().create_server(
            lambda: connections.take(handler),
            settings.host,
            settings.port,
            ssl=None if tls is None else tls.context,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_S,
            backlog=ACCEPTED_AT_ONCE,
        )
        for server_socket in server.sockets:  # asyncio uses `backlog` both for accepting and for the kernel's queue
            with socket.socket(fileno=os.dup(server_socket.fileno())) as listening:
                listening.listen(BACKLOG)
        beside = [_renew(tls, app[LIMITS].watch_files_s), watch_certificates(settings.certificates()).keep_looking()]
        watching = [asyncio.create_task(work) for work in beside]
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for task in watching:
                task.cancel()
            server.close()
    finally:
        await runner.cleanup()


async def _renew(tls: ServerTls | None, every_s: float) -> None:
    """Load renewed certificates, for as long as this task lives."""
    while tls is not None:
        await asyncio.sleep(every_s)
        try:
            if tls.renewed():
                log.info("the TLS certificate was renewed")
        except StartFault as fault:
            log.error("%s", fault)


async def run(settings: IngestSettings) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError for a port that is taken, WrongPartitions, UnsafeAddress."""
    allow_open_files("ingest", OPEN_FILES)
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


def _answering(throttle: ErrorThrottle) -> Middleware:
    """Answer every refusal in the same form, at a limited rate."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _without_errors(request, handler)
        if 400 <= response.status < 500:
            await throttle.answer(request, response)
        return response

    return answer


async def _without_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return problem(
            404,
            "Nothing here",
            f"there is no {request.path}; ingest takes /v1/events/{{event}}/reads, .../definition, .../entries,"
            " .../facts and .../import",
        )
    except web.HTTPMethodNotAllowed as error:
        refused = problem(405, "Wrong method", f"{request.path} takes {', '.join(sorted(error.allowed_methods))}")
        refused.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return refused
    except web.HTTPException as error:
        return problem(error.status, error.reason, error.text or error.reason)
    except Exception:
        log.exception("a request to %s failed by a bug of ingest", request.path)
        return problem(
            500,
            "Internal error",
            "nothing of this request is acknowledged; ingest's own log shows the cause; send it again",
        )
