"""Publications of an event, and how its results differ from them at a revision.

A publication ends a revision, so the standings that it published are those of that revision. The difference from them
is found among the rows that have changed since; the published document itself is served as it was kept.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.results import AthleteRow
from services.live.async_cache import AsyncCache
from services.live.event_cache import EventCache
from services.live.incremental_rows import IncrementalRows, RowsKey
from services.live.pages.published import NO_DIFFERENCE, Differences
from services.live.ranking import Placed
from services.live.ranking_cache import RankingCache
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision, TeamLine
from services.standings.event_index import EventIndex
from services.standings.plain_rows import Plain, plain_athlete
from services.standings.publication import (
    Difference,
    Published,
    RaceDocument,
    difference,
    in_force,
    ranked_of,
    standing,
)

EVENTS_HELD = 2_000
DIFFERENCES_HELD = 2_000
BIBS_AT_ONCE = 1_000


class _AthleteResults(NamedTuple):
    """An athlete's result as it was published and as it is now; None while the athlete is not in the race."""

    published: Plain | None
    now: Plain | None


class PublishedResults:
    """Loads and keeps publications and differences. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store, events: EventCache, rankings: RankingCache) -> None:
        self._store = store
        self._events = events
        self._rankings = rankings
        self._published: AsyncCache[list[Published]] = AsyncCache(EVENTS_HELD, lambda _: 1)
        self._differences: AsyncCache[Difference] = AsyncCache(DIFFERENCES_HELD, lambda _: 1)
        self._athletes: IncrementalRows[_AthleteResults] = IncrementalRows(self._changed_athletes)

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._published.close()
        await self._differences.close()

    async def published(self, event: EventIndex) -> list[Published]:
        """Return the publications in force, in log order."""
        if not event.row.publications:
            return []

        async def load() -> list[Published]:
            return in_force(event.row, await self._store.published(event.definition.event))

        return await self._published.get((event.definition.event, event.row.version), load)

    async def document(self, event: str, published: Published) -> tuple[bytes, Any]:
        """Return the published document, as it was kept, and the delegations beside it as plain objects."""
        document, delegations = await self._store.published_document(event, published.race, published.revision)
        return document.encode(), msgspec.json.decode(delegations)

    async def differences(self, event: EventIndex, announced: AnnouncedRevision, race: str) -> Differences:
        """Return how the official results of a race and of its boards differ now."""
        published = await self.published(event)
        by_board: dict[str | None, Difference] = {}
        if not published:
            return Differences(by_board)
        for board in (None, *ranked_of(event.definition, race)):
            held = standing(published, race, board).held
            if held is not None and held.state == "official":
                by_board[board] = await self.difference(event, announced, held)
        return Differences(by_board)

    async def difference(self, event: EventIndex, announced: AnnouncedRevision, published: Published) -> Difference:
        """Return how results differ from one publication of them."""
        if announced.revision <= published.revision:
            return NO_DIFFERENCE
        boards = None if published.boards is None else tuple(published.boards)
        key = (announced.event, published.race, published.revision, boards, announced.revision)
        return await self._differences.get(key, lambda: self._load_difference(event, announced, published))

    async def _load_difference(
        self, event: EventIndex, announced: AnnouncedRevision, published: Published
    ) -> Difference:
        before = await self._events.event(announced.event, published.revision)
        if before is None:
            raise AssertionError(f"publication at {published.offset} of {announced.event} has no definition")
        changed = set(await self._store.boards_changed(announced.event, published.revision, announced.revision))
        key = (announced.event, published.race, str(published.revision))
        athletes = await self._athletes.at(key, announced.revision)
        published_athletes = {bib: row.published for bib, row in athletes.items() if row.published is not None}
        athletes_now = {bib: row.now for bib, row in athletes.items() if row.now is not None}
        return difference(
            await self._changed_results(before, published, changed, published_athletes, published.revision),
            await self._changed_results(event, published, changed, athletes_now, announced.revision),
            published.boards,
        )

    async def _changed_results(
        self,
        event: EventIndex,
        published: Published,
        changed: set[str],
        athletes: Mapping[str, Plain],
        revision: int,
    ) -> RaceDocument:
        """Return the part of a race's document that may differ: these athletes, and boards that have changed rows."""
        event_id = event.definition.event
        boards = {}
        for board in event.boards.values():
            if board.race == published.race and board.id in changed:
                ranking = await self._rankings.board(event, board, revision)
                boards[board.id] = list(map(_plain_line, ranking.lines))
        teams = {}
        for team_board in event.team_boards.values():
            if event.boards[team_board.of].race == published.race and team_board.id in changed:
                lines = await self._store.teams(event_id, team_board.id, revision)
                teams[team_board.id] = list(map(_plain_team, lines))
        delegations = {}
        for name in published.boards or ():
            if name in event.delegations and name in changed:
                lines = await self._store.delegations(event_id, name, revision)
                delegations[name] = list(map(_plain_delegation, lines))
        return RaceDocument(athletes, boards, teams, delegations)

    async def _changed_athletes(
        self, key: RowsKey, since: int, revision: int
    ) -> list[tuple[str, _AthleteResults | None]]:
        event, race, published = key[0], key[1], int(key[2])
        bibs = await self._store.changed_in(event, race, published, max(since, published), revision)
        changed: list[tuple[str, _AthleteResults | None]] = []
        for start in range(0, len(bibs), BIBS_AT_ONCE):
            batch = bibs[start : start + BIBS_AT_ONCE]
            before = await self._store.rows.athletes(event, batch, published)
            after = await self._store.rows.athletes(event, batch, revision)
            for bib in batch:
                results = _AthleteResults(_in_race(before.get(bib), race), _in_race(after.get(bib), race))
                changed.append((bib, results if results.published != results.now else None))
        return changed


def _in_race(row: AthleteRow | None, race: str) -> Plain | None:
    return None if row is None or row.gone or row.race != race else plain_athlete(row)


def _plain_line(line: Placed) -> Plain:
    return {
        "place": line.place,
        "bib": line.bib,
        "time_s": line.time_s,
        "gun_us": line.gun_us,
        "chip_us": line.chip_us,
    }


def _plain_delegation(line: TeamLine) -> Plain:
    return {"place": line.place, "team": line.team, "score": line.score}


def _plain_team(line: TeamLine) -> Plain:
    return {**_plain_delegation(line), "members": line.members}
