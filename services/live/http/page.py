"""The files of web pages: in memory, served with ETags and a policy that keeps foreign scripts out."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from aiohttp import web

from services.live.http.answers import NOW, Answer, answer
from services.live.http.compression import Compressor
from services.live.web.words import words_script

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors *"  # organisers embed the page in theirs
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
HTML_TYPE = "text/html; charset=utf-8"
SCRIPT_TYPE = "text/javascript; charset=utf-8"
TYPES = {
    ".html": HTML_TYPE,
    ".css": "text/css; charset=utf-8",
    ".js": SCRIPT_TYPE,
    ".mjs": SCRIPT_TYPE,
    ".svg": "image/svg+xml",
}
WORDS_NAME = "words.js"  # beside the scripts of every folder, since graphics are packed with the files of theirs alone
WORDS_SCRIPT = answer(words_script(), SCRIPT_TYPE, 0, **HEADERS)


def routes(compressor: Compressor) -> list[web.RouteDef]:
    """Return the routes of the announcer's page, and of the files of all pages."""
    announce = StaticFiles("announce")
    return [
        StaticFiles("").route(compressor),
        announce.route(compressor),
        web.get("/announce/{event}", announce.serving("page.html", compressor)),
    ]


class StaticFiles:
    """The files of a folder below `static`, `""` for that itself, in memory and by name, and the words of all pages."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._answers: dict[str, Answer] = {
            file.name: answer(file.read_bytes(), TYPES[suffix], 0, **HEADERS)
            for file in files("services.live").joinpath("static", folder).iterdir()
            if (suffix := "." + file.name.rpartition(".")[2]) in TYPES
        } | {WORDS_NAME: WORDS_SCRIPT}

    def contents(self) -> dict[str, bytes]:
        """Return the files themselves."""
        return {name: file.body for name, file in self._answers.items()}

    def route(self, compressor: Compressor) -> web.RouteDef:
        """Return the route of the files."""

        async def named(request: web.Request) -> web.Response:
            file = self._answers.get(request.match_info["name"])
            if file is None:
                raise web.HTTPNotFound
            return await compressor.respond(request, file, NOW)

        return web.get("/".join(filter(None, ("/static", self._folder, "{name}"))), named)

    def serving(self, name: str, compressor: Compressor) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler that answers with one of the files."""
        file = self._answers[name]

        async def page(request: web.Request) -> web.Response:
            return await compressor.respond(request, file, NOW)

        return page
