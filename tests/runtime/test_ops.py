"""What ops engineers ask: metrics, alive, ready; over a real socket."""

import errno

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from services.runtime import ops


@pytest.fixture
async def state():
    return {"reason": "the log is being read"}


@pytest.fixture
async def client(state):
    registry = CollectorRegistry()
    Counter("reads_total", "Reads.", ["gateway"], registry=registry).labels("start").inc(3)

    def not_ready() -> str | None:
        if state["reason"] == "broken":
            raise KeyError("broken")
        return state["reason"]

    runner = await ops.serve("127.0.0.1", 0, registry, not_ready)
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


async def test_alive_whatever_the_state_and_ready_only_when_it_is(client, state):
    async with client.get("/healthz") as alive, client.get("/readyz") as ready:
        assert (alive.status, await alive.text()) == (200, "ok\n")
        assert (ready.status, await ready.text()) == (503, "the log is being read\n")
    state["reason"] = None
    async with client.get("/readyz") as ready:
        assert (ready.status, await ready.text()) == (200, "ready\n")


async def test_metrics_are_of_the_registry_in_prometheus_form(client):
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert 'reads_total{gateway="start"} 3.0\n' in await answer.text()


async def test_a_fault_in_looking_is_not_ready(client, state):
    state["reason"] = "broken"
    async with client.get("/readyz") as ready:
        assert ready.status == 500
    async with client.get("/healthz") as alive:
        assert alive.status == 200


async def test_a_taken_port_is_reported_and_a_freed_one_is_used():
    first = await ops.serve("127.0.0.1", 0, CollectorRegistry(), lambda: None)
    _, port = first.addresses[0]
    with pytest.raises(OSError) as taken:
        await ops.serve("127.0.0.1", port, CollectorRegistry(), lambda: None)
    assert taken.value.errno == errno.EADDRINUSE
    await first.cleanup()
    await (await ops.serve("127.0.0.1", port, CollectorRegistry(), lambda: None)).cleanup()


def test_routes_can_join_an_application_of_ones_own():
    app = web.Application()
    app.add_routes(ops.routes(CollectorRegistry(), lambda: None))
    assert {route.resource.canonical for route in app.router.routes()} == {"/metrics", "/healthz", "/readyz"}
