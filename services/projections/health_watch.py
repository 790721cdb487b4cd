"""Examine the health of events that change, and keep the reports: live serves them, and metrics count the findings.

The athletes' rows are at hand; the facts and what the devices read come from ClickHouse, a second after the boards. An
examination takes about a second for 11,000 athletes. So it runs in a thread, and its pace has a bound.
"""

import asyncio
import logging
import sys
import time
from typing import NamedTuple

import msgspec

from services.health.bursts_query import BURSTS
from services.health.examine_event import health
from services.health.health_document import FindingKind, Health
from services.health.observed import Burst, observe_bursts
from services.preview.folded_facts import FACTS_A_PAGE, FACTS_AFTER, FoldedFacts, Line, nothing_folded
from services.projections.batch import Results
from services.projections.health_metrics import HealthCollector
from services.projections.metrics import ProjectionMetrics
from services.projections.sink import Sink
from services.projections.tables import columns_of
from services.runtime.clickhouse import Database, DatabaseUnavailable

LOOK_S = 1.0
SWITCH_S = 0.0005  # how soon the thread of an examination makes way for the boards; Python's 5 ms come at every step
FACTS_WAIT_S = 30.0  # for the last fact of a revision; it does not come if it was a delivery of reads with an id
EVENTS_HELD = 4  # whose facts are held, some 1.5 kB an entry; those of another are folded again

log = logging.getLogger(__name__)

_FACTS = f"SELECT offset, ordinal, fact{FACTS_AFTER}"


class Pace(NamedTuple):
    """How often an event is examined while it changes.

    Every so many seconds at most, and so many times as rarely as an examination takes the processor: with 50, one that
    took a second of it comes every 50 seconds. On a busy machine it waits for its turn, which makes it no dearer.
    """

    every_s: float = 15.0
    share: float = 50.0


class Examined(NamedTuple):
    """What an examination was of, a revision and how many reads, when it was made and its time of the processor."""

    revision: int
    reads: int
    at_s: float
    worked_s: float


class AwaitedFacts:
    """Tells whether the last fact that changed an event has not arrived, and may still come.

    An event may change faster than facts arrive, as by a photocell that reports every athlete as a start signal. So a
    newer fact does not begin the wait anew.
    """

    def __init__(self) -> None:
        self.since: dict[str, tuple[int, float]] = {}  # by event, the version given up (-1 for none), and since when

    def waits(self, event: str, version: int, reached: int, now_s: float) -> bool:
        """Return whether to wait for the fact at offset `version`, where facts have come up to `reached`."""
        if reached >= version:
            self.since.pop(event, None)
            return False
        given_up, since_s = self.since.get(event, (-1, now_s))
        if version != given_up and now_s - since_s < FACTS_WAIT_S:
            self.since[event] = given_up, since_s
            return True
        self.since[event] = version, now_s
        return False


class HealthWatch:
    """Examines events until cancelled."""

    def __init__(
        self,
        database: Database,
        results: Results,
        sink: Sink,
        metrics: ProjectionMetrics,
        shown: HealthCollector,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._results = results
        self._sink = sink
        self._metrics = metrics
        self._shown = shown
        self._pace = pace or Pace()
        self._examined: dict[str, Examined] = {}
        self._facts: dict[str, FoldedFacts] = {}
        self._awaited = AwaitedFacts()
        self._kinds: dict[str, set[FindingKind]] = {}

    async def run(self) -> None:
        """Examine every event that has changed, when it is due."""
        sys.setswitchinterval(SWITCH_S)
        while True:
            await asyncio.sleep(min(LOOK_S, self._pace.every_s))
            self._forget_archived()
            for event in self._shown.events():
                if self._is_due(event):
                    try:
                        await self._examine(event)
                    except DatabaseUnavailable as error:
                        log.warning("health is not examined now: %s", error, extra={"event": event})

    def _forget_archived(self) -> None:
        for held in (self._examined, self._facts, self._awaited.since, self._kinds):
            for event in self._results.archived.intersection(held):
                held.pop(event)

    def _is_due(self, event: str) -> bool:
        standings, last = self._results.events.get(event), self._examined.get(event)
        if standings is None or standings.definition is None:
            return False
        if last is None:
            return True
        if (last.revision, last.reads) == (self._results.revisions[event], self._shown.reads(event)):
            return False
        return time.monotonic() - last.at_s >= max(self._pace.every_s, self._pace.share * last.worked_s)

    async def _examine(self, event: str) -> None:
        """Examine an event as it is now, unless the facts behind its rows have not arrived yet."""
        standings, began_s = self._results.events[event], time.monotonic()
        revision, reads, rows = self._results.revisions[event], self._shown.reads(event), list(standings.rows.values())
        row, definition = standings.event, standings.definition
        assert row is not None
        assert definition is not None
        facts = await self._facts_of(event, revision)
        rulings = facts.state.rulings
        if any(athlete.bib not in rulings.written for athlete in rows):
            return
        if self._awaited.waits(event, row.version, facts.last[0], time.monotonic()):
            return
        parameters = {"event": event, "gap": rulings.gap_us, "until": revision}
        burst_rows = await self._database.query(BURSTS, parameters)

        def work_out() -> tuple[Health, bytes, float]:
            worked_s = time.thread_time()
            bursts = [Burst(chip, device, first, last, int(number)) for chip, device, first, last, number in burst_rows]
            made = health(row, definition, rows, observe_bursts(rulings, bursts))
            encoded = msgspec.json.encode(made)
            return made, encoded, time.thread_time() - worked_s

        made, report, worked_s = await asyncio.to_thread(work_out)
        self._log_changes(made, revision)
        self._shown.show(made)
        kept = (event, revision, time.time_ns() // 1000, report.decode())
        async with self._sink.turn:
            await self._sink.insert("health_reports", columns_of("health_reports", [kept]))
        now_s = time.monotonic()
        self._metrics.examination_s.observe(now_s - began_s)
        self._examined[event] = Examined(revision, reads, now_s, worked_s)

    def _log_changes(self, made: Health, revision: int) -> None:
        """Log which kinds of findings an event has now and had not before, and which are gone."""
        kinds, before = {finding.kind for finding in made.findings}, self._kinds.get(made.event, set())
        about = {"event": made.event, "revision": revision}
        for kind in sorted(kinds - before):
            log.warning("found %s; `GET /v1/events/%s/health` says more", kind, made.event, extra=about)
        for kind in sorted(before - kinds):
            log.info("found no %s any more", kind, extra=about)
        self._kinds[made.event] = kinds

    async def _facts_of(self, event: str, revision: int) -> FoldedFacts:
        """Return the facts of an event up to a revision."""
        held = self._facts.pop(event, None) or nothing_folded(event)
        self._facts[event] = held
        while len(self._facts) > EVENTS_HELD:
            del self._facts[next(iter(self._facts))]
        while True:
            position = {"offset": held.last[0], "ordinal": held.last[1], "until": revision, "most": FACTS_A_PAGE}
            lines = [Line(*line) for line in await self._database.query(_FACTS, {"event": event, **position})]
            if lines:
                await asyncio.to_thread(held.fold, lines)
            if len(lines) < FACTS_A_PAGE:
                return held
