"""Decoders and compatible boxes that answer only some of the commands."""

import math
from collections.abc import Sequence

import pytest

from services.ingest.decoders.messages import (
    ConnectionFault,
    DecodedRead,
    Notice,
    Unreadable,
)
from services.ingest.decoders.raceresult import RaceResult
from services.ingest.decoders.raceresult_passing import instant_us, read_passing
from services.ingest.decoders.reader_state import ReaderStateNotices
from tests.ingest.decoders.raceresult_talk import (
    KNOWN,
    ORIGIN,
    START,
    ZONE,
    asked,
    converse,
    fresh,
    kinds,
    lines,
    numbers,
    record,
    zero_based,
)


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


def test_a_port_that_answers_nothing_at_all_is_left():
    reader = RaceResult(ORIGIN, {}, ReaderStateNotices())
    reader.begin(START)
    with pytest.raises(ConnectionFault, match="answers no command"):
        converse(reader, lambda _: [], 60)
    assert reader.silence_s > 59


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


def test_a_box_that_does_not_tell_its_state_is_asked_for_its_time():
    def box(command: str) -> Sequence[str]:
        answers = {"GETSTATUS": "UNKNOWN", "GETTIME": "GETTIME;2026-01-04;05:00:09.000", "PASSINGS": "PASSINGS;0;3"}
        return [answers.get(command.partition(";")[0], zero_based(command, count=0)[0])]

    reader = fresh(KNOWN)
    said = converse(reader, box, 10)
    assert kinds(said) == ["lacks"]
    assert 0 < reader.clock_offsets_us["Finish"] <= 9_000_000
