"""Work out previews: what facts that are not on the log would change. Pure but for the questions to a `Source`.

What was read of an event is held, so that the next preview of it reads only what is new.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from schemas.definition import Definition
from schemas.definition_parse import parse_definition
from schemas.events import ReadExcluded, Ruling
from schemas.results import AthleteRow, EventRow
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.sent_facts import facts_from_body
from services.preview.difference import difference
from services.preview.folded_facts import FACTS_A_PAGE, FoldedFacts, nothing_folded
from services.preview.held_reads import HeldReads
from services.preview.source import CHIPS_A_PAGE, ROWS_A_PAGE, Source
from services.preview.trial import Trial, devices_concerned, misfits
from services.standings.incremental import EventStandings

ROWS_HELD = 60_000  # of all events held, some 8 kB each with facts and standings; the last event is always held
READS_HELD = 4_000_000  # of one event between previews, 20 bytes each
TRIES = 15  # with a wait between them: facts and reads are there a second or two after the boards

_rows = msgspec.json.Decoder(AthleteRow)
_event = msgspec.json.Decoder(EventRow)


class NotThereYet(Exception):
    """Facts or reads behind the results have not arrived in the tables yet; they soon will."""


class _HeldEvent(Struct):
    """An event as far as it was read: its facts, and the standings of its rows up to `version`.

    `agreed` holds the version of an athlete's row that facts and reads were found to give. `reads` are those of some
    chips when `reach` was the offset of the event's last read.
    """

    facts: FoldedFacts
    standings: EventStandings = field(default_factory=EventStandings)
    version: int = -1
    definition: Definition | None = None
    agreed: dict[str, int] = field(default_factory=dict)
    reads: HeldReads = field(default_factory=HeldReads)
    reach: int = -1

    def is_there(self, bib: str, reach: int) -> bool:
        """Return whether every read behind the athlete's row has arrived; `reach` is the last that has."""
        row = self.standings.rows.get(bib)
        return row is not None and (row.version <= reach or self.agreed.get(bib) == row.version)

    def reads_at(self, reach: int) -> HeldReads:
        """Return the reads that are held; none when others have arrived since, or when they are too many to hold."""
        if reach != self.reach or self.reads.count() > READS_HELD:
            self.reads, self.reach = HeldReads(), reach
        return self.reads


class Previewer:
    """Works out previews, one after another. Revisions of an event must not go back."""

    def __init__(self, rows_held: int = ROWS_HELD) -> None:
        self._rows_held = rows_held
        self._events: OrderedDict[str, _HeldEvent] = OrderedDict()

    def preview(self, source: Source, event: str, revision: int, body: bytes) -> dict[str, Any]:
        """Return what the facts in a request's body would change in the standings document at a revision.

        Raises what `facts_from_body` raises for facts that are malformed, and NotThereYet.
        """
        held = self._held(event)
        row = self._read_event(source, held)
        facts = facts_from_body(body, event, held.definition)
        self._read_facts(source, held, row)
        self._read_rows(source, held, row, revision)
        state, standings = held.facts.state, held.standings
        reach = source.reads_reach()
        reads = held.reads_at(reach)
        excluded = {fact.chip for fact in facts if isinstance(fact, ReadExcluded)}
        _read(source, reads, excluded - reads.chips.keys())
        others = source.chips_read() if excluded - reads.chips.keys() else []
        if devices := devices_concerned(state, facts):
            late = [bib for bib in standings.rows if not held.is_there(bib, reach)]
            _read(source, reads, {chip for bib in late for chip in state.chips_of(bib)})
            _agree(source, held, reads, late)  # else a device's last reads might be missing among these chips
            _read(source, reads, set(source.chips_read_by(sorted(devices))) - reads.chips.keys())
        trial = Trial(state, reads, revision, facts, OutlinedRows(standings.rows), others)
        _read(source, reads, set(trial.chips()) - reads.chips.keys())
        _agree(source, held, reads, [bib for bib in trial.bibs if not held.is_there(bib, reach)])
        return {
            "event": event,
            "revision": revision,
            "facts": [_plain_effect(index, fact, effect) for index, (fact, effect) in enumerate(trial.effects)],
            **difference(standings, trial.rows(), trial.event()),
        }

    def _held(self, event: str) -> _HeldEvent:
        held = self._events.setdefault(event, _HeldEvent(nothing_folded(event)))
        self._events.move_to_end(event)
        while len(self._events) > 1 and sum(len(e.standings.rows) for e in self._events.values()) > self._rows_held:
            self._events.popitem(last=False)
        return held

    def _read_event(self, source: Source, held: _HeldEvent) -> EventRow | None:
        text = source.event_row()
        row = None if text is None else _event.decode(text)
        if row is not None and (held.standings.event is None or row.definition != held.standings.event.definition):
            held.definition = None if row.definition is None else parse_definition(row.definition)
        return row

    def _read_facts(self, source: Source, held: _HeldEvent, row: EventRow | None) -> None:
        for attempt in range(TRIES):
            if attempt:
                source.wait()
            while True:
                lines = source.facts_after(*held.facts.last)
                held.facts.fold(lines)
                if len(lines) < FACTS_A_PAGE:
                    break
            if row is None or held.facts.state.version >= row.version:
                return
        raise NotThereYet

    def _read_rows(self, source: Source, held: _HeldEvent, row: EventRow | None, revision: int) -> None:
        rows: list[AthleteRow] = []
        bib = ""
        while True:
            page = [_rows.decode(text) for text in source.rows_after(held.version, bib)]
            rows += page
            if len(page) < ROWS_A_PAGE:
                break
            bib = page[-1].bib
        held.standings.apply(rows, row)
        held.version = revision


def _agree(source: Source, held: _HeldEvent, reads: HeldReads, bibs: Sequence[str]) -> None:
    """Read until facts and reads give the served results of these athletes. Raises NotThereYet."""
    state, rows = held.facts.state, held.standings.rows
    wrong = misfits(state, reads, rows, bibs)
    for _ in range(TRIES):
        if not wrong:
            break
        source.wait()
        _read(source, reads, {chip for bib in wrong for chip in state.chips_of(bib)})
        wrong = misfits(state, reads, rows, wrong)
    if wrong:
        raise NotThereYet
    held.agreed.update((bib, rows[bib].version) for bib in bibs if bib in rows)


def _read(source: Source, reads: HeldReads, chips: Collection[str]) -> None:
    """Put all reads of some chips into `reads`, instead of those that were there."""
    wanted = sorted(chips)
    for start in range(0, len(wanted), CHIPS_A_PAGE):
        page = wanted[start : start + CHIPS_A_PAGE]
        reads.put(page, source.reads_of(page))


def _plain_effect(index: int, fact: Ruling, effect: Any) -> dict[str, Any]:
    """Return the effect of a fact as the door's answer has it."""
    return {"index": index, "id": fact.id, **msgspec.to_builtins(effect)}
