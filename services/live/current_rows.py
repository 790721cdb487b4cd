"""Rows of boards, points and athletes at an event's newest revisions, which most answers are made of.

They are held and brought up to date by the rows that have changed: a revision changes a few, while a whole board has
tens of thousands. Rows of an older revision are asked for each time.
"""

from collections.abc import Callable, Iterable, Sequence

from schemas.results import AthleteRow
from services.live.athlete_rows import AthleteRows
from services.live.counting_rows import CountingRows
from services.live.incremental_rows import HeldRows, IncrementalRows, RowsKey
from services.live.results_query import athletes_between
from services.live.revision_steps import RevisionSteps, Step
from services.live.table_rows import Split
from services.runtime.clickhouse import Database
from services.standings.incremental import Cell


class CurrentRows:
    """Loads and holds rows. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, counting: CountingRows) -> None:
        self._database = database
        self._counting = counting
        self._steps = RevisionSteps(database, counting)
        self._athletes = AthleteRows(database, self._steps)
        self._boards: IncrementalRows[Cell] = IncrementalRows(self._cells_changed)
        self._splits: IncrementalRows[Split] = IncrementalRows(self._splits_changed)
        self._on_course: IncrementalRows[bool] = IncrementalRows(self._on_course_changed)
        self._ranked: IncrementalRows[bool] = IncrementalRows(self._ranked_changed)

    async def steps(self, event: str, since: int, until: int) -> Sequence[Step] | None:
        """Return what changed between two revisions, None when nobody asked for the first of them lately."""
        return await self._steps.between(event, since, until)

    async def athletes(self, event: str, bibs: Iterable[str], revision: int) -> dict[str, AthleteRow]:
        """Return the results of some athletes by bib, without bibs that are unknown."""
        return await self._athletes.at(event, bibs, revision)

    async def athletes_changed(self, event: str, since: int, revision: int) -> list[AthleteRow]:
        """Return the results that are new after a revision, up to another, each in its last version.

        They include athletes whose entries were taken back.
        """
        steps = await self._recent(event, since, revision)
        if steps is not None:
            return list({row.bib: row for step in steps for row in step.athletes.values()}.values())
        return await athletes_between(self._database, event, since, revision)

    async def _recent(self, event: str, since: int, until: int) -> Sequence[Step] | None:
        """Return the steps between two revisions if these are at hand; -1 is before the first revision."""
        return None if since < 0 else await self._steps.between(event, since, until)

    async def on_course(self, event: str, race: str, revision: int) -> HeldRows[bool]:
        """Return the bibs of a race that are on the course."""
        return await self._on_course.held((event, race), revision)

    async def ranked(self, event: str, race: str, revision: int) -> HeldRows[bool]:
        """Return the bibs of a race that may be on boards: those with an entry, without pacers and walkers."""
        return await self._ranked.held((event, race), revision)

    async def _on_course_changed(self, key: RowsKey, since: int, revision: int) -> list[tuple[str, bool | None]]:
        steps = await self._recent(key[0], since, revision)
        if steps is not None:
            return _bibs_of(steps, lambda row: row.race == key[1] and row.status == "ON_COURSE")
        return await self._changed_bibs("status = 'ON_COURSE'", key, since, revision)

    async def _ranked_changed(self, key: RowsKey, since: int, revision: int) -> list[tuple[str, bool | None]]:
        steps = await self._recent(key[0], since, revision)
        if steps is not None:
            return _bibs_of(steps, lambda row: row.race == key[1] and row.entry is not None and row.entry.ranked)
        ranked = "position(row, '\"entry\":{') > 0 AND position(row, '\"ranked\":false') = 0"
        return await self._changed_bibs(ranked, key, since, revision)

    async def _changed_bibs(
        self, condition: str, key: RowsKey, since: int, revision: int
    ) -> list[tuple[str, bool | None]]:
        rows = await self._database.query(
            f"SELECT bib, NOT gone AND race = {{race:String}} AND {condition} FROM athlete_versions"
            " WHERE event = {event:String} AND version > {since:Int64} AND version <= {revision:Int64}"
            " ORDER BY bib, version DESC LIMIT 1 BY bib",
            {"event": key[0], "race": key[1], "since": since, "revision": revision},
        )
        return [(bib, True if there else None) for bib, there in rows]

    async def board(self, event: str, board: str, revision: int) -> HeldRows[Cell]:
        """Return the members of a board by bib, with and without a place."""
        return await self._boards.held((event, board), revision)

    async def _cells_changed(self, key: RowsKey, since: int, revision: int) -> list[tuple[str, Cell | None]]:
        steps = await self._recent(key[0], since, revision)
        if steps is not None:
            return [changed for step in steps for changed in step.cells.get(key[1], {}).items()]
        rows = await self._counting.query(
            "SELECT bib, there, rank_key, time_s, gun_us, chip_us FROM board_rows WHERE event = {event:String}"
            " AND board = {board:String} AND revision > {since:Int64} AND revision <= {revision:Int64}{fenced}"
            " ORDER BY bib, revision DESC LIMIT 1 BY bib",
            "revision",
            {"event": key[0], "board": key[1], "since": since, "revision": revision},
        )
        return [(bib, Cell(*cell) if there else None) for bib, there, *cell in rows]

    async def splits(self, event: str, race: str, point: str, revision: int) -> HeldRows[Split]:
        """Return when athletes took a point of a race, by bib."""
        return await self._splits.held((event, race, point), revision)

    async def _splits_changed(self, key: RowsKey, since: int, revision: int) -> list[tuple[str, Split | None]]:
        steps = await self._recent(key[0], since, revision)
        if steps is not None:
            return [changed for step in steps for changed in step.splits.get((key[1], key[2]), {}).items()]
        rows = await self._counting.query(
            "SELECT bib, there, gun_us, chip_us, at_us FROM splits WHERE event = {event:String}"
            " AND race = {race:String} AND point = {point:String} AND version > {since:Int64}"
            " AND version <= {revision:Int64}{fenced} ORDER BY bib, version DESC LIMIT 1 BY bib",
            "version",
            {"event": key[0], "race": key[1], "point": key[2], "since": since, "revision": revision},
        )
        return [(bib, Split(*split) if there else None) for bib, there, *split in rows]


def _bibs_of(steps: Iterable[Step], belongs: Callable[[AthleteRow], bool]) -> list[tuple[str, bool | None]]:
    """Return the bibs that changed, and whether they belong to a list now (None: they do not)."""
    changed = [row for step in steps for row in step.athletes.values()]
    return [(row.bib, True if not row.gone and belongs(row) else None) for row in changed]
