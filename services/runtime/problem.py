"""Error answers of HTTP servers in the form of RFC 9457 ("problem details")."""

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

RETRY_AFTER_S = 2


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong with a part of a body: a fact by its `index`, or a value of a definition by its `path`."""

    index: int | UnsetType = UNSET
    path: str | UnsetType = UNSET
    reason: str


class Problem(Struct, frozen=True, kw_only=True):
    """An error: `title` says in short what happened, `detail` to what, and what to do next. Source: RFC 9457."""

    type: Annotated[str, Meta(description="Always `about:blank`: `status` and `title` say what happened.")]
    title: str
    status: int
    detail: str
    known: (
        Annotated[list[str], Meta(description="The first ids that there are, where one is not known.")] | UnsetType
    ) = UNSET
    first: Annotated[int, Meta(description="The first revision that there is.")] | UnsetType = UNSET
    limit: Annotated[int, Meta(description="How many there may be, or how many bytes.")] | UnsetType = UNSET
    line: Annotated[int | None, Meta(description="The line of a list that cannot be read.")] | UnsetType = UNSET
    faults: Annotated[list[Fault], Meta(description="Everything that is wrong with the body.")] | UnsetType = UNSET


def problem(status: int, title: str, detail: str, retry: bool = False, **members: Any) -> web.Response:
    """Return an error as `application/problem+json`; `members` are further fields of its body.

    With `retry` the answer has `Retry-After`: the same request may succeed a little later.
    """
    text = detail.encode(errors="replace").decode()  # it may quote a header, and headers may hold any bytes
    body = {"type": "about:blank", "title": title, "status": status, "detail": text, **members}
    response = web.Response(body=msgspec.json.encode(body), status=status, content_type="application/problem+json")
    if retry:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
