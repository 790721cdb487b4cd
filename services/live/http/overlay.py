"""Graphics for broadcasts: a page each for OBS and vMix, the modules that they are made of, and the OGraf package."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from services.live.errors import Refused
from services.live.http.answers import answer
from services.live.http.compression import Compressor
from services.live.http.page import StaticFiles
from services.live.web.overlay_view import GRAPHICS, ograf_package
from services.standings.event_index import EventIndex

_files = StaticFiles("overlay")


def routes(compressor: Compressor) -> list[web.RouteDef]:
    """Return the routes of the pages and of their files."""
    page = _files.serving("page.html", compressor)
    return [_files.route(compressor), *(web.get(f"/overlay/{{event}}/{graphic}", page) for graphic in GRAPHICS)]


async def package(request: web.Request, event: EventIndex, caching: str, compressor: Compressor) -> web.Response:
    """Return the OGraf package of an event. Raises Refused for a `server` that is no address."""
    server = _server(request)
    content = await asyncio.to_thread(ograf_package, event, server, _files.contents())
    named = {"Content-Disposition": f'attachment; filename="{event.definition.event}-ograf.zip"'}
    return await compressor.respond(request, answer(content, "application/zip", 0, **named), caching)


def _server(request: web.Request) -> str:
    """Return the address of live for renderers: `server` of the query, which proxies need, else that of the request."""
    asked = dict(parse_qsl(request.rel_url.raw_query_string)).get("server", "")
    try:
        address = urlsplit(asked or str(request.url.origin()))
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.hostname:
        given = f"`server`={asked[:80]!r}" if asked else "the header `Host`"
        raise Refused(400, "No address", f"{given} is no address; give `server` such as https://results.example.org")
    return address.geturl().rstrip("/")
