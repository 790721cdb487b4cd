"""What search engines may visit: the pages, but neither the API nor, of a private site, anything. Source: RFC 9309."""

from aiohttp import web

from services.live.http.access import Access
from services.live.http.answers import NOW, answer
from services.live.http.compression import Compressor

TEXT_TYPE = "text/plain; charset=utf-8"
PUBLIC = (
    b"User-agent: *\nDisallow: /v1/\nDisallow: /*/results/\nDisallow: /*/RRPublish/\n"
    b"Disallow: /metrics\nDisallow: /healthz\nDisallow: /readyz\nDisallow: /ops\n"
)
NOBODY = b"User-agent: *\nDisallow: /\n"


def routes(access: Access, compressor: Compressor) -> list[web.RouteDef]:
    """Return the route of `/robots.txt`."""
    public, nobody = (answer(text, TEXT_TYPE, 0) for text in (PUBLIC, NOBODY))

    async def robots(request: web.Request) -> web.Response:
        return await compressor.respond(request, nobody if access.private() else public, NOW)

    return [web.get("/robots.txt", robots)]
