"""What live says of an event at a revision: boards, teams, athletes, changes. `store` reads, pure parts work it out.

Everything here is a function of the event, a revision and what was asked; answers may be held as long as anyone likes.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from schemas.definition import Board, Race, TeamBoard
from schemas.ids import case_name
from schemas.results import AthleteRow, Case, EventRow
from services.formatting.times import format_hms, format_instant
from services.formatting.words import place_text
from services.live.async_cache import AsyncCache
from services.live.errors import Refused
from services.live.feed.board_line import (
    BoardLine,
    Listing,
    board_line,
    point_before,
    shown_names,
)
from services.live.http.query import BoardQuery, SearchQuery
from services.live.pages.athlete_fields import AthleteBoard, athlete_summary, public_athlete, result_of
from services.live.pages.publications import Differences, Publications
from services.live.public_facts import public_fact
from services.live.ranking import Placed, board_order, point_order
from services.live.store import CHANGED_MAX, FACTS_MAX, Cell, Head, Split, Store, TeamLine
from services.standings.boards import passes
from services.standings.event_index import EventIndex, event_index, title
from services.standings.plain_rows import plain_athlete
from services.standings.publication import (
    Published,
    Standing,
    delegation_standing,
    official_from_us,
    open_grounds,
    race_standing,
    ranked_of,
    standing,
)

VIEWS_HELD = 2_000  # events at a revision; archived events stay at their last
CASES_HELD = 10_000
LINES_HELD = 400_000  # of boards and points in order, some 200 bytes each
AT_ONCE = 4_000  # lines put in order on the loop; more go to a thread, so that nobody waits for them
LINES_A_SLICE = 200  # made without a pause
KNOWN_LISTED = 50  # ids named in an answer to a wrong one
DIFFERING_MAX = 1_000  # rows of a board in an answer about changes

T = TypeVar("T")


class Order(Struct, frozen=True):
    """A board or point in order, and at which index each bib is."""

    lines: list[Placed]
    index: dict[str, int]

    def of(self, bib: str) -> Placed | None:
        """The line of a bib."""
        at = self.index.get(bib)
        return None if at is None else self.lines[at]


class BoardPage(Struct, frozen=True):
    """Some lines of a board: how many there are in all, and those asked for."""

    total: int
    lines: list[BoardLine]
    state: str
    changed: bool


class Views:
    """The answers' contents. Methods raise Refused for what is not there, DatabaseUnavailable."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._events: AsyncCache[EventIndex | None] = AsyncCache(VIEWS_HELD, lambda _: 1)
        self._orders: AsyncCache[Order] = AsyncCache(LINES_HELD, lambda order: 1 + len(order.lines))
        self._cases: AsyncCache[list[Case]] = AsyncCache(CASES_HELD, lambda cases: 1 + len(cases))
        self._rows: dict[str, tuple[EventRow, EventIndex | None]] = {}
        self.publications = Publications(store, self._lines_of, self.event)

    async def close(self) -> None:
        """Let go of what is being made."""
        for memo in (self._events, self._orders, self._cases, self.publications):
            await memo.close()

    # --- the event

    async def event(self, event: str, revision: int) -> EventIndex | None:
        """The event; None while it has no definition."""
        return await self._events.get((event, revision), lambda: self._event(event, revision))

    async def _event(self, event: str, revision: int) -> EventIndex | None:
        row = await self.store.event_row(event, revision)
        if row is None:
            return None
        held = self._rows.get(event)
        if held is not None and held[0] == row:  # most revisions leave it as it is
            return held[1]
        view = event_index(row)
        if held is None or row.version > held[0].version:
            self._rows[event] = row, view
        return view

    async def defined(self, head: Head) -> EventIndex:
        """The event, which has a definition. Raises Refused."""
        view = await self.event(head.event, head.revision)
        if view is None:
            raise Refused(
                404, "No definition", f"event {head.event!r} has no race definition at revision {head.revision}"
            )
        return view

    async def standing(self, view: EventIndex, race: str, board: str | None = None) -> Standing:
        """What holds for a board's results, or for the race's."""
        published = await self.publications.published(view)
        return race_standing(view.definition, published, race) if board is None else standing(published, race, board)

    async def state(self, view: EventIndex, race: str, board: str | None = None) -> str:
        """The state of a board's results, or of the race's."""
        return (await self.standing(view, race, board)).state

    async def open_cases(self, view: EventIndex, head: Head) -> list[Case]:
        """The open cases of athletes and teams."""

        async def look() -> list[Case]:
            rows = await self.store.with_cases(head.event, head.revision)
            cases = [case for row in rows for case in row.cases] + await self._team_cases(view, head.revision)
            return [case for case in cases if case.open]

        return await self._cases.get((head.event, head.revision), look)

    async def _team_cases(self, view: EventIndex, revision: int) -> list[Case]:
        """A case for each team with more members than may count. Source: R4.6."""
        decided = set(view.row.decided)
        cases = []
        for board, team in await self.store.crowded(view.definition.event, revision):
            of = view.team_boards.get(board)
            if of is not None:
                name = f"team:{board}:{team}"
                cases.append(Case(name, view.boards[of.of].race, open=case_name(name) not in decided))
        return cases

    async def event_summary(self, head: Head) -> dict[str, Any]:
        """A line of the list of events."""
        view = await self.event(head.event, head.revision)
        if view is None:
            return {"event": head.event, "name": head.event, "revision": head.revision, "date": None, "races": []}
        definition = view.definition
        return {
            "event": head.event,
            "name": definition.name,
            "date": definition.date,
            "timezone": definition.timezone,
            "revision": head.revision,
            "updated_at": format_instant(head.announced_at_us, view.zone, "milliseconds"),
            "races": [
                {"race": race.id, "name": race.name, "state": await self.state(view, race.id)}
                for race in definition.races
            ],
        }

    async def event_detail(self, head: Head) -> dict[str, Any]:
        """An event with its races, boards, and counts by status."""
        view = await self.defined(head)
        definition = view.definition
        counts = await self.store.counts(head.event, head.revision)
        changed = {race.id: await self.publications.differences(view, head, race.id) for race in definition.races}
        races = [await self._race(view, head, race, counts, changed[race.id]) for race in definition.races]
        total: dict[str, int] = {}
        for (_, status), (count, _) in sorted(counts.items()):
            total[status] = total.get(status, 0) + count
        return {
            "event": head.event,
            "revision": head.revision,
            "updated_at": format_instant(head.announced_at_us, view.zone, "milliseconds"),
            "name": definition.name,
            "date": definition.date,
            "timezone": definition.timezone,
            "counts": total,
            "races": races,
            "boards": [
                {
                    "board": board.id,
                    "title": title(board),
                    "race": board.race,
                    "within": board.within,
                    "gender": board.gender,
                    "rank_by": view.boards[root].ranked_by(),
                    "state": await self.state(view, board.race, board.id),
                    "changed_since_official": changed[board.race].of(board.id),
                }
                for board in definition.boards
                for root in (_root(view, board),)
            ],
            "team_boards": [
                {
                    "board": team.id,
                    "title": title(team),
                    "of": team.of,
                    "race": race,
                    "score": team.score,
                    "counting": team.counting,
                    "state": await self.state(view, race, team.id),
                    "changed_since_official": changed[race].of(team.id),
                }
                for team in definition.team_boards
                for race in (view.boards[team.of].race,)
            ],
            "delegations": [{"board": one.id, "title": title(one), "sum": one.sum} for one in definition.delegations],
        }

    async def _race(
        self,
        view: EventIndex,
        head: Head,
        race: Race,
        counts: Mapping[tuple[str, str], tuple[int, int]],
        changed: Differences,
    ) -> dict[str, Any]:
        found = await self.standing(view, race.id)
        own = {status: count for (of, status), (count, _) in sorted(counts.items()) if of == race.id}
        return {
            "race": race.id,
            "name": race.name,
            "start": race.start,
            "official_time": race.official_time,
            "guns": [
                {"wave": gun.wave, "at_us": gun.at_us, "at": format_instant(gun.at_us, view.zone, "milliseconds")}
                for gun in view.row.guns
                if gun.race == race.id
            ],
            "closed": race.id in view.row.closed,
            "state": found.state,
            "official_void": "; ".join(ground.text for ground in found.void) or None,
            "changed_since_official": changed.any(),
            **await self.life(view, head, race.id),
            "on_course": own.get("ON_COURSE", 0),
            "counts": own,
            "points": [{"point": point.id, "km": point.km} for point in race.points],
        }

    async def life(self, view: EventIndex, head: Head, race: str, board: str | None = None) -> dict[str, Any]:
        """What was published of a race or board, why an official publication has no effect, and, of provisional
        results, from when they may be official and what else is in the way.
        """
        found = await self.standing(view, race, board)
        waits = found.state == "provisional"
        from_us = official_from_us(view.definition, view.row, race, board) if waits else None
        in_the_way = open_grounds(view.row, race, await self.open_cases(view, head)) if waits else []
        return {
            "publication": None if found.held is None else _publication(view, found.held),
            "void": msgspec.to_builtins(found.void),
            "official_from_us": from_us,
            "official_from": None if from_us is None else format_instant(from_us, view.zone, "milliseconds"),
            "in_the_way": msgspec.to_builtins(in_the_way),
        }

    async def held(self, view: EventIndex, race: str, board: str | None) -> Published:
        """The publication whose document is served. Raises Refused."""
        if race not in view.races:
            raise Refused(404, "No such race", f"known are {', '.join(view.races)}")
        if board is not None and board not in ranked_of(view.definition, race):
            known = ", ".join(ranked_of(view.definition, race)[:KNOWN_LISTED])
            raise Refused(404, "No such board", f"race {race!r} has no board {board!r}; known are {known}")
        found = await self.standing(view, race, board)
        what = f"race {race!r}" if board is None else f"board {board!r}"
        if found.held is None:
            raise Refused(404, "Nothing is published", f"nothing of {what} is published so far")
        if found.held.state == "withdrawn":
            raise Refused(404, "Withdrawn", f"the results of {what} are withdrawn")
        return found.held

    async def published(self, view: EventIndex, head: Head, race: str, board: str | None) -> dict[str, Any]:
        """What was published of a race or board, with its document, and how results differ from it now."""
        held = await self.held(view, race, board)
        document, delegations = await self.publications.document(head.event, held)
        differing = await self.publications.difference(view, head, held)
        official = held.state == "official"
        return {
            "event": head.event,
            "race": race,
            "board": board,
            "revision": head.revision,
            "state": held.state,
            "changed_since_official": official and bool(differing),
            **await self.life(view, head, race, board),
            "difference": msgspec.to_builtins(differing),
            "document": msgspec.Raw(document),
            "delegations": delegations,
        }

    # --- boards

    async def _lines_of(self, view: EventIndex, board: Board, revision: int) -> Sequence[Placed]:
        return (await self.order(view, board, revision)).lines

    async def order(self, view: EventIndex, board: Board, revision: int) -> Order:
        """A board in order."""
        event = view.definition.event
        race = view.races[board.race]
        root = view.boards[_root(view, board)]

        async def make() -> Order:
            cells = await self.store.board(event, board.id, revision)
            return await _ordered(len(cells), lambda: board_order(root, race.official_time, cells))

        return await self._orders.get(("board", event, board.id, revision), make)

    async def point(self, view: EventIndex, board: Board, point: str, revision: int) -> Order:
        """The members of a board in the order at a point."""
        event = view.definition.event
        root = view.boards[_root(view, board)]

        async def make() -> Order:
            cells = await self.store.board(event, board.id, revision)
            splits = await self.store.splits(event, board.race, point, revision)
            return await _ordered(len(cells), lambda: point_order(root, cells, splits))

        return await self._orders.get(("point", event, board.id, point, revision), make)

    async def board_page(self, head: Head, view: EventIndex, board: Board, query: BoardQuery) -> BoardPage:
        """The lines of a board that a query asks for."""
        race = view.races[board.race]
        if query.point is not None and query.point not in {point.id for point in race.points}:
            known = ", ".join(point.id for point in race.points)
            raise Refused(422, "No such point", f"race {race.id!r} has no point {query.point!r}; it has {known}")
        if query.point is None:
            order = await self.order(view, board, head.revision)
        else:
            order = await self.point(view, board, query.point, head.revision)
        lines: Sequence[Placed] = order.lines
        if query.words:
            wanted = set(await self.store.found(head.event, query.words, head.revision))
            lines = [line for line in lines if line.bib in wanted]
        page = lines[query.offset : query.offset + query.limit]
        listing = await self._listing(head, view, board, order, query.point)
        changed = (await self.publications.differences(view, head, race.id)).of(board.id)
        return BoardPage(len(lines), await self.lines(listing, page), listing.state, changed)

    async def lines(self, listing: Listing, page: Sequence[Placed]) -> list[BoardLine]:
        """Lines of a board in full."""
        head, view = listing.head, listing.view
        rows = await self.athletes(head, [line.bib for line in page])
        finish = listing.race.points[-1].id
        points = {
            before
            for row in rows.values()
            if (before := point_before(row, listing.point or (row.points[-1].point if row.points else finish)))
        }
        places: dict[str, dict[str, int]] = {}
        for point in sorted(points):
            order = await self.point(view, listing.board, point, head.revision)
            places[point] = {bib: order.lines[order.index[bib]].place for bib in rows if bib in order.index}
        made: list[BoardLine] = []
        for start in range(0, len(page), LINES_A_SLICE):
            made += [
                board_line(listing, line, rows[line.bib], places)
                for line in page[start : start + LINES_A_SLICE]
                if line.bib in rows
            ]
            await asyncio.sleep(0)
        return made

    async def listing(self, head: Head, view: EventIndex, board: Board) -> tuple[Listing, Order]:
        """A board's order, and what its lines share."""
        order = await self.order(view, board, head.revision)
        return await self._listing(head, view, board, order, None), order

    async def _listing(self, head: Head, view: EventIndex, board: Board, order: Order, point: str | None) -> Listing:
        state = await self.state(view, board.race, board.id)
        changed = (await self.publications.differences(view, head, board.race)).bibs(board.id)
        leader = order.lines[0] if order.lines else None
        return Listing(view, board, view.races[board.race], state, head, leader, point, changed)

    # --- teams

    async def team_rows(self, head: Head, view: EventIndex, team: TeamBoard) -> dict[str, Any]:
        """A team board."""
        rows = await self.store.teams(head.event, team.id, head.revision)
        bibs = [member["bib"] for row in rows for member in row.members]
        athletes = await self.athletes(head, bibs)
        race = view.boards[team.of].race
        state = await self.state(view, race, team.id)
        timed = team.score != "sum_places"
        return {
            "event": head.event,
            "board": team.id,
            "title": title(team),
            "of": team.of,
            "score": team.score,
            "revision": head.revision,
            "state": state,
            "changed_since_official": (await self.publications.differences(view, head, race)).of(team.id),
            "total": len(rows),
            "rows": [
                {
                    **_team_line(row, rows, timed),
                    "members": [_member(member, athletes, timed) for member in row.members],
                }
                for row in rows
            ],
        }

    async def delegation_rows(self, head: Head, view: EventIndex, board: str) -> dict[str, Any]:
        """A delegation board; its results are in the state that was published of it, else of all its team boards."""
        of = view.delegations[board]
        rows = await self.store.delegations(head.event, board, head.revision)
        teams = [view.team_boards[name] for name in of.sum]
        states = {await self.state(view, view.boards[team.of].race, team.id) for team in teams}
        named = delegation_standing(await self.publications.published(view), board)
        if named is not None and named.held is not None:
            states = {named.state}
        timed = all(team.score != "sum_places" for team in teams)
        return {
            "event": head.event,
            "board": board,
            "title": title(of),
            "sum": of.sum,
            "revision": head.revision,
            "state": states.pop() if len(states) == 1 else "live",
            "changed_since_official": await self.publications.delegation_changed(view, head, board),
            "total": len(rows),
            "rows": [_team_line(row, rows, timed) for row in rows],
        }

    # --- athletes

    async def athletes(self, head: Head, bibs: Sequence[str]) -> dict[str, AthleteRow]:
        """The results of some athletes. Who was hidden since is hidden in the past too."""
        rows = await self.store.athletes(head.event, bibs, head.revision)
        for bib in head.hidden.intersection(rows):
            rows[bib] = msgspec.structs.replace(rows[bib], hidden=True)
        return rows

    async def athlete(self, head: Head, view: EventIndex, bib: str) -> dict[str, Any]:
        """One athlete with his splits, his ranks at each, and his places."""
        row = (await self.athletes(head, [bib])).get(bib)
        if row is None or row.gone or row.race not in view.races:
            raise Refused(404, "No such bib", f"event {head.event!r} has no bib {bib!r} at revision {head.revision}")
        boards = boards_of(view, row)
        return {
            **public_athlete(view, head, row),
            "points": [await self._athlete_point(view, head, row, boards, at) for at in range(len(row.points))],
            "boards": [msgspec.structs.asdict(one) for one in await self.athlete_boards(view, head, row, boards)],
            "result_state": await self.state(view, row.race),
            "versions": [one._asdict() for one in await self.store.versions(head.event, bib, head.revision)],
        }

    async def _athlete_point(
        self, view: EventIndex, head: Head, row: AthleteRow, boards: Sequence[Board], at: int
    ) -> dict[str, Any]:
        point = result_of(view, row, at)
        if row.points[at].point == "START":
            return {**point, "ranks": {}}
        splits = await self.store.splits(head.event, row.race, row.points[at].point, head.revision)
        ranks = {}
        for board in boards:
            cells = await self.store.board(head.event, board.id, head.revision)
            by_chip = view.boards[_root(view, board)].ranked_by() == "chip"
            ranks[board.id] = _rank(splits, cells, row.bib, by_chip)
            await asyncio.sleep(0)
        return {**point, "ranks": {board: rank for board, rank in ranks.items() if rank is not None}}

    async def athlete_boards(
        self, view: EventIndex, head: Head, row: AthleteRow, boards: Iterable[Board]
    ) -> list[AthleteBoard]:
        """His place on each of his boards, null while he has none."""
        found = []
        for board in boards:
            order = await self.order(view, board, head.revision)
            line = order.of(row.bib)
            found.append(
                AthleteBoard(
                    board=board.id,
                    title=title(board),
                    total=len(order.lines),
                    place=None if line is None else line.place,
                    place_text=None if line is None else place_text(line.place, line.tied),
                    time_s=None if line is None else line.time_s,
                )
            )
        return found

    async def found(self, head: Head, view: EventIndex, query: SearchQuery) -> dict[str, Any]:
        """The athletes that a search finds."""
        bibs = await self.store.found(head.event, query.words, head.revision)
        page = bibs[query.offset : query.offset + query.limit]
        rows = await self.athletes(head, page)
        return {
            "event": head.event,
            "revision": head.revision,
            "total": len(bibs),
            "athletes": [athlete_summary(view, rows[bib]) for bib in page if bib in rows],
        }

    # --- changes

    async def changes(self, since: Head, until: Head, whole: bool) -> dict[str, Any]:
        """What differs between two revisions, and the facts between; `whole`: with what is the officials' only."""
        event = until.event
        view = await self.defined(until)
        bibs = await self.store.changed(event, since.revision, until.revision)
        before = await self.athletes(since, bibs[:CHANGED_MAX])
        after = await self.athletes(until, bibs[:CHANGED_MAX])
        facts = await self.store.facts(event, since.revision, until.revision)
        boards = {}
        for name in await self.store.boards_changed(event, since.revision, until.revision):
            board = view.boards.get(name)
            if board is not None:
                boards[name] = await self._differing(since, until, view, board)
        listed = [public_fact(one, whole) for one in facts[:FACTS_MAX]]
        return {
            "event": event,
            "from": since.revision,
            "to": until.revision,
            "revision": until.revision,
            "athletes": [
                {"bib": bib, "before": _result(before.get(bib)), "after": _result(after.get(bib))}
                for bib in bibs[:CHANGED_MAX]
                if _result(before.get(bib)) != _result(after.get(bib))
            ],
            "boards": {name: board for name, board in boards.items() if board["total"]},
            "facts": [fact for fact in listed if fact is not None],
            "more": len(bibs) > CHANGED_MAX or len(facts) > FACTS_MAX,
        }

    async def _differing(self, since: Head, until: Head, view: EventIndex, board: Board) -> dict[str, Any]:
        """The rows of a board that differ, also by place alone, in the order of the later revision."""
        now = await self.order(view, board, until.revision)
        earlier = await self.event(since.event, since.revision)
        there = None if earlier is None else earlier.boards.get(board.id)
        before = Order([], {}) if earlier is None or there is None else await self.order(earlier, there, since.revision)
        bibs = [line.bib for line in now.lines if before.of(line.bib) != line]
        bibs += [line.bib for line in before.lines if line.bib not in now.index]
        rows = [
            {"bib": bib, "before": _placed(before.of(bib)), "after": _placed(now.of(bib))}
            for bib in bibs[:DIFFERING_MAX]
        ]
        return {"total": len(bibs), "rows": rows}

    async def cases(self, head: Head) -> dict[str, Any]:
        """Open and decided cases of athletes and teams."""
        view = await self.defined(head)
        rows = await self.store.with_cases(head.event, head.revision)
        cases = [case for row in rows for case in row.cases] + await self._team_cases(view, head.revision)
        return {
            "event": head.event,
            "revision": head.revision,
            "open": sum(case.open for case in cases),
            "cases": [{"case": c.case, "bib": c.bib, "race": c.race, "open": c.open} for c in cases],
        }


def _publication(view: EventIndex, one: Published) -> dict[str, Any]:
    recorded_us = one.recorded_at_us
    return {
        "state": one.state,
        "boards": one.boards,
        "offset": one.offset,
        "document_revision": one.revision,
        "recorded_at_us": recorded_us,
        "recorded_at": None if recorded_us is None else format_instant(recorded_us, view.zone, "milliseconds"),
        "sha256": one.sha256,
    }


def boards_of(view: EventIndex, row: AthleteRow) -> list[Board]:
    """The boards whose filters an athlete passes, in the order of the definition."""
    return [board for board in view.definition.boards if board.race == row.race and passes(view.definition, board)(row)]


def _root(view: EventIndex, board: Board) -> str:
    while board.within is not None:
        board = view.boards[board.within]
    return board.id


async def _ordered(size: int, make: Callable[[], list[Placed]]) -> Order:
    lines = make() if size <= AT_ONCE else await asyncio.to_thread(make)
    return Order(lines, {line.bib: at for at, line in enumerate(lines)})


def _rank(splits: Mapping[str, Split], cells: Mapping[str, Cell], bib: str, by_chip: bool) -> int | None:
    """His rank among the members of a board at a point, without putting all in order."""
    own = splits.get(bib)
    if own is None:
        return None
    if by_chip:
        return 1 + sum(split.chip_us < own.chip_us for other, split in splits.items() if other in cells)
    return 1 + sum(split.gun_us < own.gun_us for other, split in splits.items() if other in cells)


def _team_line(row: TeamLine, rows: Sequence[TeamLine], timed: bool) -> dict[str, Any]:
    tied = row.place is not None and sum(other.place == row.place for other in rows) > 1
    score_text = None if row.score is None else format_hms(row.score) if timed else str(row.score)
    return {
        "place": row.place,
        "place_text": None if row.place is None else place_text(row.place, tied),
        "team": row.team,
        "score": row.score,
        "score_text": score_text,
    }


def _member(member: Mapping[str, Any], athletes: Mapping[str, AthleteRow], timed: bool) -> dict[str, Any]:
    row = athletes.get(member["bib"])
    score = member["score"]
    return {
        "bib": member["bib"],
        "name": member["bib"] if row is None else shown_names(row).name,
        "score": score,
        "score_text": format_hms(score) if timed else str(score),
    }


def _result(row: AthleteRow | None) -> dict[str, Any] | None:
    """A result in the form of the standings document. Source: R5."""
    if row is None or row.gone:
        return None
    plain = plain_athlete(row)
    del plain["bib"]  # beside it already
    return {**plain, "name": shown_names(row).name}


def _placed(line: Placed | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {"place": line.place, "time_s": line.time_s, "gun_us": line.gun_us, "chip_us": line.chip_us}
