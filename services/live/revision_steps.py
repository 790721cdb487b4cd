"""What changed in an event from one revision to the next, loaded once for all of its boards, points and athletes.

Many boards are brought to each new revision, and a question to ClickHouse for each of them would take far longer than
what it answers.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from schemas.results import AthleteRow
from services.live.counting_rows import CountingRows
from services.live.off_loop import off_loop
from services.live.results_query import athletes_between
from services.live.table_rows import Split
from services.runtime.clickhouse import Database
from services.standings.incremental import Cell

STEPS_MAX = 64  # of an event: with two revisions a second, those of half a minute
STEP_ROWS_MAX = 100_000  # of all events together, some 500 bytes each; those of the newest step are always held
STALE_S = 60.0  # an event that nobody asked for meanwhile may have changed too much to load at once

Splits = Mapping[str, Split | None]
Cells = Mapping[str, Cell | None]


class Step(Struct, frozen=True):
    """All rows of an event that are new after the revision `since`, up to `until`, each in its last version.

    `cells` are by board, `splits` by race and point, and both then by bib; None is a row that was removed. `boards` are
    all that changed, team boards and delegations too.
    """

    since: int
    until: int
    cells: Mapping[str, Cells]
    splits: Mapping[tuple[str, str], Splits]
    athletes: Mapping[str, AthleteRow]
    boards: frozenset[str]

    @property
    def rows(self) -> int:
        """The number of all rows."""
        return len(self.athletes) + sum(map(len, self.cells.values())) + sum(map(len, self.splits.values()))


class _Chain(Struct):
    """The steps of an event, each of which follows on the one before; `end` is where the next begins."""

    end: int = -1
    extended_s: float = float("-inf")
    steps: deque[Step] = field(default_factory=deque)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def between(self, since: int, until: int) -> list[Step] | None:
        """Return the steps from one revision to another, None when these are not the ends of steps."""
        steps = [step for step in self.steps if since <= step.since and step.until <= until]
        if not steps:
            return [] if since == until else None
        return steps if (steps[0].since, steps[-1].until) == (since, until) else None


class RevisionSteps:
    """Loads and keeps steps. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, counting: CountingRows) -> None:
        self._database = database
        self._counting = counting
        self._chains: OrderedDict[str, _Chain] = OrderedDict()  # the event asked for last is at the end
        self._rows = 0

    async def between(self, event: str, since: int, until: int) -> Sequence[Step] | None:
        """Return the steps from one revision of an event to another; None when nobody asked for `since` lately.

        Both have to be revisions up to which everything is in ClickHouse.
        """
        chain = self._chains.setdefault(event, _Chain())
        self._chains.move_to_end(event)
        async with chain.lock:
            if time.monotonic() - chain.extended_s > STALE_S:
                self._rows -= sum(step.rows for step in chain.steps)
                chain.steps.clear()
                chain.end, chain.extended_s = until, time.monotonic()
            for revision in (since, until):
                if revision > chain.end:
                    self._append(chain, await self._load(event, chain.end, revision))
            return chain.between(since, until)

    def _append(self, chain: _Chain, step: Step) -> None:
        chain.steps.append(step)
        chain.end, chain.extended_s = step.until, time.monotonic()
        self._rows += step.rows
        if len(chain.steps) > STEPS_MAX:
            self._rows -= chain.steps.popleft().rows
        for other in list(self._chains.values()):
            while self._rows > STEP_ROWS_MAX and len(other.steps) > (other is chain):
                self._rows -= other.steps.popleft().rows

    async def _load(self, event: str, since: int, until: int) -> Step:
        parameters = {"event": event, "since": since, "until": until}
        cell_rows, split_rows, athletes, other_boards = await asyncio.gather(
            self._counting.query(_CELLS, "revision", parameters),
            self._counting.query(_SPLITS, "version", parameters),
            athletes_between(self._database, event, since, until),
            self._counting.query(_OTHER_BOARDS, "revision", parameters),
        )

        def made() -> Step:
            cells: dict[str, dict[str, Cell | None]] = {}
            for board, bib, there, *cell in cell_rows:
                cells.setdefault(board, {})[bib] = Cell(*cell) if there else None
            splits: dict[tuple[str, str], dict[str, Split | None]] = {}
            for race, point, bib, there, *split in split_rows:
                splits.setdefault((race, point), {})[bib] = Split(*split) if there else None
            boards = frozenset(cells).union(board for (board,) in other_boards)
            return Step(since, until, cells, splits, {row.bib: row for row in athletes}, boards)

        return await off_loop(len(cell_rows) + len(split_rows), made)


_CELLS = (
    "SELECT board, bib, there, rank_key, time_s, gun_us, chip_us FROM board_rows WHERE event = {event:String}"
    " AND revision > {since:Int64} AND revision <= {until:Int64}{fenced} ORDER BY board, bib, revision DESC"
    " LIMIT 1 BY board, bib"
)
_SPLITS = (
    "SELECT race, point, bib, there, gun_us, chip_us, at_us FROM splits WHERE event = {event:String}"
    " AND version > {since:Int64} AND version <= {until:Int64}{fenced} ORDER BY race, point, bib, version DESC"
    " LIMIT 1 BY race, point, bib"
)
_OTHER_BOARDS = " UNION DISTINCT ".join(
    f"SELECT DISTINCT board FROM {table} WHERE event = {{event:String}} AND revision > {{since:Int64}}"
    " AND revision <= {until:Int64}{fenced}"
    for table in ("team_standings", "delegation_standings")
)
