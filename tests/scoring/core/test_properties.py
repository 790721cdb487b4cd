"""Properties of the fold for any log: reads commute, records may be cut anywhere, withdrawn facts have no effect."""

import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from random import Random

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.scoring.core.event import EventState
from services.scoring.core.partition import PartitionState
from tests.oracle.folding import (
    TAKE_ALL,
    at_once,
    cut,
    envelopes,
    final_rows,
    merged,
    partition,
    restored,
    row_bytes,
    standings_of,
    typed,
)
from tests.oracle.logs import BIBS, CHIPS, EVENT, log_of, logs, officials_of, one_of_each, some_reads

thorough = settings(max_examples=int(os.environ.get("MATLINE_PROPERTY_LOGS", "100")), deadline=None)
seeds = st.integers(0, 2**32 - 1)
rngs = seeds.map(Random)


# --- Reads commute.


def without_read_ids(log):
    """Return the log without ids of reads: a repeated id makes a fact ineffective, which is not tested here."""
    return [
        {key: fact[key] for key in fact if key != "id"} if fact["type"] == "reads_received" else fact for fact in log
    ]


def delivered_otherwise(rng, log):
    """The same reads in any order and any portions, some of them again, at times without their strength."""
    reads = [read for fact in log if fact["type"] == "reads_received" for read in fact["reads"]]
    again = [dict(read) for read in reads if rng.random() < 0.3]
    for read in again:
        if rng.random() < 0.3:
            read["rssi"] = None
    reads += again
    rng.shuffle(reads)
    delivered = [fact for fact in log if fact["type"] != "reads_received"]
    while reads:
        taken = rng.randint(1, 5)
        fact = {"type": "reads_received", "event": EVENT, "gateway": "other", "session": "s", "reads": reads[:taken]}
        delivered.insert(rng.randint(0, len(delivered)), fact)
        reads = reads[taken:]
    return delivered


@thorough
@given(logs(), rngs)
def test_order_portions_and_repetition_of_reads_do_not_change_the_standings(log, rng):
    log = without_read_ids(log)
    assert standings_of(at_once(delivered_otherwise(rng, log))) == standings_of(at_once(log))


@thorough
@given(logs(), st.sampled_from(CHIPS), rngs)
def test_reads_of_a_chip_change_only_rows_of_athletes_who_wore_it(log, chip, rng):
    wearers = set()
    for fact in log:
        wearers |= {entry["bib"] for entry in fact.get("entries", ()) if chip in entry["chips"]}
        if fact["type"] == "chip_assigned" and fact["chip"] == chip:
            wearers.add(fact["bib"].upper())
    before, after = final_rows(at_once(log)), final_rows(at_once([*log, some_reads(rng, chip)]))
    for bib in {bib for _, bib in before.keys() | after.keys()} - wearers:
        assert after.get((EVENT, bib)) == before.get((EVENT, bib)), bib


# --- Records may be cut anywhere.


@thorough
@given(logs(), rngs)
def test_the_cut_into_records_does_not_change_the_standings(log, rng):
    assume(log)
    state = partition(envelopes(cut(rng, typed(log))))
    assert standings_of(state.events[EVENT]) == standings_of(at_once(log))


def run(rng, records):
    """Every row that a partition gives while it folds records, taken at random moments, with random restarts."""
    state = PartitionState(0)
    rows = []
    for offset, envelope in enumerate(records):
        state.fold(offset, envelope)
        roll = rng.random()
        if roll < 0.5:
            events, athletes = state.take(rng.choice([1, 2, TAKE_ALL]))
            rows += [*events, *athletes]
        if roll < 0.15:
            events, athletes = state.take(TAKE_ALL)
            rows += [*events, *athletes]
            state = restored(state)
        if roll < 0.05:
            state.mark_all()
    events, athletes = state.take(TAKE_ALL)
    return [*rows, *events, *athletes], state


def newest(rows):
    """The row of the highest version for each key, as a reader of `results` keeps it."""
    newest_rows = {}
    for row in rows:
        key = (row.event, getattr(row, "bib", None))
        if key not in newest_rows or row.version > newest_rows[key].version:
            newest_rows[key] = row
    return newest_rows


@thorough
@given(logs(), logs(), rngs)
def test_rows_taken_at_any_time_end_like_those_of_all_records_at_once(log, other, rng):
    other = [{**fact, "event": "other"} for fact in other if fact["type"] != "event_defined"]
    records = merged(rng, envelopes(cut(rng, typed(log))), envelopes(cut(rng, typed(other))))
    unbroken = partition(records)
    rows, state = run(rng, records)
    unbroken.mark_all()
    events, athletes = unbroken.take(TAKE_ALL)
    assert row_bytes(newest(rows).values()) == row_bytes([*events, *athletes])
    assert state.next_offset == unbroken.next_offset
    for event, event_state in unbroken.events.items():
        assert standings_of(state.events[event]) == standings_of(event_state)


@thorough
@given(logs(), rngs)
def test_rows_of_one_version_are_the_same_bytes(log, rng):
    records = envelopes(cut(rng, typed(log)))
    by_version = defaultdict(set)
    for _ in range(3):
        for row in run(rng, records)[0]:
            by_version[getattr(row, "bib", None), row.version].add(msgspec.msgpack.encode(row))
    assert all(len(same) == 1 for same in by_version.values())


def afterwards(rng, log):
    """Facts that may follow a log: officials' facts, reads, and withdrawals of any of them."""
    facts = [{**fact, "id": f"m{number}"} for number, fact in enumerate(one_of_each(rng))]
    facts += [some_reads(rng, rng.choice(CHIPS)) for _ in range(2)]
    ids = [fact["id"] for fact in [*log, *facts] if "id" in fact]
    for nth in range(6):
        name = f"n{nth}"
        facts.append({"type": "fact_withdrawn", "event": EVENT, "fact": rng.choice(ids), "reason": "r", "id": name})
        ids += [name] * 4
    rng.shuffle(facts)
    return facts


@thorough
@given(logs(), rngs)
def test_a_row_that_is_not_due_has_not_changed(log, rng):
    state = EventState(EVENT)
    held = {}
    for offset, fact in enumerate(typed([*log, *afterwards(rng, log)])):
        state.fold(offset, 0, fact)
        event = state.take_event()
        held |= row_bytes([*([] if event is None else [event]), *state.take(TAKE_ALL)])
        assert {bib for _, bib in held} >= set(state.rulings.bibs())
        now = [state.event_row() if bib is None else state.row(bib) for _, bib in held]
        assert row_bytes(now) == held, fact


@thorough
@given(logs(), rngs)
def test_a_state_restored_at_any_record_goes_on_like_the_original(log, rng):
    records = envelopes(cut(rng, typed(log)))
    split_at = rng.randint(0, len(records))
    unbroken, first = partition(records), partition(records[:split_at])
    first.take(TAKE_ALL)
    second = restored(first)
    assert list(second.dump()) == list(first.dump())
    for offset, envelope in enumerate(records[split_at:], start=split_at):
        assert second.fold(offset, envelope) == first.fold(offset, envelope)
    for event, state in unbroken.events.items():
        assert final_rows(second.events[event]) == final_rows(state)
        assert second.events[event].unused_reads([]) == state.unused_reads([])


# --- Withdrawn facts have no effect.


@thorough
@given(logs(), seeds, rngs)
def test_a_withdrawn_fact_has_no_effect(log, seed, rng):
    fact = {**rng.choice(officials_of(seed)), "id": "taken-back"}
    withdrawal = {"type": "fact_withdrawn", "event": EVENT, "fact": "taken-back", "reason": "r", "id": "back"}
    withdrawn = {**withdrawal, "fact": "back", "id": "back-again"}
    with_it = list(log)
    with_it.insert(rng.randint(0, len(log)), fact)
    both = list(with_it)
    both.insert(rng.randint(0, len(both)), withdrawal)
    all_three = list(both)
    all_three.insert(rng.randint(0, len(both)), withdrawn)
    assert standings_of(at_once(both)) == standings_of(at_once(log))
    assert standings_of(at_once(all_three)) == standings_of(at_once(with_it))


def without_entry(fact, bib):
    """The fact without entries of a bib."""
    if fact["type"] != "entries_added":
        return fact
    return {**fact, "entries": [entry for entry in fact["entries"] if entry["bib"] != bib]}


@thorough
@given(logs(), st.sampled_from(BIBS), rngs)
def test_after_an_entry_is_withdrawn_all_is_as_if_it_had_never_been_added(log, bib, rng):
    cut = rng.randint(0, len(log))
    left = {"type": "entry_withdrawn", "event": EVENT, "bib": bib, "reason": "r"}
    state = at_once([*log[:cut], left, *log[cut:]])
    never = at_once([*(without_entry(fact, bib) for fact in log[:cut]), *log[cut:]])
    assert standings_of(state) == standings_of(never)
    assert state.event_row().pending == never.event_row().pending
    assert {bib: state.row(bib).entry for bib in BIBS} == {bib: never.row(bib).entry for bib in BIBS}


def undone(fact):
    """The fact of the same type that takes a fact back, and the fields that identify their subject."""
    match fact["type"]:
        case "time_set":
            return {**fact, "at_us": None}, ("bib", "point")
        case "status_set":
            return {**fact, "status": "OK"}, ("bib",)
        case _:
            return {**fact, "type": "race_reopened"}, ("race",)


def rulings():
    """Facts that another fact can take back."""
    reason = {"event": EVENT, "reason": "r"}
    bibs, points = st.sampled_from(BIBS), st.sampled_from(["START", "P1", "FINISH"])
    instants = seeds.map(lambda seed: some_reads(Random(seed), "T1")["reads"][0]["at_us"])
    return st.one_of(
        st.builds(
            lambda bib, p, at_us: {"type": "time_set", "bib": bib, "point": p, "at_us": at_us} | reason,
            bibs,
            points,
            instants,
        ),
        st.builds(
            lambda bib, s: {"type": "status_set", "bib": bib, "status": s} | reason,
            bibs,
            st.sampled_from(["DNS", "DNF", "DQ"]),
        ),
        st.builds(lambda race: {"type": "race_closed", "race": race, "event": EVENT}, st.sampled_from("rs")),
    )


@thorough
@given(logs(), rulings(), rngs)
def test_taking_a_fact_back_restores_the_earlier_standings(log, fact, rng):
    back, fields = undone(fact)
    same = {fact["type"], back["type"]}
    log = [other for other in log if other["type"] not in same or any(other[name] != fact[name] for name in fields)]
    first = rng.randint(0, len(log))
    both = [*log[:first], fact, *log[first:]]
    both.insert(rng.randint(first + 1, len(both)), back)
    assert standings_of(at_once(both)) == standings_of(at_once(log))


# --- Every run gives the same bytes.

SCORED = """
import hashlib, sys
from tests.scoring.core.test_properties import digest
print(digest())
"""


def digest():
    """A hash of the rows and documents of a few hundred logs."""
    hashed = hashlib.sha256()
    for seed in range(150):
        log = log_of(seed)
        state = at_once(log)
        hashed.update(json.dumps(standings_of(state)).encode())
        for key, row in sorted(final_rows(state).items(), key=repr):
            hashed.update(repr(key).encode() + row)
    return hashed.hexdigest()


def test_the_hash_seed_changes_no_byte():
    command = [sys.executable, "-c", SCORED]
    digests = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1", "2")
    }
    assert len(digests) == 1
