"""Live wired up: revisions, answers, streams, the page, metrics and health in one process."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from services.live.board_pages import BoardPages
from services.live.http import overlay, page, robots
from services.live.http.access import Access
from services.live.http.answer_cache import AnswerCache
from services.live.http.answers import problem
from services.live.http.api import LiveApi, preflight_route
from services.live.http.compression import Compressor, compressing
from services.live.http.operations import SERVICE
from services.live.http.ops_pages import OpsPages
from services.live.http.web_pages import WebPages, nothing_here, wants_page
from services.live.limits import LiveLimits
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.preview_tables import PreviewTables
from services.live.previews import Previews
from services.live.revisions import RevisionTracker
from services.live.settings import LiveSettings
from services.live.stack_watch import StackWatch
from services.live.store import Store
from services.live.stream import Streams
from services.live.stream_changes import ChangeEvents
from services.runtime import ops, reference
from services.runtime.certificates import watch_certificates
from services.runtime.clickhouse import Database
from services.runtime.loopback import is_loopback
from services.runtime.open_files import allow_open_files
from services.runtime.problem_runner import ProblemRunner
from services.runtime.service_metrics import service_registry
from services.runtime.tokens import Tokens

SHUTDOWN_S = 5.0  # for answers being made; streams end at once
OPEN_FILES = LiveLimits().viewers + 2_000  # connections of other requests, and the files of an embedded ClickHouse
MIB = 1024 * 1024
COMPRESSED_SHARE = 4  # of the cache: a quarter for compressed bodies, which are much smaller

log = logging.getLogger(__name__)

REVISIONS: web.AppKey[RevisionTracker] = web.AppKey("revisions", RevisionTracker)
"""The application's tracker, for code in this process that has a revision to announce."""


def now_us() -> int:
    """Return this machine's clock."""
    return time.time_ns() // 1000


def create_app(settings: LiveSettings, database: Database, limits: LiveLimits | None = None) -> web.Application:
    """Return live as an application on an open database that has Matline's tables. Serve it by `runner`.

    Raises StartFault for a token file that cannot be used.
    """
    limits = limits or LiveLimits()
    watch_certificates(settings.certificates())
    metrics = LiveMetrics(service_registry("live", None, settings.certificates()))
    store = Store(database)
    tracker = RevisionTracker(store, metrics, now_us)
    access = Access(Tokens(settings.tokens), limits)
    loader = Loader(store)
    cache_bytes = settings.cache_mib * MIB
    compressor = Compressor(cache_bytes // COMPRESSED_SHARE)
    pages = BoardPages(loader)
    answers = AnswerCache(loader, pages, metrics, cache_bytes - cache_bytes // COMPRESSED_SHARE)
    streams = Streams(tracker, ChangeEvents(loader, pages, answers, limits), metrics, limits, now_us)
    tables = PreviewTables(database)
    previews = Previews(store, tables, limits)
    api = LiveApi(tracker, loader, answers, streams, access, metrics, now_us, previews, tables, compressor)
    app = web.Application(middlewares=[compressing, _problems])
    app[REVISIONS] = tracker
    described = [*ops.routes(metrics.registry, lambda: tracker.fault), *api.routes()]
    watch = StackWatch(settings.services)
    ops_pages = OpsPages(watch, tracker, loader, api.health_reports, access, compressor, metrics)
    described.append(ops_pages.operation())
    app.add_routes(described)
    app.add_routes(reference.routes(SERVICE, described))
    app.add_routes([preflight_route()])
    app.add_routes(overlay.routes(compressor))
    app.add_routes(robots.routes(access, compressor))
    app.add_routes(page.routes(compressor))
    app.add_routes([ops_pages.page()])
    app.add_routes(WebPages(tracker, loader, answers, access, compressor, metrics).routes())

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await tracker.poll(patient=False)
        streams.start()
        tasks = [asyncio.create_task(tracker.keep_polling(patient=settings.kafka is not None))]
        if settings.kafka is not None:
            tasks.append(asyncio.create_task(tracker.follow(settings.kafka)))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in (streams, previews, answers, pages, api, loader, compressor):
            await part.close()

    async def end_streams(_: web.Application) -> None:
        await streams.close()  # before the server waits for its handlers

    app.cleanup_ctx.append(lifetime)
    app.on_shutdown.append(end_streams)
    if not is_loopback(settings.host) and not access.private():
        log.warning(
            "live listens on %s, which other machines can reach; it is public and read-only. To require a token of"
            " viewers, add one of role reader",
            settings.host,
        )
    return app


def runner(app: web.Application) -> web.AppRunner:
    """Return the runner of the application. It cancels the handler of a client that leaves, which ends its stream."""
    return ProblemRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True
    )


async def serve(settings: LiveSettings, database: Database) -> web.AppRunner:
    """Serve live until `cleanup()` of the runner returned. Raises OSError for a port that is taken, StartFault."""
    allow_open_files("live", OPEN_FILES)
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
    """Answer unknown paths and methods as problems too."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return _nothing_here(request)
    except web.HTTPMethodNotAllowed as error:
        if error.allowed_methods == {"OPTIONS"}:  # the preflight route alone, which takes every path below /v1
            return _nothing_here(request)
        allowed = ", ".join(sorted(error.allowed_methods))
        response = problem(405, "Wrong method", f"{request.path[:200]} takes {allowed}; live is read-only")
        response.headers["Allow"] = allowed
        return response


def _nothing_here(request: web.Request) -> web.Response:
    if wants_page(request):
        return nothing_here(request)
    return problem(404, "Nothing here", f"there is no {request.path[:200]}; begin at /v1/events")
