"""Explain an athlete's result: the pure core on the event's facts and the reads of the athlete's chips.

`facts` and `reads` reach ClickHouse about a second after the boards. So the result that the explanation gives is
compared with the row that is served. Where they differ in anything, the athlete's last read or fact has not arrived
yet, and the athlete is explained as they were before it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from schemas.ids import case_bibs
from schemas.results import AthleteRow
from services.health.observed import Observed, observe_bursts
from services.live.async_cache import AsyncCache
from services.live.errors import Behind, Refused
from services.live.fact_folder import FactFolder
from services.live.http.query import Moment
from services.live.loader import Loader
from services.live.ranking import Placed
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision, ChipRead
from services.scoring.core.event import EventState
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import PlainRead, evidence_from
from services.scoring.core.explain.model import Explanation
from services.standings.boards import orders_of
from services.standings.explain_place import PlaceWhy, place_why
from services.standings.explain_together import TogetherWhy, other_bib, together_whys
from services.standings.explanation import ExplainedResult, boards_of_race

TRIES = 5  # how many of an athlete's latest results are tried before the client is asked to come again
ITEMS_HELD = 200_000  # reads, facts and places of the explanations that are held, some 300 bytes each


class Explainer:
    """Explains athletes. Methods raise Refused for an unknown bib, Behind, and DatabaseUnavailable."""

    def __init__(self, loader: Loader, folder: FactFolder) -> None:
        self._loader = loader
        self._store: Store = loader.store
        self._folder = folder
        self._explained: AsyncCache[ExplainedResult] = AsyncCache(ITEMS_HELD, _weight)

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._explained.close()

    async def explained(self, announced: AnnouncedRevision, bib: str) -> ExplainedResult:
        """Return the explanation of a bib at a revision, or at the newest one before it that can be explained yet."""
        return await self._explained.get((announced, bib), lambda: self._explain_latest(announced, bib))

    async def observed(self, announced: AnnouncedRevision, bibs: Iterable[str]) -> Observed:
        """Return what the devices of an event read up to a revision. Raises Behind while facts on a bib are missing."""
        async with self._folder.held(announced) as facts:
            await self._folder.advance(facts, announced)
            rulings = facts.state.rulings
            if not all(facts.state.was_entered(bib) for bib in bibs):
                raise Behind("the facts behind the results have not all arrived yet; ask again soon")
            bursts = await self._store.bursts(announced.event, rulings.gap_us, announced.revision)
            return await asyncio.to_thread(observe_bursts, rulings, bursts)

    async def decisions(self, announced: AnnouncedRevision) -> dict[str, str]:
        """Return the outcomes of decided cases by case, as far as their facts have arrived."""
        async with self._folder.held(announced) as facts:
            await self._folder.advance(facts, announced)
            return dict(facts.state.rulings.decisions)

    async def _explain_latest(self, newest: AnnouncedRevision, bib: str) -> ExplainedResult:
        announced: AnnouncedRevision | None = newest
        for _ in range(TRIES):
            if announced is None:
                break
            row = (await self._store.rows.athletes(announced.event, [bib], announced.revision)).get(bib)
            if row is None:
                if announced is newest:
                    raise Refused(
                        404,
                        "No such bib",
                        f"event {announced.event!r} has no bib {bib!r} at revision {announced.revision}",
                    )
                break
            worked_out = await self._work_out(announced, bib)
            if worked_out is not None and worked_out.row == row:
                explanation = worked_out.explanation
                if bib in announced.hidden:
                    explanation = msgspec.structs.replace(explanation, name=bib, hidden=True)
                places = await self._places(announced, row)
                together = await self._together(announced, row, worked_out.decisions)
                return ExplainedResult(announced.revision, explanation, places, announced is not newest, together)
            announced = await self._loader.history.find(newest, Moment(revision=row.version - 1))
        raise Behind(f"the facts and reads behind the result of bib {bib!r} have not all arrived yet; ask again soon")

    async def _work_out(self, announced: AnnouncedRevision, bib: str) -> "_WorkedOut | None":
        """Return the explanation and the row by the facts and reads that have arrived; None when no entry has."""
        async with self._folder.held(announced) as facts:
            chips: tuple[str, ...] | None = None
            reads: list[ChipRead] = []
            while True:  # until facts name no other chips: facts are written before the reads of their record
                await self._folder.advance(facts, announced)
                if facts.state.chips_of(bib) == chips:
                    break
                chips = facts.state.chips_of(bib)
                reads = await self._store.reads_of(announced.event, chips, announced.revision)
            if not facts.state.was_entered(bib):
                return None
            return await asyncio.to_thread(_explain, facts.state, bib, reads)

    async def _together(
        self, announced: AnnouncedRevision, row: AthleteRow, decisions: Mapping[str, str]
    ) -> list[TogetherWhy]:
        """Return the cases that an athlete shares. Raises Behind while the fact that decided a case is missing."""
        event = await self._loader.events.event(announced.event, announced.revision)
        if event is None or row.gone:
            return []
        cases = [case for case in await self._loader.together(event, announced) if row.bib in (case.bib, case.other)]
        others = await self._store.rows.athletes(
            announced.event, [other_bib(case, row.bib) for case in cases], announced.revision
        )
        whys = together_whys(event.definition, row, cases, others, decisions)
        if any(not why.open and why.outcome is None for why in whys):
            raise Behind(f"the decision on a case of bib {row.bib!r} has not arrived yet; ask again soon")
        return whys

    async def _places(self, announced: AnnouncedRevision, row: AthleteRow) -> list[PlaceWhy]:
        event = await self._loader.events.event(announced.event, announced.revision)
        if event is None or row.gone:
            return []
        definition = event.definition
        boards = boards_of_race(definition, row.race)
        lines: dict[str, Sequence[Placed]] = {}
        for name in dict.fromkeys(name for pair in boards for name in pair):
            ranking = await self._loader.rankings.board(event, event.boards[name], announced.revision)
            lines[name] = ranking.lines
        orders = orders_of(event.row.orders, row.race)
        return await asyncio.to_thread(
            lambda: [place_why(definition, board, row, lines[board], lines[root], orders) for board, root in boards]
        )


class _WorkedOut(NamedTuple):
    """An explanation, the row that it explains, and the outcomes of decided cases of the athlete, by case."""

    explanation: Explanation
    row: AthleteRow
    decisions: Mapping[str, str]


def _explain(state: EventState, bib: str, reads: Sequence[ChipRead]) -> _WorkedOut:
    """Return an athlete's explanation and row by facts and reads, with the version that scoring gives."""
    plain = (PlainRead(read.chip, read.device, read.at_us, read.rssi, read.came) for read in reads)
    evidence = evidence_from(state, bib, plain)
    explanation, row = explain(evidence)
    # The decision on a protest is shown with the athlete whom it names, but changes no row.
    facts = (fact.offset for fact in explanation.facts if fact.type != "protest_decided")
    version = max([evidence.version, *facts, *(read.offset for read in reads)])
    return _WorkedOut(
        msgspec.structs.replace(explanation, version=version),
        msgspec.structs.replace(row, version=version),
        {name: outcome for name, outcome in state.rulings.decisions.items() if bib in case_bibs(name)},
    )


def _weight(explained: ExplainedResult) -> int:
    if explained.behind:
        return ITEMS_HELD  # too heavy to be kept: what it lacks is on its way
    return 50 + len(explained.explanation.reads) + len(explained.explanation.facts) + len(explained.places)
