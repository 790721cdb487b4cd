"""The routes of a service's own description: the OpenAPI document, and a page to read it without a network."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files

import msgspec
from aiohttp import web

from services.runtime.if_none_match import matches
from services.runtime.openapi import Service, document
from services.runtime.openapi_page import STYLE_PATH, page
from services.runtime.operations import JSON, Answer, Content, Handler, Operation, OperationRoute
from services.runtime.ops import SUBJECT

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
CACHING = "public, max-age=0, s-maxage=60"  # a release changes them, at no other time

UNCHANGED = Answer(status=304, says="It is what the client has.", headers=("ETag",))
OPENAPI = Operation(
    method="GET",
    path="/openapi.json",
    name="getOpenapi",
    subject=SUBJECT,
    title="This document",
    access="anybody",
    answers=(Answer(says="The document.", contents=(Content(JSON, ""),), headers=("ETag",)), UNCHANGED),
)
DOCS = Operation(
    method="GET",
    path="/docs",
    name="getDocs",
    subject=SUBJECT,
    title="A page to read this document",
    access="anybody",
    answers=(Answer(says="The page.", contents=(Content("text/html", ""),), headers=("ETag",)), UNCHANGED),
)


def routes(service: Service, described: Sequence[OperationRoute]) -> list[OperationRoute | web.RouteDef]:
    """Return the routes of the document and the page; the document has the described routes and these two."""
    made = document(service, [*(route.operation for route in described), OPENAPI, DOCS])
    style = files("services.runtime").joinpath("openapi.css").read_bytes()
    return [
        OperationRoute(OPENAPI, _serve(msgspec.json.encode(made), JSON)),
        OperationRoute(DOCS, _serve(page(made).encode(), "text/html")),
        web.get(STYLE_PATH, _serve(style, "text/css")),
    ]


def _serve(body: bytes, media: str) -> Handler:
    # Weak, since a middleware may compress the body, and a strong one names the very bytes. Source: RFC 9110, 8.8.3.3.
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "ETag": tag,
        "Cache-Control": CACHING,
        "Access-Control-Allow-Origin": "*",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
    }

    async def served(request: web.Request) -> web.Response:
        wanted = request.headers.get("If-None-Match")
        if wanted is not None and matches(wanted, tag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type=media, charset="utf-8", headers=headers)

    return served
