"""Error answers of HTTP servers in the form of RFC 9457 ("problem details")."""

from typing import Any

import msgspec
from aiohttp import web

RETRY_AFTER_S = 2


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
