"""Bodies of requests over real sockets: received whole, or refused for their size or their pace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.runtime.request_body import BodyTooLarge, BodyTooSlow, received

LONG_S = 60.0


async def outcome(body: Any, limit: int = 1000, wait_s: float = LONG_S, **more: Any) -> bytes | type[Exception]:
    """What a server's handler gets for a body."""
    outcomes: list[bytes | type[Exception]] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            outcomes.append(await received(request.content, limit, wait_s, **more))
        except (BodyTooLarge, BodyTooSlow) as error:
            outcomes.append(type(error))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handler)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as client,
        client.post(server.make_url("/"), data=body),
    ):
        return outcomes[0]


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0.01)


async def without_end(pause_s: float) -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(pause_s)


async def test_a_body_is_received_whole_however_it_is_cut():
    assert await outcome(b"") == b""
    assert await outcome(b"x" * 1000) == b"x" * 1000
    assert await outcome(in_pieces(b"a", b"b", b"c")) == b"abc"


@pytest.mark.parametrize("cut", [lambda body: body, lambda body: in_pieces(body[:600], body[600:])])
async def test_a_body_over_its_limit_is_refused(cut: Callable[[bytes], Any]):
    assert await outcome(cut(b"x" * 1001)) is BodyTooLarge


async def test_a_body_that_stalls_is_refused_when_its_time_is_over():
    assert await outcome(without_end(LONG_S), wait_s=0.05) is BodyTooSlow


async def test_a_body_that_trickles_is_refused_long_before_its_time_is_over():
    assert await outcome(without_end(0.02), grace_s=0.1) is BodyTooSlow


async def test_who_receives_a_body_may_slow_it_down():
    asked: list[tuple[int, int]] = []

    def pause_s(size: int, added: int) -> float:
        asked.append((size, added))
        return 0.001 if size > 1 else 0.0

    assert await outcome(in_pieces(b"a", b"b", b"c"), pause_s=pause_s) == b"abc"
    assert asked[-1][0] == sum(added for _, added in asked) == 3
