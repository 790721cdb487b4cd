"""A preview of facts on a log, with the state and the reads apart as live has them, and the same from two documents.

Ingest writes no reads with an `id`; those of random logs keep their ids here, and count once.
"""

import msgspec

from services.offline.scored_log import scored
from services.preview.difference import difference
from services.preview.held_reads import HeldReads
from services.preview.trial import Trial, devices_concerned, misfits
from services.scoring.core.event import EventState
from services.scoring.core.explain.evidence import PlainRead
from services.standings.document import document
from services.standings.incremental import EventStandings

LISTS = {"athletes": "bib", "cases": "case"}
TABLES = {"boards": "bib", "team_boards": "team", "delegations": "team"}


def is_reads(fact):
    return not hasattr(fact, "scopes")


def state_of(facts):
    """The state after facts, each a record of its own."""
    state = EventState("e")
    for offset, fact in enumerate(facts):
        state.fold(offset, 0, fact)
    return state


def rulings_of(facts):
    """The same state without any reads, as the table of facts gives it."""
    return state_of([msgspec.structs.replace(fact, reads=[]) if is_reads(fact) else fact for fact in facts])


def standings_of(state):
    """The standings of the rows that a state gives."""
    state.mark_all()
    event = state.take_event()
    made = EventStandings()
    made.apply(state.take(10**6), event)
    return made


def reads_by(facts, chosen):
    """The reads for which `chosen` holds, each once, with the strongest rssi."""
    strongest, ids = {}, set()
    for fact in facts:
        repeated = fact.id is not None and fact.id in ids
        ids.add(fact.id)
        for read in fact.reads if is_reads(fact) and not repeated else ():
            if chosen(read):
                key = read.chip, read.device, read.at_us
                held = strongest.get(key)
                strongest[key] = read.rssi if held is None else held if read.rssi is None else max(held, read.rssi)
    return [PlainRead(*key, rssi, 1) for key, rssi in sorted(strongest.items(), key=lambda item: item[0])]


def previewed(facts, tried):
    """What the tried facts would change after a log, and the base that must be left as it was."""
    state, standings = rulings_of(facts), standings_of(state_of(facts))
    reads = HeldReads()
    devices = devices_concerned(state, tried)
    chips = {read.chip for read in reads_by(facts, lambda read: read.device in devices)}
    reads.put(chips, reads_by(facts, lambda read: read.chip in chips))
    trial = Trial(state, reads, len(facts) - 1, tried)
    more = set(trial.chips()) - chips
    reads.put(more, reads_by(facts, lambda read: read.chip in more))
    assert misfits(state, reads, standings.rows, trial.bibs) == []
    return msgspec.to_builtins(difference(standings, trial.rows(), trial.event())), state, standings


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
    """A preview with its lines by key, as `committed` has them."""
    made = dict(preview)
    for part, key in LISTS.items():
        made[part] = _by_key(key, preview[part])
    for part, key in TABLES.items():
        made[part] = {name: _by_key(key, lines) for name, lines in preview[part].items()}
    return made


def _by_key(key, lines):
    made = {line[key]: (line["before"], line["after"]) for line in lines}
    assert len(made) == len(lines)
    return made
