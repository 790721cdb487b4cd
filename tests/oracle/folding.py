"""Ways of folding a log of plain facts that properties compare: at once, in records, with rows taken on the way."""

import json

import msgspec

from schemas.codec import decode_envelope, encode_envelope, fact_from_json, logged
from services.offline.scored_log import scored
from services.scoring.core.event import EventState
from services.scoring.core.partition import Loading, PartitionState
from services.standings.document import document

TAKE_ALL = 10**6


def typed(log):
    """The facts of a log as Kafka carries them."""
    return [logged(fact_from_json(json.dumps(fact))) for fact in log]


def standings_of(state):
    """Everything that must be equal where standings are: the document but `revision`, and `repeat`."""
    made = document("" if state is None else state.event, 0, scored(state))
    made["unused_reads"].pop("repeat", None)
    return msgspec.to_builtins(made)


def at_once(log):
    """The state of a log whose every fact is a record."""
    return folded([[fact] for fact in typed(log)])


def folded(records):
    """The state of an event after records, each a list of facts."""
    state = EventState("e")
    for offset, facts in enumerate(records):
        for ordinal, fact in enumerate(facts):
            state.fold(offset, ordinal << 8, fact)
    return state


def envelopes(records):
    """Records of one event through their bytes, as a worker gets them."""
    return [decode_envelope(encode_envelope(facts[0].event, facts)) for facts in records]


def cut(rng, facts):
    """Facts in records of one or more, cut anywhere."""
    records = []
    for fact in facts:
        if records and rng.random() < 0.6:
            records[-1].append(fact)
        else:
            records.append([fact])
    return records


def row_bytes(rows):
    """Rows as bytes, by event and, for an athlete's, bib."""
    return {(row.event, getattr(row, "bib", None)): msgspec.msgpack.encode(row) for row in rows}


def final_rows(state):
    """The rows of all athletes and of the event after a whole log."""
    state.mark_all()
    event = state.take_event()
    return row_bytes([*([] if event is None else [event]), *state.take(TAKE_ALL)])


def restored(state):
    """The state out of its own snapshot."""
    first, *parts = state.dump()
    loading = Loading(first)
    for part in parts:
        loading.add(part)
    return loading.finish()


def partition(records):
    """The state of a partition after envelopes."""
    state = PartitionState(0)
    for offset, envelope in enumerate(records):
        state.fold(offset, envelope)
    return state


def merged(rng, *lists):
    """The lists in one, each in its own order."""
    left = [list(facts) for facts in lists if facts]
    shuffled = []
    while left:
        chosen = rng.choice(left)
        shuffled.append(chosen.pop(0))
        left = [rest for rest in left if rest]
    return shuffled
