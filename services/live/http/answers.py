"""Answers as encoded bytes with their headers, ready to be sent any number of times."""

import hashlib
import re
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from multidict import CIMultiDict

from services.runtime import problem as runtime_problem
from services.runtime.if_none_match import matches

OVERHEAD_BYTES = 1_000  # of an answer beside its body: headers, key, the entry in the cache

NOW = "public, max-age=0, s-maxage=1"  # clients ask again and get 304; a shared cache may serve an answer for a second
PAST = "public, max-age=600"  # an answer about a past revision changes only when a name is hidden later
NEVER = "no-store"
PRIVATE = "private, max-age=0"

JSON_TYPE = "application/json; charset=utf-8"
EXPOSED = "ETag, X-Revision, X-Total-Count, X-State, X-SHA256, Link, Content-Disposition"  # to pages of other sites


VARYING = {"Vary": "Accept-Encoding"}

_COMPRESSIBLE = re.compile(r"text/|application/(problem\+)?(json|xml|javascript)\b|image/svg\+xml")


class Answer(Struct, frozen=True):
    """A body with its headers; `tag` is its strong ETag, a hash of the body."""

    body: bytes
    tag: str
    headers: dict[str, str]


def answer(body: bytes, content_type: str, revision: int, **more: str) -> Answer:
    """Return a body with the headers that every answer has, and `more` headers."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "Content-Type": content_type,
        "ETag": tag,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": EXPOSED,
        "X-Revision": str(revision),
        "X-Content-Type-Options": "nosniff",
        **(VARYING if compressible(content_type) else {}),
        **more,
    }
    return Answer(body, tag, headers)


def json_answer(value: Any, revision: int, **more: str) -> Answer:
    """Return a value as JSON, with the headers that every answer has, and `more` headers."""
    return answer(msgspec.json.encode(value), JSON_TYPE, revision, **more)


def compressible(content_type: str) -> bool:
    """Return whether bodies of a type shrink: text does, archives and pictures are compressed already."""
    return _COMPRESSIBLE.match(content_type) is not None


def coded(answer: Answer, coding: str, body: bytes) -> Answer:
    """Return an answer with its body in a content coding, and a tag of its own for it. Source: RFC 9110, 8.8.3.3."""
    tag = f'{answer.tag[:-1]}-{coding}"'
    return Answer(body, tag, {**answer.headers, "ETag": tag, "Content-Encoding": coding})


def weight(answer: Answer) -> int:
    """Return the bytes that keeping an answer takes."""
    return len(answer.body) + OVERHEAD_BYTES


class ReadyAnswer:
    """An answer for one address, with the `Cache-Control` that clients get there."""

    __slots__ = ("_body", "_headers", "_tag")

    def __init__(self, answer: Answer, caching: str) -> None:
        self._body = answer.body
        self._tag = answer.tag
        self._headers = CIMultiDict({**answer.headers, "Cache-Control": caching})

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self._body)

    def response(self, request: web.Request) -> web.Response:
        """Return the answer, or 304 when the client has it already."""
        wanted = request.headers.get("If-None-Match")
        headers = self._headers.copy()  # aiohttp adds to the headers of a response
        if wanted is not None and matches(wanted, self._tag):
            headers.pop("Content-Encoding", None)
            del headers["Content-Type"]
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, headers=headers)


def problem(status: int, title: str, detail: str, retry: bool = False, **members: Any) -> web.Response:
    """Return an error as RFC 9457 has it, for pages of any site and never from a cache."""
    response = runtime_problem.problem(status, title, detail, retry, **members)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = NEVER
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
