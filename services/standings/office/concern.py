"""The concerns that the race office has to check, and the entries in which they are found."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from schemas.definition import Board, Definition
from schemas.events import ChipAssigned, Entry
from schemas.office import Eligibility
from schemas.results import AthleteRow
from services.standings.boards import passes
from services.standings.together import SideBySide

Kind = Literal[
    "race",
    "double",
    "bibs_alike",
    "no_chip",
    "chip",
    "chips_alike",
    "unlikely_year",
    "chips_apart",
    "withdrawn",
    "birth_year",
    "age",
    "consent",
    "standard",
    "division",
    "no_board",
    "nationality",
    "wave",
    "team_size",
    "composition",
    "apart",
    "late_finish",
    "together",
]
"""The subjects of concerns, in the order in which the office would check them."""


class Concern(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem with an entry or a team, for the race office: the reason, and what to do.

    `row` is the table and id of the rule in the definition (`eligibility half-age`), `article` the article of the
    regulations that the row names; both are None if an entry contradicts itself or another. `others` are further bibs
    that the concern is about. `case` names the case that a decision closes, and `side_by_side` its evidence.
    """

    bib: str
    race: str
    kind: Kind
    reason: str
    todo: str
    row: str | None = None
    article: str | None = None
    team: str | None = None
    others: list[str] = msgspec.field(default_factory=list)
    case: str | None = None
    side_by_side: list[SideBySide] = msgspec.field(default_factory=list)


Assigned = Mapping[str, Sequence[ChipAssigned]]
"""The assignments of each chip in force, in log order."""
NOT_ASSIGNED: Assigned = {}


class EnteredField:
    """The entries in force, in the order in which their bibs first appear in the log."""

    def __init__(self, definition: Definition, entries: Iterable[Entry], assigned: Assigned = NOT_ASSIGNED) -> None:
        """Take entries in log order; a later one of a bib replaces the earlier."""
        self.definition = definition
        self.assigned = assigned
        self.races = [race.id for race in definition.races]
        by_bib: dict[str, Entry] = {}
        self._last_line: dict[str, int] = {}
        for number, entry in enumerate(entries):
            by_bib[entry.bib] = entry
            self._last_line[entry.bib] = number
        self.entries = list(by_bib.values())

    def by_last_entry(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return entries in the order in which they were last written to the log."""
        return sorted(entries, key=lambda entry: self._last_line[entry.bib])

    def in_race(self, race: str) -> list[Entry]:
        """Return the ranked entries of a race."""
        return [entry for entry in self.entries if entry.ranked and entry.race == race]

    def boards(self, race: str) -> list[Board]:
        """Return the boards of a race."""
        return [board for board in self.definition.boards if board.race == race]

    def teams(self, board_id: str) -> dict[str, list[Entry]]:
        """Return the ranked entries that pass a board's filters, by team; those without a team have the name ""."""
        is_on_board = on_board(self.definition, next(board for board in self.definition.boards if board.id == board_id))
        teams: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if is_on_board(entry):
                teams.setdefault(entry.team or "", []).append(entry)
        return teams


def on_board(definition: Definition, board: Board) -> Callable[[Entry], bool]:
    """Return a check whether an entry passes a board's filters and those of the boards around it."""
    check = passes(definition, board)
    return lambda entry: entry.race == board.race and check(_as_row(entry))


def _as_row(entry: Entry) -> AthleteRow:
    return AthleteRow(event="", bib=entry.bib, version=0, race=entry.race, entry=entry)


def row_name(rule: Eligibility) -> str:
    """Return the table and id of an eligibility rule."""
    return f"eligibility {rule.id}"


def concerns_entry(rule: Eligibility, entry: Entry) -> bool:
    """Return whether a rule is for this entry."""
    return (
        (not rule.races or entry.race in rule.races)
        and (rule.gender is None or entry.gender == rule.gender)
        and (not rule.divisions or entry.division in rule.divisions)
    )


def born_within(born: int | None, born_from: int | None, born_to: int | None) -> bool:
    """Return whether a birth year is within limits, both inclusive; an unknown year is within none."""
    if born is None:
        return born_from is None and born_to is None
    return (born_from is None or born >= born_from) and (born_to is None or born <= born_to)


def years_text(born_from: int | None, born_to: int | None) -> str:
    """Return limits of birth years for a sentence; at least one of them must be given."""
    if born_from is None:
        return f"born in {born_to} or before"
    return f"born in {born_from} or later" if born_to is None else f"born in {born_from} to {born_to}"
