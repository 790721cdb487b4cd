"""Compress answers as clients accept it, each body once for all of them. Source: RFC 9110, sections 8.4 and 12.5.3."""

from collections.abc import Awaitable, Callable
from functools import lru_cache

import cramjam
from aiohttp import web

from services.live.async_cache import AsyncCache
from services.live.http.answers import VARYING, Answer, ReadyAnswer, coded, compressible
from services.live.off_loop import off_loop

COMPRESSED_FROM_BYTES = 1_024  # below this an answer fits one packet anyway
BYTES_A_STEP = 30  # that are compressed in a microsecond
CODINGS = ("br", "gzip")  # the preferred first
BROTLI_QUALITY = 5  # 7 % smaller than gzip in about the same time; more is slower by far
GZIP_LEVEL = 6

DESCRIPTION_BODIES = 6  # the three files of the service's own description in two codings each

_ALIASES = {"x-gzip": "gzip"}


class Compressor:
    """Keeps compressed bodies by their content, so that equal answers of several revisions or addresses share one."""

    def __init__(self, cache_bytes: int) -> None:
        self._compressed: AsyncCache[bytes] = AsyncCache(cache_bytes, len)

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._compressed.close()

    async def ready(self, request: web.Request, answer: Answer, caching: str) -> ReadyAnswer:
        """Return an answer in the coding that a request accepts, for all requests that accept the same."""
        coding = accepted_coding(request.headers.get("Accept-Encoding", ""))
        if coding is None or len(answer.body) < COMPRESSED_FROM_BYTES or "Vary" not in answer.headers:
            return ReadyAnswer(answer, caching)
        body = await self._compressed.get((answer.tag, coding), lambda: compressed(answer.body, coding))
        return ReadyAnswer(coded(answer, coding, body), caching)

    async def respond(self, request: web.Request, answer: Answer, caching: str) -> web.Response:
        """Return an answer in the coding that a request accepts, or 304 when the client has it already."""
        return (await self.ready(request, answer, caching)).response(request)


@lru_cache(maxsize=256)
def accepted_coding(accept_encoding: str) -> str | None:
    """Return the coding that a client prefers, None for an answer as it is. Of equal weight, the best comes first."""
    weights: dict[str, float] = {}
    for listed in accept_encoding.lower().split(","):
        name, _, parameters = listed.partition(";")
        name = name.strip()
        if name:
            weights[_ALIASES.get(name, name)] = _weight(parameters)
    named = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in CODINGS}
    best = max(CODINGS, key=lambda coding: named[coding])
    return best if named[best] > 0 and named[best] >= weights.get("identity", 0.0) else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


async def compressed(body: bytes, coding: str) -> bytes:
    """Return a body in a coding, from a thread when it is large."""
    return await off_loop(len(body) // BYTES_A_STEP, lambda: _compress(body, coding))


def _compress(body: bytes, coding: str) -> bytes:
    if coding == "br":
        return bytes(cramjam.brotli.compress(body, level=BROTLI_QUALITY))
    return bytes(cramjam.gzip.compress(body, level=GZIP_LEVEL))


@lru_cache(maxsize=DESCRIPTION_BODIES)
def _compress_once(body: bytes, coding: str) -> bytes:
    return _compress(body, coding)


@web.middleware
async def compressing(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Compress answers that are not kept, such as problems, previews and metrics; those with an ETag once."""
    response = await handler(request)
    if not isinstance(response, web.Response) or "Vary" in response.headers or not compressible(response.content_type):
        return response
    response.headers.update(VARYING)
    coding = accepted_coding(request.headers.get("Accept-Encoding", ""))
    body = response.body
    if coding is not None and isinstance(body, bytes) and len(body) >= COMPRESSED_FROM_BYTES:
        compress = _compress_once if "ETag" in response.headers else _compress
        response.body = await off_loop(len(body) // BYTES_A_STEP, lambda: compress(body, coding))
        response.headers["Content-Encoding"] = coding
    return response
