"""What aiohttp answers by itself is a problem too: over a real socket, byte by byte."""

import asyncio
import json
import logging

import pytest
from aiohttp import web

from services.runtime.problem_runner import ProblemRunner

LONG = b"a" * 20_000


@pytest.fixture
async def port():
    async def fail(_: web.Request) -> web.Response:
        raise KeyError("broken")

    async def begin_and_fail(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        raise KeyError("broken")

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="good")

    app = web.Application()
    app.add_routes([web.get("/fail", fail), web.get("/begun", begin_and_fail), web.post("/good", answer)])
    runner = ProblemRunner(app, access_log=None, logger=logging.getLogger("quiet"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def received(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET /good HTTP/9\r\n\r\n", 400),
        (b"GET /" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET /good HTTP/1.1\r\nHost: x\r\nX: " + LONG + b"\r\n\r\n", 431),
        (b"POST /good HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", 417),
        (b"GET /fail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 500),
        (b"GET /fail HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n", 500),
    ],
)
async def test_a_request_that_reaches_no_handler_or_fails_is_answered_with_a_problem(port, data, status):
    head, _, body = (await received(port, data)).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"Content-Type: application/problem+json" in head
    document = json.loads(body)
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"]
    assert document["detail"]


async def test_an_answer_that_was_begun_is_cut_off(port):
    answer = await received(port, b"GET /begun HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"begun" in answer
    assert b"problem" not in answer


async def test_a_good_request_and_a_known_expectation_are_answered(port):
    head = b"POST /good HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close"
    answer = await received(port, head + b"\r\n\r\nx")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
