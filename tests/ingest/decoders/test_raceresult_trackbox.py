"""Pings of RACE RESULT Track Boxes: records that say how long before the box's time a tag was seen."""

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.messages import DecodedRead, Message, Unreadable
from services.ingest.decoders.raceresult_http import PROTOCOL, read_body
from services.ingest.decoders.raceresult_trackbox import with_box_time

PASSIVE = "0000041;1.250;-68;12;;;;;;;6692"
ACTIVE = "GXK-0012;0:01:02.5;95;1;;;;;;;0"
ORIGIN = ClockOrigin(timezone(timedelta(hours=7)))
AT_US = 1_767_477_610_000_000  # 2026-01-04T05:00:10 in the zone of these tests


def read(*records: str, box_time: str = "26-01-04T05:00:10", end: str = "\r") -> list[Message]:
    body = with_box_time("".join(record + end for record in records).encode(), {"boxTime": box_time})
    return read_body(body, "T-1", "s", ORIGIN)


def test_a_tag_is_read_so_long_before_the_time_of_its_box():
    (passive, active) = read(PASSIVE, ACTIVE)
    assert passive == DecodedRead("s", 0, "T-1", "6692-0000041", AT_US - 1_250_000, rssi=-68.0)
    assert active == DecodedRead("s", 1, "T-1", "GXK-0012", AT_US - 62_500_000)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\r\0"])
def test_records_keep_their_order_whatever_ends_them(end):
    assert [type(message) for message in read(PASSIVE, "nonsense", ACTIVE, end=end)] == [
        DecodedRead,
        Unreadable,
        DecodedRead,
    ]


@pytest.mark.parametrize(
    "box_time", ["26-01-04T05:00:10", "2026-01-04 05:00:10.000", "26-01-03T22:00:10Z", "26-01-04T05:00:10+07:00"]
)
def test_the_time_of_a_box_is_of_the_zone_of_its_source_unless_it_has_its_own(box_time):
    assert [message.at_us for message in read(PASSIVE, box_time=box_time)] == [AT_US - 1_250_000]


@pytest.mark.parametrize(
    ("record", "box_time"),
    [
        (PASSIVE, "1926-01-04T05:00:10"),
        (PASSIVE, "26-13-04T05:00:10"),
        (PASSIVE, "now"),
        (PASSIVE.replace("1.250", "-1"), "26-01-04T05:00:10"),
        (PASSIVE.replace("0000041", ""), "26-01-04T05:00:10"),
        (PASSIVE + ";", "26-01-04T05:00:10"),
    ],
)
def test_what_makes_no_sense_is_kept_with_the_time_of_its_box(record, box_time):
    (bad,) = read(record, box_time=box_time)
    assert isinstance(bad, Unreadable)
    assert bad.raw == f"{box_time};{record}".encode()


def test_the_upload_of_a_decoder_stays_as_it_is():
    assert PROTOCOL.complete_upload(b"1;2\r\n", {"device": "D-1"}) == b"1;2\r\n"


@given(st.binary(max_size=200), st.text(max_size=60))
def test_no_post_raises(body: bytes, box_time: str):
    read_body(with_box_time(body, {"boxTime": box_time}), "T-1", "s", ORIGIN)
