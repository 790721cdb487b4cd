"""A preview of facts on a log, with the state and the reads apart as live has them, and the same from two documents.

Ingest writes no reads with an `id`; those of random logs keep their ids here, and count once.
"""

import msgspec

from schemas.codec import to_json
from services.offline.scored_log import scored
from services.preview.folded_facts import FACTS_A_PAGE, Line
from services.preview.previewer import Previewer
from services.preview.source import CHIPS_A_PAGE, NO_STRENGTH, ROWS_A_PAGE, ChipColumns
from services.scoring.core.event import EventState
from services.standings.document import document

LISTS = {"athletes": "bib", "cases": "case"}
TABLES = {"boards": "bib", "team_boards": "team", "delegations": "team"}


def is_reads(fact):
    return not hasattr(fact, "scopes")


def state_of(facts):
    """The state after facts, each a record of its own."""
    state = EventState(facts[0].event if facts else "e")
    for offset, fact in enumerate(facts):
        state.fold(offset, 0, fact)
    return state


class MemorySource:
    """The tables of a log's facts, reads and rows. `late`: how many waits it takes until the reads are there."""

    def __init__(self, facts, late=0):
        self.facts, self.late = facts, late
        self.state = state_of(facts)
        self.rows = rows_of(self.state)

    def facts_after(self, offset, ordinal):
        lines = [
            Line(number, 0, to_json(msgspec.structs.replace(fact, reads=[]) if is_reads(fact) else fact).decode())
            for number, fact in enumerate(self.facts)
            if number > offset
        ]
        return lines[:FACTS_A_PAGE]

    def event_row(self):
        return msgspec.json.encode(self.state.event_row()).decode() if self.state.logged else None

    def rows_after(self, version, bib):
        rows = [row for row in self.rows if row.version > version and row.bib > bib]
        return [msgspec.json.encode(row).decode() for row in sorted(rows, key=lambda row: row.bib)[:ROWS_A_PAGE]]

    def chips_read(self):
        return sorted({chip for chip, _, _ in self._reads()})

    def chips_read_by(self, devices):
        return [] if self.late else sorted({chip for chip, device, _ in self._reads() if device in devices})

    def reads_reach(self):
        arrived = [number for number, fact in enumerate(self.facts) if is_reads(fact) and fact.reads]
        return max(arrived, default=-1) if not self.late else -1

    def reads_of(self, chips):
        assert len(chips) <= CHIPS_A_PAGE
        columns = {}
        for (chip, device, at_us), strengths in sorted(self._reads().items()):
            if chip in chips and not self.late:
                names, devices, times, rssi = columns.setdefault(chip, ([], [], [], []))
                names.extend([device] if device not in names else [])
                for strength in strengths:
                    devices.append(1 + names.index(device))
                    times.append(at_us)
                    rssi.append(NO_STRENGTH if strength is None else strength)
        return [
            ChipColumns(chip, *(msgspec.json.encode(column).decode() for column in made))
            for chip, made in columns.items()
        ]

    def wait(self):
        self.late = max(0, self.late - 1)

    def _reads(self):
        """The strengths of each read, by chip, device and time, as often as it came."""
        strengths, ids = {}, set()
        for fact in self.facts:
            if fact.id is not None and fact.id in ids:
                continue
            ids.update(fact.names())
            for read in fact.reads if is_reads(fact) else ():
                strengths.setdefault((read.chip, read.device, read.at_us), []).append(read.rssi)
        return strengths


def rows_of(state):
    state.mark_all()
    return state.take(10**6)


def body_of(tried):
    """The body of a request with these facts."""
    return b"[" + b",".join(map(to_json, tried)) + b"]"


def previewed(facts, tried, previewer=None, late=0):
    """What the tried facts would change after a log."""
    made = (previewer or Previewer()).preview(MemorySource(facts, late), "e", len(facts) - 1, body_of(tried))
    return msgspec.to_builtins(made)


def plain_document(state):
    return msgspec.to_builtins(document("e", 0, scored(state)))


def committed(facts, tried):
    """The same from the documents before and after the facts are on the log."""
    state = state_of(facts)
    before = plain_document(state)
    ordinal = 0
    for fact in tried:
        state.fold(len(facts), ordinal, fact)
        ordinal += len(getattr(fact, "entries", "1"))
    after = plain_document(state)
    made = {part: differing(key, before[part], after[part]) for part, key in LISTS.items()}
    for part, key in TABLES.items():
        tables = {
            name: differing(key, before[part].get(name, []), after[part].get(name, []))
            for name in before[part] | after[part]
        }
        made[part] = {name: lines for name, lines in tables.items() if lines}
    counts = {}
    for side, shown in (("before", before), ("after", after)):
        for row in shown["athletes"]:
            count = counts.setdefault((row["race"], row["status"]), {"before": 0, "after": 0})
            count[side] += 1
    made["counts"] = {}
    for (race, status), count in counts.items():
        if count["before"] != count["after"]:
            made["counts"].setdefault(race, {})[status] = count
    return made


def differing(key, before, after):
    """By key, the lines before and after that are not equal."""
    old, new = {line[key]: line for line in before}, {line[key]: line for line in after}
    return {name: (old.get(name), new.get(name)) for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def comparable(preview):
    """A preview with its lines by key, as `committed` has them; without what is said of the facts."""
    made = {part: value for part, value in preview.items() if part not in ("event", "revision", "facts")}
    for part, key in LISTS.items():
        made[part] = _by_key(key, preview[part])
    for part, key in TABLES.items():
        made[part] = {name: _by_key(key, lines) for name, lines in preview[part].items()}
    return made


def _by_key(key, lines):
    made = {line[key]: (line["before"], line["after"]) for line in lines}
    assert len(made) == len(lines)
    return made
