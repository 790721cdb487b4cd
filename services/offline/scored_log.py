"""A log read line by line and scored at once, by the same code as the services. Source: R5."""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.codec import line_from_json
from services.fact_effects.fact_faults import line_fault
from services.scoring.core.event import EventState
from services.standings import Standings
from services.standings.document import Scored, document, scored_rows


class BadLine(Exception):
    """A line of a log is not a fact, or is a fact that scoring refuses; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Log:
    """One event's state, read from a log line by line."""

    def __init__(self) -> None:
        self.state: EventState | None = None
        self.lines = 0
        self._offset: int | None = None
        self._ordinal = 0

    @property
    def revision(self) -> int:
        """Return the last line's offset, or the number of lines when they have none."""
        return self.lines if self._offset is None else self._offset

    def add(self, line: bytes) -> None:
        """Fold one line. Raises BadLine; the line is then counted but has no other effect."""
        self.lines += 1
        if not line.strip():
            raise BadLine(self.lines, "is empty; each line must be one fact as JSON")
        try:
            offset, fact = line_from_json(line)
        except msgspec.DecodeError as error:
            raise BadLine(self.lines, line_fault(line) or str(error)) from None
        if self.state is None:
            self.state = EventState(fact.event)
        if fact.event != self.state.event:
            raise BadLine(self.lines, f"is of event {fact.event!r}; the log began with event {self.state.event!r}")
        if offset is None or offset != self._offset:
            self._ordinal = 0
        self._offset = offset
        reason = self.state.fold(self.revision, self._ordinal, fact)
        if reason is not None:
            raise BadLine(self.lines, reason)
        self._ordinal += fact.ordinals()


def scored(state: EventState | None) -> Scored:
    """Return the results of a state, athletes in document order."""
    if state is None:
        return Scored(None, None, [], Standings({}, {}, {}, [], []), {})
    rows = list(map(state.row, list(state.rulings.bibs())))
    result = scored_rows(state.event_row(), rows)
    return result._replace(unused=state.unused_reads(result.athletes))


def score_lines(lines: Iterable[bytes]) -> dict[str, Any]:
    """Return the standings document of a whole log. Raises BadLine at the first line that is not a fact."""
    log = Log()
    for line in lines:
        log.add(line)
    return document_of(log)


def document_of(log: Log) -> dict[str, Any]:
    """Return the standings document of a log as far as it was read."""
    return document("" if log.state is None else log.state.event, log.revision, scored(log.state))
