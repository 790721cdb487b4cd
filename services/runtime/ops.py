"""The routes of every service for operators: `/metrics`, `/healthz` (alive) and `/readyz` (able to work)."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

Readiness = Callable[[], str | None]
"""Returns why a service cannot do its work, or None if it can."""


def routes(registry: CollectorRegistry, not_ready: Readiness) -> list[web.RouteDef]:
    """Return the three routes."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        reason = not_ready()
        return web.Response(text="ready\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    return [web.get("/metrics", metrics), web.get("/healthz", alive), web.get("/readyz", ready)]


async def serve(host: str, port: int, registry: CollectorRegistry, not_ready: Readiness) -> web.AppRunner:
    """Serve the routes on a port of their own until `cleanup()` of the runner. Raises OSError if the port is taken."""
    app = web.Application()
    app.add_routes(routes(registry, not_ready))
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
