"""What was published, and how an event differs from it at a revision; read from ClickHouse, told by the pure part.

A publication ends a revision, so the standings that it published are those of that revision: what differs now is found
among what has changed since, and the document itself is served as it was kept.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.definition import Board
from schemas.results import AthleteRow
from services.live.async_cache import AsyncCache
from services.live.ranking import Placed
from services.live.store import Head, IncrementalRows, K, Store, TeamLine
from services.standings.event_index import EventIndex
from services.standings.plain_rows import Plain, plain_athlete
from services.standings.publication import (
    Difference,
    Published,
    RaceDocument,
    delegation_standing,
    difference,
    in_force,
    ranked_of,
    standing,
)

EVENTS_HELD = 2_000
DIFFERENCES_HELD = 2_000
BIBS_AT_ONCE = 1_000

NOTHING = Difference([], {}, {}, {})

Ordered = Callable[[EventIndex, Board, int], Awaitable[Sequence[Placed]]]
EventAt = Callable[[str, int], Awaitable[EventIndex | None]]


class _Both(NamedTuple):
    """An athlete's result as it was published and as it is; None where he is not in the race."""

    published: Plain | None
    now: Plain | None


class Publications:
    """Publications and differences by event and revision. Methods raise DatabaseUnavailable."""

    def __init__(self, store: Store, ordered: Ordered, event_at: EventAt) -> None:
        self._store = store
        self._ordered = ordered
        self._event_at = event_at
        self._kept: AsyncCache[list[Published]] = AsyncCache(EVENTS_HELD, lambda _: 1)
        self._differences: AsyncCache[Difference] = AsyncCache(DIFFERENCES_HELD, lambda _: 1)
        self._athletes: IncrementalRows[_Both] = IncrementalRows(self._athletes_differing)

    async def close(self) -> None:
        """Let go of what is being made."""
        await self._kept.close()
        await self._differences.close()

    async def published(self, view: EventIndex) -> list[Published]:
        """The publications in force, in log order."""
        if not view.row.publications:
            return []
        event = view.definition.event

        async def look() -> list[Published]:
            return in_force(view.row, await self._store.published(event))

        return await self._kept.get((event, view.row.version), look)

    async def differences(self, view: EventIndex, head: Head, race: str) -> "Differences":
        """How what a race and its boards have as official differs now."""
        published = await self.published(view)
        by_board: dict[str | None, Difference] = {}
        if not published:
            return Differences(by_board)
        for board in (None, *ranked_of(view.definition, race)):
            held = standing(published, race, board).held
            if held is not None and held.state == "official":
                by_board[board] = await self.difference(view, head, held)
        return Differences(by_board)

    async def delegation_changed(self, view: EventIndex, head: Head, delegation: str) -> bool:
        """Whether a delegation that was published as official differs now."""
        found = delegation_standing(await self.published(view), delegation)
        if found is None or found.held is None or found.state != "official":
            return False
        return delegation in (await self.difference(view, head, found.held)).delegations

    async def difference(self, view: EventIndex, head: Head, held: Published) -> Difference:
        """How results differ from a publication of them."""
        if head.revision <= held.revision:
            return NOTHING
        key = (head.event, held.race, held.revision, None if held.boards is None else tuple(held.boards), head.revision)
        return await self._differences.get(key, lambda: self._difference(view, head, held))

    async def _difference(self, view: EventIndex, head: Head, held: Published) -> Difference:
        then = await self._event_at(head.event, held.revision)
        if then is None:
            raise AssertionError(f"publication at {held.offset} of {head.event} has no definition")
        changed = set(await self._store.boards_changed(head.event, held.revision, head.revision))
        both = await self._athletes.at((head.event, held.race, str(held.revision)), head.revision)
        before = {bib: one.published for bib, one in both.items() if one.published is not None}
        after = {bib: one.now for bib, one in both.items() if one.now is not None}
        return difference(
            await self._document(then, held, changed, before, held.revision),
            await self._document(view, held, changed, after, head.revision),
            held.boards,
        )

    async def _document(
        self, view: EventIndex, held: Published, changed: set[str], athletes: Mapping[str, Plain], revision: int
    ) -> RaceDocument:
        """As much of a race's document as may differ: athletes who do, and boards that have changed rows."""
        event = view.definition.event
        boards = {
            board.id: [_row(line) for line in await self._ordered(view, board, revision)]
            for board in view.boards.values()
            if board.race == held.race and board.id in changed
        }
        teams = {
            team.id: [_team(line) for line in await self._store.teams(event, team.id, revision)]
            for team in view.team_boards.values()
            if view.boards[team.of].race == held.race and team.id in changed
        }
        delegations = {
            name: [_delegation(line) for line in await self._store.delegations(event, name, revision)]
            for name in held.boards or ()
            if name in view.delegations and name in changed
        }
        return RaceDocument(athletes, boards, teams, delegations)

    async def _athletes_differing(self, key: K, since: int, revision: int) -> list[tuple[str, _Both | None]]:
        event, race, published = key[0], key[1], int(key[2])
        bibs = await self._store.changed_in(event, race, published, max(since, published), revision)
        found: list[tuple[str, _Both | None]] = []
        for start in range(0, len(bibs), BIBS_AT_ONCE):
            some = bibs[start : start + BIBS_AT_ONCE]
            before = await self._store.athletes(event, some, published)
            after = await self._store.athletes(event, some, revision)
            for bib in some:
                both = _Both(_in_race(before.get(bib), race), _in_race(after.get(bib), race))
                found.append((bib, both if both.published != both.now else None))
        return found

    async def document(self, event: str, held: Published) -> tuple[bytes, Any]:
        """The document as it was kept, and the delegations beside it."""
        document, delegations = await self._store.published_document(event, held.race, held.revision)
        return document.encode(), msgspec.json.decode(delegations)


class Differences(NamedTuple):
    """Differences from what a race (None) and its boards have as official; boards that have nothing left out."""

    by_board: Mapping[str | None, Difference]

    def any(self) -> bool:
        """Whether anything of the race has changed since it was official."""
        return any(map(bool, self.by_board.values()))

    def of(self, board: str) -> bool:
        """Whether a board or team board has changed since it was official."""
        found = self.by_board.get(board, NOTHING)
        return board in found.boards or board in found.team_boards

    def bibs(self, board: str) -> frozenset[str]:
        """Whose rows on a board have."""
        return self.by_board.get(board, NOTHING).bibs(board)


def _in_race(row: AthleteRow | None, race: str) -> Plain | None:
    return None if row is None or row.gone or row.race != race else plain_athlete(row)


def _row(line: Placed) -> Plain:
    return {
        "place": line.place,
        "bib": line.bib,
        "time_s": line.time_s,
        "gun_us": line.gun_us,
        "chip_us": line.chip_us,
    }


def _delegation(line: TeamLine) -> Plain:
    return {"place": line.place, "team": line.team, "score": line.score}


def _team(line: TeamLine) -> Plain:
    return {**_delegation(line), "members": line.members}
