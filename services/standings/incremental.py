"""Standings that are updated as results change: equal to `standings` of all rows, but at the cost of the changes only.

A board's rows carry a sortable key instead of a place, since one good chip time would shift thousands of places. So a
change to an athlete only costs an update of their own boards. Three cases need more: leaders by gun time who cease to
lead, ties that judges have ordered, and teams. Source: R4.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from schemas.definition import Board, Definition
from schemas.definition_parse import parse_definition
from schemas.ids import bib_order
from schemas.results import AthleteRow, EventRow, JudgesOrder, printed_s
from services.standings.boards import BoardRow, filtered_by, finish_times, order_for, orders_of, passes, root_of
from services.standings.delegations import DelegationRow, delegation
from services.standings.teams import TeamRow, crowded_teams, team_board
from services.standings.together import Pair, TogetherCase, TogetherIndex, crossings_of, looked_for, together_cases

NO_PLACE = 0  # the key of a member who has no place yet
_TIE_BITS = 10  # judges order at most 1,000 athletes
_TIME_OFFSET = 2**52  # instants and durations are within +-2^52 us


class Cell(NamedTuple):
    """A member of a board: rank key, printed time in seconds, exact times; all zero without a place."""

    rank_key: int
    time_s: int = 0
    gun_us: int = 0
    chip_us: int = 0


class CellChange(NamedTuple):
    """The change of an athlete on a board; `cell` is None when the athlete has left it."""

    board: str
    bib: str
    cell: Cell | None


class TeamChange(Struct, frozen=True):
    """The current rows of a team board, and its teams with more members than may count."""

    rows: list[TeamRow]
    crowded: list[str]


class Changes(Struct, frozen=True):
    """The changes of a batch of results on boards, team boards and delegations.

    `together` has each pair of athletes whose case came, changed or (None) went.
    """

    cells: list[CellChange] = field(default_factory=list)
    teams: dict[str, TeamChange] = field(default_factory=dict)
    delegations: dict[str, list[DelegationRow]] = field(default_factory=dict)
    together: dict[Pair, TogetherCase | None] = field(default_factory=dict)

    def boards(self) -> list[str]:
        """Return every board, team board and delegation that changed, in the order of their names."""
        return sorted({change.board for change in self.cells} | self.teams.keys() | self.delegations.keys())


def rank_key(part: int, time_us: int, tie: int) -> int:
    """Return a 64-bit key that sorts a board: leaders (`part` 0) before the rest (1), then by time, then by judges."""
    # The bounds are 142 years away, so ties there do no harm.
    believable_us = min(max(time_us, 1 - _TIME_OFFSET), _TIME_OFFSET - 1)
    return part << 63 | (believable_us + _TIME_OFFSET) << _TIE_BITS | tie


class EventStandings:
    """The standings of one event. `apply` updates them by changed results, and returns all changes."""

    def __init__(self) -> None:
        self.rows: dict[str, AthleteRow] = {}
        self.event: EventRow | None = None
        self.definition: Definition | None = None
        self.cells: dict[str, dict[str, Cell]] = {}
        self.teams: dict[str, TeamChange] = {}
        self.delegations: dict[str, list[DelegationRow]] = {}
        self.together: dict[Pair, TogetherCase] = {}
        self._index: TogetherIndex | None = None
        self._roots: dict[str, _Root] = {}
        self._root_of: dict[str, _Root] = {}
        self._checks: dict[str, list[tuple[Board, Callable[[AthleteRow], bool]]]] = {}
        self._boards_of: dict[str, tuple[Board, ...]] = {}
        self._judged: dict[str, AthleteRow] = {}
        self._boards_for_kind: dict[tuple[object, ...], tuple[Board, ...]] = {}

    def apply(self, rows: Iterable[AthleteRow], event: EventRow | None = None) -> Changes:
        """Apply changed results, and return the changes. The highest version of a row counts; older rows do nothing."""
        dirty = {row.bib: row for row in self._newer(rows)}
        changes = Changes()
        redefined = False
        if event is not None and (self.event is None or event.version >= self.event.version):
            defined_before = None if self.event is None else self.event.definition
            self.event = event
            redefined = event.definition != defined_before
            if redefined:
                self._define(event, changes)
                dirty = dict(self.rows)
        touched, left = self._update_roots(dirty)
        if redefined:
            touched.update(self.cells)
        self._update_cells(dirty, touched, left, changes)
        self._update_teams(touched, redefined, changes)
        self._update_together(dirty, event is not None, changes)
        return changes

    def _newer(self, rows: Iterable[AthleteRow]) -> Iterable[AthleteRow]:
        for row in rows:
            held = self.rows.get(row.bib)
            if held is None or row.version > held.version:
                self.rows[row.bib] = row
                yield row

    def _define(self, event: EventRow, changes: Changes) -> None:
        """Start again with another definition; boards that it does not have lose all their athletes."""
        self.definition = definition = None if event.definition is None else parse_definition(event.definition)
        boards = [] if definition is None else definition.boards
        kept = {board.id for board in boards}
        for name in [name for name in self.cells if name not in kept]:
            changes.cells.extend(CellChange(name, bib, None) for bib in self.cells.pop(name))
        self._judged = {}
        self._boards_for_kind = {}
        self._roots = {}
        self._checks = {}
        rule = looked_for(definition)
        self._index = None if definition is None or rule is None else TogetherIndex(rule, crossings_of(definition))
        if definition is None:
            self.teams, self.delegations = {}, {}
            return
        official = {race.id: race.official_time for race in definition.races}
        for board in boards:
            self.cells.setdefault(board.id, {})
            self._checks.setdefault(board.race, []).append((board, passes(definition, board)))
            if board.within is None:
                self._roots[board.id] = _Root(board, official[board.race])
        self._root_of = {board.id: self._roots[root_of(definition, board).id] for board in boards}
        teams = {board.id for board in definition.team_boards}
        delegations = {delegation.id for delegation in definition.delegations}
        self.teams = {name: change for name, change in self.teams.items() if name in teams}
        self.delegations = {name: rows for name, rows in self.delegations.items() if name in delegations}

    def _update_roots(self, dirty: Mapping[str, AthleteRow]) -> tuple[set[str], dict[str, set[str]]]:
        """Update the order of boards by changed finishers.

        Return the boards that these were on or are on now, and by athlete the boards that they are no longer on.
        """
        touched: set[str] = set()
        left: dict[str, set[str]] = {}
        for bib, row in dirty.items():
            before = self._boards_of.get(bib, ())
            now = self._boards_for(row)
            self._boards_of[bib] = now
            here = {board.id for board in now}
            either = here if now is before else here.union(board.id for board in before)
            if len(either) > len(here):
                left[bib] = either - here
            touched |= either
            for board_id in either:
                root = self._roots.get(board_id)
                if root is not None:
                    root.put(bib, row if board_id in here and row.status == "FINISHED" else None)
        return touched, left

    def _boards_for(self, row: AthleteRow) -> tuple[Board, ...]:
        """Return the boards whose filters an athlete passes; looked up again only when the entry has changed."""
        known = self._judged.get(row.bib)
        if known is not None and (known.entry, known.race, known.gone) == (row.entry, row.race, row.gone):
            return self._boards_of[row.bib]
        self._judged[row.bib] = row
        kind = filtered_by(row)
        boards = self._boards_for_kind.get(kind)
        if boards is None:
            boards = self._boards_for_kind[kind] = tuple(
                board for board, check in self._checks.get(row.race, ()) if check(row)
            )
        return boards

    def _update_cells(
        self, dirty: Mapping[str, AthleteRow], touched: set[str], left: Mapping[str, set[str]], changes: Changes
    ) -> None:
        orders = [] if self.event is None else self.event.orders
        affected = set(dirty)
        for root in self._roots.values():
            affected |= root.settle(orders_of(orders, root.board.race))
        for bib in sorted(affected, key=bib_order):
            for board in self._boards_of.get(bib, ()):
                cell = self._root_of[board.id].cell(bib)
                if self.cells[board.id].get(bib) != cell:
                    self.cells[board.id][bib] = cell
                    changes.cells.append(CellChange(board.id, bib, cell))
                    touched.add(board.id)
            for name in left.get(bib, ()):
                if name in self.cells and self.cells[name].pop(bib, None) is not None:
                    changes.cells.append(CellChange(name, bib, None))

    def _update_teams(self, touched: set[str], redefined: bool, changes: Changes) -> None:
        if self.definition is None:
            return
        for board in self.definition.team_boards:
            if board.of not in touched:
                continue
            members = sorted((self.rows[bib] for bib in self.cells[board.of]), key=lambda row: row.first_entry)
            now = TeamChange(team_board(board, members, self.board(board.of)), crowded_teams(board, members))
            if self.teams.get(board.id) != now:
                self.teams[board.id] = changes.teams[board.id] = now
        for defined in self.definition.delegations:
            if not redefined and not any(name in changes.teams for name in (*defined.sum, defined.tie)):
                continue
            rows = delegation(defined, {name: self.teams[name].rows for name in self.teams})
            if self.delegations.get(defined.id) != rows:
                self.delegations[defined.id] = changes.delegations[defined.id] = rows

    def _update_together(self, dirty: Mapping[str, AthleteRow], ruled: bool, changes: Changes) -> None:
        """Update the pairs by changed results; `ruled`: the definition or decisions may be others."""
        if self._index is None and not self.together:
            return
        touched = set() if self._index is None else self._index.put(dirty.values())
        touched.update(
            self.together if ruled else (pair for pair in self.together if not dirty.keys().isdisjoint(pair))
        )
        if not touched:
            return
        there = [pair for pair in touched if self._index is not None and self._index.has(pair)]
        races = {bib: self.rows[bib].race for pair in there for bib in pair}
        decided = () if self.event is None else self.event.decided
        cases = dict(zip(there, together_cases(there, races, decided), strict=True))
        for pair in sorted(touched):
            case = cases.get(pair)
            if case != self.together.get(pair):
                changes.together[pair] = case
        for pair, case in changes.together.items():
            if case is None:
                del self.together[pair]
            else:
                self.together[pair] = case

    def board(self, name: str) -> list[BoardRow]:
        """Return a board's rows with places, best first."""
        placed = [(cell.rank_key, bib_order(bib), bib, cell) for bib, cell in self.cells[name].items() if cell.rank_key]
        placed.sort(key=lambda keyed: keyed[:2])
        rows: list[BoardRow] = []
        for index, (key, _, bib, cell) in enumerate(placed):
            same = index > 0 and placed[index - 1][0] == key
            place = rows[-1].place if same else index + 1
            rows.append(BoardRow(place, bib, cell.time_s, cell.gun_us, cell.chip_us))
        return rows


class _Root:
    """The order of a board that is within no other: its finishers, and the leaders by gun time."""

    def __init__(self, board: Board, official: str) -> None:
        self.board = board
        self._official = official
        self._times: dict[str, tuple[int, int]] = {}
        self._guns: list[int] = []
        self._limit_us: int | None = None
        self._ties: dict[str, int] = {}

    def put(self, bib: str, finisher: AthleteRow | None) -> None:
        """Set the athlete's current result; None when they are not a finisher of this board."""
        before = self._times.pop(bib, None)
        if before is not None:
            del self._guns[bisect_left(self._guns, before[0])]
        if finisher is not None:
            self._times[bib] = times = finish_times(finisher)
            insort(self._guns, times[0])

    def settle(self, orders: list[JudgesOrder]) -> set[str]:
        """Find leaders and judged ties again; return the bibs whose cells may differ without a change of their own."""
        before = self._limit_us
        self._limit_us = self._find_limit()
        affected: set[str] = set()
        if self._limit_us != before:
            if before is None or self._limit_us is None:
                affected.update(self._times)
            else:
                low, high = sorted((before, self._limit_us))
                affected.update(bib for bib, (gun_us, _) in self._times.items() if low < gun_us <= high)
        ties = self._find_ties(orders) if orders else {}
        if ties != self._ties:
            affected.update(bib for bib in ties.keys() | self._ties.keys() if ties.get(bib) != self._ties.get(bib))
            self._ties = ties
        return affected

    def _find_limit(self) -> int | None:
        """Return the gun time of the last leader; None when everybody leads or nobody does."""
        places = self.board.gun_places
        if self.board.ranked_by() != "gun_then_chip" or places == 0 or len(self._guns) <= places:
            return None
        return self._guns[places - 1]

    def _placed(self, bib: str) -> tuple[int, int]:
        """Return whether an athlete leads (0) or not (1), and the time that ranks them there."""
        gun_us, chip_us = self._times[bib]
        kind = self.board.ranked_by()
        if kind != "gun_then_chip":
            return 0, gun_us if kind == "gun" else chip_us
        leads = self.board.gun_places > 0 and (self._limit_us is None or gun_us <= self._limit_us)
        return (0, gun_us) if leads else (1, chip_us)

    def _find_ties(self, orders: list[JudgesOrder]) -> dict[str, int]:
        """Return the place of each athlete within a tie, of ties that an order names completely."""
        groups: dict[tuple[int, int], list[str]] = {}
        for bib in self._times:
            groups.setdefault(self._placed(bib), []).append(bib)
        ties: dict[str, int] = {}
        for same in groups.values():
            order = order_for(same, orders) if len(same) > 1 else None
            if order is not None:
                ties.update((bib, index) for index, bib in enumerate(sorted(same, key=order.__getitem__)))
        return ties

    def cell(self, bib: str) -> Cell:
        """Return an athlete's cell on this board and on the boards within it."""
        times = self._times.get(bib)
        if times is None:
            return Cell(NO_PLACE)
        part, time_us = self._placed(bib)
        if self.board.ranked_by() == "gun_then_chip":
            printed_us = time_us
        else:
            printed_us = times[0] if self._official == "gun" else times[1]
        return Cell(rank_key(part, time_us, self._ties.get(bib, 0)), printed_s(printed_us), *times)
