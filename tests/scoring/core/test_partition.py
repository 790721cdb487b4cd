"""The state of a partition: records in order, refused facts, snapshots."""

import msgspec
import pytest

from schemas.codec import Envelope
from schemas.codec import logged as as_logged
from services.scoring.core.event import EventState
from services.scoring.core.partition import (
    FOLD_VERSION,
    Loading,
    PartitionState,
    Refusal,
    SnapshotUnusable,
    fold_record,
)
from tests.builders import EVENT, day, defined, definition, entries, entry, fact, gun, run, status, typed, withdrawn


def envelope(*facts, event="example-2026"):
    return Envelope(1, event, [as_logged(typed(fact)) for fact in facts])


def rows(state):
    """All rows that are due, athletes by bib."""
    events, athletes = state.take(1000)
    return events, sorted(athletes, key=lambda row: (row.event, row.bib))


def restored(state):
    """The state out of its own snapshot."""
    first, *parts = state.dump()
    loading = Loading(first)
    for part in parts:
        loading.add(part)
    return loading.finish()


def test_a_partition_counts_its_records_and_skips_unreadable_ones():
    state = PartitionState(3, 10)
    assert state.fold(10, envelope(*day())) == []
    assert state.fold(11, None) == []
    assert state.fold(15, envelope(run())) == []  # compaction and transactions leave gaps in offsets
    assert state.next_offset == 16
    _, (row,) = rows(state)
    assert (row.status, row.version) == ("FINISHED", 15)


def test_a_record_is_folded_once():
    state = PartitionState(0)
    state.fold(0, envelope(*day()))
    with pytest.raises(AssertionError, match="record 0 of partition 0 is already folded"):
        state.fold(0, envelope(run()))


def test_a_fact_without_effect_is_named_by_its_place_in_the_record():
    bad = fact("event_defined", definition=definition(races=[], boards=[]))
    stray = {**status("7", "DQ"), "event": "other"}
    refusals = PartitionState(0).fold(0, envelope(defined(), stray, entries("7"), bad))
    assert refusals == [
        Refusal(1, "is for event 'other', but in a record of 'example-2026'"),
        Refusal(3, "races: is empty; an event has at least one race"),
    ]


def test_events_of_a_partition_are_independent():
    other = definition(event="other")
    state = PartitionState(0)
    state.fold(0, envelope(*day(run())))
    facts = [{**plain, "event": "other"} for plain in (defined(other), entries("7"), gun(), run(finish=None))]
    state.fold(1, envelope(*facts, event="other"))
    events, athletes = rows(state)
    assert [(row.event, row.status) for row in athletes] == [("example-2026", "FINISHED"), ("other", "ON_COURSE")]
    assert sorted(event.event for event in events) == ["example-2026", "other"]
    assert state.heads() == {"example-2026": 0, "other": 1}


def test_heads_name_the_events_touched_since_they_were_cleared():
    state = PartitionState(0)
    state.fold(0, envelope(*day()))
    state.clear_heads()
    assert state.heads() == {}
    state.fold(1, envelope(run()))
    assert state.heads() == {"example-2026": 1}
    state.clear_heads()
    state.mark_all()
    assert state.heads() == {"example-2026": 1}


def test_mark_all_makes_every_row_due_again_with_its_version():
    state = PartitionState(0)
    state.fold(0, envelope(*day(run(), bibs=["7", "8"])))
    first = rows(state)
    assert rows(state) == ([], [])
    state.mark_all()
    assert rows(state) == first


def test_mark_again_gives_rows_once_more_beside_those_that_are_due():
    state = PartitionState(0)
    state.fold(0, envelope(*day(run("7"), bibs=["7", "8", "9"])))
    _, before = state.take(10)
    state.clear_heads()
    state.mark_again()
    state.fold(1, envelope(status("8", "DQ")))
    assert state.heads() == {EVENT: 1}
    assert [row.bib for row in state.take(10)[1]] == ["8"]
    again = state.take_again(1) + state.take_again(10)
    assert sorted(row.bib for row in again) == ["7", "8", "9"]
    assert {row.bib: row for row in again if row.bib != "8"} == {row.bib: row for row in before if row.bib != "8"}
    assert state.take_again(10) == []
    assert state.pending() == 0


def test_a_row_that_is_due_is_not_given_again_at_its_old_version():
    state = PartitionState(0)
    state.fold(0, envelope(*day(bibs=["7"])))
    state.take(10)
    state.mark_again()
    state.fold(1, envelope(run("7")))
    assert state.take_again(10) == []
    assert [row.version for row in state.take(10)[1]] == [1]


def test_rows_are_taken_up_to_a_limit_and_the_rest_stay_due():
    state = PartitionState(0)
    state.fold(0, envelope(*day(bibs=["7", "8", "9"])))
    assert state.pending() == 4
    assert len(state.take(2)[1]) == 2
    assert state.pending() == 1


@pytest.mark.parametrize(("limit", "taken"), [(1, [1, 1, 1, 1]), (2, [2, 2]), (3, [3, 1]), (9, [4])])
def test_the_limit_counts_rows_of_all_events_together(limit, taken):
    other = definition(event="other")
    state = PartitionState(0)
    state.fold(0, envelope(*day(bibs=["7", "8"])))
    state.fold(
        1, envelope(*({**plain, "event": "other"} for plain in (defined(other), entries("7", "8"))), event="other")
    )
    sizes = []
    while state.pending():
        sizes.append(len(state.take(limit)[1]))
    assert sizes == taken


def test_entries_of_one_record_keep_their_order():
    """Numbers go on over the facts of a record, so that a team counts its first members in log order."""
    state = PartitionState(0)
    state.fold(0, envelope(defined(), entries("9", "8"), entries("7"), entries(entry("9", club="New"))))
    _, athletes = rows(state)
    ordered = sorted(athletes, key=lambda row: row.first_entry)
    assert [row.bib for row in ordered] == ["9", "8", "7"]


def test_a_restored_state_goes_on_like_the_original():
    """Facts of all kinds before it; after it an id sent again, a withdrawal and a repeat, which depend on them."""
    before = [*day(run("7", finish=None), status("8", "DQ", id="s"), bibs=["7", "8"]), withdrawn("later")]
    after = [run("7"), status("8", "DQ", id="s"), status("7", "DNF", id="later"), withdrawn("s")]
    unbroken, first = PartitionState(2), PartitionState(2)
    unbroken.fold(0, envelope(*before))
    first.fold(0, envelope(*before))
    rows(first)
    second = restored(first)
    assert (second.partition, second.next_offset) == (2, 1)
    for state in (unbroken, second):
        state.fold(1, envelope(*after))
        state.mark_all()
    assert rows(second) == rows(unbroken)


def test_a_restored_state_has_nothing_due():
    state = PartitionState(0)
    state.fold(0, envelope(*day(run())))
    rows(state)
    assert restored(state).pending() == 0


def test_a_snapshot_of_many_chips_and_facts_has_many_parts():
    state = PartitionState(0)
    bibs = [str(bib) for bib in range(2100)]
    state.fold(0, envelope(*day(bibs=bibs)))
    for offset in range(1, 4):
        state.fold(offset, envelope(*(status(bib, "DQ") for bib in bibs[:300])))
    state.fold(4, envelope(*(run(bib, finish=None) for bib in bibs)))
    state.take(10_000)
    parts = list(state.dump())
    assert len(parts) == 1 + 1 + 2 + 2  # head, event, 2,100 entries and 900 facts by 2,000, 2,100 chips by 2,000
    again = restored(state)
    state.mark_all()
    again.mark_all()
    assert rows_all(again) == rows_all(state)


def test_long_lists_of_entries_are_in_several_parts_of_a_snapshot():
    state = PartitionState(0)
    for offset in range(4):
        state.fold(offset, envelope(entries(*(str(bib) for bib in range(offset * 1500, offset * 1500 + 1500)))))
    state.take(10_000)
    assert len(list(state.dump())) == 1 + 1 + 2  # two lists make 3,000 entries
    again = restored(state)
    state.mark_all()
    again.mark_all()
    assert rows_all(again) == rows_all(state)


def rows_all(state):
    events, athletes = state.take(10_000)
    return events, sorted(athletes, key=lambda row: row.bib)


def test_a_snapshot_is_not_taken_while_rows_are_due():
    state = PartitionState(0)
    state.fold(0, envelope(*day()))
    with pytest.raises(AssertionError, match="rows due"):
        list(state.dump())


def test_a_snapshot_of_another_fold_or_with_invalid_parts_is_not_used():
    state = PartitionState(0)
    state.fold(0, envelope(*day()))
    rows(state)
    first, *parts = state.dump()
    head = msgspec.msgpack.decode(first)
    with pytest.raises(SnapshotUnusable, match=f"version {FOLD_VERSION + 1} of the fold"):
        Loading(msgspec.msgpack.encode({**head, "fold": FOLD_VERSION + 1}))
    older = {part: value for part, value in head.items() if part != "archived"}
    with pytest.raises(SnapshotUnusable, match="version 1 of the fold"):
        Loading(msgspec.msgpack.encode({**older, "fold": 1}))
    with pytest.raises(SnapshotUnusable):
        Loading(msgspec.msgpack.encode({**head, "byteorder": "middle"}))
    with pytest.raises(SnapshotUnusable, match="cannot be read"):
        Loading(b"garbage")
    with pytest.raises(SnapshotUnusable, match="cannot be read"):
        Loading(first).add(parts[0][:-1])


# --- Archived events.


def test_an_archived_event_is_sent_whole_and_leaves_only_its_first_and_last_offset():
    state = PartitionState(0, 7)
    state.fold(7, envelope(*day(run())))
    events, athletes = rows(state)
    assert not events[0].archived
    state.fold(8, envelope(fact("event_archived")))
    ((archived,), again) = rows(state)
    assert (archived.archived, archived.version) == (True, 8)
    assert again == athletes
    assert state.drop_archived() == [EVENT]
    assert (state.events, state.archived, state.heads()) == ({}, {EVENT: (7, 8)}, {EVENT: 8})
    assert restored(state).archived == {EVENT: (7, 8)}
    state.mark_all()
    assert rows(state) == ([], [])


def test_a_state_whose_rows_are_due_is_not_dropped():
    state = PartitionState(0)
    state.fold(0, envelope(*day(run()), fact("event_archived")))
    with pytest.raises(AssertionError, match="rows of event 'example-2026' are due"):
        state.drop_archived()


@pytest.mark.parametrize("last", [[fact("event_reopened")], [status("7", "DQ")], [run(finish=None)]])
def test_whatever_follows_brings_an_archived_event_back_as_a_fold_of_its_log(last):
    before, after = [envelope(*day(run())), envelope(fact("event_archived"))], envelope(*last)
    state, whole = PartitionState(0), PartitionState(0)
    for offset, record in enumerate(before):
        state.fold(offset, record)
    rows(state)
    state.drop_archived()
    assert state.fold(2, after) == []
    assert state.returning == EVENT
    with pytest.raises(AssertionError, match="has to be put back before record 3"):
        state.fold(3, envelope(*last))
    again = EventState(EVENT, state.archived[EVENT][0])
    for offset, record in enumerate([*before, after]):
        whole.fold(offset, record)
        fold_record(again, offset, record)
    state.put_back(again)
    whole.mark_all()
    assert rows(state) == rows(whole)
    assert not state.events[EVENT].archived
    assert (state.archived, state.heads()) == ({}, {EVENT: 2})
    assert state.fold(3, envelope(fact("event_reopened"))) == []


def test_an_event_is_archived_again_after_it_was_reopened():
    state = PartitionState(0)
    for offset, record in enumerate([[*day()], [fact("event_archived")], [fact("event_reopened")]]):
        state.fold(offset, envelope(*record))
    assert not rows(state)[0][0].archived
    assert state.drop_archived() == []
    state.fold(3, envelope(fact("event_archived", id="a")))
    rows(state)
    assert state.drop_archived() == [EVENT]
