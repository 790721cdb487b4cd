"""Answers as encoded bytes with their headers; held by revision (`memo`), so that a viewer costs a look-up."""

import hashlib
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from multidict import CIMultiDict

RETRY_AFTER_S = 2
OVERHEAD_BYTES = 1_000  # of an answer beside its body: headers, keys, the place in the table

NOW = "public, max-age=0, s-maxage=1"  # whoever asks again gets 304; a shared cache may serve a second old
PAST = "public, max-age=600"  # a revision that is over changes only where a name is hidden later
NEVER = "no-store"
PRIVATE = "private, max-age=0"

JSON_TYPE = "application/json; charset=utf-8"


class Answer(Struct, frozen=True):
    """A body with its headers; `tag` is its strong ETag, made of the body itself."""

    body: bytes
    tag: str
    headers: dict[str, str]


def answer(body: bytes, content_type: str, revision: int, **more: str) -> Answer:
    """A body that is sent as it stands, with the headers that every answer carries."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "Content-Type": content_type,
        "ETag": tag,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, X-Revision, X-Total-Count, Link",
        "X-Revision": str(revision),
        "X-Content-Type-Options": "nosniff",
        **more,
    }
    return Answer(body, tag, headers)


def json_answer(value: Any, revision: int, **more: str) -> Answer:
    """A value as JSON."""
    return answer(msgspec.json.encode(value), JSON_TYPE, revision, **more)


class Ready:
    """An answer for one address: `caching` says how long what is answered there may be kept."""

    __slots__ = ("_body", "_headers", "_tag")

    def __init__(self, held: Answer, caching: str) -> None:
        self._body = held.body
        self._tag = held.tag
        self._headers = CIMultiDict({**held.headers, "Cache-Control": caching})

    def response(self, request: web.Request) -> web.Response:
        """The answer, or 304 where the client has it already."""
        asked = request.headers.get("If-None-Match")
        headers = self._headers.copy()  # what answers adds to them
        if asked is not None and matches(asked, self._tag):
            del headers["Content-Type"]
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, headers=headers)


def respond(request: web.Request, held: Answer, caching: str) -> web.Response:
    """The answer, or 304 where the client has it already."""
    return Ready(held, caching).response(request)


def matches(asked: str, tag: str) -> bool:
    """Whether an If-None-Match names the tag; weak marks do not matter there. Source: RFC 9110, section 13.1.2."""
    return asked.strip() == "*" or any(one.strip().removeprefix("W/") == tag for one in asked.split(","))


def problem(status: int, title: str, detail: str, retry: bool = False, **members: Any) -> web.Response:
    """An error as RFC 9457 has it, with `Retry-After` where the same request may do later."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": NEVER,
        **({"Retry-After": str(RETRY_AFTER_S)} if retry else {}),
        **({"WWW-Authenticate": "Bearer"} if status == 401 else {}),
    }
    return web.Response(
        body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/problem+json"
    )


def weight(held: Answer) -> int:
    """The bytes that holding an answer takes."""
    return len(held.body) + OVERHEAD_BYTES
