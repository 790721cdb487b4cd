"""What officials see of the operation of the stack: as a page, and as JSON for programs."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from services.live.documents.ops import Operations
from services.live.errors import Behind, Refused
from services.live.health_reports import HealthReports
from services.live.http import operations
from services.live.http.access import Access
from services.live.http.answers import NEVER, Answer, answer, json_answer, problem
from services.live.http.compression import Compressor
from services.live.http.page import HTML_TYPE
from services.live.http.query import language_query
from services.live.http.web_pages import PAGE_HEADERS, language_of
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.pages.ops import EventFigures, operations_of
from services.live.revisions import RevisionTracker
from services.live.stack_watch import StackWatch
from services.live.web.addresses import events_address, page_query
from services.live.web.ops_view import ops_page
from services.live.web.render import render
from services.runtime.clickhouse import DatabaseUnavailable
from services.runtime.operations import OperationRoute
from services.standings.event_index import in_asked_language
from services.watch.stack_state import events_known, stack_state


class OpsPages:
    """The handlers. They answer also while ClickHouse is away, without what it knows of mats and clocks."""

    def __init__(
        self,
        watch: StackWatch,
        tracker: RevisionTracker,
        loader: Loader,
        reports: HealthReports,
        access: Access,
        compressor: Compressor,
        metrics: LiveMetrics,
    ) -> None:
        self._watch = watch
        self._tracker = tracker
        self._loader = loader
        self._reports = reports
        self._access = access
        self._compressor = compressor
        self._metrics = metrics

    def operation(self) -> OperationRoute:
        """Return the route of the JSON answer."""
        return OperationRoute(operations.OPS, self._json)

    def page(self) -> web.RouteDef:
        """Return the route of the page."""
        return web.get("/ops", self._page)

    async def _json(self, request: web.Request) -> web.Response:
        try:
            language = language_query(request.rel_url.raw_query_string)
            shown = await self._shown(request, language)
            response = await self._respond(request, json_answer(shown, self._revision(shown)))
        except Refused as refused:
            response = problem(refused.status, refused.title, str(refused), **refused.members)
        self._metrics.requests.labels("ops", response.status).inc()
        return response

    async def _page(self, request: web.Request) -> web.Response:
        query = page_query(request.rel_url.raw_query_string)
        language = language_of(request, query)
        try:
            shown = await self._shown(request, language)
            body = render("ops.html", language, page=ops_page(shown, query, language))
            response = await self._respond(request, answer(body, HTML_TYPE, self._revision(shown), **PAGE_HEADERS))
        except Refused as refused:
            body = render("sign_in.html", language, home=events_address(query))
            headers = {**PAGE_HEADERS, "Content-Type": HTML_TYPE, "Cache-Control": NEVER}
            if refused.status == 401:
                headers["WWW-Authenticate"] = "Bearer"
            response = web.Response(body=body, status=refused.status, headers=headers)
        self._metrics.requests.labels("ops", response.status).inc()
        return response

    async def _respond(self, request: web.Request, made: Answer) -> web.Response:
        return await self._compressor.respond(request, made, NEVER)

    def _revision(self, shown: Operations) -> int:
        newest = self._tracker.newest
        return max((newest[event.event].revision for event in shown.events if event.event in newest), default=0)

    async def _shown(self, request: web.Request, language: str | None) -> Operations:
        """Return how the stack is, of the events whose official asks. Raises Refused."""
        self._access.officiated(request, ())
        watched = await self._watch.watched()
        known = events_known(watched.now) | {alert.labels.get("event", "") for alert in watched.alerts}
        visible = frozenset(self._access.officiated(request, known))
        state = await asyncio.to_thread(stack_state, watched.before, watched.now, visible)
        return operations_of(
            state,
            [alert for alert in watched.alerts if "event" not in alert.labels or alert.labels["event"] in visible],
            await self._figures([event.event for event in state.events], language),
            now_us=round(watched.now.at_s * 1e6),
            watched_since_us=round(watched.since_s * 1e6),
        )

    async def _figures(self, events: Sequence[str], language: str | None) -> dict[str, EventFigures]:
        """Load the definitions and health reports of events, as far as they can be had."""
        figures = {}
        for name in events:
            newest = self._tracker.newest.get(name)
            if newest is None:
                continue
            try:
                event = await self._loader.events.event(name, newest.revision)
                if event is not None:
                    examined = await self._reports.examined(newest)
                    figures[name] = EventFigures(in_asked_language(event, language), examined)
            except (Behind, DatabaseUnavailable):
                continue
        return figures
