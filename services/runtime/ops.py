"""The routes of every service for operators: `/metrics`, `/healthz` (alive) and `/readyz` (able to work)."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.runtime.operations import Answer, Content, Operation, OperationRoute
from services.runtime.problem_runner import ProblemRunner

SUBJECT = "operations"

Readiness = Callable[[], str | None]
"""Returns why a service cannot do its work, or None if it can."""


METRICS = Operation(
    method="GET",
    path="/metrics",
    name="getMetrics",
    subject=SUBJECT,
    title="Metrics for Prometheus",
    access="anybody",
    answers=(Answer(says="The metrics.", contents=(Content("text/plain", "In the text format of Prometheus."),)),),
)
ALIVE = Operation(
    method="GET",
    path="/healthz",
    name="isAlive",
    subject=SUBJECT,
    title="Whether the service is alive",
    access="anybody",
    answers=(Answer(says="It is.", contents=(Content("text/plain", ""),)),),
)
READY = Operation(
    method="GET",
    path="/readyz",
    name="isReady",
    subject=SUBJECT,
    title="Whether the service can do its work",
    access="anybody",
    answers=(
        Answer(says="It can.", contents=(Content("text/plain", ""),)),
        Answer(status=503, says="It cannot.", contents=(Content("text/plain", "The reason."),)),
    ),
)


def routes(registry: CollectorRegistry, not_ready: Readiness) -> list[OperationRoute]:
    """Return the three routes."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        reason = not_ready()
        return web.Response(text="ready\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    return [OperationRoute(METRICS, metrics), OperationRoute(ALIVE, alive), OperationRoute(READY, ready)]


async def serve(host: str, port: int, registry: CollectorRegistry, not_ready: Readiness) -> web.AppRunner:
    """Serve the routes on a port of their own until `cleanup()` of the runner. Raises OSError if the port is taken."""
    app = web.Application()
    app.add_routes(routes(registry, not_ready))
    runner = ProblemRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
