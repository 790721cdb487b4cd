"""RACE RESULT uploads: lines of 19 fields, reads in order, and unreadable lines beside them."""

from datetime import UTC, date, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.messages import DecodedRead, Notice, Unreadable
from services.ingest.decoders.raceresult_http import read_body
from services.ingest.decoders.raceresult_passing import instant_us

PASSIVE = "1;0000041;2026-01-04;05:00:01.250;6692;12;-68;0;;;0;;;;;;;;"
ACTIVE = "2;;2026-01-04;05:00:02.500;;3;95;0;GXK-0012;;1;1;7;12;21;2.91;20;64;"
ORIGIN = ClockOrigin(UTC)
AT_US = instant_us("2026-01-04", "05:00:01.250", ORIGIN)


def body(*lines: str, end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def test_a_passive_tag_is_named_by_its_set_and_number():
    assert PASSIVE.count(";") == 18
    assert AT_US is not None
    (seen,) = read_body(body(PASSIVE), "D-5012", "s", ORIGIN)
    assert seen == DecodedRead("s", 0, "D-5012", "6692-0000041", AT_US, None, -68.0)


def test_a_tag_of_no_set_keeps_its_zeros():
    for event_id in ("", "0"):
        (seen,) = read_body(body(PASSIVE.replace("6692", event_id)), "d", "s", ORIGIN)
        assert seen.chip == "0000041"


def test_a_tag_without_its_code_is_no_chip_though_its_set_is_known():
    (bad,) = read_body(body(PASSIVE.replace("0000041", "")), "d", "s", ORIGIN)
    assert isinstance(bad, Unreadable)
    assert bad.raw == PASSIVE.replace("0000041", "").encode()


def test_an_active_transponder_is_named_by_its_code_and_has_a_loop_and_a_battery():
    assert ACTIVE.count(";") == 18
    (seen,) = read_body(body(ACTIVE), "d", "s", ORIGIN)
    assert (seen.chip, seen.antenna, seen.rssi, seen.battery) == ("GXK-0012", 7, None, 2.91)


def test_times_are_of_the_zone_of_the_source():
    (seen,) = read_body(body(PASSIVE), "d", "s", ClockOrigin(timezone(timedelta(hours=7))))
    assert AT_US is not None
    assert seen.at_us == AT_US - 7 * 3600 * 1_000_000


def test_lines_keep_their_order_and_number_whatever_ends_them():
    for end in ("\n", "\r\n", "\n\n", "\n\0\n"):
        messages = read_body(body(PASSIVE, "nonsense", ACTIVE, end=end), "d", "s", ORIGIN)
        assert [type(message) for message in messages] == [DecodedRead, Unreadable, DecodedRead]
        assert [message.seq for message in messages if isinstance(message, DecodedRead)] == [0, 2]
        assert messages[1].raw == b"nonsense"


def test_a_marker_is_a_notice_and_a_passing_without_a_date_is_held():
    marker = PASSIVE.replace("0000041", "99999")
    (notice, held) = read_body(body(marker, PASSIVE.replace("2026-01-04", "0000-00-00")), "d", "s", ORIGIN)
    assert notice == Notice("d", "marker", AT_US, marker)
    assert held.held


def test_a_passing_without_a_date_is_read_once_somebody_says_what_its_clock_counts_from():
    origin = ClockOrigin(UTC, day=date(2026, 1, 4))
    (seen,) = read_body(body(PASSIVE.replace("2026-01-04", "0000-00-00")), "d", "s", origin)
    assert seen.at_us == AT_US


def test_twenty_fields_are_those_of_the_socket_and_refused():
    (bad,) = read_body(body(PASSIVE + ";"), "d", "s", ORIGIN)
    assert isinstance(bad, Unreadable)
    assert "20 fields" in bad.reason


@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([PASSIVE.encode(), ACTIVE.encode()])), max_size=20))
def test_no_body_raises(lines: list[bytes]):
    body_bytes = b"\n".join(lines)
    kept = [line for line in body_bytes.split(b"\n") if line.strip(b" \0\r")]
    assert len(read_body(body_bytes, "d", "s", ORIGIN)) == len(kept)
