"""Folding a stream's snapshot and events gives the board, whatever happens and whenever a client returns."""

import asyncio
import os
from random import Random
from typing import Any

import pytest

from services.live.limits import LiveLimits
from tests.builders import EVENT, board, defined, definition, entries, entry, fact, gun, order, read, reads, run, status
from tests.live.racing import Live, Racing, serving
from tests.live.test_stream import HANG_S, streaming

LOGS = min(int(os.environ.get("MATLINE_PROPERTY_LOGS", "8")), 40)
STEPS = 12
BIBS = [str(number) for number in range(1, 13)]
BOARDS = [board("all"), board("chip", rank_by="chip"), board("men", within="all", gender="M")]
QUERIES = ("board=all", "board=men&limit=3", "board=chip&point=10K", "board=chip&on_course=1&limit=5")


BESIDE = ("board", "state", "changed_since_official", "total", "point", "podium")
OFTEN = LiveLimits(heartbeat_s=0.02)


class Folded:
    """A board as a client holds it, by the snapshot and the events that it got."""

    def __init__(self) -> None:
        self.beside: dict[str, Any] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []

    def fold(self, events: list[tuple[str, int, Any]]) -> None:
        for kind, _, data in events:
            if kind in ("snapshot", "board"):
                self._take(kind, data)

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "snapshot":
            self.rows, self.order = {}, [row["bib"] for row in data["rows"]]
        for bib in data.get("removed", ()):
            self.rows.pop(bib, None)
        self.rows.update((row["bib"], row) for row in data["rows"])
        if data.get("order") is not None:
            self.order = data["order"]
        self.beside = {name: data[name] for name in BESIDE}

    def answer(self) -> dict[str, Any]:
        return {**self.beside, "rows": [self.rows[bib] for bib in self.order]}


def any_facts(rng: Random) -> list[dict[str, Any]]:
    bib = rng.choice(BIBS)
    finish = 4000 + rng.randrange(4) * 10  # ties are common
    return rng.choice(
        [
            [run(bib, rng.randrange(60), 2000 + rng.randrange(4) * 10, finish)],
            [run(bib, rng.randrange(60), 2000 + rng.randrange(4) * 10, None)],
            [run(other, 1, 2000, finish) for other in rng.sample(BIBS, 4)],
            [reads(read("F1", f"C{bib}", finish))],
            [status(bib, rng.choice(["DQ", "DNF", "OK"]))],
            [fact("clock_corrected", device=rng.choice(["K1", "F1"]), offset_us=rng.randrange(-3, 4) * 1_000_000)],
            [fact("penalty_set", bib=bib, seconds=rng.choice([0, 10, 60]), reason="cut a corner")],
            [fact("entry_hidden", bib=bib, hidden=rng.random() < 0.5)],
            [entries(entry(bib, gender=rng.choice("MF")))],
            [gun(rng.randrange(3))],
            [order(*rng.sample(BIBS, 2))],
            [fact("results_published", race="hm", state=rng.choice(["provisional", "official", "withdrawn"]))],
        ]
    )


@pytest.mark.parametrize("seed", range(LOGS))
async def test_folding_the_events_gives_the_board_after_each_revision(database, seed):
    rng = Random(seed)
    race = Racing(database)
    await race.announce(defined(definition(boards=BOARDS)), entries(*BIBS), gun(0))
    folded = {query: Folded() for query in QUERIES}
    seen: dict[str, int] = {}

    async def answered(live: Live, query: str) -> dict[str, Any]:
        name, _, rest = query.removeprefix("board=").partition("&")
        answer = await live.json(f"/v1/events/{EVENT}/boards/{name}?{rest}")
        return {name: answer[name] for name in (*BESIDE, "rows")}

    for _ in range(STEPS):
        followed, returning = rng.sample(QUERIES, 2)
        async with serving(race, limits=OFTEN) as live:  # each time a server that remembers nothing, as after a crash
            for query in (followed, returning):
                async with streaming(live, f"?{query}", last_id=seen.get(query)) as events:
                    folded[query].fold(await events.until_heartbeat())
                    assert folded[query].answer() == await answered(live, query), (seed, query)
                    for _ in range(rng.randrange(1, 4) if query == followed else 0):
                        await race.announce(*any_facts(rng))
                        wanted = await answered(live, query)
                        async with asyncio.timeout(HANG_S):
                            while folded[query].answer() != wanted:
                                folded[query].fold([await events.next()])
                    folded[query].fold(await events.until_heartbeat())
                    seen[query] = race.revision
