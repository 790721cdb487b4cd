"""Load the data of answers: the one layer between the store and the pure builders in `pages`.

The data belongs to one revision of an event, so it may be kept for as long as there is room.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from schemas.definition import Board, Delegation, Race, TeamBoard
from schemas.names import public_name
from schemas.results import AthleteRow, Case
from services.live.async_cache import AsyncCache
from services.live.event_cache import EventCache
from services.live.http.query import BoardQuery, SearchQuery
from services.live.pages.athlete_page import AthleteBoard, AthleteData, athlete_boards, boards_of, known_athlete
from services.live.pages.board import BoardData, ShownLine, check_point, points_before, select_lines
from services.live.pages.cases import event_cases
from services.live.pages.changes import CHANGES_A_PAGE, ChangesData
from services.live.pages.event_page import EventData
from services.live.pages.published import PublishedData, held_publication, standing_of, waits_for_official
from services.live.pages.standings_document import StandingsData
from services.live.pages.team import DelegationData, TeamData, official_delegation
from services.live.podium_cache import PodiumCache
from services.live.published_results import PublishedResults
from services.live.race_spreads import RaceSpreads
from services.live.ranking import EMPTY, WHOLE_RACE, Ranking
from services.live.ranking_cache import RankingCache
from services.live.revision_history import RevisionHistory
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.finish_estimate import Spreads
from services.standings.publication import Published
from services.standings.together import TogetherCase, looked_for, with_shared_cases

CASES_HELD = 10_000


class Loader:
    """Loads data for answers. Methods raise Refused for unknown ids and results, and DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.events = EventCache(store)
        self.rankings = RankingCache(store)
        self.results = PublishedResults(store, self.events, self.rankings)
        self.history = RevisionHistory(store)
        self.podiums = PodiumCache(store)
        self._race_spreads = RaceSpreads(store)
        self._open_cases: AsyncCache[list[Case]] = AsyncCache(CASES_HELD, lambda cases: 1 + len(cases))
        self._together: AsyncCache[list[TogetherCase]] = AsyncCache(CASES_HELD, lambda cases: 1 + len(cases))

    async def close(self) -> None:
        """Cancel all loading."""
        for cache in (
            self.events,
            self.rankings,
            self.results,
            self.history,
            self.podiums,
            self._race_spreads,
            self._open_cases,
            self._together,
        ):
            await cache.close()

    async def athletes(self, announced: AnnouncedRevision, bibs: Sequence[str]) -> dict[str, AthleteRow]:
        """Return the results of athletes by bib. Bibs that were hidden later are hidden in the past too."""
        rows = await self.store.rows.athletes(announced.event, bibs, announced.revision)
        for bib in announced.hidden.intersection(rows):
            rows[bib] = msgspec.structs.replace(rows[bib], hidden=True)
        return rows

    async def spreads(
        self, event: EventIndex, announced: AnnouncedRevision, race: Race, athletes: Iterable[AthleteRow]
    ) -> Spreads:
        """Load the spreads by which athletes of a race are estimated; none when none of them is on the course."""
        if all(athlete.status != "ON_COURSE" for athlete in athletes):
            return {}
        return await self._race_spreads.at(event, race, announced)

    # --- Events

    async def event(self, event: EventIndex, announced: AnnouncedRevision) -> EventData:
        """Load an event with its counts and the state of its results."""
        published = await self.results.published(event)
        counts = await self.store.counts(announced.event, announced.revision)
        waiting = any(waits_for_official(event, published, race) for race in event.races)
        return EventData(
            event=event,
            announced=announced,
            counts=counts,
            published=published,
            differences={race: await self.results.differences(event, announced, race) for race in event.races},
            open_cases=await self.open_cases(event, announced) if waiting else [],
        )

    async def counts(
        self, event: EventIndex, announced: AnnouncedRevision
    ) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        """Load how many athletes there are by race and status, and how many took each point, by race and point."""
        name, revision = announced.event, announced.revision
        passed = {
            (race.id, point.id): len((await self.store.rows.splits(name, race.id, point.id, revision)).rows)
            for race in event.races.values()
            for point in race.points
        }
        return await self.store.counts(name, revision), passed

    async def cases(self, event: EventIndex, announced: AnnouncedRevision) -> list[Case]:
        """Load all cases of athletes and teams, open and decided."""
        athletes = await self.store.with_cases(announced.event, announced.revision)
        crowded = await self.store.crowded_teams(announced.event, announced.revision)
        return event_cases(event, athletes, await self.together(event, announced), crowded)

    async def together(self, event: EventIndex, announced: AnnouncedRevision) -> list[TogetherCase]:
        """Load the cases of two athletes whose chips may be carried together, by their bibs."""
        if looked_for(event.definition) is None:
            return []
        name, revision = announced.event, announced.revision
        return await self._together.get((name, revision), lambda: self.store.together_cases(name, revision))

    async def together_changed(self, announced: AnnouncedRevision, since: int) -> frozenset[str]:
        """Load the bibs with such a case that changed after `since`."""
        event = await self.events.event(announced.event, announced.revision)
        if event is None or looked_for(event.definition) is None:
            return frozenset()
        return await self.store.together_changed(announced.event, since, announced.revision)

    async def open_cases(self, event: EventIndex, announced: AnnouncedRevision) -> list[Case]:
        """Load the open cases of athletes and teams."""

        async def load() -> list[Case]:
            return [case for case in await self.cases(event, announced) if case.open]

        return await self._open_cases.get((announced.event, announced.revision), load)

    async def standings(self, event: EventIndex, announced: AnnouncedRevision) -> StandingsData:
        """Load all standings of an event."""
        name, revision = announced.event, announced.revision
        definition = event.definition
        return StandingsData(
            event=event,
            announced=announced,
            athletes=await self.store.all_athletes(name, revision),
            rankings={board.id: await self.rankings.board(event, board, revision) for board in definition.boards},
            team_boards={
                board.id: await self.store.teams(name, board.id, revision) for board in definition.team_boards
            },
            delegations={
                delegation.id: await self.store.delegations(name, delegation.id, revision)
                for delegation in definition.delegations
            },
            crowded=await self.store.crowded_teams(name, revision),
            together=await self.together(event, announced),
        )

    # --- Publications

    async def held(self, event: EventIndex, race: str, board: str | None) -> Published:
        """Load the publication of a race or board whose document is served."""
        return held_publication(event, await self.results.published(event), race, board)

    async def published(
        self, event: EventIndex, announced: AnnouncedRevision, race: str, board: str | None
    ) -> PublishedData:
        """Load a publication with its document, and how results differ from it."""
        published = await self.results.published(event)
        held = held_publication(event, published, race, board)
        document, delegations = await self.results.document(announced.event, held)
        waiting = waits_for_official(event, published, race, board)
        return PublishedData(
            event=event,
            announced=announced,
            race=race,
            board=board,
            published=published,
            held=held,
            document=document,
            delegations=delegations,
            difference=await self.results.difference(event, announced, held),
            open_cases=await self.open_cases(event, announced) if waiting else [],
        )

    # --- Boards

    async def board(
        self,
        event: EventIndex,
        announced: AnnouncedRevision,
        board: Board,
        query: BoardQuery,
        bibs: frozenset[str] | None = None,
    ) -> BoardData:
        """Load the page of a board that a query asks for, of `bibs` only if they are given."""
        check_point(event.races[board.race], query.point)
        if query.point is None:
            ranking = await self.rankings.board(event, board, announced.revision)
        else:
            ranking = await self.rankings.at_point(event, board, query.point, announced.revision)
        matches = bibs
        if query.words:
            matches = frozenset(await self.store.search(announced.event, query.words, announced.revision))
        on_course = await self.rankings.on_course(event, board, announced.revision) if query.on_course else []
        total, lines = select_lines(ranking, on_course, query, matches)
        return await self._board(event, announced, board, query.point, ranking, total, lines)

    async def _board(
        self,
        event: EventIndex,
        announced: AnnouncedRevision,
        board: Board,
        point: str | None,
        ranking: Ranking,
        total: int,
        lines: Sequence[ShownLine],
    ) -> BoardData:
        race, revision = event.races[board.race], announced.revision
        board_id = None if board.id == WHOLE_RACE else board.id
        places = [] if board_id is None else await self.podiums.at(event, board, point, ranking, revision)
        shown = [line.placed.bib for line in lines]
        rivals = [rival.bib for place in places for rival in place.rivals]
        rows, together = await asyncio.gather(
            self.athletes(announced, [*shown, *rivals]), self.together(event, announced)
        )
        own = [rows[bib] for bib in shown if bib in rows]
        athletes = {row.bib: row for row in with_shared_cases(own, together)}
        before = points_before(race, lines, athletes)
        rankings: dict[str | None, Ranking] = {point: ranking}
        for last in {line.point for line in lines if line.point is not None} - {point}:
            rankings[last] = await self.rankings.at_point(event, board, last, revision)
        differences = await self.results.differences(event, announced, board.race)
        published = await self.results.published(event)
        return BoardData(
            event=event,
            announced=announced,
            board=board,
            point=point,
            rankings=rankings,
            total=total,
            lines=lines,
            athletes=athletes,
            earlier={name: await self.rankings.at_point(event, board, name, revision) for name in before},
            state=standing_of(event, published, board.race, board_id).state,
            changed=differences.changed(board_id),
            changed_bibs=differences.bibs(board_id),
            spreads=await self.spreads(event, announced, race, athletes.values()),
            first_with=await self.history.first_with(announced, {row.version for row in athletes.values()}),
            podium=places,
            rivals={bib: public_name(rows[bib]) for bib in rivals if bib in rows},
        )

    # --- Teams

    async def team_board(self, event: EventIndex, announced: AnnouncedRevision, team_board: TeamBoard) -> TeamData:
        """Load a team board with its members."""
        lines = await self.store.teams(announced.event, team_board.id, announced.revision)
        differences = await self.results.differences(event, announced, event.boards[team_board.of].race)
        return TeamData(
            event=event,
            announced=announced,
            team_board=team_board,
            lines=lines,
            athletes=await self.athletes(announced, [member["bib"] for line in lines for member in line.members]),
            published=await self.results.published(event),
            changed=differences.changed(team_board.id),
        )

    async def delegation(
        self, event: EventIndex, announced: AnnouncedRevision, delegation: Delegation
    ) -> DelegationData:
        """Load a delegation."""
        published = await self.results.published(event)
        official = official_delegation(published, delegation.id)
        difference = None if official is None else await self.results.difference(event, announced, official)
        return DelegationData(
            event=event,
            announced=announced,
            delegation=delegation,
            lines=await self.store.delegations(announced.event, delegation.id, announced.revision),
            published=published,
            changed=difference is not None and delegation.id in difference.delegations,
        )

    # --- Athletes

    async def athlete(self, event: EventIndex, announced: AnnouncedRevision, bib: str) -> AthleteData:
        """Load an athlete with the boards and points that give places and ranks."""
        name, revision = announced.event, announced.revision
        row = known_athlete(event, announced, bib, (await self.athletes(announced, [bib])).get(bib))
        (row,) = with_shared_cases([row], await self.together(event, announced))
        boards = boards_of(event, row)
        points = [split.point for split in row.points if split.point != "START"]
        return AthleteData(
            event=event,
            announced=announced,
            athlete=row,
            boards=boards,
            rankings={board.id: await self.rankings.board(event, board, revision) for board in boards},
            members={board.id: (await self.store.rows.board(name, board.id, revision)).rows for board in boards},
            splits={point: (await self.store.rows.splits(name, row.race, point, revision)).rows for point in points},
            versions=await self.store.versions(name, bib, revision),
            published=await self.results.published(event),
            spreads=await self.spreads(event, announced, event.races[row.race], [row]),
        )

    async def athlete_boards(
        self, event: EventIndex, announced: AnnouncedRevision, bib: str, boards: Sequence[Board]
    ) -> list[AthleteBoard]:
        """Load an athlete's places on boards."""
        rankings = {board.id: await self.rankings.board(event, board, announced.revision) for board in boards}
        return athlete_boards(bib, boards, rankings, event.language)

    async def search(self, announced: AnnouncedRevision, query: SearchQuery) -> tuple[int, list[AthleteRow]]:
        """Load how many athletes match a search, and those of the page."""
        bibs = await self.store.search(announced.event, query.words, announced.revision, query.race, query.status)
        page = bibs[query.offset : query.offset + query.limit]
        athletes = await self.athletes(announced, page)
        return len(bibs), [athletes[bib] for bib in page if bib in athletes]

    # --- Changes

    async def changes(self, since: AnnouncedRevision, until: AnnouncedRevision, offset: int) -> ChangesData:
        """Load a page of the differences between two revisions of an event, and of the facts between them."""
        name = until.event
        event = await self.events.defined(until)
        bibs = await self.store.changed(name, since.revision, until.revision, offset)
        facts = await self.store.facts(name, since.revision, until.revision, offset)
        boards = {}
        for board_id in await self.store.boards_changed(name, since.revision, until.revision):
            board = event.boards.get(board_id)
            if board is not None:
                before = await self._ranking_before(since, board_id)
                boards[board_id] = before, await self.rankings.board(event, board, until.revision)
        return ChangesData(
            since=since,
            until=until,
            bibs=bibs[:CHANGES_A_PAGE],
            before=await self.athletes(since, bibs[:CHANGES_A_PAGE]),
            after=await self.athletes(until, bibs[:CHANGES_A_PAGE]),
            boards=boards,
            facts=facts[:CHANGES_A_PAGE],
            offset=offset,
            more=len(bibs) > CHANGES_A_PAGE or len(facts) > CHANGES_A_PAGE,
        )

    async def _ranking_before(self, since: AnnouncedRevision, board: str) -> Ranking:
        """Return a board's ranking at an earlier revision, empty when the event had no such board then."""
        event = await self.events.event(since.event, since.revision)
        if event is None or board not in event.boards:
            return EMPTY
        return await self.rankings.board(event, event.boards[board], since.revision)
