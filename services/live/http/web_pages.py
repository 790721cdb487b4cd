"""Web pages as HTML, readable without scripts. A handler reads its request; views and templates are in `web`.

Scripts improve the pages: they go on from what is there, and follow the event's stream.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from msgspec import Struct

from services.live.errors import Behind, Refused
from services.live.http.access import Access
from services.live.http.answer_cache import AnswerCache
from services.live.http.answers import NEVER, NOW, PRIVATE, Answer, answer
from services.live.http.compression import Compressor
from services.live.http.page import HEADERS, HTML_TYPE
from services.live.http.query import BoardQuery, Page, SearchQuery, bib, search_words
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.pages.athlete_page import build_athlete, build_search
from services.live.pages.board import board_document, build_board
from services.live.pages.event_page import build_event
from services.live.pages.team import build_delegation, build_team_board
from services.live.revisions import RevisionTracker
from services.live.table_rows import AnnouncedRevision
from services.live.web.addresses import PageQuery, events_address, page_query
from services.live.web.athlete_view import athlete_page, compare_page, compared_bibs
from services.live.web.event_view import LISTS, PAGE_ROWS, Choice, choose, event_page
from services.live.web.events_view import events_page
from services.live.web.render import render
from services.live.web.words import WORDS, pick_language
from services.runtime.clickhouse import DatabaseUnavailable
from services.standings.event_index import EventIndex, in_asked_language

LANGUAGE_COOKIE = "lang"  # set by the script when somebody chooses a language
RETRY_S = 5  # until a page that could not be made is asked for again
PREPARED_S = 30  # until that of an event without a definition is, which may be for days

# Without `lang` in the address, the language is the browser's; the other header is for compression.
PAGE_HEADERS = {**HEADERS, "Vary": "Accept-Encoding, Accept-Language, Cookie"}

Making = Callable[[web.Request, PageQuery, str], Awaitable[Answer]]


class WebPages:
    """The handlers of the pages of events and athletes."""

    def __init__(
        self,
        tracker: RevisionTracker,
        loader: Loader,
        answers: AnswerCache,
        access: Access,
        compressor: Compressor,
        metrics: LiveMetrics,
    ) -> None:
        self._tracker = tracker
        self._loader = loader
        self._answers = answers
        self._access = access
        self._compressor = compressor
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the pages. They come after all others: any first segment may be an event."""
        return [
            web.get("/", self._answering(self._events)),
            web.get("/{event}", self._answering(self._event)),
            web.get("/{event}/athletes/{bib}", self._answering(self._athlete)),
            web.get("/{event}/compare", self._answering(self._compare)),
        ]

    def _answering(self, make: Making) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return a handler with access checked, and errors turned into pages that say in words what happened."""

        async def answered(request: web.Request) -> web.Response:
            query = page_query(request.rel_url.raw_query_string)
            language = language_of(request, query)
            words = WORDS[language]
            try:
                self._access.check_viewer(request)
                made = await make(request, query, language)
                caching = PRIVATE if self._access.private() else NOW
                response = await self._compressor.respond(request, made, caching)
            except Refused as refused:
                text = self._reason(request, refused, words)
                retry_s = PREPARED_S if text == words["noDefinition"] else None
                response = problem_page(refused.status, text, query, language, retry_s)
            except (Behind, DatabaseUnavailable):
                response = problem_page(503, words["troubled"], query, language, RETRY_S)
            self._metrics.requests.labels("page", response.status).inc()
            return response

        return answered

    def _reason(self, request: web.Request, refused: Refused, words: Mapping[str, str]) -> str:
        """Return in the reader's words why there is no page."""
        if refused.status in (401, 403):
            return words["needsKey"]
        asked = request.match_info
        if asked.get("event") in self._tracker.newest:
            if "bib" in asked:
                return words["noAthlete"].format(bib=asked["bib"])
            if refused.status == 404:
                return words["noDefinition"]
        return words["noEvent"]

    async def _events(self, request: web.Request, query: PageQuery, language: str) -> Answer:
        newest = self._tracker.newest
        announced = tuple(newest[event] for event in self._access.visible(request, newest))

        async def make() -> Answer:
            summaries = await self._answers.event_summaries(announced, language)
            page = events_page(summaries, query, language)
            revision = max((event.revision for event in announced), default=0)
            return _page_answer("events.html", page, revision, language)

        return await self._answers.page((announced, "events", query, language), make)

    async def _event(self, request: web.Request, query: PageQuery, language: str) -> Answer:
        announced = self._newest(request)

        async def make() -> Answer:
            event = in_asked_language(await self._loader.events.defined(announced), language)
            document = build_event(await self._loader.event(event, announced))
            choice = choose(document, query)
            rows = await self._rows(event, announced, choice)
            athlete = await self._opened(event, announced, query)

            def rendered() -> Answer:
                page = event_page(document, choice, rows, athlete, language)
                return _page_answer("event.html", page, announced.revision, language)

            return await asyncio.to_thread(rendered)

        return await self._answers.page((announced, "event", query, language), make)

    async def _opened(self, event: EventIndex, announced: AnnouncedRevision, query: PageQuery) -> dict[str, Any] | None:
        """Load the athlete whose sheet an address opens; None without one, or if the event does not have the bib."""
        if not query.bib:
            return None
        try:
            data = await self._loader.athlete(event, announced, bib(query.bib))
        except Refused:
            return None
        return await asyncio.to_thread(build_athlete, data)

    async def _athlete(self, request: web.Request, query: PageQuery, language: str) -> Answer:
        announced = self._newest(request)
        asked = bib(request.match_info["bib"])

        async def make() -> Answer:
            event = in_asked_language(await self._loader.events.defined(announced), language)
            data = await self._loader.athlete(event, announced, asked)
            document = build_event(await self._loader.event(event, announced))

            def rendered() -> Answer:
                page = athlete_page(document, build_athlete(data), query, language)
                return answer(
                    render("athlete.html", language, page=page), HTML_TYPE, announced.revision, **PAGE_HEADERS
                )

            return await asyncio.to_thread(rendered)

        return await self._answers.page((announced, "athlete", asked, query, language), make)

    async def _compare(self, request: web.Request, query: PageQuery, language: str) -> Answer:
        announced = self._newest(request)
        bibs = compared_bibs(query)

        async def make() -> Answer:
            event = in_asked_language(await self._loader.events.defined(announced), language)
            document = build_event(await self._loader.event(event, announced))
            known = await self._loader.athletes(announced, bibs)
            present = [
                name for name in bibs if name in known and not known[name].gone and known[name].race in event.races
            ]
            data = [await self._loader.athlete(event, announced, name) for name in present]
            missing = [name for name in bibs if name not in present]

            def rendered() -> Answer:
                page = compare_page(document, list(map(build_athlete, data)), missing, query, language)
                return answer(
                    render("compare.html", language, page=page), HTML_TYPE, announced.revision, **PAGE_HEADERS
                )

            return await asyncio.to_thread(rendered)

        return await self._answers.page((announced, "compare", query, language), make)

    def _newest(self, request: web.Request) -> AnnouncedRevision:
        """Return the newest revision of the event in the path. Raises Refused."""
        event = request.match_info["event"]
        newest = self._tracker.newest.get(event)
        if newest is None:
            raise Refused(404, "No such event", f"there is no event {event[:80]!r}")
        return newest

    async def _rows(self, event: EventIndex, announced: AnnouncedRevision, choice: Choice) -> dict[str, Any] | None:
        """Load the rows that a page shows, as the API answers them; None if the event has no board."""
        query = choice.query
        if choice.is_list:
            search = SearchQuery(
                words=search_words(query.search),
                race=None if query.search else query.race,
                status=None if query.search else LISTS[query.list],
                offset=query.offset,
                limit=PAGE_ROWS,
            )
            total, athletes = await self._loader.search(announced, search)
            return build_search(event, announced, total, athletes)
        board = query.board
        if board in event.boards:
            wanted = BoardQuery(
                offset=query.offset, limit=PAGE_ROWS, point=query.point or None, on_course=not query.point
            )
            data = await self._loader.board(event, announced, event.boards[board], wanted)
            return await asyncio.to_thread(lambda: board_document(data, build_board(data), query.offset))
        page = Page(offset=query.offset, limit=PAGE_ROWS)
        if board in event.team_boards:
            return build_team_board(await self._loader.team_board(event, announced, event.team_boards[board]), page)
        if board in event.delegations:
            return build_delegation(await self._loader.delegation(event, announced, event.delegations[board]), page)
        return None


def language_of(request: web.Request, query: PageQuery) -> str:
    """Return the language in which a request gets its page."""
    kept = request.cookies.get(LANGUAGE_COOKIE)
    return pick_language(query.language, kept, request.headers.get("Accept-Language", ""))


def problem_page(status: int, text: str, query: PageQuery, language: str, retry_s: int | None = None) -> web.Response:
    """Return a page that says what happened, and that asks again by itself after so many seconds, if at all."""
    more = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(retry_s)}}.get(status, {})
    body = render("problem.html", language, text=text, home=events_address(query), retry_s=retry_s)
    headers = {**PAGE_HEADERS, **more, "Content-Type": HTML_TYPE, "Cache-Control": NEVER}
    return web.Response(body=body, status=status, headers=headers)


def wants_page(request: web.Request) -> bool:
    """Return whether a request for nothing that there is comes from somebody who reads pages, not from a program."""
    return not request.path.startswith("/v1/") and "text/html" in request.headers.get("Accept", "")


def nothing_here(request: web.Request) -> web.Response:
    """Return the page for an address at which there is nothing."""
    query = page_query(request.rel_url.raw_query_string)
    language = language_of(request, query)
    return problem_page(404, WORDS[language]["notFound"], query, language)


def _page_answer(template: str, page: Struct, revision: int, language: str) -> Answer:
    return answer(render(template, language, page=page), HTML_TYPE, revision, **PAGE_HEADERS)
