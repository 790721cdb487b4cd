"""The page: a few files held in memory, served with tags and a policy that lets no foreign script in."""

from importlib.resources import files

from aiohttp import web

from services.live.http.answers import NOW, Answer, answer, respond

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors *"  # a results page is embedded by its organisers' pages
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def routes() -> list[web.RouteDef]:
    """The page at `/` and `/{event}`, and its files below `/static/`."""
    held = {
        file.name: answer(file.read_bytes(), TYPES[suffix], 0, **HEADERS)
        for file in files("services.live").joinpath("static").iterdir()
        if (suffix := "." + file.name.rpartition(".")[2]) in TYPES
    }

    async def page(request: web.Request) -> web.Response:
        return respond(request, held["index.html"], NOW)

    async def static(request: web.Request) -> web.Response:
        found: Answer | None = held.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return respond(request, found, NOW)

    return [web.get("/", page), web.get("/static/{name}", static), web.get("/{event}", page)]
