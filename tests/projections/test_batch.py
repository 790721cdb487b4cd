"""Frames into batches: only whole revisions, only what is new."""

import random
from typing import Any

import msgspec

from schemas.notices import NOTICE_VERSION, RevisionNotice
from schemas.results import Frame, UnknownChip, UnknownChips
from services.offline.export.publications import PublishingLog
from services.projections.batch import Results, dated
from services.projections.rows import TableRows
from services.projections.tables import TABLES, columns_of
from services.standings.publication import publication_key
from tests.builders import (
    AT_FINISH,
    EVENT,
    ON_10K,
    Plain,
    at,
    board,
    defined,
    definition,
    entries,
    entry,
    fact,
    gun,
    read,
    reads,
    run,
    status,
)
from tests.projections.results_writer import ResultsWriter

CHIP = UnknownChip("W900", 3, 1, 2, ["S1", "F1"], 2)


def _finish(bib: str, seconds: float) -> Plain:
    return reads(read("S1", f"C{bib}", 1), read("K1", f"C{bib}", ON_10K), read("F1", f"C{bib}", AT_FINISH + seconds))


def test_a_revision_waits_for_its_last_frame() -> None:
    writer = ResultsWriter(rows_a_frame=2)
    results = Results()
    _, frames = writer.frames(defined(), entries("1", "2", "3", "4", "5"), gun())
    for frame in frames[:-1]:
        results.add(frame)
        assert not results.is_ready()
        assert results.take().notices == []
    results.add(frames[-1])
    batch = results.take()
    assert [(notice.event, notice.revision) for notice in batch.notices] == [("example-2026", 0)]
    assert batch.notices[0].bibs == ["1", "2", "3", "4", "5"]
    assert len(batch.tables.tables["athlete_versions"]) == 5


def test_several_revisions_go_out_as_the_newest() -> None:
    writer = ResultsWriter()
    results = Results()
    for plain in ([defined(), entries("1", "2"), gun()], [_finish("1", 5)], [_finish("2", 4)]):
        for frame in writer.frames(*plain, accepted_us=1_000 + writer.state.next_offset)[1]:
            results.add(frame)
    batch = results.take()
    assert [notice.revision for notice in batch.notices] == [2]
    assert batch.notices[0].accepted_us == 1_000
    assert len(batch.tables.tables["athlete_versions"]) == 2
    assert results.events["example-2026"].board("men")[0].bib == "2"


def test_what_comes_again_after_a_fill_writes_nothing() -> None:
    writer = ResultsWriter()
    results = Results()
    for plain in ([defined(), entries("1"), gun()], [_finish("1", 5)]):
        for frame in writer.frames(*plain)[1]:
            results.add(frame)
    results.take()
    for frame in writer.again():
        results.add(frame)
    batch = results.take()
    assert batch.notices == []
    assert batch.tables.count() == 0


def test_only_splits_that_differ_are_written_and_those_taken_back_are_marked() -> None:
    writer = ResultsWriter()
    results = Results()

    def rows(*plain: Plain) -> list[tuple[object, ...]]:
        for frame in writer.frames(*plain)[1]:
            results.add(frame)
        return [(row[2], row[5]) for row in results.take().tables.tables.get("splits", [])]

    assert rows(defined(), entries("1"), gun()) == []
    assert rows(reads(read("S1", "C1", 1))) == [("START", 1)]
    assert rows(reads(read("K1", "C1", ON_10K))) == [("10K", 1)]
    assert rows(reads(read("K1", "C1", ON_10K + 5))) == []
    excluded = {"type": "read_excluded", "event": "example-2026", "device": "K1", "chip": "C1", "reason": "a bike"}
    at_us = 1_767_477_600_000_000
    both = [{**excluded, "at_us": at_us + second * 1_000_000} for second in (ON_10K, ON_10K + 5)]
    assert rows(*both) == [("10K", 0)]


def test_an_older_row_that_comes_late_changes_nothing() -> None:
    writer = ResultsWriter()
    results = Results()
    frames = []
    for plain in ([defined(), entries("1"), gun()], [reads(read("S1", "C1", 1))], [reads(read("K1", "C1", ON_10K))]):
        frames += writer.frames(*plain)[1]
    for frame in frames:
        results.add(frame)
    results.take()
    held = results.events["example-2026"].rows["1"]
    results.add(frames[1])
    assert results.take().tables.count() == 0
    assert results.events["example-2026"].rows["1"] == held


def test_rows_fit_the_columns_of_their_tables() -> None:
    writer = ResultsWriter()
    results = Results()
    team = {"id": "teams", "of": "men"}
    plain = defined()
    plain["definition"] = {
        **plain["definition"],
        "team_boards": [team],
        "delegations": [{"id": "all", "sum": ["teams"]}],
        "together": {"points": 1},
    }
    finishes = [run(bib, k10=None, finish="4000.5") for bib in ("1", "2")]
    for frame in writer.frames(plain, entries("1", "2"), gun(), *finishes)[1]:
        results.add(frame)
    tables = results.take().tables.tables
    assert tables.keys() == {
        "athlete_versions",
        "splits",
        "event_versions",
        "board_rows",
        "team_standings",
        "delegation_standings",
        "together_cases",
    }
    for name, rows in tables.items():
        assert list(columns_of(name, rows)) == [column for column, _ in TABLES[name]]


def test_a_changed_athlete_costs_rows_of_their_boards_and_splits_only() -> None:
    """At most 1.2 rows to each board and split of an athlete, in any field: here 300 finishers, each in turn."""
    writer = ResultsWriter()
    results = Results()
    bibs = [str(number) for number in range(1, 301)]
    boards = [{"id": f"b{number}", "race": "hm", "rank_by": "gun_then_chip"} for number in range(4)]
    plain = defined()
    plain["definition"] = {**plain["definition"], "boards": boards}
    for frame in writer.frames(plain, entries(*bibs), gun())[1]:
        results.add(frame)
    results.take()
    rng = random.Random(3)
    written = 0
    for bib in rng.sample(bibs, k=300):
        for frame in writer.frames(_finish(bib, rng.randrange(900)))[1]:
            results.add(frame)
        tables = results.take().tables.tables
        written += len(tables["board_rows"]) + len(tables["splits"])
    assert written <= 1.2 * 300 * (len(boards) + 3)


# --- What is published.

TEAMS = definition(
    boards=[board("men", gender="M"), board("women", gender="F")],
    team_boards=[{"id": "teams", "of": "men", "counting": 1, "max_members": 1}],
    delegations=[{"id": "all", "sum": ["teams"]}],
)


def _published(state: str, at_s: int, **more: object) -> Plain:
    return fact("results_published", race="hm", state=state, recorded_at_us=at(at_s), **more)


def _day() -> list[list[Plain]]:
    """Records of a day on which results are published again and again while they change."""
    field = entries(entry("1", team="Hue"), entry("2", team="Hue"), entry("3", team="Vinh"), entry("4", gender="F"))
    decide = fact("case_decided", case="team:teams:Hue", outcome="accept", reason="jury")
    return [
        [defined(TEAMS), field, gun()],
        [run("1"), run("2", 1, 2000, 4100)],
        [_published("provisional", 5000)],
        [status("1", "DQ")],
        [_published("official", 5600)],
        [decide, run("3", 1, 1500, 3900)],
        [_published("official", 5700), run("4")],
        [
            status("3", "DQ"),
            _published("withdrawn", 5800, boards=["women"]),
            _published("official", 5800, boards=["men"]),
        ],
        [status("3", "OK")],
    ]


def _by_the_log(day: list[list[Plain]]) -> dict[tuple[Any, ...], tuple[object, ...]]:
    log = PublishingLog()
    for offset, record in enumerate(day):
        for frame_of in record:
            log.add(msgspec.json.encode({"offset": offset, "fact": frame_of}))
    return {
        key: (kept.published.revision, kept.published.sha256, msgspec.to_builtins(kept.published.void))
        for key, kept in log.kept.items()
    }


def _in_rows(tables: TableRows) -> dict[tuple[Any, ...], tuple[object, ...]]:
    held: dict[tuple[Any, ...], tuple[object, ...]] = {}
    for _, offset, race, state, boards, revision, _, sha256, void in tables.tables.get("published", []):
        named = msgspec.json.decode(str(boards))
        key = offset, race, state, None if named is None else tuple(named)
        held[key] = (revision, sha256, msgspec.json.decode(str(void)))
    return held


def _frames(day: list[list[Plain]]) -> list[Frame]:
    writer = ResultsWriter(rows_a_frame=3)
    return [frame for record in day for frame in writer.frames(*record)[1]]


def test_what_is_published_is_the_standings_as_they_were_however_late_the_batch_goes_out() -> None:
    expected = _by_the_log(_day())
    assert [(key[0], key[2], key[3]) for key in expected] == [
        (2, "provisional", None),
        (4, "official", None),
        (6, "official", None),
        (7, "withdrawn", ("women",)),
        (7, "official", ("men",)),
    ]
    for batches_at in ((), range(0, 100, 1), range(0, 100, 4)):
        results, held = Results(), {}
        for number, frame in enumerate(_frames(_day())):
            results.add(frame)
            if number in batches_at:
                held.update(_in_rows(results.take().published()))
        held.update(_in_rows(results.take().published()))
        assert held == expected


def test_a_revision_that_publishes_is_announced_by_itself_and_in_order() -> None:
    results = Results()
    for frame in _frames(_day()):
        results.add(frame)
    assert [notice.revision for notice in results.take().notices] == [2, 4, 6, 7, 8]


def test_a_document_is_kept_once_for_all_publications_of_a_record() -> None:
    results = Results()
    for frame in _frames(_day()):
        results.add(frame)
    tables = results.take().published().tables
    assert [(row[1], row[2]) for row in tables["published_documents"]] == [("hm", 2), ("hm", 4), ("hm", 6), ("hm", 7)]
    documents = [msgspec.json.decode(str(row[3])) for row in tables["published_documents"]]
    assert [list(document) for document in documents] == [["athletes", "boards", "team_boards"]] * 4
    assert [row["team"] for row in msgspec.json.decode(str(tables["published_documents"][0][4]))["all"]] == [
        "Hue",
        "Vinh",
    ]
    for name, rows in tables.items():
        assert list(columns_of(name, rows)) == [column for column, _ in TABLES[name]]


def test_what_was_published_is_not_published_again_after_a_restart_or_a_fill() -> None:
    day = _day()
    writer = ResultsWriter()
    results = Results()
    for record in day:
        for frame in writer.frames(*record)[1]:
            results.add(frame)
    results.take()
    event = results.events["example-2026"].event
    assert event is not None
    again = Results()
    again.restore(
        event,
        results.events["example-2026"].rows.values(),
        "example-2026",
        8,
        [publication_key(publication) for publication in event.publications],
    )
    for frame in writer.again() + writer.frames(status("2", "DQ"))[1]:
        again.add(frame)
    batch = again.take()
    assert [notice.revision for notice in batch.notices] == [9]
    assert batch.published().tables == {}


def test_a_list_of_unknown_chips_goes_out_by_itself_and_announces_nothing() -> None:
    results = Results()
    chips = [UnknownChips(event=EVENT, version=5), UnknownChips(event=EVENT, version=7, chips=[CHIP], left_out=2)]
    for chip in chips:
        results.add(
            Frame(v=1, partition=0, from_offset=chip.version, through_offset=7, last=True, unknown_chips=[chip])
        )
    assert results.is_ready()
    batch = results.take()
    assert (batch.notices, list(batch.tables.tables)) == ([], ["unknown_chips"])
    text = '[{"chip":"W900","reads":3,"first_us":1,"last_us":2,"devices":["S1","F1"],"mats":2}]'
    assert batch.tables.tables["unknown_chips"] == [(EVENT, 7, 1, 2, text)]
    assert not results.is_ready()


def test_the_revisions_of_an_event_are_announced_one_after_the_other_whatever_the_clock_says():
    notices = [
        RevisionNotice(v=NOTICE_VERSION, event=event, revision=revision, announced_at_us=0)
        for event, revision in (("a", 1), ("a", 2), ("b", 3), ("c", 4))
    ]
    announced = dated(notices, 1_000, {"b": 5_000, "c": 10})  # the clock was set back since b was announced
    assert [notice.announced_at_us for notice in announced] == [1_000, 1_001, 5_001, 1_000]


def test_a_notice_says_whether_results_are_all_that_changed():
    writer, results = ResultsWriter(), Results()

    def results_only(*facts: Plain) -> bool:
        for frame in writer.frames(*facts)[1]:
            results.add(frame)
        (notice,) = results.take().notices
        return notice.results_only

    assert not results_only(defined(), entries("7", "8"), gun(0))
    assert results_only(_finish("7", 0))
    assert results_only(gun(1))
    assert not results_only(defined({**definition(), "name": "Renamed"}))
    assert not results_only(reads(read("S1", "C8", 1), read("F1", "C8", AT_FINISH)))  # opens a case
    assert not results_only(fact("results_published", race="hm", state="provisional"))
    assert not results_only(_finish("7", -5))  # published results change


def test_an_archived_event_is_left_to_clickhouse_once_its_last_rows_are_in_a_batch() -> None:
    writer, results = ResultsWriter(), Results()
    for plain in ([defined(), entries("1", "2"), gun()], [_finish("1", 5)]):
        for frame in writer.frames(*plain)[1]:
            results.add(frame)
    results.take()
    (archiving,) = writer.frames(_finish("2", 4), fact("event_archived"))[1]
    assert {row.bib for row in archiving.rows} == {"1", "2"}
    results.add(archiving)
    batch = results.take()
    assert [notice.revision for notice in batch.notices] == [2]
    assert [row[1] for row in batch.tables.tables["athlete_versions"]] == ["2"]
    assert (results.events, results.points, results.archived) == ({}, {}, {EVENT})
    assert results.revisions == {EVENT: 2}


def test_rows_of_an_archived_event_that_are_read_again_are_dropped_and_newer_ones_ask_for_it() -> None:
    writer, results, whole = ResultsWriter(), Results(), Results()
    frames = [*writer.frames(defined(), entries("1"), gun())[1], *writer.frames(fact("event_archived"))[1]]
    reopening = writer.frames(fact("event_reopened"), _finish("1", 5))[1]
    for frame in frames:
        results.add(frame)
        results.take()
    for frame in frames:  # as after a restart, from a position a second back
        results.add(frame)
    assert results.returning() == []
    assert results.take().notices == []
    for frame in reopening:
        results.add(frame)
    assert results.returning() == [EVENT]
    for frame in frames[:1]:
        whole.add(frame)
    whole.take()
    held = whole.events[EVENT]
    results.restore(held.event, held.rows.values(), EVENT, 1, [])
    assert results.returning() == []
    batch = results.take()
    assert [(notice.revision, notice.bibs) for notice in batch.notices] == [(2, ["1"])]
    assert results.archived == set()
    assert [row.bib for row in results.events[EVENT].board("men")] == ["1"]
