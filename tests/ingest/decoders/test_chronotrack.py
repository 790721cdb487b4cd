"""ChronoTrack CTP01: lines to reads, and the conversation that has every event of every location."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.chronotrack import (
    BARE_AFTER_S,
    CTP_LINE_MAX_BYTES,
    IN_VAIN_MAX,
    LIST_AFTER_S,
    OPTIONS,
    PING_EVERY_S,
    RESUMED_S,
    ChronoTrackReader,
)
from services.ingest.decoders.messages import (
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Unreadable,
)

HELLO = b"SimpleClient~4.0.1~CTP01\r\n"
DAY = date(2026, 3, 6)
NOW = Now(1_772_800_000_000_000, 100.0)
BEGAN = "2026-03-06T12:26:40.000000Z"


def us(hour: int, minute: int, second: int, fraction_us: int) -> int:
    return int(datetime(2026, 3, 6, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000_000 + fraction_us


def later(seconds: float) -> Now:
    return Now(NOW.wall_us + int(seconds * 1e6), NOW.steady_s + seconds)


def event(seq: int, tag: str = "9478", read_at: str = "2026-03-06T14:02:15.31", location: str = "start") -> bytes:
    return f"CT01_33~{seq}~{location}~{tag}~{read_at}~0~0F2A38~1\r\n".encode()


def client(cursor: dict[str, Position] | None = None, day: date | None = DAY) -> ChronoTrackReader:
    """A new connection."""
    made = ChronoTrackReader(UTC, cursor or {}, day)
    made.begin(NOW)
    return made


def started(cursor: dict[str, Position] | None = None, answered: bool = True) -> ChronoTrackReader:
    """A connection whose client has named its one location, and answered our `start`."""
    made = client(cursor)
    made.feed(HELLO + b"ack~getlocations~start\r\n", NOW)
    made.take()
    if answered:
        made.feed(b"ack~start~start\r\n", NOW)
    return made


def known(seq: int, tag: str = "9478") -> dict[str, Position]:
    return {"start": Position("start then", seq, f"{tag}~2026-03-06T14:02:15.31")}


def numbers(messages: list[Message]) -> list[int]:
    return [message.seq for message in messages if isinstance(message, DecodedRead)]


def reached(messages: list[Message]) -> list[int]:
    return [message.position.number for message in messages if isinstance(message, CursorAdvanced)]


def kinds(messages: list[Message]) -> list[str]:
    return [message.kind for message in messages if isinstance(message, Notice)]


def test_the_client_gets_the_number_of_options_that_follow_and_is_asked_for_its_locations():
    connection = client()
    assert connection.feed(HELLO, NOW) == []
    head, *lines, end = connection.take().decode().split("\r\n")
    assert head == f"Matline~1~{len(OPTIONS)}"
    assert lines == [*OPTIONS, "getlocations"]
    assert {"stream-mode=push", "time-format=iso", "guntimes=true"} <= set(OPTIONS)
    assert end == ""


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"SimpleClient~4.0.1~CTP02\r\n", event(1), b"ping\r\n"])
def test_a_client_that_does_not_introduce_itself_is_disconnected(line):
    with pytest.raises(ConnectionFault, match="did not introduce itself"):
        client().feed(line, NOW)


def test_a_read_of_the_notes():
    [read, mark] = started().feed(b"CT01_33~1~start~9478~14:02:15.31~0~0F2A38~1\r\n", NOW)
    assert read == DecodedRead(f"start {BEGAN}", 1, "start", "9478", us(14, 2, 15, 310_000), antenna=1)
    assert mark == CursorAdvanced("start", Position(f"start {BEGAN}", 1, "9478~14:02:15.31"))


def test_a_new_location_and_a_gun_are_notices():
    connection = client()
    connection.feed(HELLO, NOW)
    connection.take()
    assert connection.feed(
        b"CT01_33~2038~30k~newlocation~09:15:21.00~0~ED932A~0\r\nCT01_33~4~start~guntime~07:45:01.01~0~DF239A~0\r\n",
        NOW,
    ) == [
        Notice("30k", "newlocation", us(9, 15, 21, 0), "30k 09:15:21.00"),
        Notice("start", "guntime", us(7, 45, 1, 10_000), "start 07:45:01.01"),
    ]
    connection.tick(later(LIST_AFTER_S / 2))
    assert connection.take() == b""
    connection.tick(later(LIST_AFTER_S))
    assert connection.take() == b"getlocations\r\n"
    connection.feed(b"ack~getlocations~start~30k\r\n", NOW)
    assert connection.take() == b"start~start\r\nstart~30k\r\n"  # whatever number the new location came with


def test_the_older_form_with_commas_is_the_same_event():
    connection = client()
    connection.feed(HELLO, NOW)
    [read] = connection.feed(b"CT01_13,1,MINI10438,1894,20:26:41.07,1,1085B1,2\r\n", NOW)
    assert (read.seq, read.where, read.chip, read.at_us, read.antenna) == (
        1,
        "MINI10438",
        "1894",
        us(20, 26, 41, 70_000),
        2,
    )


def test_iso_time_is_local_and_a_time_without_date_needs_a_day():
    made = ChronoTrackReader(timezone(timedelta(hours=7)), {})
    made.begin(NOW)
    made.feed(HELLO, NOW)
    [iso] = made.feed(event(1, read_at="2026-03-06T14:02:15.31"), NOW)
    assert iso.at_us == us(7, 2, 15, 310_000)
    [bare] = made.feed(event(2, read_at="14:02:15.31"), NOW)
    assert "time 14:02:15.31 has no date" in bare.reason
    assert bare.raw == event(2, read_at="14:02:15.31").strip()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event(1, read_at="1620460343.17"), "counts from 1970 by an unknown clock"),
        (event(1, read_at="2026-02-30T14:02:15.31"), "day is out of range"),
        (event(1, read_at="0001-01-01T00:00:00.00"), "in the year 0001"),
        (event(1, read_at="25:02:15.31"), "hour must be"),
        (event(1, read_at="soon"), "is not the time of an event"),
        (event(1, tag="x" * 33), "it takes 1 to 32"),
        (b"CT01_33~1~start~9478~14:02:15.31~0~0F2A38\r\n", "an event with 7 fields"),
        (b"CT01_33~one~start~9478~14:02:15.31~0~0F2A38~1\r\n", "not the number of an event"),
        (b"CT01_33~1~" + b"s" * 65 + b"~9478~14:02:15.31~0~0F2A38~1\r\n", "not a name of 1 to 64"),
        (b"hello\r\n", "not a line of CTP01"),
    ],
)
def test_an_unreadable_line_is_returned_with_its_bytes_and_reason(line, reason):
    connection = client()
    connection.feed(HELLO, NOW)
    [unreadable] = connection.feed(line, NOW)
    assert isinstance(unreadable, Unreadable)
    assert reason in unreadable.reason
    assert unreadable.raw == line.strip()


def test_splitting_the_stream_changes_neither_messages_nor_answers():
    data = HELLO + b"ack~getlocations~start\r\nack~start~start\r\n\0\r\n" + event(1) + event(2) + b"ping\r\n" + event(5)
    unsplit = client()
    expected, sent = unsplit.feed(data, NOW), unsplit.take()
    assert numbers(expected) == [1, 2, 5]
    for index in range(len(data)):
        split = client()
        assert split.feed(data[:index], NOW) + split.feed(data[index:], NOW) == expected
        assert split.take() == sent


def test_a_location_is_requested_from_its_cursor_or_from_the_beginning():
    connection = client(known(500))
    connection.feed(HELLO + b"ack~getlocations~start~5K\r\n", NOW)
    assert connection.take().endswith(b"getlocations\r\nstart~start~500\r\nstart~5K\r\n")


def test_a_log_is_resumed_if_its_last_event_comes_again():
    connection = started(known(500))
    messages = connection.feed(event(500) + event(501, tag="7"), NOW)
    assert numbers(messages) == [500, 501]
    assert reached(messages) == [501]
    assert {message.session for message in messages if isinstance(message, DecodedRead)} == {"start then"}
    assert connection.take() == b""
    assert connection.tick(later(RESUMED_S)) == []


@pytest.mark.parametrize("first", [event(500, tag="7"), event(1), event(501)])
def test_another_log_is_requested_from_its_beginning_before_the_cursor_advances(first):
    """A client restarts its count: if its numbers were taken for the old ones, its first 500 events would be lost."""
    connection = started(known(500))
    messages = connection.feed(first + event(502, tag="8"), NOW)
    assert "log_changed" in kinds(messages)
    assert len(numbers(messages)) == 2
    assert reached(messages) == []
    assert connection.take() == b"start~start\r\n"
    again = connection.feed(b"ack~start~start\r\n" + event(1, tag="a") + event(2, tag="b"), NOW)
    assert reached(again) == [1, 2]
    assert {message.session for message in again if isinstance(message, DecodedRead)} == {f"start {BEGAN}"}


def test_a_location_that_does_not_repeat_its_last_event_is_requested_from_the_beginning():
    connection = started(known(500))
    assert connection.tick(later(RESUMED_S / 2)) == []
    assert kinds(connection.tick(later(RESUMED_S))) == ["log_changed"]
    assert connection.take() == b"start~start\r\n"


def test_a_client_that_cannot_resume_is_asked_for_everything():
    connection = started(known(500), answered=False)
    messages = connection.feed(b"err~start~bad sequence\r\n", NOW)
    assert kinds(messages) == ["error", "log_changed"]
    assert connection.take() == b"start~start\r\n"


def test_a_client_that_lists_no_locations_is_asked_for_all():
    connection = client()
    messages = connection.feed(HELLO + b"err~getlocations~unknown command\r\n", NOW)
    assert kinds(messages) == ["error"]
    assert connection.take().endswith(b"\r\nstart\r\n")


@pytest.mark.parametrize("refusal", [b"err~start~start~no location here\r\n", b"err~start~unknown parameters\r\n"])
def test_a_client_that_knows_only_a_bare_start_gets_it_once(refusal):
    connection = started(answered=False)
    connection.feed(refusal, NOW)
    assert connection.take() == b"start\r\n"
    assert numbers(connection.feed(b"ack~start\r\n" + event(1) + event(2) + refusal, NOW)) == [1, 2]
    assert connection.take() == b""


def test_a_client_that_passes_over_start_with_a_location_gets_a_bare_one():
    connection = started(known(5), answered=False)
    connection.tick(later(RESUMED_S))
    assert connection.take() == b"start~start\r\n"
    connection.tick(later(BARE_AFTER_S))
    assert b"start\r\n" in connection.take().split(b"ping\r\n")
    messages = connection.feed(event(1) + event(2), NOW)
    assert (numbers(messages), reached(messages)) == ([1, 2], [1, 2])


def test_a_client_that_does_not_list_its_locations_gets_a_bare_start():
    connection = client()
    connection.feed(HELLO, NOW)
    connection.take()
    connection.tick(later(BARE_AFTER_S))
    assert b"start\r\n" in connection.take().split(b"ping\r\n")
    assert numbers(connection.feed(event(1), NOW)) == [1]


@pytest.mark.parametrize("answer", [b"ack~start~start\r\n", b"ack~start\r\n", event(1)])
def test_a_client_that_answers_is_not_started_twice(answer):
    connection = started(answered=False)
    connection.feed(answer, NOW)
    connection.tick(later(BARE_AFTER_S))
    assert connection.take() == b"ping\r\n"


def test_a_number_left_out_is_asked_for_and_holds_the_cursor_until_it_comes():
    connection = started()
    messages = connection.feed(event(1) + event(4) + event(5), NOW)
    assert numbers(messages) == [1, 4, 5]
    assert kinds(messages) == ["gap"]
    assert reached(messages) == [1]
    assert connection.missing == 2
    assert connection.take() == b"start~start~2\r\n"
    messages = connection.feed(b"ack~start~start\r\n" + b"".join(map(event, (2, 3, 4, 5, 6))), NOW)
    assert reached(messages) == [2, 3, 4, 5, 6]
    assert connection.missing == 0


def test_a_number_that_the_client_does_not_have_is_given_up_once_it_has_answered():
    connection = started()
    connection.feed(event(1) + event(4), NOW)
    assert reached(connection.feed(b"ack~start~start\r\n" + event(4) + event(5), NOW)) == [4, 5]


def test_a_client_whose_numbers_always_have_gaps_is_not_asked_forever():
    connection = started()
    connection.feed(event(1), NOW)
    asked = 0
    for seq in range(10, 200, 10):
        messages = connection.feed(event(seq), NOW)
        if connection.take():
            asked += 1
            messages = connection.feed(b"ack~start~start\r\n" + event(seq), NOW)
        assert reached(messages) == [seq]
    assert asked == IN_VAIN_MAX


def test_a_repeated_event_is_passed_on_and_does_not_advance_the_cursor():
    connection = started()
    messages = connection.feed(event(1) + event(2) + event(1) + event(2), NOW)
    assert numbers(messages) == [1, 2, 1, 2]
    assert reached(messages) == [1, 2]


def test_an_event_that_cannot_be_read_keeps_its_place_in_the_numbers():
    messages = started().feed(event(1) + event(2, read_at="never") + event(3), NOW)
    assert reached(messages) == [1, 2, 3]
    assert kinds(messages) == []


def test_pings_are_answered_and_sent():
    connection = started()
    connection.feed(b"ping\r\n", NOW)
    assert connection.take() == b"ack~ping\r\n"
    connection.tick(later(PING_EVERY_S))
    assert connection.take() == b"ping\r\n"
    assert connection.feed(b"ack~ping\r\n", NOW) == []
    assert connection.silence_s > 3 * PING_EVERY_S


def test_a_location_of_an_old_windows_is_asked_for_in_its_own_bytes():
    connection = client()
    connection.feed(HELLO, NOW)
    connection.take()
    connection.feed("ack~getlocations~Höhe 5\r\n".encode("latin-1"), NOW)
    assert connection.take() == "start~Höhe 5\r\n".encode("latin-1")


def test_a_damaged_line_changes_the_spelling_of_no_other():
    connection = client()
    connection.feed(HELLO + "ack~getlocations~Đích\r\n".encode(), NOW)
    connection.feed("ack~start~Đích\r\n".encode(), NOW)
    connection.take()
    assert numbers(connection.feed(event(1, location="Đích"), NOW)) == [1]
    [unreadable] = connection.feed(b"\xff\xfe\r\n", NOW)
    assert isinstance(unreadable, Unreadable)
    seen, gap = connection.feed(event(5, location="Đích"), NOW)
    assert (seen.where, gap.kind) == ("Đích", "gap")
    assert connection.take() == "start~Đích~2\r\n".encode()


def test_a_line_that_will_not_end_ends_the_connection_but_not_the_reads_before_it():
    connection = started()
    assert numbers(connection.feed(event(1) + b"a" * (CTP_LINE_MAX_BYTES + 1), NOW)) == [1]
    with pytest.raises(ConnectionFault):
        connection.feed(b"a", NOW)


PIECES = [
    HELLO,
    event(1),
    event(2),
    event(9),
    b"ack~getlocations~start~5K\r\n",
    b"ack~start\r\n",
    b"err~start~no\r\n",
    b"ping\r\n",
    b"ack~~\r\n",
    b"CT01_33~~~~~~~\r\n",
    b"err~getlocations\r\n",
]


@given(st.lists(st.binary(max_size=60) | st.sampled_from(PIECES), max_size=30), st.booleans())
def test_any_bytes_give_messages_or_a_reader_fault(pieces, resumed):
    connection = client(known(2) if resumed else None)
    try:
        connection.feed(HELLO, NOW)
        for count, piece in enumerate(pieces):
            for message in [*connection.feed(piece, later(count)), *connection.tick(later(count))]:
                assert isinstance(message, DecodedRead | Notice | Unreadable | CursorAdvanced)
            connection.take()
    except ConnectionFault:
        pass


@given(
    st.integers(0, 12),
    st.lists(st.integers(1, 12), max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_the_cursor_never_passes_an_event_that_has_not_come(held, seqs, answers):
    """The cursor may say of an event only that it, and all before it that the client has, were handed on: whatever
    the order of numbers, unless the client answered that it begins there.
    """
    connection = started(known(held) if held else None)
    came: set[int] = set(range(1, held + 1))
    for seq, answer in zip(seqs, answers, strict=False):
        for message in connection.feed(event(seq, tag="9478" if seq <= held else str(seq)), NOW):
            if isinstance(message, DecodedRead):
                came.add(message.seq)
            if isinstance(message, CursorAdvanced):
                assert message.position.number in came
        if connection.take() and answer:
            connection.feed(b"ack~start~start\r\n", NOW)
