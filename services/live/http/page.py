"""The web page: a few files in memory, served with ETags and a policy that keeps foreign scripts out."""

from importlib.resources import files

from aiohttp import web

from services.live.http.answers import NOW, Answer, answer, respond

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors *"  # organisers embed the page in theirs
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def routes() -> list[web.RouteDef]:
    """Return the routes of the page at `/` and `/{event}`, and of its files below `/static/`."""
    served = {
        file.name: answer(file.read_bytes(), TYPES[suffix], 0, **HEADERS)
        for file in files("services.live").joinpath("static").iterdir()
        if (suffix := "." + file.name.rpartition(".")[2]) in TYPES
    }

    async def page(request: web.Request) -> web.Response:
        return respond(request, served["index.html"], NOW)

    async def static(request: web.Request) -> web.Response:
        file: Answer | None = served.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return respond(request, file, NOW)

    return [web.get("/", page), web.get("/static/{name}", static), web.get("/{event}", page)]
