"""Graphics for broadcasts: a page each for OBS and vMix, the modules that they are made of, and the OGraf package."""

import asyncio
from importlib.resources import files
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from services.live.errors import Refused
from services.live.http.answers import NOW, answer, respond
from services.live.http.page import HEADERS, TYPES
from services.live.web.overlay_view import GRAPHICS, ograf_package
from services.standings.event_index import EventIndex

OGRAF_PATH = "/overlay/{event}/ograf.zip"
MODULE_TYPE = "text/javascript; charset=utf-8"

_modules = {file.name: file.read_bytes() for file in files("services.live").joinpath("static", "overlay").iterdir()}


def routes() -> list[web.RouteDef]:
    """Return the routes of the pages and of their files."""
    types = {**TYPES, ".mjs": MODULE_TYPE}
    served = {
        name: answer(content, types["." + name.rpartition(".")[2]], 0, **HEADERS) for name, content in _modules.items()
    }

    async def page(request: web.Request) -> web.Response:
        if request.match_info["graphic"] not in GRAPHICS:
            raise web.HTTPNotFound
        return respond(request, served["page.html"], NOW)

    async def static(request: web.Request) -> web.Response:
        file = served.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return respond(request, file, NOW)

    return [web.get("/overlay/{event}/{graphic}", page), web.get("/static/overlay/{name}", static)]


async def package(request: web.Request, event: EventIndex, caching: str) -> web.Response:
    """Return the OGraf package of an event. Raises Refused for a `server` that is no address."""
    server = _server(request)
    content = await asyncio.to_thread(ograf_package, event, server, _modules)
    named = {"Content-Disposition": f'attachment; filename="{event.definition.event}-ograf.zip"'}
    return respond(request, answer(content, "application/zip", 0, **named), caching)


def _server(request: web.Request) -> str:
    """Return the address of live for renderers: `server` of the query, which proxies need, else that of the request."""
    asked = dict(parse_qsl(request.rel_url.raw_query_string)).get("server", "")
    if not asked:
        return str(request.url.origin())
    address = urlsplit(asked)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Refused(400, "No address", f"`server`={asked[:80]!r} is no address such as https://results.example.org")
    return asked.rstrip("/")
