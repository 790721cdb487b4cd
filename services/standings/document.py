"""The standings document: a log scored at once, by the same code as the services. Source: R5."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from schemas.codec import line_from_json
from schemas.definition import Definition
from schemas.definition_parse import parse_definition
from schemas.events import EntriesAdded
from schemas.ids import bib_order
from schemas.results import AthleteRow, EventRow
from services.scoring.core.event import EventState
from services.standings import Standings, standings
from services.standings.plain_rows import (
    plain_athlete,
    plain_boards,
    plain_case,
    plain_delegations,
    plain_teams,
)


class BadLine(Exception):
    """A line of a log is no fact, or a fact that is refused; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Log:
    """A log read line by line into one event's state; `revision` is the last line's offset, or the number of lines."""

    def __init__(self) -> None:
        self.state: EventState | None = None
        self.lines = 0
        self._offset: int | None = None
        self._ordinal = 0

    @property
    def revision(self) -> int:
        """The last line's offset, or the number of lines."""
        return self.lines if self._offset is None else self._offset

    def add(self, line: bytes) -> None:
        """Fold one line. Raises BadLine; the line then has no effect but to be counted."""
        self.lines += 1
        if not line.strip():
            raise BadLine(self.lines, "is empty; each line is one fact as JSON")
        try:
            offset, fact = line_from_json(line)
        except msgspec.DecodeError as error:
            raise BadLine(self.lines, str(error)) from None
        if self.state is None:
            self.state = EventState(fact.event)
        if fact.event != self.state.event:
            raise BadLine(self.lines, f"is of event {fact.event!r}; the log began with {self.state.event!r}")
        if offset is None or offset != self._offset:
            self._ordinal = 0
        self._offset = offset
        reason = self.state.fold(self.revision, self._ordinal, fact)
        if reason is not None:
            raise BadLine(self.lines, reason)
        self._ordinal += len(fact.entries) if isinstance(fact, EntriesAdded) else 1


class Scored(NamedTuple):
    """All rows of an event, and the standings made of them."""

    event: EventRow | None
    definition: Definition | None
    athletes: list[AthleteRow]
    standings: Standings
    unused: dict[str, int]


def scored(state: EventState | None) -> Scored:
    """Everything that a state says now, athletes in document order."""
    if state is None:
        return Scored(None, None, [], Standings({}, {}, {}, []), {})
    rows = list(map(state.row, list(state.book.bibs())))
    made = scored_rows(state.event_row(), rows)
    return made._replace(unused=state.unused_reads(made.athletes))


def scored_rows(event: EventRow | None, rows: Iterable[AthleteRow]) -> Scored:
    """Everything that results say, wherever they were kept, athletes in document order; without unused reads."""
    there = [row for row in rows if not row.gone]
    if event is None or event.definition is None:
        return Scored(event, None, there, Standings({}, {}, {}, []), {})
    definition = parse_definition(event.definition)
    races = {race.id: at for at, race in enumerate(definition.races)}
    there.sort(key=lambda row: (races[row.race], bib_order(row.bib)))
    return Scored(event, definition, there, standings(definition, there, event), {})


def document(event: str, revision: int, scored: Scored) -> dict[str, Any]:
    """The document as plain objects in the order of the contract."""
    made = scored.standings
    return {
        "event": event,
        "revision": revision,
        "athletes": [plain_athlete(row) for row in scored.athletes],
        "boards": plain_boards(made.boards),
        "team_boards": plain_teams(made.team_boards),
        "delegations": plain_delegations(made.delegations),
        "cases": [plain_case(case) for row in scored.athletes for case in row.cases]
        + list(map(plain_case, made.cases)),
        "unused_reads": scored.unused,
    }


def score_lines(lines: Iterable[bytes]) -> dict[str, Any]:
    """The standings document of a whole log. Raises BadLine at the first line that is no fact."""
    log = Log()
    for line in lines:
        log.add(line)
    return document_of(log)


def document_of(log: Log) -> dict[str, Any]:
    """The standings document of a log as far as it was read."""
    return document("" if log.state is None else log.state.event, log.revision, scored(log.state))
