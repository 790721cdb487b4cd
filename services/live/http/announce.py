"""The announcer's page and its files."""

from importlib.resources import files

from aiohttp import web

from services.live.http.answers import NOW, answer, respond
from services.live.http.page import HEADERS, TYPES


def routes() -> list[web.RouteDef]:
    """Return the routes of the page at `/announce/{event}` and of its files."""
    served = {
        file.name: answer(file.read_bytes(), TYPES["." + file.name.rpartition(".")[2]], 0, **HEADERS)
        for file in files("services.live").joinpath("static", "announce").iterdir()
    }

    async def page(request: web.Request) -> web.Response:
        return respond(request, served["page.html"], NOW)

    async def static(request: web.Request) -> web.Response:
        file = served.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return respond(request, file, NOW)

    return [web.get("/announce/{event}", page), web.get("/static/announce/{name}", static)]
