"""Live wired up: revisions learnt, questions answered, streams and the page, metrics and health, in one process."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry

from services.live.http import page
from services.live.http.access import Access
from services.live.http.answers import problem
from services.live.http.api import LiveApi
from services.live.metrics import LiveMetrics
from services.live.pages.common import Views
from services.live.revisions import RevisionTracker
from services.live.settings import LiveSettings
from services.live.store import Store
from services.runtime import ops
from services.runtime.clickhouse import Database
from services.runtime.loopback import is_loopback
from services.runtime.tokens import Tokens

SHUTDOWN_S = 5.0  # for answers being made; streams are ended at once
MIB = 1024 * 1024

log = logging.getLogger(__name__)

HEADS: web.AppKey[RevisionTracker] = web.AppKey("heads", RevisionTracker)
"""What revisions are served: for whoever has one to announce in this process."""


def now_us() -> int:
    """This machine's clock."""
    return time.time_ns() // 1000


def create_app(settings: LiveSettings, database: Database) -> web.Application:
    """Live as an aiohttp application on an open database with Matline's tables. Raises StartFault for a token file
    that will not do. Serve it by `runner`.
    """
    metrics = LiveMetrics(CollectorRegistry())
    store = Store(database)
    heads = RevisionTracker(store, metrics, now_us)
    access = Access(Tokens(settings.tokens))
    door = LiveApi(heads, Views(store), access, metrics, settings.cache_mib * MIB, now_us)
    app = web.Application(middlewares=[_problems])
    app[HEADS] = heads
    app.add_routes(ops.routes(metrics.registry, lambda: heads.fault))
    app.add_routes(door.routes())
    app.add_routes(page.routes())

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await heads.ask(patient=False)
        door.streams.start()
        tasks = [asyncio.create_task(heads.keep_asking(patient=settings.kafka is not None))]
        if settings.kafka is not None:
            tasks.append(asyncio.create_task(heads.follow(settings.kafka)))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await door.close()

    async def end_streams(_: web.Application) -> None:
        await door.streams.close()  # before the server waits for its handlers

    app.cleanup_ctx.append(lifetime)
    app.on_shutdown.append(end_streams)
    if not is_loopback(settings.host) and not access.private():
        log.warning(
            "live listens on %s, which others can reach, and lets everybody look: it is public and read-only. For"
            " viewers with a token only, add one of role reader",
            settings.host,
        )
    return app


def runner(app: web.Application) -> web.AppRunner:
    """What serves the application. A handler whose viewer has left is ended, so that a stream ends with its viewer."""
    return web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True
    )


async def serve(settings: LiveSettings, database: Database) -> web.AppRunner:
    """Serve; `cleanup()` of what is returned ends it. Raises OSError for a port that is taken, StartFault."""
    serving = runner(create_app(settings, database))
    await serving.setup()
    try:
        await web.TCPSite(serving, settings.host, settings.port).start()
    except OSError:
        await serving.cleanup()
        raise
    log.info("live serves boards on http://%s:%d", settings.host, serving.addresses[0][1])
    return serving


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """No path, no method: answered in the same form as everything else."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return problem(404, "Nothing here", f"there is no {request.path[:200]}; begin at /v1/events")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        refused = problem(405, "Wrong method", f"{request.path[:200]} takes {allowed}; live only reads")
        refused.headers["Allow"] = allowed
        return refused
