"""What ingest knows of events from the log and the results, and the effects of facts that it reads back."""

import asyncio
from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.codec import fact_from_json, logged
from schemas.events import EntriesAdded, LoggedFact
from schemas.results import AthleteRow, Case, Frame, PointTime
from services.ingest.known_events import KnownEvents, Watch, effort_of
from tests.builders import (
    EVENT,
    Plain,
    at,
    day,
    decided,
    definition,
    entries,
    entry,
    fact,
    gun,
    read,
    reads,
    result,
    status,
    withdrawn,
)


def facts_of(*plain: Plain) -> list[LoggedFact]:
    return [logged(fact_from_json(msgspec.json.encode(item))) for item in plain]


def record(*plain: Plain) -> bytes:
    return codec.encode_envelope(EVENT, facts_of(*plain))


def frame(*rows: AthleteRow) -> bytes:
    return codec.encode_frame(Frame(v=1, partition=0, from_offset=0, through_offset=0, last=True, rows=list(rows)))


def row(bib: str, version: int = 1, **more: Any) -> AthleteRow:
    return msgspec.structs.replace(result(bib, 4000), version=version, **more)


def known(*records: bytes) -> KnownEvents:
    events = KnownEvents()
    for offset, data in enumerate(records):
        events.fold_log(offset, data)
    return events


def test_an_event_is_known_by_its_definition_and_its_entries_in_force():
    event = known(record(*day(bibs=["7", "8"])), record(entries(entry("8", chips=["C7"], club="Ha Noi")))).get(EVENT)
    assert event.definition is not None
    assert event.definition.name == definition()["name"]
    assert [(held.bib, held.club) for held in event.entries()] == [("7", None), ("8", "Ha Noi")]
    assert event.entry("9") is None
    assert event.owner_of("C7") == "8"


def test_an_event_that_the_log_does_not_have_is_unknown():
    event = known().get(EVENT)
    assert event.definition is None
    assert list(event.entries()) == []


def test_a_list_that_was_taken_back_is_known_by_its_id():
    part = msgspec.json.encode(entries("8", id="list.0", part_of="list"))
    upload = fact_from_json(part)
    assert isinstance(upload, EntriesAdded)
    before = known(record(*day()), record(msgspec.json.decode(part)))
    assert not before.get(EVENT).is_withdrawn(upload)
    before.fold_log(2, record(withdrawn("list")))
    assert before.get(EVENT).is_withdrawn(upload)


def test_the_ids_of_reads_are_in_use():
    events = known(record(*day()), record(reads(read("S1", "C7", 1))), record(reads(read("S1", "C7", 2), id="r")))
    assert events.get(EVENT).has_fact("r")
    (effect,) = judged(events, status("7", id="r"))
    assert effect.effect == "repeated"


def test_the_head_of_a_record_says_how_much_there_is_to_fold():
    faulty = msgspec.msgpack.encode({"v": 1, "event": EVENT, "facts": [{"type": "reads_received", "reads": "none"}]})
    newer = msgspec.msgpack.encode({"v": 99, "event": EVENT, "facts": [{"type": "reads_received"}]})
    named, unnamed = reads(read("S1", "C7", 1), id="r"), reads(read("S1", "C7", 1))
    efforts: dict[str, list[bytes | None]] = {
        "none": [faulty, record(unnamed), record(unnamed, unnamed), None],
        "little": [record(named), record(unnamed, named), record(status("7")), record(unnamed, status("7"))],
        "much": [record(*day()), record(entries("8")), record(unnamed, gun(20)), record(status("7"), withdrawn("x"))],
    }
    for effort, records in efforts.items():
        assert [effort_of(data) for data in records] == [effort] * 4
    assert [effort_of(data) for data in (b"none", newer)] == ["little", "little"]
    with pytest.raises(codec.UnreadableRecord):
        known(b"none")
    with pytest.raises(codec.UnknownVersion):
        known(newer)


def judged(events: KnownEvents, *plain: Plain):
    """The effects of facts that come next in the log, one in each record."""

    async def judge():
        facts = facts_of(*plain)
        watch = Watch(EVENT, facts)
        events.watch(watch)
        for offset, sent in enumerate(facts, start=100):
            events.fold_log(offset, codec.encode_envelope(EVENT, [sent]))
        events.settle()
        events.unwatch(watch)
        return watch.effects.result()

    return asyncio.run(judge())


def test_each_fact_of_a_request_is_judged_after_those_before_it():
    effects = judged(known(record(*day())), status("8"), entries("8"), status("8"), status("8", "DNF"))
    assert [effect.effect for effect in effects] == ["pending", "applied", "no_change", "applied"]


async def test_of_two_requests_each_gets_the_effects_of_its_own_facts():
    events = known(record(*day()))
    mine, theirs = facts_of(status("7", recorded_at_us=at(1))), facts_of(status("7", recorded_at_us=at(2)))
    watches = Watch(EVENT, mine), Watch(EVENT, theirs)
    for watch in watches:
        events.watch(watch)
    events.fold_log(1, codec.encode_envelope(EVENT, [*theirs, *mine]))
    events.settle()
    assert [watch.effects.result()[0].effect for watch in watches] == ["no_change", "applied"]


async def test_facts_that_are_not_on_the_log_yet_are_waited_for():
    events = known(record(*day()))
    watch = Watch(EVENT, facts_of(status("7"), status("7", "DNF")))
    events.watch(watch)
    events.fold_log(1, record(status("7")))
    events.settle()
    assert not watch.effects.done()
    events.fold_log(2, record(status("7", "DNF")))
    events.settle()
    assert watch.effects.done()


def test_cases_and_points_come_from_the_results():
    events = known(record(*day(bibs=["7", "8"])))
    opened = [Case("missed:8", "hm", "8")]
    passed = [PointTime("START", at(10), "main")]
    events.fold_results(frame(row("7", points=passed), row("8", cases=opened, points=passed)))
    (effect,) = judged(events, decided("missed:7", "dq"))
    assert effect.why == "there is no case 'missed:7' now; did you mean 'missed:8'?"
    (effect,) = judged(events, gun(20))
    assert effect.warnings == ["2 of the 2 athletes who passed START did so before this gun; they would lose it"]


def test_a_start_that_a_newer_row_takes_away_is_not_counted():
    events = known(record(*day(bibs=["7", "8"])))
    events.fold_results(frame(*(row(bib, points=[PointTime("START", at(10), "main")]) for bib in "78")))
    events.fold_results(frame(row("7", 2), row("8", 2, points=[PointTime("START", at(30), "main")])))
    (effect,) = judged(events, gun(20))
    assert effect.warnings == []
    (effect,) = judged(events, gun(40))
    assert effect.warnings == ["1 of the 1 athletes who passed START did so before this gun; they would lose it"]


def test_of_an_athletes_rows_the_newest_counts_in_whatever_order_they_come():
    events = known(record(*day()))
    events.fold_results(frame(row("7", 5, cases=[Case("missed:7", "hm", "7")])))
    events.fold_results(frame(row("7", 4)))
    (effect,) = judged(events, decided("missed:7", "dq"))
    assert effect.effect == "applied"
    events.fold_results(frame(row("7", 6)))
    (effect,) = judged(events, decided("missed:7", "accept"))
    assert effect.effect == "pending"


def test_of_an_archived_event_nothing_stays_but_where_its_log_begins():
    events = known(record(reads(read("S1", "C7", 1))), record(*day()), record(fact("event_archived")))
    assert events.archived == {EVENT: 0}
    events.fold_results(frame(row("7")))
    assert events.get(EVENT).definition is None
    unnamed, other = record(reads(read("S1", "C7", 2))), codec.encode_envelope("other", [])
    assert [events.ends_archive(data) for data in (unnamed, other)] == [True, False]


def test_an_event_that_was_archived_is_known_again_once_its_log_was_read_again():
    log = [record(*day()), record(fact("event_archived"))]
    events = known(*log)
    effects = judged(events, fact("event_reopened"), status("7", "DQ"))
    assert [(effect.effect, effect.why is None) for effect in effects] == [("applied", True), ("unknown", False)]
    assert (events.archived, events.returning) == ({}, {EVENT: 0})
    events.begin_again(EVENT)
    for offset, data in enumerate([*log, record(fact("event_reopened"))]):
        events.fold_again(EVENT, offset, data)
        events.fold_again("other", offset, data)
    events.fold_results(frame(row("7", cases=[Case("missed:7", "hm", "7")])), EVENT)
    events.put_back(EVENT)
    assert (events.archived, events.returning) == ({}, {})
    assert [effect.effect for effect in judged(events, decided("missed:7", "accept"))] == ["applied"]
    events.fold_log(200, record(fact("event_archived")))
    assert events.archived == {EVENT: 0}
