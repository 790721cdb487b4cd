"""Why an athlete has his result, live: the pure core on the facts of his event and the reads of his chips.

`facts` and `reads` reach ClickHouse about a second behind the boards. So what is worked out is held to the row that is
served: where they differ in anything, his last read or fact is not there yet, and he is explained as he was before it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct

from schemas.codec import fact_from_json
from schemas.events import EntriesAdded
from schemas.results import AthleteRow
from services.live.async_cache import AsyncCache
from services.live.errors import Behind, Refused
from services.live.http.query import Moment
from services.live.pages.common import Views
from services.live.ranking import Placed
from services.live.store import ChipRead, Head, LoggedLine, Store
from services.scoring.core.event import EventState
from services.scoring.core.explain.build import Explanation, PlainRead, explain, known_by
from services.standings.boards import orders_of
from services.standings.explain_place import PlaceWhy, place_why
from services.standings.explanation import Explained, boards_of_race

TRIES = 5  # of his latest results, how many are tried before he is told to ask again
ENTRIES_HELD = 60_000  # of the events whose facts are held, some 1.5 kB each; the last event asked for stays anyway
ITEMS_HELD = 200_000  # reads, facts and places of the explanations that are held, some 300 bytes each
FACTS_A_QUERY = 100  # a fact may be a list of thousands of entries, half a MiB

Found = Callable[[Head, Moment], Awaitable[Head | None]]
"""The newest announced revision of an event that is not after a moment."""


class Explainer:
    """Explains athletes. Methods raise Refused for who is not there, Behind, DatabaseUnavailable."""

    def __init__(self, views: Views, found: Found) -> None:
        self._views = views
        self._store: Store = views.store
        self._found = found
        self._events: OrderedDict[str, _Facts] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._held: AsyncCache[Explained] = AsyncCache(ITEMS_HELD, _weight)

    async def close(self) -> None:
        """Let go of what is being made."""
        await self._held.close()

    async def explained(self, head: Head, bib: str) -> Explained:
        """Why he has his result at a revision, or at the newest one before it that can be explained by now."""
        return await self._held.get((head, bib), lambda: self._explained(head, bib))

    async def _explained(self, newest: Head, bib: str) -> Explained:
        head: Head | None = newest
        for _ in range(TRIES):
            if head is None:
                break
            row = (await self._store.athletes(head.event, [bib], head.revision)).get(bib)
            if row is None:
                if head is newest:
                    raise Refused(
                        404, "No such bib", f"event {head.event!r} has no bib {bib!r} at revision {head.revision}"
                    )
                break
            found = await self._worked_out(head, bib)
            if found is not None and found[1] == row:
                explanation = found[0]
                if bib in head.hidden:
                    explanation = msgspec.structs.replace(explanation, name=bib, hidden=True)
                return Explained(head.revision, explanation, await self._places(head, row), head is not newest)
            head = await self._found(newest, Moment(revision=row.version - 1))
        raise Behind(f"what bib {bib!r} has his result from is not all here yet; ask again in a moment")

    async def _worked_out(self, head: Head, bib: str) -> tuple[Explanation, AthleteRow] | None:
        """The explanation and the row by the facts and reads that are there; None when he has no entry in them."""
        lock = self._locks.setdefault(head.event, asyncio.Lock())
        async with lock:
            facts = self._facts_of(head)
            worn: tuple[str, ...] | None = None
            reads: list[ChipRead] = []
            while True:  # facts are looked at last: they are written first
                await self._advance(facts, head)
                if facts.state.chips_of(bib) == worn:
                    break
                worn = facts.state.chips_of(bib)
                reads = await self._store.reads_of(head.event, worn, head.revision)
            if not facts.state.was_entered(bib):
                return None
            return await asyncio.to_thread(_explain, facts.state, bib, reads)

    def _facts_of(self, head: Head) -> "_Facts":
        """The facts that are held of an event; for a past that they are beyond, none so far, and not held."""
        held = self._events.get(head.event)
        if held is None:
            held = self._events[head.event] = _Facts(EventState(head.event))
        elif held.last[0] > head.revision:
            return _Facts(EventState(head.event))
        self._events.move_to_end(head.event)
        while len(self._events) > 1 and sum(one.entries for one in self._events.values()) > ENTRIES_HELD:
            self._events.popitem(last=False)
        return held

    async def _advance(self, held: "_Facts", head: Head) -> None:
        """Fold what is new of the facts. They are written in the order of the log, so none comes before the last."""
        while True:
            lines = await self._store.facts_after(head.event, held.last, head.revision, FACTS_A_QUERY)
            if lines:
                await asyncio.to_thread(held.fold, lines)
            if len(lines) < FACTS_A_QUERY:
                return

    async def _places(self, head: Head, row: AthleteRow) -> list[PlaceWhy]:
        view = await self._views.event(head.event, head.revision)
        if view is None or row.gone:
            return []
        boards = boards_of_race(view.definition, row.race)
        lines: dict[str, Sequence[Placed]] = {}
        for name in dict.fromkeys(name for pair in boards for name in pair):
            lines[name] = (await self._views.order(view, view.boards[name], head.revision)).lines
        orders = orders_of(view.row.orders, row.race)
        return await asyncio.to_thread(
            lambda: [
                place_why(view.definition, board, row, lines[board], lines[root], orders) for board, root in boards
            ]
        )


class _Facts(Struct):
    """The facts of an event up to `last` (offset, ordinal as `facts` has them), folded without any read."""

    state: EventState
    last: tuple[int, int] = (-1, -1)
    entries: int = 0
    more: int = 0

    def fold(self, lines: Sequence[LoggedLine]) -> None:
        """Take in further facts. Scoring counts the entries of a record one by one, `facts` counts its facts."""
        for line in lines:
            fact = fact_from_json(line.fact)
            if line.offset != self.last[0]:
                self.more = 0
            self.state.fold(line.offset, line.ordinal + self.more, fact)
            self.last = line.offset, line.ordinal
            if isinstance(fact, EntriesAdded):
                self.more += len(fact.entries) - 1
                self.entries += len(fact.entries)


def _explain(state: EventState, bib: str, reads: Sequence[ChipRead]) -> tuple[Explanation, AthleteRow]:
    """An athlete by the facts of his event and the reads of his chips; the version as scoring has it."""
    of = known_by(state, bib, (PlainRead(read.chip, read.device, read.at_us, read.rssi, read.came) for read in reads))
    explanation, row = explain(of, bib)
    version = max([of.version, *(fact.offset for fact in explanation.facts), *(read.offset for read in reads)])
    return (
        msgspec.structs.replace(explanation, version=version),
        msgspec.structs.replace(row, version=version),
    )


def _weight(one: Explained) -> int:
    if one.behind:
        return ITEMS_HELD  # not for keeping: what it lacks is on its way
    return 50 + len(one.explanation.reads) + len(one.explanation.facts) + len(one.places)
