"""Live's HTTP: docs/http.md, second half. A route is a check of its query and a making of its answer.

An answer is a function of the route, the event's revision and the query, so it is made once and held (`memo`); whoever
comes after costs a look-up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from aiohttp import web
from msgspec import Struct

from services.live.async_cache import AsyncCache
from services.live.errors import Behind, Refused, TooManyViewers
from services.live.feed import formats
from services.live.feed.board_line import BoardLine
from services.live.http.access import Access
from services.live.http.answers import (
    JSON_TYPE,
    NEVER,
    NOW,
    PAST,
    PRIVATE,
    Answer,
    Ready,
    answer,
    json_answer,
    problem,
    respond,
    weight,
)
from services.live.http.query import (
    AtQuery,
    BoardQuery,
    ChangesQuery,
    Moment,
    PublishedQuery,
    SearchQuery,
    StreamQuery,
    at_query,
    bib,
    board_query,
    changes_query,
    no_query,
    published_query,
    search_query,
    slug,
    stream_query,
)
from services.live.metrics import LiveMetrics
from services.live.pages.athlete_explanation import Explainer
from services.live.pages.common import KNOWN_LISTED, Views
from services.live.pages.standings_document import standings_document
from services.live.revisions import RevisionTracker
from services.live.store import Head
from services.live.stream import Streams, Subject
from services.runtime.clickhouse import DatabaseUnavailable
from services.standings import explanation
from services.standings.event_index import EventIndex

CURRENT_MAX = 1_000  # addresses whose answers are at hand
CURRENT_BYTES_MAX = 64 * 1024  # of each
MOMENTS_HELD = 10_000  # as_of answers
HIDDEN_HELD = 100_000  # bibs
SNAPSHOT_ROWS = 100  # of a board, in a stream's snapshot
SUFFIXES = (".json", ".csv", ".xml")
BASE = "/v1/events/{event}"

Q = TypeVar("Q", AtQuery, BoardQuery, ChangesQuery, PublishedQuery, SearchQuery, StreamQuery)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple, Generic[Q]):
    """A request read: the revision it is answered at, its query, and how long its answer may be kept."""

    head: Head
    query: Q
    caching: str


class LiveApi:
    """The handlers, with what they share."""

    def __init__(
        self,
        heads: RevisionTracker,
        views: Views,
        access: Access,
        metrics: LiveMetrics,
        cache_bytes: int,
        now_us: Callable[[], int],
    ) -> None:
        self._heads = heads
        self._views = views
        self._access = access
        self._metrics = metrics
        self._now_us = now_us
        self._answers: AsyncCache[Answer] = AsyncCache(cache_bytes, weight)
        self._current: dict[str, Ready] = {}
        self._current_of = heads.generation
        self._moments: AsyncCache[tuple[Head | None]] = AsyncCache(MOMENTS_HELD, lambda _: 1)
        self._hidden: AsyncCache[frozenset[str]] = AsyncCache(HIDDEN_HELD, lambda hidden: 1 + len(hidden))
        self._explainer = Explainer(views, self._found)
        self.streams = Streams(heads, views, self._snapshot, metrics)

    def routes(self) -> list[web.RouteDef]:
        """The routes of docs/http.md, live's half; the most asked for first."""
        return [
            web.get(f"{BASE}/boards/{{board}}", self._answering("board", self._board)),
            web.get(f"{BASE}/stream", self._answering("stream", self._stream), allow_head=False),
            web.get(f"{BASE}/athletes/{{bib}}", self._answering("athlete", self._athlete)),
            web.get(f"{BASE}/athletes/{{bib}}/explain", self._answering("explain", self._explain)),
            web.get(f"{BASE}/athletes", self._answering("search", self._search)),
            web.get(f"{BASE}/teams/{{board}}", self._answering("teams", self._teams)),
            web.get(f"{BASE}/delegations/{{board}}", self._answering("delegations", self._delegations)),
            web.get(f"{BASE}/changes", self._answering("changes", self._changes)),
            web.get(f"{BASE}/published/{{race}}", self._answering("published", self._published)),
            web.get(f"{BASE}/published/{{race}}/document", self._answering("published", self._document)),
            web.get(f"{BASE}/standings", self._answering("standings", self._standings)),
            web.get(f"{BASE}/cases", self._answering("cases", self._cases)),
            web.get(BASE, self._answering("event", self._event)),
            web.get("/v1/events", self._answering("events", self._events)),
            web.get("/v1/time", self._answering("time", self._time)),
            web.options("/v1/{tail:.*}", _preflight),
        ]

    async def close(self) -> None:
        """End streams and let go of what is being made."""
        await self.streams.close()
        await self._answers.close()
        await self._moments.close()
        await self._hidden.close()
        await self._explainer.close()
        await self._views.close()

    def _answering(self, route: str, handler: Handler) -> Handler:
        """The handler with viewers let in, errors turned into problems, and everything counted."""
        well = self._metrics.requests.labels(route, 200)

        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                self._access.check_viewer(request)
                ready = self._ready(request)
                response = await handler(request) if ready is None else ready.response(request)
            except Refused as refused:
                response = problem(refused.status, refused.title, str(refused), **refused.members)
            except TooManyViewers as error:
                response = problem(503, "Too many viewers", str(error), retry=True)
            except Behind as error:
                response = problem(503, "Not here yet", str(error), retry=True)
            except DatabaseUnavailable as error:
                response = problem(503, "ClickHouse does not answer", str(error), retry=True)
            if response.status == 200:
                well.inc()
            else:
                self._metrics.requests.labels(route, response.status).inc()
            return response

        return answered

    async def _held(
        self,
        request: web.Request,
        route: str,
        key: Hashable,
        caching: str,
        make: Callable[[], Awaitable[Answer]],
    ) -> web.Response:
        """The answer of a key, made if need be; for what everybody gets alike."""
        generation = self._heads.generation
        held = self._answers.held((route, key))
        if held is None:
            held = await self._answer(route, key, make)
        ready = Ready(held, caching)
        if caching == NOW and generation == self._heads.generation and weight(held) <= CURRENT_BYTES_MAX:
            self._remember(request, ready)
        return ready.response(request)

    def _ready(self, request: web.Request) -> Ready | None:
        """What was answered to these very words since the last revision of any event."""
        if self._current_of != self._heads.generation:
            self._current.clear()
            self._current_of = self._heads.generation
        return self._current.get(request.raw_path)

    def _remember(self, request: web.Request, ready: Ready) -> None:
        if len(self._current) >= CURRENT_MAX:
            self._current.clear()
        self._current[request.raw_path] = ready

    async def _answer(self, route: str, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        async def timed() -> Answer:
            began = time.monotonic()
            made = await make()
            self._metrics.made.labels(route).inc()
            self._metrics.make_s.labels(route).observe(time.monotonic() - began)
            return made

        found = await self._answers.get((route, key), timed)
        self._metrics.cache_bytes.set(self._answers.weight)
        return found

    # --- which event, which revision

    def _head(self, request: web.Request) -> Head:
        """The newest revision of the event in the path. Raises Refused."""
        event = request.match_info["event"]
        head = self._heads.heads.get(event)
        if head is None:
            slug(event, "event")
            known = sorted(self._heads.heads)[:KNOWN_LISTED]
            listed = f"known are {', '.join(known)}" if known else "there is none so far"
            raise Refused(404, "No such event", f"there is no event {event!r}; {listed}", known=known)
        return head

    async def _at(self, newest: Head, moment: Moment) -> Head:
        """The newest revision of an event that is not after a moment. Raises Refused."""
        head = await self._found(newest, moment)
        if head is None:
            first = await self._views.store.first_revision(newest.event)
            raise Refused(404, "Before the beginning", f"the first revision that was announced is {first}", first=first)
        return head

    async def _found(self, newest: Head, moment: Moment) -> Head | None:
        """The same, or None where there is none."""
        if moment.revision is not None and moment.revision >= newest.revision:
            return newest
        if moment.at_us is not None and moment.at_us >= newest.announced_at_us:
            return newest

        async def look() -> tuple[Head | None]:
            return (await self._views.store.head_at(newest.event, moment.revision, moment.at_us),)

        (head,) = await self._moments.get((newest.event, moment), look)
        if head is None or head.revision >= newest.revision:
            return newest if head is not None else None
        hidden = await self._hidden.get(newest, lambda: self._views.store.hidden(newest.event, newest.revision))
        return head._replace(hidden=hidden)

    async def _asked(self, request: web.Request, read: Callable[[str], Q]) -> Asked[Q]:
        """Read a request. Raises Refused."""
        newest = self._head(request)
        query = read(request.rel_url.raw_query_string)
        moment = query.as_of if isinstance(query, (AtQuery, BoardQuery, PublishedQuery)) else None
        if moment is None:
            return Asked(newest, query, self._caching(NOW))
        head = await self._at(newest, moment)
        return Asked(head, query, self._caching(PAST if head.revision < newest.revision else NOW))

    def _caching(self, public: str) -> str:
        """How long an answer may be kept; by the viewer alone where not everybody may look."""
        return PRIVATE if self._access.private() else public

    # --- boards

    async def _board(self, request: web.Request) -> web.StreamResponse:
        head, query, caching = await self._asked(request, board_query)
        name = request.match_info["board"]
        key = (head, name, query)
        return await self._held(request, "board", key, caching, lambda: self._make_board(head, name, query))

    async def _make_board(self, head: Head, name: str, query: BoardQuery) -> Answer:
        view = await self._views.defined(head)
        board_id, suffix = _suffixed(name, view)
        board = view.boards.get(board_id)
        if board is None:
            raise _unknown_board(head, board_id, list(view.boards), view)
        page = await self._views.board_page(head, view, board, query)
        more = {"X-Total-Count": str(page.total), "X-State": page.state}
        end = query.offset + query.limit
        if end < page.total:
            more["Link"] = f'<?offset={end}&limit={query.limit}>; rel="next"'
        if suffix == ".csv":
            return answer(formats.as_csv(page.lines), formats.CSV_TYPE, head.revision, **more)
        if suffix == ".xml":
            return answer(formats.as_xml(page.lines), formats.XML_TYPE, head.revision, **more)
        if suffix == ".json":
            return answer(formats.as_json(page.lines), JSON_TYPE, head.revision, **more)
        return json_answer(
            BoardAnswer(
                event=head.event,
                board=board_id,
                revision=head.revision,
                state=page.state,
                changed_since_official=page.changed,
                total=page.total,
                offset=query.offset,
                point=query.point,
                rows=page.lines,
            ),
            head.revision,
            **more,
        )

    # --- teams

    async def _teams(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        name = request.match_info["board"]
        return await self._held(request, "teams", (head, name), caching, lambda: self._make_teams(head, name))

    async def _make_teams(self, head: Head, name: str) -> Answer:
        view = await self._views.defined(head)
        team = view.team_boards.get(name)
        if team is None:
            raise _unknown_board(head, name, list(view.team_boards), view)
        return json_answer(await self._views.team_rows(head, view, team), head.revision)

    async def _delegations(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        name = request.match_info["board"]
        key = (head, name)
        return await self._held(request, "delegations", key, caching, lambda: self._make_delegation(head, name))

    async def _make_delegation(self, head: Head, name: str) -> Answer:
        view = await self._views.defined(head)
        if name not in view.delegations:
            raise _unknown_board(head, name, list(view.delegations), view)
        return json_answer(await self._views.delegation_rows(head, view, name), head.revision)

    # --- athletes

    async def _athlete(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        asked = bib(request.match_info["bib"])
        return await self._held(request, "athlete", (head, asked), caching, lambda: self._make_athlete(head, asked))

    async def _make_athlete(self, head: Head, asked: str) -> Answer:
        view = await self._views.defined(head)
        return json_answer(await self._views.athlete(head, view, asked), head.revision)

    async def _explain(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        explained = await self._explainer.explained(head, bib(request.match_info["bib"]))
        whole = self._access.is_official(request, head.event)

        def made() -> Answer:
            seen = explained if whole else explanation.public(explained)
            return json_answer(explanation.document(seen), explained.revision)

        if whole:
            caching = NEVER
        elif explained.behind:
            caching = self._caching(NOW)
        return respond(request, await asyncio.to_thread(made), caching)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        head, query, caching = await self._asked(request, search_query)

        async def make() -> Answer:
            view = await self._views.defined(head)
            return json_answer(await self._views.found(head, view, query), head.revision)

        return await self._held(request, "search", (head, query), caching, make)

    # --- what was published

    async def _published(self, request: web.Request) -> web.StreamResponse:
        head, query, caching = await self._asked(request, published_query)
        race = request.match_info["race"]

        async def make() -> Answer:
            view = await self._views.defined(head)
            made = await self._views.published(view, head, slug(race, "race"), query.board)
            return await asyncio.to_thread(json_answer, made, head.revision)

        return await self._held(request, "published", (head, race, query.board), caching, make)

    async def _document(self, request: web.Request) -> web.StreamResponse:
        """The very bytes that the publication's SHA-256 is over."""
        head, query, caching = await self._asked(request, published_query)
        view = await self._views.defined(head)
        held = await self._views.held(view, slug(request.match_info["race"], "race"), query.board)

        async def make() -> Answer:
            document, _ = await self._views.publications.document(head.event, held)
            return answer(document, JSON_TYPE, held.revision, **{"X-SHA256": held.sha256, "X-State": held.state})

        key = ("document", head.event, held.race, held.revision, held.state)
        return await self._held(request, "published", key, caching, make)

    # --- everything at once

    async def _standings(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        return await self._held(request, "standings", head, caching, lambda: self._make_standings(head))

    async def _make_standings(self, head: Head) -> Answer:
        view = await self._views.defined(head)
        made = await standings_document(self._views.store, view, head)
        return await asyncio.to_thread(json_answer, made, head.revision)

    # --- events

    async def _time(self, request: web.Request) -> web.StreamResponse:
        no_query(request.rel_url.raw_query_string)
        now_us = self._now_us()
        now = datetime.fromtimestamp(now_us / 1e6, UTC).isoformat(timespec="microseconds")
        said = {"now_us": now_us, "now": now, "revision": self._newest()}
        return respond(request, json_answer(said, self._newest()), NEVER)

    def _newest(self) -> int:
        return max((head.revision for head in self._heads.heads.values()), default=0)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        no_query(request.rel_url.raw_query_string)

        async def make() -> Answer:
            heads = sorted(self._heads.heads.values())
            events = [await self._views.event_summary(head) for head in heads]
            events.sort(key=lambda event: (event["date"] or "", event["event"]), reverse=True)
            return json_answer({"revision": self._newest(), "events": events}, self._newest())

        return await self._held(request, "events", self._heads.generation, self._caching(NOW), make)

    async def _event(self, request: web.Request) -> web.StreamResponse:
        head, _, caching = await self._asked(request, at_query)
        return await self._held(request, "event", head, caching, lambda: self._make_event(head))

    async def _make_event(self, head: Head) -> Answer:
        return json_answer(await self._views.event_detail(head), head.revision)

    # --- changes, cases

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        newest, query, _ = await self._asked(request, changes_query)
        since = await self._found(newest, Moment(revision=query.since)) or Head(newest.event, query.since, 0)
        until = newest if query.until is None else await self._at(newest, Moment(revision=query.until))
        whole = self._access.is_official(request, newest.event)
        caching = NEVER if whole else self._caching(NOW)

        async def make() -> Answer:
            return json_answer(await self._views.changes(since, until, whole), until.revision)

        return respond(request, await self._answer("changes", (since, until, whole), make), caching)

    async def _cases(self, request: web.Request) -> web.StreamResponse:
        self._access.check_official(request, request.match_info["event"])
        head, _, _ = await self._asked(request, at_query)

        async def make() -> Answer:
            return json_answer(await self._views.cases(head), head.revision)

        return respond(request, await self._answer("cases", head, make), NEVER)

    # --- streams

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        head, query, _ = await self._asked(request, stream_query)
        subject = Subject(head.event, query.board, query.bib)
        if query.board is not None:
            view = await self._views.defined(head)
            if not {query.board} & {*view.boards, *view.team_boards, *view.delegations}:
                raise _unknown_board(head, query.board, list(view.boards), view)
        return await self.streams.serve(request, subject, request.headers.get("Last-Event-ID"))

    async def _snapshot(self, subject: Subject, head: Head) -> Answer:
        """All there is of a subject, for a stream's beginning."""
        if subject.bib is not None:
            asked = subject.bib
            return await self._answer("athlete", (head, asked), lambda: self._make_athlete(head, asked))
        if subject.board is None:
            if await self._views.event(head.event, head.revision) is None:  # facts came before the definition
                return json_answer(await self._views.event_summary(head), head.revision)
            return await self._answer("event", head, lambda: self._make_event(head))
        name = subject.board
        view = await self._views.defined(head)
        if name in view.team_boards:
            return await self._answer("teams", (head, name), lambda: self._make_teams(head, name))
        if name in view.delegations:
            return await self._answer("delegations", (head, name), lambda: self._make_delegation(head, name))
        query = BoardQuery(limit=SNAPSHOT_ROWS)
        return await self._answer("board", (head, name, query), lambda: self._make_board(head, name, query))


class BoardAnswer(Struct, frozen=True, kw_only=True):
    """A board without a suffix."""

    event: str
    board: str
    revision: int
    state: str
    changed_since_official: bool
    total: int
    offset: int
    point: str | None
    rows: list[BoardLine]


def _suffixed(name: str, view: EventIndex) -> tuple[str, str]:
    """A board's id and the suffix behind it; an id may hold dots, so a board that is called just so comes first."""
    if name in view.boards:
        return name, ""
    suffix = next((one for one in SUFFIXES if name.endswith(one)), "")
    return name.removesuffix(suffix), suffix


def _unknown_board(head: Head, name: str, known: list[str], view: EventIndex) -> Refused:
    slug(name, "board")
    kinds = {"boards": set(view.boards), "teams": set(view.team_boards), "delegations": set(view.delegations)}
    elsewhere = next((kind for kind, boards in kinds.items() if name in boards), None)
    if elsewhere is not None:
        return Refused(404, "Not here", f"{name!r} is at {BASE.format(event=head.event)}/{elsewhere}/{name}")
    listed = f"known are {', '.join(known[:KNOWN_LISTED])}" if known else "it has none of this kind"
    return Refused(
        404, "No such board", f"event {head.event!r} has no board {name!r}; {listed}", known=known[:KNOWN_LISTED]
    )


async def _preflight(_: web.Request) -> web.Response:
    """A page of another site asks whether it may send a token or a tag."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, If-None-Match, Last-Event-ID, Cache-Control",
            "Access-Control-Max-Age": "86400",
        },
    )
