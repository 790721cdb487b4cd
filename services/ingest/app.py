"""Ingest wired up: HTTP, the readers' listeners, the way to Kafka, metrics and health, in one process."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.ingest.access import check_listening
from services.ingest.http import Door, problem
from services.ingest.metrics import IngestMetrics
from services.ingest.mylaps_listener import MylapsListener
from services.ingest.race_log import KafkaLog, Log
from services.ingest.settings import IngestSettings
from services.ingest.sources import host_and_port
from services.runtime import ops

SHUTDOWN_S = 15.0  # for requests being worked on: they wait for Kafka at most 10 s

log = logging.getLogger(__name__)

LISTENING: web.AppKey[dict[str, int]] = web.AppKey("listening", dict)
"""The ports in use by name: `mylaps:<gateway>`."""
FAILED: web.AppKey["asyncio.Future[None]"] = web.AppKey("failed", asyncio.Future)
"""Fails with what ingest cannot go on from."""


def now_us() -> int:
    """This machine's clock."""
    return time.time_ns() // 1000


def create_app(settings: IngestSettings, race_log: Log | None = None) -> web.Application:
    """Ingest as an aiohttp application. `race_log` null: Kafka. Raises UnsafeAddress.

    Serve it by `runner`, which leaves unpacking of bodies to us.
    """
    for host in [settings.host, *(host_and_port(s.address)[0] for s in settings.sources if s.address)]:
        check_listening(host)
    metrics = IngestMetrics(CollectorRegistry())
    writer = KafkaLog(settings.kafka.client(), settings.partitions, metrics) if race_log is None else race_log
    app = web.Application(middlewares=[_problems])
    app[LISTENING] = {}
    app.add_routes(Door(writer, metrics, now_us).routes())
    app.add_routes(ops.routes(metrics.registry, lambda: None if writer.reachable() else "Kafka does not answer"))

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        app[FAILED] = asyncio.get_running_loop().create_future()
        writing = asyncio.create_task(_write(writer, app[FAILED]))
        listeners = [(source, MylapsListener(source, writer, metrics, now_us)) for source in settings.sources]
        try:
            for source, listener in listeners:
                address = (
                    (settings.host, settings.mylaps_port) if source.address is None else host_and_port(source.address)
                )
                app[LISTENING][f"mylaps:{source.gateway}"] = await listener.start(*address)
            yield
        finally:
            await asyncio.gather(*(listener.close() for _, listener in listeners))
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    app.cleanup_ctx.append(lifetime)
    return app


async def _write(writer: Log, failed: "asyncio.Future[None]") -> None:
    if not isinstance(writer, KafkaLog):
        return
    try:
        await writer.run()
    except Exception as error:
        failed.set_exception(error)


def runner(app: web.Application) -> web.AppRunner:
    """What serves the application: bodies as they came, since `bodies` unpacks them within bounds."""
    return web.AppRunner(app, auto_decompress=False, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)


async def run(settings: IngestSettings) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError for a port that is taken, WrongPartitions, UnsafeAddress."""
    app = create_app(settings)
    serving = runner(app)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await serving.setup()
        await web.TCPSite(serving, settings.host, settings.port).start()
        log.info("ingest listens on http://%s:%d", settings.host, serving.addresses[0][1])
        app[FAILED].add_done_callback(lambda _: stop.set())
        await stop.wait()
        if app[FAILED].done():
            app[FAILED].result()
    finally:
        await serving.cleanup()


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
    return response
