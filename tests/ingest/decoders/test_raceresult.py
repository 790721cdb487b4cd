"""RACE RESULT decoders: pushed passings, clocks and states, and streams however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Notice,
    Position,
    Unreadable,
)
from services.ingest.decoders.raceresult import RaceResult
from services.ingest.decoders.raceresult_passing import instant_us
from services.ingest.decoders.reader_state import ReaderStateNotices
from tests.ingest.decoders.raceresult_talk import (
    ORIGIN,
    PUSHED,
    START,
    STATUS,
    ZONE,
    asked,
    at,
    lines,
    met,
    numbers,
    record,
)

"""RACE RESULT decoders: records, the handshake, the cursor rule, and questions asked again."""


def test_the_start_of_operation_with_a_clock_never_set_has_no_instant():
    reader = met()
    reader.take()
    notice = reader.feed(lines("STARTOPERATION;OK;0000-00-00;00:00:00.000"), at(1))
    assert notice == [Notice("Finish", "startoperation", None, "STARTOPERATION;OK;0000-00-00;00:00:00.000")]
    assert asked(reader) == ["PASSINGS"], "a file may have begun"


def test_a_read_carries_the_decoders_own_number_file_and_antenna():
    reader = met()
    (seen, reached) = reader.feed(lines("#P;" + record(1)), at(1))
    at_us = instant_us("2026-01-04", "05:00:01.500", ORIGIN)
    assert at_us is not None
    assert seen == DecodedRead("D-5012 file 3", 1, "Finish", "6692-33", at_us, 3, -68.0)
    assert reached == CursorAdvanced("D-5012", Position("3", 1, "2026-01-04 05:00:01.500 6692-33"))


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
