"""The health of events, for officials: as the projections last examined it, or worked out here while that is old.

The projections examine an event that changes at a bounded pace. So a report of a large event may be old, and one of a
former revision is made when it is asked for, and not again before a while has gone by.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.ids import US
from services.health.examine_event import health
from services.health.health_document import DeviceHealth, Finding, PointHealth
from services.live.async_cache import AsyncCache
from services.live.errors import Behind
from services.live.explainer import Explainer
from services.live.http.answers import Answer, json_answer, weight
from services.live.loader import Loader
from services.live.pages.ops import Examined
from services.live.table_rows import AnnouncedRevision, ExaminedReport

EXAMINED_FRESH_US = 30 * US  # a report of the projections is served for so long, though the event has gone on
FRESH_S = 15.0  # a report is given again for so long, though the event has gone on; it names its revision
REPORTS_BYTES = 32 * 1024 * 1024


class Findings(NamedTuple):
    """The findings of a report; `tag` changes with the report."""

    tag: str
    findings: list[Finding]


class _Report(Struct):
    points: list[PointHealth]
    devices: list[DeviceHealth]
    findings: list[Finding]


_reports = msgspec.json.Decoder(_Report)


class HealthReports:
    """Makes and keeps reports. Methods raise Refused, Behind and DatabaseUnavailable."""

    def __init__(self, loader: Loader, explainer: Explainer, now_us: Callable[[], int]) -> None:
        self._loader = loader
        self._now_us = now_us
        self._explainer = explainer
        self._reports: AsyncCache[Answer] = AsyncCache(REPORTS_BYTES, weight)
        self._latest: dict[str, tuple[AnnouncedRevision, float]] = {}

    async def close(self) -> None:
        """Cancel all making."""
        await self._reports.close()

    async def report(self, announced: AnnouncedRevision, exact: bool) -> Answer:
        """Return the report of exactly this revision, or else a fresh one, if need be of a revision before it."""
        return await (self.at(announced) if exact else self.newest(announced))

    async def findings(self, announced: AnnouncedRevision, exact: bool) -> Findings:
        """Return the findings of that report; none while facts behind the results have not arrived."""
        try:
            made = await self.report(announced, exact)
        except Behind:
            return Findings("", [])
        return Findings(made.tag, _reports.decode(made.body).findings)

    async def examined(self, announced: AnnouncedRevision) -> Examined:
        """Return what a fresh report says. Raises Refused, Behind and DatabaseUnavailable."""
        report = _reports.decode((await self.newest(announced)).body)
        return Examined(report.points, report.devices, report.findings)

    async def newest(self, announced: AnnouncedRevision) -> Answer:
        """Return the report of the newest revision, or of one that was made a little while ago."""
        examined = await self._loader.store.health_report(announced.event)
        if examined is not None and self._is_fresh(examined, announced):
            return await self._reports.get((announced.event, examined.made_at_us), lambda: _answer(examined))
        latest, made_s = self._latest.get(announced.event, (announced, 0.0))
        if latest != announced and time.monotonic() - made_s < FRESH_S:
            held = self._reports.held(latest)
            if held is not None:
                return held
        report = await self.at(announced)
        self._latest[announced.event] = announced, time.monotonic()
        return report

    async def at(self, announced: AnnouncedRevision) -> Answer:
        """Return the report of a revision."""
        return await self._reports.get(announced, lambda: self._make(announced))

    async def _make(self, announced: AnnouncedRevision) -> Answer:
        event = await self._loader.events.defined(announced)
        rows = await self._loader.store.all_athletes(announced.event, announced.revision)
        observed = await self._explainer.observed(announced, [row.bib for row in rows])

        def work_out() -> Answer:
            document = health(event.row, event.definition, rows, observed)
            return _report(msgspec.to_builtins(document), announced.revision)

        return await asyncio.to_thread(work_out)

    def _is_fresh(self, examined: ExaminedReport, announced: AnnouncedRevision) -> bool:
        """Return whether a report of the projections is of this revision, or was made a little while ago."""
        young = self._now_us() - examined.made_at_us <= EXAMINED_FRESH_US
        return examined.revision == announced.revision or (young and examined.revision < announced.revision)


async def _answer(examined: ExaminedReport) -> Answer:
    return _report(msgspec.json.decode(examined.report), examined.revision)


def _report(document: dict[str, Any], revision: int) -> Answer:
    name = document.pop("event")
    return json_answer({"event": name, "revision": revision, **document}, revision)
