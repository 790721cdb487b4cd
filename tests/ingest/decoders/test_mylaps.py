"""The MYLAPS decoder against the protocol's samples, a recorded race, and arbitrary bytes."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loadtest
from loadtest.mylaps_replay import client_frames, read_log
from services.ingest.decoders.messages import UTC_SLACK_US, ConnectionFault, Notice, Unreadable
from services.ingest.decoders.mylaps_frames import (
    FRAME_MAX_BYTES,
    PASSING_KEYS,
    RECORDS_MAX,
    ClientMessage,
    Decoder,
    Hello,
    Info,
    KeepAlive,
    Login,
    Markers,
    Passings,
    Record,
    checksum_v1,
    decode_frame,
    frame_alone,
    read_v1,
    read_v2,
)

ZONE = timezone(timedelta(hours=4))
DATA = Path(loadtest.__file__).parent / "data"
STORE = b"Start@Store@SS3507315:43:58.065 5 01 13001B2503087E@1@$"
PASSING = b"10KM@Passing@t=13:11:30.904|c=0000041|ct=UH|d=120606|l=13|dv=4|re=0|an=00001111|g=0|b=41|n=41@1016@$"
MARKER = b"Start - Finish@Marker@2025-04-13 05:57:56.027|ext-gun|Extern gunshot@1@$"


def decoder() -> Decoder:
    return Decoder(ZONE, "Srv")


def only(frame: bytes) -> ClientMessage:
    [message] = decoder().feed(frame)
    return message


def at_us(year: int, month: int, day: int, hour: int, minute: int, second: int, ms: int, zone=ZONE) -> int:
    instant = datetime(year, month, day, hour, minute, second, ms * 1000, tzinfo=zone)
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def v1_record(text: str) -> bytes:
    """A V1 record: its first 37 characters and their checksum."""
    return (text + checksum_v1(text.encode())).encode()


# --- the protocol's samples


def test_a_v1_record_of_the_protocol_is_read_and_its_message_acknowledged_by_number():
    message = only(STORE)
    assert message == Passings(
        "Start",
        [Record("SS35073", at_us(2025, 3, 8, 15, 43, 58, 65), "5.0", sequence=0x1B)],
        [],
        b"Srv@AckStore@1@$",
        STORE[:-1],
    )


def test_a_v2_record_of_the_protocol_is_read_with_its_keys_in_any_order():
    message = only(PASSING)
    assert isinstance(message, Passings)
    assert (message.location, message.reply, message.unreadable) == ("10KM", b"Srv@AckPassing@1016@$", [])
    assert message.records == [Record("0000041", at_us(2012, 6, 6, 13, 11, 30, 904), "4.0")]


@pytest.mark.parametrize("location", [b"Loc", b"Start - Finish", b"21Km = 2Km", b"unnamed"])
def test_every_pong_is_answered_by_the_same_v2_form(location):
    receiver = decoder()
    expected = b"Srv@AckPong@Version2.1@" + PASSING_KEYS.encode() + b"@$"
    for _ in range(2):
        assert receiver.feed(location + b"@Pong@$") == [Hello(location.decode(), expected)]


def test_a_ping_is_answered():
    assert only(b"Toolkit@Ping@$") == KeepAlive(b"Srv@AckPing@$")


@pytest.mark.parametrize(
    ("frame", "password"),
    [
        (b"Toolkit@AckAuth@user@password@$", b"password"),
        (b"Toolkit@AckAuth@password@$", b"password"),
        (b"T@AckAuth@$", b""),
    ],
)
def test_a_clients_password_is_found_and_never_shown(frame, password):
    message = only(frame)
    assert message == Login(password, b"Srv@AuthOk@$", b"Srv@AuthFailed@$")
    assert "password" not in repr(message)


@pytest.mark.parametrize(
    "frame",
    [
        b"Toolkit@GetLocations@ln=Start@ln=5K@$",
        b"T&S@AckGetInfo@sd=2012-06-21|rn=My 5K Race@$",
        b"Loc@AckGetInfo@id=1|n=x|mac=000000|ant=1111|time=10:00:00@$",
        b"Loc@AckGetInfo@Device@Unknown@Computer$",
        b"Loc@AckPing@$",
    ],
)
def test_a_message_about_the_client_itself_needs_no_answer(frame):
    assert isinstance(only(frame), Info)


def test_a_v1_marker_is_a_notice():
    assert only(MARKER) == Markers(
        "Start - Finish",
        [Notice("Start - Finish", "ext-gun", at_us(2025, 4, 13, 5, 57, 56, 27), "Extern gunshot")],
        [],
        b"Srv@AckMarker@1@$",
        MARKER[:-1],
    )


def test_a_v2_marker_without_a_date_is_a_notice_without_an_instant():
    message = only(b"Start@Marker@t=10:00:00.000|mt=Gunshot|n=Gun 1@7@$")
    assert message == Markers(
        "Start",
        [Notice("Start", "Gunshot", None, "t=10:00:00.000|mt=Gunshot|n=Gun 1")],
        [],
        b"Srv@AckMarker@7@$",
        b"Start@Marker@t=10:00:00.000|mt=Gunshot|n=Gun 1@7@",
    )


def test_the_manuals_record_of_47_characters_is_kept_and_no_read():
    record = b"F" * 47
    message = only(b"Start@Store@" + record + b"@3@$")
    assert isinstance(message, Passings)
    assert message.records == []
    assert [rejection.raw for rejection in message.unreadable] == [b"Start@Store@" + record + b"@3@$"]


# --- V1 records


def test_blanks_stand_for_missing_precision_and_numbers():
    seen = read_v1(v1_record("0000041    15:43:58 5 01 13001B250308"), ZONE)
    assert seen.at_us == at_us(2025, 3, 8, 15, 43, 58, 0)


@pytest.mark.parametrize("position", range(37))
def test_a_changed_character_makes_a_record_unreadable_and_never_a_read(position):
    record = bytearray(STORE[12:51])
    record[position] ^= 1
    message = only(b"Start@Store@" + bytes(record) + b"@1@$")
    assert isinstance(message, Passings)
    assert message.records == []
    assert [rejection.raw for rejection in message.unreadable] == [b"Start@Store@" + bytes(record) + b"@1@$"]
    assert "checksum" in message.unreadable[0].reason
    assert message.reply == b"Srv@AckStore@1@$"


def test_one_bad_record_does_not_affect_the_others():
    good = STORE[12:51]
    bad = good[:-2] + b"00"
    message = only(b"Start@Store@" + b"@".join((good, bad, good)) + b"@9@$")
    assert isinstance(message, Passings)
    assert len(message.records) == 2
    assert [rejection.raw for rejection in message.unreadable] == [b"Start@Store@" + bad + b"@9@$"]


@pytest.mark.parametrize(
    "text",
    [
        "SS3507325:43:58.065 5 01 13001B250308",  # hour 25
        "SS3507315:43:58.065 5 01 13001B251308",  # month 13
        "SS3507315:43:58.065 5 01 13001G250308",  # no hex
        "       15:43:58.065 5 01 13001B250308",  # no chip
    ],
)
def test_a_record_with_a_right_checksum_and_impossible_content_is_refused(text):
    with pytest.raises(ValueError):
        read_v1(v1_record(text), ZONE)


# --- V2 records


def test_strength_antenna_and_the_clients_own_utc_are_taken_where_sent():
    local = at_us(2026, 1, 4, 6, 0, 0, 500)
    seen = read_v2(f"c=0000041|d=260104|t=06:00:00.500|utc={local // 1000}|amd=-61.5|ans=3|an=00001111|new=1", ZONE)
    assert (seen.antenna, seen.rssi, seen.utc_off_us) == (3, -61.5, 0)


def test_a_utc_that_contradicts_the_zone_is_noticed_and_not_taken():
    local = at_us(2026, 1, 4, 6, 0, 0, 0)
    seen = read_v2(f"c=1|d=260104|t=06:00:00.000|utc={local // 1000 + 3_600_000}", ZONE)
    assert seen.at_us == local
    assert seen.utc_off_us is not None
    assert seen.utc_off_us > UTC_SLACK_US


@pytest.mark.parametrize("record", ["c=1|t=06:00:00", "c=1|d=260104", "d=260104|t=06:00:00", "c=1|d=260104|06:00:00"])
def test_a_v2_record_without_chip_date_or_time_is_refused(record):
    with pytest.raises(ValueError):
        read_v2(record, ZONE)


# --- frames


@pytest.mark.parametrize("padding", [b"\0", b"\r\n", b"\r\n\0\0", b"\n\n\r\0"])
def test_padding_around_and_inside_frames_is_ignored(padding):
    receiver = decoder()
    assert receiver.feed(padding + STORE + padding + MARKER + padding) == [only(STORE), only(MARKER)]
    assert receiver.feed(STORE[:20] + padding + STORE[20:]) == [only(STORE)]


def test_two_frames_of_one_segment_are_two_messages():
    assert decoder().feed(STORE + PASSING) == [only(STORE), only(PASSING)]


@pytest.mark.parametrize("cut", range(1, len(STORE)))
def test_a_frame_may_come_in_two_portions(cut):
    receiver = decoder()
    assert receiver.feed(STORE[:cut]) == []
    assert receiver.feed(STORE[cut:]) == [only(STORE)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_location_with_other_than_ascii_letters_keeps_its_name(encoding):
    message = only("Zürich–Höngg"[: 6 if encoding == "latin-1" else None].encode(encoding) + STORE[5:])
    assert isinstance(message, Passings)
    assert message.location == ("Zürich" if encoding == "latin-1" else "Zürich–Höngg")
    assert len(message.records) == 1


@pytest.mark.parametrize(("name", "place"), [(b"", ""), (b"x" * 65, "x" * 64), (b"a\tb", "ab")])
def test_a_location_that_can_be_no_device_is_read_by_what_of_its_name_can(name, place):
    message = only(name + STORE[5:])
    assert isinstance(message, Passings)
    assert (message.location, len(message.records), message.unreadable) == (place, 1, [])


@pytest.mark.parametrize("number", [b" 1016", b"1016 ", b"\t1016"])
def test_blanks_around_the_number_of_a_message_change_nothing(number):
    message = only(PASSING.replace(b"@1016@", b"@" + number + b"@"))
    assert isinstance(message, Passings)
    assert (message.reply, len(message.records)) == (b"Srv@AckPassing@1016@$", 1)


@pytest.mark.parametrize("frame", [STORE.replace(b"@1@$", b"@$"), STORE.replace(b"@1@$", b"@x@$")])
def test_a_message_without_a_number_is_read_and_cannot_be_acknowledged(frame):
    message = only(frame)
    assert isinstance(message, Passings)
    assert (message.reply, len(message.records)) == (b"", 1)


@pytest.mark.parametrize(
    ("record", "kind", "instant"),
    [
        (b"t=2017-10-25 11:03:40.347|mt=gun|n=Gunshot 1", "gun", at_us(2017, 10, 25, 11, 3, 40, 347)),
        (b"t=11:03:40.347|d=171025|mt=gun|n=Gunshot 1", "gun", at_us(2017, 10, 25, 11, 3, 40, 347)),
        (b"t=11:03:40.347|mt=gun|n=Gunshot 1", "gun", None),
        (b"mt=gun|n=Gunshot 1", "gun", None),
        (b"n=Gunshot 1", "marker", None),
    ],
)
def test_a_v2_marker_is_a_notice_with_the_instant_that_it_has(record, kind, instant):
    message = only(b"Finish@Marker@" + record + b"@4@$")
    assert message.unreadable == []
    assert message.notices == [Notice("Finish", kind, instant, record.decode())]
    assert message.reply == b"Srv@AckMarker@4@$"


@pytest.mark.parametrize("record", [b"t=25:03:40.347|mt=gun", b"Gunshot 1", b"1999-10-25 11:03:40.347|gun|Gunshot 1"])
def test_a_marker_whose_time_cannot_be_read_is_told_the_office_and_can_be_replayed(record):
    message = only(b"Finish@Marker@" + record + b"@4@$")
    [notice], [unreadable] = message.notices, message.unreadable
    assert notice.text.startswith(record.decode())
    assert (notice.at_us, unreadable.raw) == (None, b"Finish@Marker@" + record + b"@4@$")


def test_a_v2_record_may_have_its_date_in_its_time():
    dated = PASSING.replace(b"t=13:11:30.904", b"t=2012-06-06 13:11:30.904").replace(b"|d=120606", b"")
    assert only(dated).records == only(PASSING).records


@pytest.mark.parametrize("frame", [b"x$", b"Start@Fire@1@$", b"Start@Store@$"])
def test_a_frame_that_is_no_message_is_kept_complete(frame):
    message = only(frame)
    assert isinstance(message, Unreadable)
    assert message.raw == frame


def test_nothing_between_two_ends_of_frames_is_no_message():
    assert decoder().feed(b"$\r\n$\0$") == []


def test_a_frame_that_will_not_end_is_a_fault_of_the_connection():
    receiver = decoder()
    assert receiver.feed(b"x" * FRAME_MAX_BYTES) == []
    with pytest.raises(ConnectionFault):
        receiver.feed(b"x")
    with pytest.raises(ConnectionFault):
        decoder().feed(b"x" * (FRAME_MAX_BYTES + 1) + b"$")
    assert isinstance(decoder().feed(b"x" * FRAME_MAX_BYTES + b"$")[0], Unreadable)


# --- the recorded race


@pytest.fixture(scope="module")
def recorded() -> bytes:
    """All bytes that the client sent."""
    return b"".join(client_frames(read_log(DATA / "mylaps-april13-16.log.gz")))


@pytest.fixture(scope="module")
def messages(recorded: bytes) -> list[ClientMessage]:
    return Decoder(ZONE, "Srv").feed(recorded)


def test_the_recorded_race_gives_exactly_the_passings_that_were_parsed_from_it(messages):
    with (DATA / "mylaps-5km-passings.csv").open() as file:
        expected = [
            (
                row["store_batch"],
                "5Km",
                row["chip"],
                datetime.fromisoformat(f"{row['date']}T{row['time_of_day_local']}").replace(tzinfo=ZONE),
                int(row["record_seq"]),
                row["device"],
            )
            for row in csv.DictReader(file)
        ]
    messages_read = [
        (
            message.reply.split(b"@")[2].decode(),
            message.location,
            seen.chip,
            datetime.fromtimestamp(seen.at_us // 1_000_000, ZONE).replace(microsecond=seen.at_us % 1_000_000),
            seen.sequence,
            seen.unit.partition(".")[0],
        )
        for message in messages
        if isinstance(message, Passings)
        for seen in message.records
    ]
    assert messages_read == expected
    assert len(messages_read) == 2391
    assert len({chip for _, _, chip, *_ in messages_read}) == 913


def test_the_recorded_race_has_nothing_unreadable(messages):
    assert not [message for message in messages if isinstance(message, Unreadable)]
    assert not [message for message in messages if isinstance(message, Passings | Markers) and message.unreadable]


def test_the_recorded_race_comes_out_the_same_byte_by_byte(recorded, messages):
    receiver = Decoder(ZONE, "Srv")
    messages_read: list[ClientMessage] = []
    for index in range(len(recorded)):
        messages_read += receiver.feed(recorded[index : index + 1])
    assert messages_read == messages


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_the_recorded_race_comes_out_the_same_in_any_portions(recorded, messages, data):
    cuts = data.draw(st.lists(st.integers(0, len(recorded)), max_size=400).map(sorted))
    receiver = Decoder(ZONE, "Srv")
    messages_read: list[ClientMessage] = []
    for start, end in pairwise([0, *cuts, len(recorded)]):
        messages_read += receiver.feed(recorded[start:end])
    assert messages_read == messages


# --- bytes that nobody would send

_PIECES = st.sampled_from([b"@", b"$", b"|", b"=", b"\0", b"\r\n", b"Store", b"Passing", b"Marker", b"Pong", b"\xff"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=60) | _PIECES | st.just(STORE) | st.just(PASSING)).map(b"".join)))
def test_any_bytes_give_messages_or_a_reader_fault(portions):
    receiver = decoder()
    for portion in portions:
        receiver.feed(portion)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([STORE, PASSING, MARKER]), st.data())
def test_a_damaged_frame_is_read_or_kept_but_never_raises(frame, data):
    cut = data.draw(st.integers(0, len(frame) - 2))
    length = data.draw(st.integers(0, 8))
    damaged = frame[:cut] + data.draw(st.binary(max_size=8)) + frame[cut + length :].rstrip(b"$") + b"$"
    for message in decoder().feed(damaged):
        assert isinstance(message, ClientMessage)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="@$\0\r\n"), min_size=37, max_size=37))
def test_a_record_with_a_right_checksum_is_a_read_within_the_years_it_can_name_or_refused(text):
    record = v1_record(text)
    message = decode_frame(b"Start@Store@" + record + b"@1@", ZONE, "Srv")
    assert isinstance(message, Passings)
    assert len(message.records) + len(message.unreadable) == 1


def test_a_message_of_far_too_many_records_is_one_dead_letter_and_acknowledged():
    frame = b"Start@Store@" + b"x@" * (RECORDS_MAX + 1) + b"1@$"
    [message] = decoder().feed(frame)
    assert isinstance(message, Passings)
    assert (message.records, message.reply) == ([], b"Srv@AckStore@1@$")
    assert [unreadable.raw for unreadable in message.unreadable] == [frame]
    [message] = decoder().feed(b"Start@Store@" + b"x@" * RECORDS_MAX + b"1@$")
    assert len(message.unreadable) == RECORDS_MAX


def test_a_record_stands_alone_in_its_frame_whatever_stands_beside_it():
    assert frame_alone(b"Start@Store@a@b@12@", b"b", b"12") == b"Start@Store@b@12@$"
    assert frame_alone(b"Start@Store@a@b", b"b", b"") == b"Start@Store@b@$"
