"""RACE RESULT decoders: records, the handshake, the cursor rule, and questions asked again."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Notice,
    Now,
    Position,
    Unreadable,
)
from services.ingest.decoders.raceresult import FILES_BACK_MAX, RaceResult
from services.ingest.decoders.raceresult_files import BoxMemory
from services.ingest.decoders.raceresult_passing import instant_us, read_passing
from services.ingest.decoders.reader_state import ReaderStateNotices

ZONE = timezone(timedelta(hours=7))
ORIGIN = ClockOrigin(ZONE)
START = Now(1_767_477_600_000_000, 1000.0)
PUSHED = "12;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52;0;;;;;;;;Finish;41;3;D-5012"
STATUS = "GETSTATUS;2026-01-04;05:00:00.000;1;11110000;1;3;1;49.0,8.4;1;80;21;22"


def at(seconds: float) -> Now:
    return Now(START.wall_us + int(seconds * 1e6), START.steady_s + seconds)


def record(number: int, code: str = "33", file: int = 3, day: str = "2026-01-04") -> str:
    clock = f"05:{number // 60 % 60:02d}:{number % 60:02d}.500"
    return f"{number};{code};{day};{clock};6692;12;-68;09ca52;0;;;;;;;;Finish;{file};3;D-5012"


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\r\n" for text in texts).encode()


def asked(reader: RaceResult) -> list[str]:
    return reader.take().decode().split("\r\n")[:-1]


KNOWN = {"D-5012": Position("3", 0)}


def met(
    cursor: dict[str, Position] | None = None, count: int = 0, file: int = 3, origin: ClockOrigin = ORIGIN
) -> RaceResult:
    """A connection whose handshake is done, at `count` passings of a file."""
    reader = RaceResult(origin, KNOWN if cursor is None else cursor, ReaderStateNotices())
    reader.begin(START)
    assert asked(reader) == ["GETPROTOCOL"]
    assert reader.feed(lines("GETPROTOCOL;2.0;1.0;3.3"), START) == []
    assert asked(reader) == ["SETPROTOCOL;2.6"]
    assert reader.feed(lines("SETPROTOCOL;2.6"), START) == []
    assert asked(reader) == ["GETCONFIG;GENERAL;BOXNAME"], "one at a time"
    counted = f"PASSINGS;{count};{file}"
    reader.feed(lines("GETCONFIG;GENERAL;BOXNAME;Finish;D-5012", STATUS, counted), START)
    reader.take()
    reader.feed(lines("SETPUSHPREWARNS;0", "SETPUSHPASSINGS;1;0", counted), START)
    return reader


def numbers(messages: list) -> list[int]:
    return [message.seq for message in messages if isinstance(message, DecodedRead)]


def test_the_record_of_an_old_protocol_is_read_and_has_no_instant():
    passing = read_passing("1;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52", ZONE)
    assert (passing.number, passing.chip, passing.at_us, passing.rssi) == (1, "6692-33", None, -68.0)
    assert passing.local == "0000-00-00 00:00:02.773"
    assert (passing.box, passing.file, passing.antenna) == (None, None, None)


def test_the_record_of_twenty_fields_is_read():
    passing = read_passing(PUSHED, ZONE)
    assert (passing.number, passing.chip, passing.rssi, passing.antenna) == (12, "6692-33", -68.0, 3)
    assert (passing.box, passing.file, passing.at_us) == ("Finish", 41, None)


def test_a_date_gives_the_instant_in_the_zone_of_the_source():
    expected = datetime(2026, 1, 3, 22, 0, 12, 500_000, UTC)
    assert read_passing(record(12), ZONE).at_us == int(expected.timestamp() * 1e6)


def test_an_active_transponder_is_named_by_its_code_and_its_loop():
    text = "5;GXK-0012;2026-01-04;05:00:01.000;0;3;5F;ab;1;2;7;;12;2.91;21;64;Line;3;1;D-5012"
    passing = read_passing(text, ZONE)
    assert (passing.chip, passing.antenna, passing.battery, passing.rssi) == ("GXK-0012", 7, 2.91, None)


def test_leading_zeros_of_a_chip_are_kept():
    text = record(1, code="0000041").replace(";6692;", ";;", 1)
    assert read_passing(text, ZONE).chip == "0000041"


@pytest.mark.parametrize(
    "text",
    [
        "1;33;2026-01-04",
        "x;33;2026-01-04;05:00:00.000",
        "-1;33;2026-01-04;05:00:00.000",
        "1;;2026-01-04;05:00:00.000",
        "1;33;2026-13-04;05:00:00.000",
        "1;33;1926-01-04;05:00:00.000",
        "1;33;2026-01-04;25:00:00.000",
        "1;33;2026-01-04;05:00",
    ],
)
def test_a_record_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ValueError):
        read_passing(text, ZONE)


def test_the_start_of_operation_with_a_clock_never_set_has_no_instant():
    reader = met()
    reader.take()
    notice = reader.feed(lines("STARTOPERATION;OK;0000-00-00;00:00:00.000"), at(1))
    assert notice == [Notice("Finish", "startoperation", None, "STARTOPERATION;OK;0000-00-00;00:00:00.000")]
    assert asked(reader) == ["PASSINGS"], "a file may have begun"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("2.0;1.0;3.3", "2.6"), ("1.2;1.0;1.4", "1.4"), ("3.0;3.0;3.3", "3.0"), ("2.0;1.2;2.6", "2.6")],
)
def test_the_latest_protocol_known_to_both_is_asked_for(offered: str, chosen: str):
    reader = RaceResult(ORIGIN, {}, ReaderStateNotices())
    reader.begin(START)
    reader.take()
    reader.feed(lines(f"GETPROTOCOL;{offered}"), START)
    assert asked(reader) == [f"SETPROTOCOL;{chosen}"]


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


def test_a_read_carries_the_decoders_own_number_file_and_antenna():
    reader = met()
    (seen, reached) = reader.feed(lines("#P;" + record(1)), at(1))
    at_us = instant_us("2026-01-04", "05:00:01.500", ORIGIN)
    assert at_us is not None
    assert seen == DecodedRead("D-5012 file 3", 1, "Finish", "6692-33", at_us, 3, -68.0)
    assert reached == CursorAdvanced("D-5012", Position("3", 1, "2026-01-04 05:00:01.500 6692-33"))


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


def test_a_port_that_answers_nothing_at_all_is_left():
    reader = RaceResult(ORIGIN, {}, ReaderStateNotices())
    reader.begin(START)
    with pytest.raises(ConnectionFault, match="answers no command"):
        converse(reader, lambda _: [], 60)
    assert reader.silence_s > 59


def test_the_count_is_asked_for_again_and_again():
    reader = met()
    reader.take()
    reader.tick(at(5))
    assert asked(reader) == ["PASSINGS"]
    reader.feed(lines("PASSINGS;1;3"), at(5.1))
    assert asked(reader) == ["1:1"], "a push that never came is found"


Box = Callable[[str], Sequence[str]]
"""A compatible box: its lines in answer to a command."""


def converse(reader: RaceResult, box: Box, seconds: int, pushes: Mapping[int, Sequence[str]] | None = None) -> list:
    """Let a box answer a reader's commands for a while, and push lines at given seconds; return all messages."""
    said: list = []
    for second in range(seconds):
        for command in asked(reader):
            said += reader.feed(lines(*box(command)), at(second))
        said += reader.feed(lines(*(pushes or {}).get(second, [])), at(second))
        said += reader.tick(at(second))
    return said


def kinds(messages: list) -> list[str]:
    return [message.kind for message in messages if isinstance(message, Notice)]


def fresh(cursor: dict[str, Position] | None = None, memory: BoxMemory | None = None) -> RaceResult:
    reader = RaceResult(ORIGIN, cursor or {}, ReaderStateNotices(), memory=memory)
    reader.begin(START)
    return reader


def seventeen(number: int, code: str = "23871") -> str:
    """The record of a mock decoder, 17 fields; the fifth looks like an EventID and is not."""
    return f"{number};{code};2026-01-04;05:00:{number:02d}.500;123456;10;-50;0000;1;1;1;1;3.0;25;0000;30;0"


def fourteen(number: int, hits: int = 12) -> str:
    """The record of a box on a database, 14 fields; the fifth is the number of hits."""
    return f"{number};4711;2026-01-04;05:00:{number:02d}.500;{hits};18;88;2;A;0;1;1678883122123;12850;41.2"


@pytest.mark.parametrize("text", [seventeen(7, "4711"), fourteen(7), "7;4711;2026-01-04;05:00:07.500"])
def test_of_a_short_record_what_names_itself_is_read(text: str):
    passing = read_passing(text, ZONE)
    assert (passing.number, passing.chip, passing.rssi, passing.antenna) == (7, "4711", None, None)
    assert passing.at_us == instant_us("2026-01-04", "05:00:07.500", ORIGIN)


def test_a_box_that_only_agrees_to_a_version_and_pushes_is_read():
    answers = {"SETPROTOCOL": ["SETPROTOCOL;2.0"], "SETPUSHPASSINGS": ["SETPUSHPASSINGS;1"]}

    def mock(command: str) -> Sequence[str]:
        return answers.get(command.partition(";")[0], [])

    reader = fresh()
    pushes = {40 + number: ["#P;" + seventeen(number)] for number in range(1, 4)}
    said = converse(reader, mock, 60, pushes)
    assert numbers(said) == [1, 2, 3]
    assert kinds(said) == ["lacks"]
    assert "only pushed ones come" in next(message.text for message in said if isinstance(message, Notice))
    assert reader.silence_s == math.inf, "nothing comes while nobody crosses"
    again = converse(fresh(), mock, 60, {50: ["#P;" + seventeen(1, "99")]})
    assert numbers(again) == [1], "its numbers begin again with each connection"


def test_passings_pushed_unasked_before_the_count_are_read_once_none_comes():
    said = converse(fresh(), lambda _: [], 60, {1: ["#P;" + seventeen(1)]})
    assert numbers(said) == [1]


def test_a_box_that_answers_with_errors_and_pushes_at_each_count_is_read():
    def database(command: str) -> Sequence[str]:
        head = command.partition(";")[0]
        if head == "PASSINGS":
            return ["PASSINGS;3", *("#P;" + fourteen(number) for number in (1, 2, 3))]
        known = {"SETPROTOCOL": "SETPROTOCOL;2.0", "SETPUSHPASSINGS": command}
        return [known.get(head, "ERROR;unknown command")]

    said = converse(fresh(), database, 20)
    assert numbers(said) == [1, 2, 3]
    assert not any(isinstance(message, Unreadable) for message in said)


def test_a_box_that_takes_a_version_only_as_an_upper_limit_and_counts_from_zero_is_read():
    def emulator(command: str) -> Sequence[str]:
        head, _, rest = command.partition(";")
        if head == "SETPROTOCOL":
            return ["SETPROTOCOL;2.6"] if rest.startswith("<=") else []
        status = "GETSTATUS;2026-01-04;05:00:00.000;1;00011001;1;1;1;49.7,8.2;1;100"
        answers = {"GETCONFIG": command + ";Emulator;E-1", "GETSTATUS": status, "PASSINGS": "PASSINGS;1"}
        return [answers[head]] if head in answers else [command] if head == "SETPUSHPASSINGS" else []

    pushes = {20 * number + 15: ["#P;" + record(number, file=1)] for number in range(6)}
    said = converse(fresh(), emulator, 140, pushes)
    chips = [message.at_us for message in said if isinstance(message, DecodedRead)]
    assert len(set(chips)) == 6
    assert kinds(said).count("lacks") == 2, "first of the handshake, then of stored passings"


def zero_based(command: str, count: int = 44) -> Sequence[str]:
    """A box that numbers its passings from 0, all else as it should be."""
    first, colon, wanted = command.partition(":")
    if colon:
        return [*(record(number - 1) for number in range(int(first), int(first) + int(wanted))), ""]
    head = command.partition(";")[0]
    known = {"GETPROTOCOL": "GETPROTOCOL;2.0;1.0;2.6", "PASSINGS": f"PASSINGS;{count};3", "GETSTATUS": STATUS}
    known["GETCONFIG"] = "GETCONFIG;GENERAL;BOXNAME;Finish;D-5012"
    return [known.get(head, command)]


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


def test_passings_of_a_clock_never_set_are_held_and_noticed_once():
    reader = met()
    first = reader.feed(lines("#P;" + record(1, day="0000-00-00")), at(1))
    second = reader.feed(lines("#P;" + record(2, day="0000-00-01")), at(2))
    assert [type(message) for message in first] == [Notice, Unreadable, CursorAdvanced]
    assert [type(message) for message in second] == [Unreadable, CursorAdvanced]
    assert first[0].kind == "unanchored"
    assert first[1].held
    assert first[1].raw == ("#P;" + record(1, day="0000-00-00")).encode()


BEGAN_US = 1_767_471_127_250_000  # 2026-01-04T03:12:07.250 in the zone of these tests


def test_a_decoder_that_counts_from_its_start_is_read_once_somebody_says_when_that_was():
    origin = ClockOrigin(ZONE, began_us=BEGAN_US)
    assert read_passing(PUSHED, ZONE, origin=origin).at_us == BEGAN_US + 2_773_000
    day_later = PUSHED.replace("0000-00-00", "0000-00-01")
    assert read_passing(day_later, ZONE, origin=origin).at_us == BEGAN_US + 24 * 3600 * 1_000_000 + 2_773_000


@pytest.mark.parametrize(("day", "began"), [("0000-00-00", 4), ("", 4), ("0000-00-01", 5)])
def test_a_decoder_that_shows_the_time_of_day_is_read_once_somebody_says_which_day_it_is(day: str, began: int):
    text = PUSHED.replace("0000-00-00", day).replace("00:00:02.773", "05:00:02.773")
    at_us = read_passing(text, ZONE, origin=ClockOrigin(ZONE, day=date(2026, 1, 4))).at_us
    assert at_us == instant_us(f"2026-01-0{began}", "05:00:02.773", ORIGIN)


def test_a_reader_whose_start_is_known_gives_reads_and_watches_its_clock():
    reader = met(origin=ClockOrigin(ZONE, began_us=BEGAN_US))
    (seen, _) = reader.feed(lines("#P;" + record(1, day="0000-00-00")), at(1))
    assert seen.at_us == BEGAN_US + (5 * 3600 + 1) * 1_000_000 + 500_000
    notices = reader.feed(lines(STATUS.replace("2026-01-04", "0000-00-00")), at(1))
    assert [notice.kind for notice in notices] == ["clock_jump", "clock_off"], "it was started again since `began`"


@pytest.mark.parametrize(
    ("shown", "setting"),
    [("00:12:07.250", "began = 2026-01-04T04:47:52.750+07:00"), ("05:00:01.000", "day = 2026-01-04")],
)
def test_the_notice_of_a_clock_never_set_names_the_setting_that_dates_it(shown: str, setting: str):
    reader = met()
    status = STATUS.replace("2026-01-04", "0000-00-00").replace("05:00:00.000", shown)
    (notice,) = reader.feed(lines(status), START)
    assert (notice.kind, f"`{setting}`" in notice.text) == ("clock_unset", True)
    assert reader.feed(lines(status), at(30)) == []


def test_a_marker_is_a_notice_with_its_time():
    reader = met()
    (notice, _) = reader.feed(lines("#P;" + record(1, code="99999")), at(1))
    assert (notice.kind, notice.at_us) == ("marker", instant_us("2026-01-04", "05:00:01.500", ORIGIN))


def test_a_decoder_that_is_not_in_operation_says_so_once_for_all_connections():
    state = ReaderStateNotices()
    idle = STATUS.replace(";1;3;1;", ";0;3;1;")
    kinds = []
    for _ in range(2):
        reader = RaceResult(ORIGIN, {}, state)
        reader.begin(START)
        handshake = lines("GETPROTOCOL;2.0;1.0;3.3", "SETPROTOCOL;2.6")
        kinds += [message.kind for message in reader.feed(handshake + lines(idle), START)]
    assert kinds == ["not_in_operation"]


def test_a_clock_that_jumps_is_noticed():
    reader = met()
    assert reader.feed(lines(STATUS.replace("05:00:00", "05:00:30")), at(30)) == []
    (notice,) = reader.feed(lines(STATUS.replace("05:00:00", "05:01:45")), at(60))
    assert (notice.kind, notice.text[:30]) == ("clock_jump", "its clock jumped by +45.0 s; i")


def test_battery_power_and_errors_are_noticed_when_they_change():
    reader = met()
    low = "GETSTATUS;2026-01-04;05:00:10.000;0;11110000;1;3;1;0,0;0;12" + ";0" * 14 + ";80"
    kinds = [message.kind for message in reader.feed(lines(low, low), at(10))]
    assert kinds == ["power", "battery", "reader", "error"]
    (notice,) = reader.feed(lines(low.removesuffix("80") + "1"), at(11))
    assert (notice.kind, notice.text) == ("error", "UHF")


def test_a_line_that_is_none_is_unreadable_and_unknown_pushes_are_passed_over():
    reader = met()
    assert reader.feed(lines("#KEEPALIVE", "#X;1;2"), at(1)) == []
    (bad,) = reader.feed(lines("HELLO"), at(1))
    assert isinstance(bad, Unreadable)
    assert bad.raw == b"HELLO"


def test_no_command_that_affects_the_timing_is_ever_sent():
    reader = met({"D-5012": Position("1", 2, "")}, count=500)
    sent = asked(reader)
    for second in range(5, 60, 5):
        reader.feed(lines(f"PASSINGS;{500 + second};4", "", "#P;" + record(1)), at(second))
        reader.tick(at(second))
        sent += asked(reader)
    heads = {line.partition(";")[0] for line in sent}
    assert not heads & {"STARTOPERATION", "STOPOPERATION", "SETTIME", "CLEARFILES"}


SESSION = lines(
    "GETPROTOCOL;2.0;1.0;3.3",
    "SETPROTOCOL;2.6",
    "GETCONFIG;GENERAL;BOXNAME;Finish;D-5012",
    STATUS,
    "PASSINGS;3;3",
    record(1),
    "#P;" + record(4),
    record(2),
    "ONLY 3",
    record(3),
    "",
    "#P;" + record(5, code="99999"),
    "#P;" + PUSHED,
    "nonsense",
)


def test_splitting_the_stream_does_not_change_the_messages():
    def fed(*parts: bytes) -> list:
        reader = RaceResult(ORIGIN, {}, ReaderStateNotices())
        reader.begin(START)
        return [
            message for part in parts for message in reader.feed(part, START) if not isinstance(message, CursorAdvanced)
        ]

    unsplit = fed(SESSION)
    assert numbers(unsplit) == [1, 4, 2, 3]
    for cut in range(len(SESSION)):
        assert fed(SESSION[:cut], SESSION[cut:]) == unsplit
    assert fed(*[SESSION[i : i + 1] for i in range(len(SESSION))]) == unsplit
    assert fed(SESSION.replace(b"\r\n", b"\n"), b"") == unsplit
    assert fed(b"\0" + SESSION.replace(b"nonsense", b"\0nonsense")) == unsplit


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(SESSION.splitlines(keepends=True))), max_size=40))
def test_no_bytes_raise_anything_but_a_connection_fault(parts: list[bytes]):
    reader = RaceResult(ORIGIN, {"D-5012": Position("2", 9, "x")}, ReaderStateNotices())
    reader.begin(START)
    try:
        for second, part in enumerate(parts):
            reader.feed(part, at(second))
            reader.tick(at(second))
            reader.take()
    except ConnectionFault:
        return


def test_a_line_that_will_not_end_is_bounded():
    reader = met()
    for _ in range(4):
        assert reader.feed(b"x" * 1000, START) == []
    with pytest.raises(ConnectionFault):
        reader.feed(b"x" * 1000, START)


def test_file_numbers_that_leap_without_end_do_not_fill_the_memory():
    reader = met()
    for leap in range(1, 6):
        reader.feed(lines(f"PASSINGS;0;{leap * 1_000}"), at(leap))
    assert len(reader._ended) == FILES_BACK_MAX
    assert reader._ended[-1].number == 4_999


def test_a_box_that_does_not_tell_its_state_is_asked_for_its_time():
    def box(command: str) -> Sequence[str]:
        answers = {"GETSTATUS": "UNKNOWN", "GETTIME": "GETTIME;2026-01-04;05:00:09.000", "PASSINGS": "PASSINGS;0;3"}
        return [answers.get(command.partition(";")[0], zero_based(command, count=0)[0])]

    reader = fresh(KNOWN)
    said = converse(reader, box, 10)
    assert kinds(said) == ["lacks"]
    assert 0 < reader.clock_offsets_us["Finish"] <= 9_000_000
