"""Stored passings: files, gaps, the cursor rule, and queries sent again."""

from collections.abc import Sequence
from functools import partial

import pytest

from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Notice,
    Position,
    Unreadable,
)
from services.ingest.decoders.raceresult import RaceResult
from services.ingest.decoders.raceresult_fetch import FILES_BACK_MAX
from services.ingest.decoders.raceresult_files import BoxMemory
from services.ingest.decoders.reader_state import ReaderStateNotices
from tests.ingest.decoders.raceresult_talk import (
    KNOWN,
    ORIGIN,
    START,
    STATUS,
    asked,
    at,
    converse,
    fresh,
    kinds,
    lines,
    met,
    numbers,
    record,
    zero_based,
)


def test_the_current_file_is_pulled_from_its_first_passing():
    reader = met(count=300)
    assert asked(reader) == ["1:256"]
    first = reader.feed(lines(*[record(n) for n in range(1, 257)], ""), at(1))
    assert numbers(first) == list(range(1, 257))
    assert first[-1] == CursorAdvanced("D-5012", Position("3", 256, "2026-01-04 05:04:16.500 6692-33"))
    assert asked(reader) == ["257:44"]
    rest = reader.feed(lines("ONLY 44", *[record(n) for n in range(257, 301)], ""), at(2))
    assert numbers(rest) == list(range(257, 301))
    assert asked(reader) == []
    assert reader.missing == 0


def test_the_files_of_the_last_day_of_a_new_decoder_are_searched():
    reader = met({}, count=1, file=9)
    assert asked(reader)[-1] == "1:1"
    got = reader.feed(lines(record(1, file=9), ""), at(1))
    assert (numbers(got), asked(reader)) == ([1], ["GETFILE;8"])
    got += reader.feed(lines(""), at(2))
    assert asked(reader) == ["GETFILE;7"], "a file without a passing does not end the search"
    got += reader.feed(lines(record(1, file=7, day="2026-01-02"), record(2, file=7), record(4, file=7), ""), at(3))
    assert asked(reader) == ["GETFILE;7"], "it did not come whole"
    got += reader.feed(lines(*[record(n, file=7) for n in (2, 3, 4)], ""), at(4))
    assert asked(reader) == ["GETFILE;6"]
    assert not any(isinstance(message, CursorAdvanced) for message in got)
    got = reader.feed(lines(record(1, file=6, day="2026-01-02"), ""), at(5))
    assert got == [CursorAdvanced("D-5012", Position("9", 1, "2026-01-04 05:00:01.500 6692-33"))]
    assert asked(reader) == []


def test_files_before_the_first_passing_of_a_new_decoder_end_the_search():
    reader = met({}, count=0, file=2)
    assert asked(reader)[-1] == "GETFILE;1"
    assert reader.feed(lines(""), at(1)) == [CursorAdvanced("D-5012", Position("2", 0))]


def test_a_gap_in_pushed_numbers_is_pulled_and_the_cursor_waits_for_it():
    reader = met(count=2)
    reader.feed(lines(record(1), record(2), ""), at(1))
    reader.take()
    pushed = reader.feed(lines("#P;" + record(5)), at(2))
    assert numbers(pushed) == [5]
    assert not any(isinstance(message, CursorAdvanced) for message in pushed)
    assert (asked(reader), reader.missing) == (["3:2"], 2)
    filled = reader.feed(lines(record(3), record(4), ""), at(3))
    assert numbers(filled) == [3, 4]
    assert filled[-1] == CursorAdvanced("D-5012", Position("3", 5, "2026-01-04 05:00:05.500 6692-33"))


def test_a_push_within_an_answer_and_a_repeat_are_distinguished():
    reader = met(count=2)
    got = reader.feed(lines(record(1), "#P;" + record(3), "#P;" + record(3), record(2), record(2), ""), at(1))
    assert numbers(got) == [1, 3, 2]


def test_the_known_file_is_resumed_after_the_cursor_if_its_last_passing_is_unchanged():
    known = Position("3", 7, "2026-01-04 05:00:07.500 6692-33")
    reader = met({"D-5012": known}, count=9)
    assert asked(reader)[-1] == "7:1"
    assert reader.feed(lines(record(7), ""), at(1)) == []
    assert asked(reader) == ["8:2"]
    got = reader.feed(lines(record(8), record(9), ""), at(2))
    assert numbers(got) == [8, 9]


def test_a_file_of_the_same_number_with_another_passing_is_a_new_log():
    known = Position("3", 7, "2026-01-03 05:00:07.500 6692-33")
    reader = met({"D-5012": known}, count=9)
    reader.take()
    (notice, begun) = reader.feed(lines(record(7), ""), at(1))
    assert (notice.kind, asked(reader)) == ("restarted", ["1:9"])
    assert begun == CursorAdvanced("D-5012", Position("3#1", 0))
    got = reader.feed(lines(*[record(n) for n in range(1, 10)], ""), at(2))
    assert numbers(got) == list(range(1, 10))
    assert {message.session for message in got if isinstance(message, DecodedRead)} == {"D-5012 file 3#1"}
    assert got[-1].position.part == "3#1"


def test_a_lower_count_of_the_same_file_is_a_new_log_once_it_is_confirmed():
    reader = met({"D-5012": Position("3", 7, "")}, count=2)
    reader.feed(lines("SETPUSHPREWARNS;0", "SETPUSHPASSINGS;1;0", "PASSINGS;2;3"), at(1))
    assert asked(reader)[-1] == "1:2"
    got = reader.feed(lines(record(1), record(2), ""), at(2))
    assert got[-1].position == Position("3#1", 2, "2026-01-04 05:00:02.500 6692-33")


def test_a_push_that_overtakes_the_count_is_no_new_log():
    reader = met()
    reader.feed(lines("#P;" + record(1), "#P;" + record(2)), at(1))
    reader.take()
    reader.feed(lines("PASSINGS;1;3"), at(2))
    reader.feed(lines("PASSINGS;2;3"), at(3))
    (seen, reached) = reader.feed(lines("#P;" + record(3)), at(4))
    assert (seen.session, reached.position.number) == ("D-5012 file 3", 3)


def test_a_new_file_is_begun_only_after_the_old_one_is_finished():
    reader = met({"D-5012": Position("1", 2, "")}, count=1, file=3)
    assert asked(reader)[-1] == "GETFILE;1"
    got = reader.feed(lines(*[record(n, file=1) for n in (1, 2, 3, 4)], ""), at(1))
    assert numbers(got) == [3, 4]
    assert got[-1] == CursorAdvanced("D-5012", Position("1", 4, "2026-01-04 05:00:04.500 6692-33"))
    assert asked(reader) == ["GETFILE;2"]
    pushed = reader.feed(lines("#P;" + record(1)), at(2))
    assert numbers(pushed) == [1], "what is pushed meanwhile is not held up"
    assert not any(isinstance(message, CursorAdvanced) for message in pushed)
    got = reader.feed(lines(""), at(3))
    assert [message.position.part for message in got] == ["2", "3"]
    assert asked(reader) == []


def test_a_file_that_begins_while_connected_has_the_old_one_finished_first():
    reader = met(count=1)
    reader.feed(lines(record(1), ""), at(1))
    reader.take()
    assert reader.feed(lines("#P;" + record(1, code="44", file=4)), at(2)) == []
    assert asked(reader) == ["PASSINGS"]
    reader.feed(lines("PASSINGS;1;4"), at(3))
    assert asked(reader) == ["GETFILE;3"]
    reader.feed(lines(record(1), record(2), ""), at(4))
    assert asked(reader) == ["1:1"]
    got = reader.feed(lines(record(1, code="44", file=4), ""), at(5))
    assert (numbers(got), got[-1].position.part) == ([1], "4")


def test_a_record_damaged_on_the_way_is_unreadable_and_asked_for_again():
    reader = met(count=1)
    reader.take()
    (bad,) = reader.feed(lines("1;33;2026-01-0", ""), at(1))
    assert isinstance(bad, Unreadable)
    assert asked(reader) == ["PASSINGS"], "is its file still the current one?"
    reader.feed(lines("PASSINGS;1;3"), at(2))
    assert asked(reader) == ["1:1"]
    assert numbers(reader.feed(lines(record(1), ""), at(3))) == [1]


def test_missing_passings_are_given_up_with_a_notice_after_three_requests():
    reader = met(count=2)
    said: list = []
    for second in (1, 2, 3):
        assert not any(isinstance(message, Notice) for message in said)
        said += reader.feed(lines("", "PASSINGS;2;3"), at(second))
    assert [message.kind for message in said if isinstance(message, Notice)] == ["gap"]
    assert said[-1] == CursorAdvanced("D-5012", Position("3", 2, ""))
    assert reader.missing == 0


def test_passings_of_a_file_that_has_ended_are_not_given_up_for_the_next_one_lacking_them():
    reader = met(count=5)
    said: list = []
    for second in (1, 2):
        said += reader.feed(lines("ONLY 0", "", "PASSINGS;5;3"), at(second))
    reader.take()
    said += reader.feed(lines("ONLY 0", "", "PASSINGS;0;4"), at(3))
    assert said == []
    assert asked(reader) == ["GETFILE;3"]
    got = reader.feed(lines(*[record(n) for n in range(1, 7)], ""), at(4))
    assert numbers(got) == [1, 2, 3, 4, 5, 6]


def old_record(number: int, code: str) -> str:
    return f"{number};{code};2026-01-04;05:00:{number:02d}.000;6692;12;-68;09ca52"


def met_old() -> RaceResult:
    """A connection to a decoder whose records do not say of which file they are, at one passing."""
    reader = RaceResult(ORIGIN, {}, ReaderStateNotices())
    reader.begin(START)
    reader.feed(lines("GETPROTOCOL;1.5;1.0;1.5", "SETPROTOCOL;1.5", STATUS.replace(";3;1;", ";0;1;")), START)
    reader.feed(lines("PASSINGS;1", "GETCONFIG", "PASSINGS;1", "SETPUSHPREWARNS;0", "SETPUSHPASSINGS;1;0"), START)
    reader.feed(lines("GETCONFIG", "PASSINGS;1"), START)
    assert numbers(reader.feed(lines(old_record(1, "33"), ""), at(1))) == [1]
    reader.take()
    return reader


def test_without_file_numbers_another_push_of_a_known_number_is_a_new_file():
    reader = met_old()
    assert reader.feed(lines("#P;" + old_record(1, "33")), at(2)) == []
    (notice, seen, begun) = reader.feed(lines("#P;" + old_record(1, "44")), at(3))
    assert (notice.kind, begun.position.part, begun.position.number) == ("restarted", "0#1", 1)
    assert (seen.chip, seen.session) == ("6692-44", "decoder file 0#1")
    assert asked(reader) == []


def test_a_file_that_cannot_be_fetched_is_given_up_with_a_notice():
    reader = met({"D-5012": Position("1", 2, "")}, count=0, file=2)
    said: list = []
    for second in range(1, 90):
        said += reader.tick(at(second))
    assert [message.kind for message in said if isinstance(message, Notice)] == ["gap"]
    assert said[-1].position.part == "2"


def test_an_answer_that_does_not_come_ends_the_connection():
    reader = met(count=2)
    reader.feed(lines(record(1)), at(1))
    with pytest.raises(ConnectionFault):
        reader.tick(at(11.5))


def test_the_count_is_asked_for_again_and_again():
    reader = met()
    reader.take()
    reader.tick(at(5))
    assert asked(reader) == ["PASSINGS"]
    reader.feed(lines("PASSINGS;1;3"), at(5.1))
    assert asked(reader) == ["1:1"], "a push that never came is found"


def test_passings_numbered_from_zero_are_all_read_and_fetched_once():
    said = converse(fresh(KNOWN), zero_based, 20)
    assert numbers(said) == list(range(1, 45))
    assert kinds(said) == []
    reached = [message.position for message in said if isinstance(message, CursorAdvanced)][-1]
    assert (reached.number, reached.check) == (44, "2026-01-04 05:00:43.500 6692-33")
    again = converse(fresh({"D-5012": reached}), partial(zero_based, count=45), 20)
    assert numbers(again) == [45], "a new process finds out by the last one"


def test_records_that_cannot_be_read_are_asked_for_once_more_and_never_again():
    def box(command: str) -> Sequence[str]:
        return [line.replace("2026-01-04", "4.1.2026") for line in zero_based(command)]

    memory, queries = BoxMemory(), []

    def counting(command: str) -> Sequence[str]:
        queries.append(command)
        return box(command)

    said = converse(fresh(KNOWN, memory), counting, 20)
    unread = [message.raw for message in said if isinstance(message, Unreadable) and message.raw[:1].isdigit()]
    assert len(set(unread)) == 44
    reached = [message.position for message in said if isinstance(message, CursorAdvanced)]
    queries.clear()
    converse(fresh({"D-5012": reached[-1]}, memory), counting, 20)
    assert not [query for query in queries if query.endswith(":44")]


def test_a_record_shorter_than_the_others_is_taken_once_it_has_come_twice():
    reader = met(count=2)
    cut = record(2)[:40]
    first = reader.feed(lines(record(1), cut, ""), at(1))
    assert [type(message) for message in first[:2]] == [DecodedRead, Unreadable]
    reader.feed(lines("PASSINGS;2;3"), at(1))
    assert asked(reader)[-1] == "2:1"
    assert [message.chip for message in reader.feed(lines(cut, ""), at(2)) if isinstance(message, DecodedRead)]


def test_an_answer_without_its_empty_line_is_over_when_all_that_was_asked_for_came():
    reader = met(count=300)
    reader.take()
    reader.feed(lines(*[record(n) for n in range(1, 257)]), at(1))
    assert asked(reader) == []
    reader.tick(at(2.5))
    assert asked(reader) == ["257:44"]


def test_file_numbers_that_leap_without_end_do_not_fill_the_memory():
    reader = met()
    for leap in range(1, 6):
        reader.feed(lines(f"PASSINGS;0;{leap * 1_000}"), at(leap))
    assert len(reader._fetch._ended) == FILES_BACK_MAX
    assert reader._fetch._ended[-1].number == 4_999
