"""Encoded answers by kind, revision and query: each is made once, however many clients ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from schemas.definition import Board, Race
from services.live.announcing import load_announcement
from services.live.async_cache import AsyncCache
from services.live.board_pages import BoardPages
from services.live.errors import KNOWN_LISTED, Behind, Refused, known_ids
from services.live.feed.columns import COLUMNS
from services.live.feed.event_columns import CLOCK_COLUMNS, COUNT_COLUMNS
from services.live.feed.team_columns import DELEGATION_COLUMNS, TEAM_COLUMNS
from services.live.health_reports import Findings
from services.live.http.answers import JSON_TYPE, Answer, answer, json_answer, weight
from services.live.http.feed_answer import check_no_form, feed_answer, page_headers, split_suffix
from services.live.http.query import BoardQuery, ListQuery, PublishedQuery, ResultsListQuery, SearchQuery, slug
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.off_loop import off_loop
from services.live.pages.announce import build_announce
from services.live.pages.athlete_page import AthleteData, build_athlete, build_search
from services.live.pages.board import LINE_STEPS
from services.live.pages.cases import build_cases, undecided_yet
from services.live.pages.changes import CHANGES_A_PAGE, build_changes
from services.live.pages.event_feeds import count_athletes, race_clocks
from services.live.pages.event_page import build_event, build_event_summary
from services.live.pages.published import build_published
from services.live.pages.raceresult import board_of_list, build_results_list
from services.live.pages.standings_document import build_standings
from services.live.pages.team import (
    build_delegation,
    build_team_board,
    delegation_rows,
    delegation_state,
    team_rows,
    team_state,
)
from services.live.ranking import whole_race
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex, in_asked_language


class AnswerCache:
    """Make answers and keep them. Methods raise Refused for unknown ids and results, and DatabaseUnavailable."""

    def __init__(self, loader: Loader, pages: BoardPages, metrics: LiveMetrics, cache_bytes: int) -> None:
        self._loader = loader
        self._pages = pages
        self._metrics = metrics
        self._answers: AsyncCache[Answer] = AsyncCache(cache_bytes, weight)

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._answers.close()

    async def _get(self, kind: str, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        held = self._answers.held((kind, key))
        if held is not None:
            return held

        async def timed() -> Answer:
            began = time.monotonic()
            made = await make()
            self._metrics.made.labels(kind).inc()
            self._metrics.make_s.labels(kind).observe(time.monotonic() - began)
            return made

        made = await self._answers.get((kind, key), timed)
        self._metrics.cache_bytes.set(self._answers.weight)
        return made

    # --- Events

    async def events(
        self, announced: Sequence[AnnouncedRevision], newest: int, generation: int, language: str | None
    ) -> Answer:
        """Return the list of events, each at the revision given; `newest` is the highest of them all."""

        async def make() -> Answer:
            events = await self.event_summaries(announced, language)
            return json_answer({"revision": newest, "events": events}, newest)

        shown = tuple(revision.event for revision in announced)
        return await self._get("events", (generation, shown, language), make)

    async def event_summaries(
        self, announced: Iterable[AnnouncedRevision], language: str | None
    ) -> list[dict[str, Any]]:
        """Return events' lines in the list of events, the newest first."""
        events = []
        for revision in sorted(announced):
            event = await self._loader.events.event(revision.event, revision.revision)
            event = None if event is None else in_asked_language(event, language)
            published = [] if event is None else await self._loader.results.published(event)
            events.append(build_event_summary(revision, event, published))
        return sorted(events, key=lambda summary: (summary["date"] or "", summary["event"]), reverse=True)

    async def page(self, key: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return a web page, made by `make` when it is not at hand."""
        return await self._get("page", key, make)

    async def event(self, announced: AnnouncedRevision, language: str | None) -> Answer:
        """Return an event with its races and boards."""
        event = await self._in_language(announced, language)

        async def make() -> Answer:
            return json_answer(build_event(await self._loader.event(event, announced)), announced.revision)

        return await self._get("event", (announced, event.language), make)

    async def announce(self, announced: AnnouncedRevision, language: str | None) -> Answer:
        """Return who comes next to the finish, who has finished, leaders, firsts and cut-offs."""
        event = await self._in_language(announced, language)

        async def make() -> Answer:
            data = await load_announcement(self._loader, event, announced)
            return await asyncio.to_thread(lambda: json_answer(build_announce(data), announced.revision))

        return await self._get("announce", (announced, event.language), make)

    async def _in_language(self, announced: AnnouncedRevision, language: str | None) -> EventIndex:
        """Return an event with its names in a language. Raises Refused while it has no definition."""
        return in_asked_language(await self._loader.events.defined(announced), language)

    async def event_snapshot(self, announced: AnnouncedRevision, language: str | None) -> Answer:
        """Return the same, or, while the event has no definition, its line in the list of events."""
        if await self._loader.events.event(announced.event, announced.revision) is None:
            return json_answer(build_event_summary(announced, None, []), announced.revision)
        return await self.event(announced, language)

    async def standings(self, announced: AnnouncedRevision) -> Answer:
        """Return the standings document of an event."""

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            data = await self._loader.standings(event, announced)
            return await asyncio.to_thread(lambda: json_answer(build_standings(data), announced.revision))

        return await self._get("standings", announced, make)

    async def cases(self, announced: AnnouncedRevision, explaining: Findings, decisions: Mapping[str, str]) -> Answer:
        """Return the cases of an event, open and decided; the open ones also under the findings that explain them.

        `decisions` are the outcomes at this revision. Raises Behind while one is missing.
        """

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            cases = await self._loader.cases(event, announced)
            if undecided_yet(cases, decisions):
                raise Behind("a decision on a case has not arrived yet; ask again soon")
            athletes = await self._loader.athletes(announced, sorted({case.bib for case in cases if case.bib}))
            document = build_cases(announced, cases, athletes, decisions, event.row.protests, explaining.findings)
            return json_answer(document, announced.revision)

        return await self._get("cases", (announced, explaining.tag), make)

    async def changes(self, since: AnnouncedRevision, until: AnnouncedRevision, official: bool, offset: int) -> Answer:
        """Return a page of the differences between two revisions; when `official`, with what only officials may see."""

        async def make() -> Answer:
            data = await self._loader.changes(since, until, offset)
            document = build_changes(data, official)
            headers = {}
            if document["more"]:
                beginning = f"?from={since.revision}&to={until.revision}"
                headers["Link"] = f'<{beginning}&offset={offset + CHANGES_A_PAGE}>; rel="next"'
            return json_answer(document, until.revision, **headers)

        return await self._get("changes", (since, until, official, offset), make)

    # --- Boards and teams

    async def board(self, announced: AnnouncedRevision, name: str, query: BoardQuery) -> Answer:
        """Return a page of a board; `name` is its id, with the suffix of a feed or without."""

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            board_id, feed_format = split_suffix(name, event.boards)
            board = event.boards.get(board_id)
            if board is None:
                raise unknown_board(announced, board_id, event.boards, event)
            return await self._page(event, announced, board, query, feed_format, "board")

        return await self._get("board", (announced, name, query), make)

    async def _page(
        self,
        event: EventIndex,
        announced: AnnouncedRevision,
        board: Board,
        query: BoardQuery,
        feed_format: str,
        root: str,
    ) -> Answer:
        """Return a page of a board, which may be a whole race; as a feed, with `root` in XML, if it has a format."""
        revision = announced.revision
        if not feed_format:
            check_no_form(query.form)
            encoded = await self._pages.page(event, announced, board, query)
            more = page_headers(query, encoded.beside["total"], encoded.beside["state"])
            return answer(encoded.encoded(), JSON_TYPE, revision, **more)
        page = await self._pages.lines(await self._loader.board(event, announced, board, query))
        more = page_headers(query, page.total, page.state)
        return await off_loop(
            LINE_STEPS * len(page.lines),
            lambda: feed_answer(COLUMNS, page.lines, query.form, feed_format, root, revision, **more),
        )

    async def results_list(self, announced: AnnouncedRevision, query: ResultsListQuery) -> Answer:
        """Return a board as a list that clients of RACE RESULT read."""
        event = await self._in_language(announced, query.language)

        async def make() -> Answer:
            board = board_of_list(event, query.list_name, query.contest)
            rows = BoardQuery(limit=query.limit, words=query.words)
            data = await self._loader.board(event, announced, board, rows)
            return await off_loop(
                LINE_STEPS * len(data.lines),
                lambda: json_answer(
                    build_results_list(data, query.language, query.contest, query.counted), announced.revision
                ),
            )

        return await self._get("results_list", (announced, query), make)

    async def team_board(self, announced: AnnouncedRevision, name: str, query: ListQuery) -> Answer:
        """Return a page of a team board; `name` is its id, with the suffix of a feed or without."""
        event = await self._in_language(announced, query.language)

        async def make() -> Answer:
            board_id, feed_format = split_suffix(name, event.team_boards)
            team_board = event.team_boards.get(board_id)
            if team_board is None:
                raise unknown_board(announced, board_id, event.team_boards, event)
            data = await self._loader.team_board(event, announced, team_board)
            more = page_headers(query, len(data.lines), team_state(data))
            if feed_format:
                rows = team_rows(data, query)
                return feed_answer(TEAM_COLUMNS, rows, query.form, feed_format, "teams", announced.revision, **more)
            check_no_form(query.form)
            return json_answer(build_team_board(data, query), announced.revision, **more)

        return await self._get("teams", (announced, name, event.language, query), make)

    async def delegation(self, announced: AnnouncedRevision, name: str, query: ListQuery) -> Answer:
        """Return a page of a delegation; `name` is its id, with the suffix of a feed or without."""
        event = await self._in_language(announced, query.language)

        async def make() -> Answer:
            delegation_id, feed_format = split_suffix(name, event.delegations)
            delegation = event.delegations.get(delegation_id)
            if delegation is None:
                raise unknown_board(announced, delegation_id, event.delegations, event)
            data = await self._loader.delegation(event, announced, delegation)
            more = page_headers(query, len(data.lines), delegation_state(data))
            if feed_format:
                rows = delegation_rows(data, query)
                columns = DELEGATION_COLUMNS
                return feed_answer(columns, rows, query.form, feed_format, "delegation", announced.revision, **more)
            check_no_form(query.form)
            return json_answer(build_delegation(data, query), announced.revision, **more)

        return await self._get("delegations", (announced, name, event.language, query), make)

    async def split(self, announced: AnnouncedRevision, race_id: str, name: str, query: BoardQuery) -> Answer:
        """Return a page of all athletes of a race at a point; `name` is that, with the suffix of a feed or without."""

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            race = known_race(announced, race_id, event)
            points = [point.id for point in race.points]
            point, feed_format = split_suffix(name, points)
            if slug(point, "point") not in points:
                detail = f"race {race.id!r} has no point {point!r}; it has {known_ids(points)}"
                raise Refused(404, "No such point", detail, known=points)
            at_point = msgspec.structs.replace(query, point=point)
            return await self._page(event, announced, whole_race(race), at_point, feed_format, "split")

        return await self._get("splits", (announced, race_id, name, query), make)

    # --- Feeds of the event as a whole

    async def counts(self, announced: AnnouncedRevision, feed_format: str, query: ListQuery) -> Answer:
        """Return how many athletes have each status and took each point, as a feed."""
        event = await self._in_language(announced, query.language)

        async def make() -> Answer:
            rows = count_athletes(event, *await self._loader.counts(event, announced))
            shown = rows[query.offset : query.offset + query.limit]
            headers = {"X-Total-Count": str(len(rows))}
            return feed_answer(COUNT_COLUMNS, shown, query.form, feed_format, "counts", announced.revision, **headers)

        return await self._get("counts", (announced, feed_format, event.language, query), make)

    async def clocks(self, announced: AnnouncedRevision, feed_format: str, query: ListQuery, now_us: int) -> Answer:
        """Return the clocks of an event's races at an instant, as a feed. It is not kept, since time goes on."""
        event = await self._in_language(announced, query.language)
        clocks = race_clocks(event, await self._loader.results.published(event), now_us)
        return feed_answer(CLOCK_COLUMNS, clocks, query.form, feed_format, "clock", announced.revision)

    # --- Athletes

    async def athlete(self, announced: AnnouncedRevision, bib: str, language: str | None) -> Answer:
        """Return an athlete with splits and places."""
        event = await self._in_language(announced, language)

        async def make() -> Answer:
            data = await self._loader.athlete(event, announced, bib)
            return await off_loop(_rank_steps(data), lambda: json_answer(build_athlete(data), announced.revision))

        return await self._get("athlete", (announced, bib, event.language), make)

    async def search(self, announced: AnnouncedRevision, query: SearchQuery) -> Answer:
        """Return the athletes that a search finds."""

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            if query.race is not None:
                known_race(announced, query.race, event)
            total, athletes = await self._loader.search(announced, query)
            return json_answer(build_search(event, announced, total, athletes), announced.revision)

        return await self._get("search", (announced, query), make)

    # --- Publications

    async def published(self, announced: AnnouncedRevision, race: str, query: PublishedQuery) -> Answer:
        """Return the publication of a race or board, with its document and the difference from it."""

        async def make() -> Answer:
            event = await self._loader.events.defined(announced)
            data = await self._loader.published(event, announced, race, query.board)
            return await asyncio.to_thread(lambda: json_answer(build_published(data), announced.revision))

        return await self._get("published", (announced, race, query.board), make)

    async def published_document(self, announced: AnnouncedRevision, race: str, query: PublishedQuery) -> Answer:
        """Return the bytes that the SHA-256 of a publication is over."""
        event = await self._loader.events.defined(announced)
        held = await self._loader.held(event, race, query.board)

        async def make() -> Answer:
            document, _ = await self._loader.results.document(announced.event, held)
            return answer(document, JSON_TYPE, held.revision, **{"X-SHA256": held.sha256, "X-State": held.state})

        key = ("document", announced.event, held.race, held.revision, held.state)
        return await self._get("published", key, make)


def _rank_steps(data: AthleteData) -> int:
    """Return how many comparisons an athlete's ranks take, in tens: ten of them take about a microsecond."""
    return len(data.boards) * sum(map(len, data.splits.values())) // 10


def known_race(announced: AnnouncedRevision, name: str, event: EventIndex) -> Race:
    """Return a race of an event. Raises Refused when it has none of this name."""
    race = event.races.get(slug(name, "race"))
    if race is None:
        raise Refused(
            404,
            "No such race",
            f"event {announced.event!r} has no race {name!r}; it has {known_ids(event.races)}",
            known=list(event.races)[:KNOWN_LISTED],
        )
    return race


def unknown_board(announced: AnnouncedRevision, name: str, known: Iterable[str], event: EventIndex) -> Refused:
    """Return the error for a board that is not among `known`; it says where the board is, or lists the boards."""
    slug(name, "board")
    kinds: dict[str, Collection[str]] = {
        "boards": event.boards,
        "teams": event.team_boards,
        "delegations": event.delegations,
    }
    elsewhere = next((kind for kind, boards in kinds.items() if name in boards), None)
    if elsewhere is not None:
        return Refused(404, "Not here", f"{name!r} is at /v1/events/{announced.event}/{elsewhere}/{name}")
    ids = list(known)[:KNOWN_LISTED]
    listed = f"known are {known_ids(ids)}" if ids else "it has none of this kind"
    return Refused(404, "No such board", f"event {announced.event!r} has no board {name!r}; {listed}", known=ids)
