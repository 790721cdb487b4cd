"""A process that has followed a race answers as one that has just started, whatever happens, of the past too."""

import os
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.live.board_pages import BoardPages
from services.live.errors import Refused
from services.live.http.answer_cache import AnswerCache
from services.live.http.query import BoardQuery
from services.live.loader import Loader
from services.live.metrics import LiveMetrics
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.runtime.clickhouse import Database
from tests.builders import EVENT, board, closed, defined, definition, entries, gun, race, reopened, run
from tests.live.racing import Racing
from tests.live.test_stream_folds import BIBS, any_facts

LOGS = min(int(os.environ.get("MATLINE_PROPERTY_LOGS", "3")), 40)
STEPS = 15
MIB = 1024 * 1024
BOARDS = ("all", "men", "women", "chip")
PAST_QUERIES = (BoardQuery(limit=3), BoardQuery(limit=3, on_course=True))
QUERIES = (BoardQuery(), BoardQuery(limit=2), BoardQuery(point="10K"), BoardQuery(on_course=True))


def any_definition(rng: Random) -> dict[str, Any]:
    how: dict[str, Any] = rng.choice(
        [{}, {"rank_by": "chip"}, {"rank_by": "gun_then_chip", "gun_places": rng.randrange(4)}]
    )
    inner: dict[str, Any] = rng.choice([{"within": "all"}, {"rank_by": "chip"}])
    boards = [board("all", **how), board("men", gender="M", **inner), board("chip", rank_by="chip")]
    if rng.random() < 0.5:
        boards.append(board("women", gender="F", within="all"))
    raced = race(missing_mat=rng.choice(["ignore", "ignore", "dnf"]), official_time=rng.choice(["gun", "gun", "chip"]))
    return defined(definition(boards=boards, races=[raced]))


def any_change(rng: Random) -> list[dict[str, Any]]:
    kind = rng.randrange(10)
    if kind < 5:
        return [any_definition(rng)]
    if kind < 8:
        return any_facts(rng)
    if kind == 8:
        return [closed(at_s=rng.choice([None, 4500])), reopened()][: rng.randrange(1, 3)]
    late = 1000 * rng.randrange(1, 4)
    return [run(rng.choice(BIBS), late, late + 2000, rng.choice([None, late + 4000]))]


class Answering:
    """Live's answers, without its server."""

    def __init__(self, database: Database) -> None:
        self._loader = Loader(Store(database))
        self._pages = BoardPages(self._loader)
        self._answers = AnswerCache(self._loader, self._pages, LiveMetrics(CollectorRegistry()), MIB)

    async def boards(self, announced: AnnouncedRevision, queries: Iterable[BoardQuery]) -> dict[Any, Any]:
        return {(name, query): await self._board(announced, name, query) for query in queries for name in BOARDS}

    async def _board(self, announced: AnnouncedRevision, name: str, query: BoardQuery) -> Any:
        try:
            return (await self._answers.board(announced, name, query)).body
        except Refused as refused:
            return str(refused)

    async def close(self) -> None:
        for part in (self._answers, self._pages, self._loader):
            await part.close()


@pytest.mark.parametrize("seed", range(LOGS))
async def test_what_is_held_gives_the_same_boards_as_what_is_loaded_anew(database, seed):
    rng = Random(seed)
    racing = Racing(database)
    await racing.announce(any_definition(rng), entries(*BIBS), gun(0))
    held = Answering(database)
    seen: list[AnnouncedRevision] = []
    for _ in range(STEPS):
        await racing.announce(*any_change(rng))
        seen.append(AnnouncedRevision(EVENT, racing.revision, racing.announced_at_us(racing.revision)))
        fresh = Answering(database)
        for announced, queries in ((seen[-1], QUERIES), (rng.choice(seen), PAST_QUERIES)):
            wanted = await fresh.boards(announced, queries)
            for key, answered in (await held.boards(announced, queries)).items():
                assert answered == wanted[key], (seed, announced, key)
        await fresh.close()
    await held.close()
