"""Live's HTTP: the second half of docs/http.md. A handler reads its request and asks `answer_cache` for the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from aiohttp import web

from services.live.errors import KNOWN_LISTED, Behind, Busy, Refused, TooManyViewers, known_ids
from services.live.explainer import Explainer
from services.live.fact_folder import FactFolder
from services.live.health_reports import HealthReports
from services.live.http import operations, overlay
from services.live.http.access import Access
from services.live.http.answer_cache import AnswerCache, unknown_board
from services.live.http.answers import (
    NEVER,
    NOW,
    PAST,
    PRIVATE,
    Answer,
    json_answer,
    problem,
)
from services.live.http.body import body_of
from services.live.http.compression import Compressor
from services.live.http.current_answers import CurrentAnswers
from services.live.http.feed_answer import known_format
from services.live.http.query import (
    AtQuery,
    BoardQuery,
    ChangesQuery,
    ListQuery,
    Moment,
    PublishedQuery,
    ResultsListQuery,
    SearchQuery,
    StreamQuery,
    at_query,
    bib,
    board_query,
    changes_query,
    language_query,
    list_query,
    no_query,
    now_query,
    pending_query,
    published_query,
    results_config_query,
    results_list_query,
    search_query,
    slug,
    split_query,
    stream_query,
)
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.pages.board import check_point
from services.live.pages.raceresult import public_key, results_config
from services.live.preview_tables import PreviewTables
from services.live.previews import Previews
from services.live.revisions import RevisionTracker
from services.live.stream import Streams
from services.live.stream_viewer import Permission, Subject
from services.live.table_rows import AnnouncedRevision
from services.live.waiting_lists import WaitingFacts
from services.runtime.clickhouse import DatabaseUnavailable
from services.runtime.operations import Handler, OperationRoute
from services.standings import explanation
from services.standings.event_index import in_asked_language

Query = TypeVar(
    "Query",
    AtQuery,
    BoardQuery,
    ChangesQuery,
    ListQuery,
    PublishedQuery,
    ResultsListQuery,
    SearchQuery,
    StreamQuery,
)


class ReadRequest(NamedTuple, Generic[Query]):
    """A request that was read: the revision that answers it, its query, and how long its answer may be kept."""

    announced: AnnouncedRevision
    query: Query
    caching: str


class LiveApi:
    """The handlers of live's routes."""

    def __init__(
        self,
        tracker: RevisionTracker,
        loader: Loader,
        answers: AnswerCache,
        streams: Streams,
        access: Access,
        metrics: LiveMetrics,
        now_us: Callable[[], int],
        previews: Previews,
        tables: PreviewTables,
        compressor: Compressor,
    ) -> None:
        self._tracker = tracker
        self._loader = loader
        self._answers = answers
        self._streams = streams
        self._access = access
        self._metrics = metrics
        self._now_us = now_us
        folder = FactFolder(loader.store)
        self._explainer = Explainer(loader, folder)
        self._previews = previews
        self._compressor = compressor
        self._waiting = WaitingFacts(loader, folder, tables)
        self.health_reports = HealthReports(loader, self._explainer, now_us)
        self._current = CurrentAnswers()

    def routes(self) -> list[OperationRoute]:
        """Return live's routes, the most requested first."""
        handlers = [
            (operations.BOARD, "board", self._board),
            (operations.STREAM, "stream", self._stream),
            (operations.ATHLETE, "athlete", self._athlete),
            (operations.EXPLAIN, "explain", self._explain),
            (operations.SEARCH, "search", self._search),
            (operations.TEAM_BOARD, "teams", self._team_board),
            (operations.DELEGATION, "delegations", self._delegation),
            (operations.SPLIT, "splits", self._split),
            (operations.COUNTS, "counts", self._counts),
            (operations.CLOCK, "clock", self._clock),
            (operations.CHANGES, "changes", self._changes),
            (operations.PUBLISHED, "published", self._published),
            (operations.PUBLISHED_DOCUMENT, "published", self._document),
            (operations.STANDINGS, "standings", self._standings),
            (operations.ANNOUNCE, "announce", self._announce),
            (operations.CASES, "cases", self._cases),
            (operations.FACTS, "facts", self._facts),
            (operations.HEALTH, "health", self._health),
            (operations.EVENT_DETAIL, "event", self._event),
            (operations.EVENTS, "events", self._events),
            (operations.TIME, "time", self._time),
            (operations.OGRAF, "ograf", self._ograf),
            (operations.RESULTS_CONFIG, "results_config", self._results_config),
            (operations.RESULTS_LIST, "results_list", self._results_list),
            (operations.OLDER_RESULTS_CONFIG, "results_config", self._results_config),
            (operations.OLDER_RESULTS_LIST, "results_list", self._results_list),
            (operations.PREVIEW, "preview", self._preview),
        ]
        return [OperationRoute(operation, self._answering(name, handler)) for operation, name, handler in handlers]

    async def close(self) -> None:
        """Cancel all making."""
        await self._waiting.close()
        await self.health_reports.close()
        await self._explainer.close()

    def _answering(self, route: str, handler: Handler) -> Handler:
        """Return the handler with access checked, errors turned into problems, and answers counted."""
        succeeded = self._metrics.requests.labels(route, 200)

        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                self._access.check_viewer(request)
                ready = self._current.of(request, self._state())
                response = await handler(request) if ready is None else ready.response(request)
            except Refused as refused:
                response = problem(refused.status, refused.title, str(refused), **refused.members)
            except TooManyViewers as error:
                response = problem(503, "Too many viewers", str(error), retry=True)
            except Busy as error:
                response = problem(503, "Busy", str(error), retry=True)
            except Behind as error:
                response = problem(503, "Not here yet", str(error), retry=True)
            except DatabaseUnavailable as error:
                response = problem(503, "ClickHouse does not answer", str(error), retry=True)
            if response.status == 200:
                succeeded.inc()
            else:
                self._metrics.requests.labels(route, response.status).inc()
            return response

        return answered

    # --- Answers at hand, for addresses that many clients ask for

    def _state(self) -> tuple[int, bool]:
        """Return what answers for an address depend on: revisions of events, and whether these are private."""
        return self._tracker.generation, self._access.private()

    async def _respond(self, request: web.Request, making: Awaitable[Answer], caching: str) -> web.Response:
        """Return an answer that all viewers get alike, and keep it at hand while it is current."""
        state = self._state()
        ready = await self._compressor.ready(request, await making, caching)
        if caching == NOW and state == self._state():
            self._current.keep(request, state, ready)
        return ready.response(request)

    # --- Which event, which revision

    def _newest(self, request: web.Request) -> AnnouncedRevision:
        """Return the newest revision of the event in the path. Raises Refused."""
        event = request.match_info["event"]
        newest = self._tracker.newest.get(event)
        if newest is None:
            slug(event, "event")
            known = self._access.visible(request, sorted(self._tracker.newest))[:KNOWN_LISTED]
            listed = f"known are {known_ids(known)}" if known else "there is none yet"
            raise Refused(404, "No such event", f"there is no event {event!r}; {listed}", known=known)
        return newest

    async def _read(self, request: web.Request, read_query: Callable[[str], Query]) -> ReadRequest[Query]:
        """Read a request. Raises Refused."""
        newest = self._newest(request)
        query = read_query(request.rel_url.raw_query_string)
        moment = query.as_of if isinstance(query, (AtQuery, BoardQuery, ListQuery, PublishedQuery)) else None
        if moment is None:
            return ReadRequest(newest, query, self._caching(NOW))
        announced = await self._loader.history.at(newest, moment)
        return ReadRequest(announced, query, self._caching(PAST if announced.revision < newest.revision else NOW))

    def _caching(self, public: str) -> str:
        """Return how long an answer may be kept: by shared caches only when everybody may see it."""
        return PRIVATE if self._access.private() else public

    # --- Boards and teams

    async def _board(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, board_query)
        making = self._answers.board(announced, request.match_info["board"], query)
        return await self._respond(request, making, caching)

    async def _team_board(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, list_query)
        making = self._answers.team_board(announced, request.match_info["board"], query)
        return await self._respond(request, making, caching)

    async def _delegation(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, list_query)
        making = self._answers.delegation(announced, request.match_info["board"], query)
        return await self._respond(request, making, caching)

    async def _split(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, split_query)
        making = self._answers.split(announced, request.match_info["race"], request.match_info["point"], query)
        return await self._respond(request, making, caching)

    async def _counts(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, list_query)
        making = self._answers.counts(announced, known_format(request.match_info["format"]), query)
        return await self._respond(request, making, caching)

    async def _clock(self, request: web.Request) -> web.StreamResponse:
        announced, query, _ = await self._read(request, now_query)
        making = self._answers.clocks(announced, known_format(request.match_info["format"]), query, self._now_us())
        return await self._compressor.respond(request, await making, NEVER)

    # --- Boards for sites made for RACE RESULT

    async def _results_config(self, request: web.Request) -> web.StreamResponse:
        newest = self._newest(request)
        language = results_config_query(request.rel_url.raw_query_string)
        event = in_asked_language(await self._loader.events.defined(newest), language)
        if not request.host.isascii():
            raise Refused(400, "No address", "the header `Host` is no address such as results.example.org")
        shown = request.query.get("key") if self._access.private() else None
        config = results_config(event, shown or public_key(newest.event), request.host)
        # Not kept for this address: it names the host by which the request came.
        return await self._compressor.respond(request, json_answer(config, newest.revision), self._caching(NOW))

    async def _results_list(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, results_list_query)
        return await self._respond(request, self._answers.results_list(announced, query), caching)

    # --- Athletes

    async def _athlete(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, at_query)
        making = self._answers.athlete(announced, bib(request.match_info["bib"]), query.language)
        return await self._respond(request, making, caching)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, search_query)
        return await self._respond(request, self._answers.search(announced, query), caching)

    async def _explain(self, request: web.Request) -> web.StreamResponse:
        announced, _, caching = await self._read(request, at_query)
        explained = await self._explainer.explained(announced, bib(request.match_info["bib"]))
        official = self._access.is_official(request, announced.event)

        def make() -> Answer:
            shown = explained if official else explanation.public(explained)
            return json_answer(explanation.document(shown), explained.revision)

        if official:
            caching = NEVER
        elif explained.behind:
            caching = self._caching(NOW)
        return await self._compressor.respond(request, await asyncio.to_thread(make), caching)

    # --- Publications

    async def _published(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, published_query)
        race = slug(request.match_info["race"], "race")
        return await self._respond(request, self._answers.published(announced, race, query), caching)

    async def _document(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, published_query)
        race = slug(request.match_info["race"], "race")
        return await self._respond(request, self._answers.published_document(announced, race, query), caching)

    # --- Events

    async def _time(self, request: web.Request) -> web.StreamResponse:
        no_query(request.rel_url.raw_query_string)
        now_us = self._now_us()
        now = datetime.fromtimestamp(now_us / 1e6, UTC).isoformat(timespec="microseconds")
        revision = _highest(self._visible(request))
        clock = json_answer({"now_us": now_us, "now": now, "revision": revision}, revision)
        return await self._compressor.respond(request, clock, NEVER)

    def _visible(self, request: web.Request) -> list[AnnouncedRevision]:
        """Return the newest revisions of the events that a request may see. Raises Refused."""
        newest = self._tracker.newest
        return [newest[event] for event in self._access.visible(request, newest)]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        language = language_query(request.rel_url.raw_query_string)
        announced = self._visible(request)
        making = self._answers.events(announced, _highest(announced), self._tracker.generation, language)
        if self._access.private():  # the same address has other answers for other tokens
            return await self._compressor.respond(request, await making, PRIVATE)
        return await self._respond(request, making, NOW)

    async def _event(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, at_query)
        return await self._respond(request, self._answers.event(announced, query.language), caching)

    async def _announce(self, request: web.Request) -> web.StreamResponse:
        announced, query, caching = await self._read(request, at_query)
        return await self._respond(request, self._answers.announce(announced, query.language), caching)

    async def _ograf(self, request: web.Request) -> web.StreamResponse:
        event = await self._loader.events.defined(self._newest(request))
        return await overlay.package(request, event, self._caching(NOW), self._compressor)

    async def _standings(self, request: web.Request) -> web.StreamResponse:
        announced, _, caching = await self._read(request, at_query)
        return await self._respond(request, self._answers.standings(announced), caching)

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        newest, query, _ = await self._read(request, changes_query)
        history = self._loader.history
        since = await history.find(newest, Moment(revision=query.since))
        since = since or AnnouncedRevision(newest.event, query.since, 0)
        until = newest if query.until is None else await history.at(newest, Moment(revision=query.until))
        official = self._access.is_official(request, newest.event)
        answer = await self._answers.changes(since, until, official, query.offset)
        return await self._compressor.respond(request, answer, NEVER if official else self._caching(NOW))

    async def _cases(self, request: web.Request) -> web.StreamResponse:
        self._access.check_official(request, request.match_info["event"])
        announced, query, _ = await self._read(request, at_query)
        findings = await self.health_reports.findings(announced, exact=query.as_of is not None)
        decisions = await self._explainer.decisions(announced)
        answer = await self._answers.cases(announced, findings, decisions)
        return await self._compressor.respond(request, answer, NEVER)

    async def _facts(self, request: web.Request) -> web.StreamResponse:
        announced, _, caching = await self._read(request, pending_query)
        official = self._access.is_official(request, announced.event)
        answer = await self._waiting.listed(announced, official)
        return await self._compressor.respond(request, answer, NEVER if official else caching)

    async def _preview(self, request: web.Request) -> web.StreamResponse:
        event = request.match_info["event"]
        self._access.check_official(request, event)
        no_query(request.rel_url.raw_query_string)
        self._newest(request)
        body = await body_of(request)
        revision, document = await self._previews.preview(lambda: self._newest(request), body)
        headers = {"Cache-Control": NEVER, "Access-Control-Allow-Origin": "*", "X-Revision": str(revision)}
        return web.Response(body=document, content_type="application/json", headers=headers)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        self._access.check_official(request, request.match_info["event"])
        announced, query, _ = await self._read(request, at_query)
        made = await self.health_reports.report(announced, exact=query.as_of is not None)
        return await self._compressor.respond(request, made, NEVER)

    # --- Streams

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        announced, query, _ = await self._read(request, stream_query)
        event = await self._loader.events.event(announced.event, announced.revision)
        if query.board is not None:
            event = await self._loader.events.defined(announced)
            if not {query.board} & {*event.boards, *event.team_boards, *event.delegations}:
                raise unknown_board(announced, query.board, event.boards, event)
            board = event.boards.get(query.board)
            if board is not None:
                check_point(event.races[board.race], query.point)
            elif query.point is not None or query.on_course:
                raise Refused(
                    400, "No order of its own", f"{query.board!r} ranks teams; leave `point` and `on_course` out"
                )
        language = None if event is None else in_asked_language(event, query.language).language
        subject = Subject(announced.event, query.board, query.bib, language, query.point, query.on_course, query.limit)
        last_id = request.headers.get("Last-Event-ID")
        permission = Permission(self._access.shown(request), lambda: self._access.may_still_view(request))
        return await self._streams.serve(request, subject, last_id, permission)


def _highest(announced: Iterable[AnnouncedRevision]) -> int:
    return max((revision.revision for revision in announced), default=0)


def preflight_route() -> web.RouteDef:
    """Return the route that lets pages of other sites send a token or an ETag to any path below `/v1`."""
    return web.options("/v1/{tail:.*}", _preflight)


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, Last-Event-ID, Cache-Control",
            "Access-Control-Max-Age": "86400",
        },
    )
