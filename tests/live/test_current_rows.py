"""How many questions to ClickHouse a revision takes, and that rows of older revisions stay what they were."""

from typing import Any

from schemas.results import AthleteRow
from services.live.store import Store
from services.live.table_rows import Split
from services.runtime.clickhouse import Database, DatabaseAddress
from services.standings.incremental import Cell
from tests.builders import EVENT, board, defined, definition, entries, gun, run
from tests.live.racing import Racing, serving

BIBS = [str(number) for number in range(1, 9)]


class CountingDatabase(Database):
    """The same ClickHouse, which counts the questions."""

    def __init__(self, address: DatabaseAddress) -> None:
        super().__init__(address)
        self.queries = 0

    async def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        self.queries += "FROM revisions" not in sql  # of these, one comes each second
        return await super().query(sql, parameters)


async def racing(database: Database, boards: int) -> Racing:
    race = Racing(database)
    named = [board("all"), *(board(f"b{number}", within="all") for number in range(1, boards))]
    await race.announce(defined(definition(boards=named)), entries(*BIBS), gun(0))
    return race


async def queries_of_revision(counting: CountingDatabase, race: Racing, boards: int) -> int:
    """Return how many questions bring the streams of so many boards to a revision, once two others came before."""
    names = ["all", *(f"b{number}" for number in range(1, boards))]
    async with serving(race, database=counting) as live:
        for bib in BIBS[:3]:
            before = counting.queries
            await race.announce(run(bib))
            for name in names:
                await live.json(f"/v1/events/{EVENT}/boards/{name}")
    return counting.queries - before


async def test_a_revision_is_loaded_once_for_all_boards(database):
    counting = CountingDatabase(database.address)
    await counting.open()
    try:
        race = await racing(database, boards=9)
        many = await queries_of_revision(counting, race, 9)
        few = await queries_of_revision(counting, race, 2)
    finally:
        await counting.close()
    assert many == few


async def rows_at(store: Store, revision: int) -> tuple[dict[str, Cell], dict[str, AthleteRow], dict[str, Split]]:
    cells = await store.rows.board(EVENT, "all", revision)
    splits = await store.rows.splits(EVENT, "hm", "FINISH", revision)
    return cells.rows, await store.rows.athletes(EVENT, BIBS, revision), splits.rows


async def test_rows_of_an_older_revision_are_what_they_were_while_the_newest_are_held(database):
    race = await racing(database, boards=2)
    store = Store(database)
    seen = {}
    for bib in BIBS:
        await race.announce(run(bib, finish=4000 + int(bib)))
        seen[race.revision] = await rows_at(store, race.revision)
    assert len({len(splits) for _, _, splits in seen.values()}) == len(BIBS)
    for revision, rows in seen.items():
        assert await rows_at(store, revision) == rows
        assert await rows_at(Store(database), revision) == rows


async def test_a_board_that_did_not_change_is_the_same_since_its_last_change(database):
    race = await racing(database, boards=1)
    store = Store(database)
    await race.announce(run("1"))
    first = await store.rows.board(EVENT, "all", race.revision)
    changed_at = race.revision
    await race.announce(run("2", finish=None))
    second = await store.rows.board(EVENT, "all", race.revision)
    assert (second.rows is first.rows, second.changed_at) == (True, changed_at)
    await race.announce(run("2"))
    third = await store.rows.board(EVENT, "all", race.revision)
    assert (third.changed_at, third.joined_at) == (race.revision, first.joined_at)
