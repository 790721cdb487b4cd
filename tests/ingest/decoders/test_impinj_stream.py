"""The stream of an Impinj reader: what it is asked, what a lost connection costs, and events in any portions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.impinj_stream import (
    ANSWER_WAIT_S,
    EVENT_MAX_BYTES,
    LOG,
    PROTOCOL,
    ImpinjStream,
    StreamState,
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
from services.ingest.decoders.protocol import ReaderSettings
from tests.ingest.decoders.test_posted_json import AT_US, IMPINJ

START = Now(AT_US, 100.0)
TIME_BODY = b'{"systemTime": "2026-01-03T22:31:07Z", "upTime": 4711}'
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
OVERFLOW = (
    b'{"timestamp":"2026-01-03T22:31:07.250Z","hostname":"r700","eventType":"overflow","overflowEvent":'
    b'{"firstEventTimestamp":"2026-01-03T22:30:00.000Z","lastEventTimestamp":"2026-01-03T22:31:00.000Z",'
    b'"eventsPurged":12,"eventsRemaining":100}}\r\n'
)
EVENT = json.dumps(IMPINJ).encode() + b"\r\n"


def answer(body: bytes, more: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, more, len(body), body)


def settings(buffer: int, keep_alive_s: int = 2) -> bytes:
    return b'{"eventBufferSize": %d, "keepAliveIntervalSeconds": %d}' % (buffer, keep_alive_s)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def reader(state: StreamState | None = None, known_us: int | None = None) -> ImpinjStream:
    """A connection that has begun."""
    cursor = {} if known_us is None else {LOG: Position("", known_us)}
    made = ImpinjStream("Basic cm9vdDppbXBpbmo=", cursor, state or StreamState())
    made.begin(START)
    return made


def streaming(buffer: int = 1000, state: StreamState | None = None, known_us: int | None = None) -> ImpinjStream:
    """A connection on which the stream has begun."""
    made = reader(state, known_us)
    for part in (answer(TIME_BODY), answer(settings(buffer)), STREAM_HEAD):
        made.feed(part, START)
    return made


def chips(messages: list[Message]) -> list[str]:
    return [message.chip for message in messages if isinstance(message, DecodedRead)]


def test_a_reader_is_asked_for_its_time_its_settings_and_then_the_stream():
    connection = reader()
    asked = [connection.take()]
    for body in (TIME_BODY, settings(1000)):
        assert connection.feed(answer(body), START) == []
        asked.append(connection.take())
    assert [request.split(b"\r\n")[0] for request in asked] == [
        b"GET /api/v1/system/time HTTP/1.1",
        b"GET /api/v1/http-stream HTTP/1.1",
        b"GET /api/v1/data/stream HTTP/1.1",
    ]
    assert all(b"\r\nAuthorization: Basic cm9vdDppbXBpbmo=\r\n" in request for request in asked)
    assert connection.silence_s == 15.0


def test_the_password_is_sent_as_basic_authentication_with_the_usual_user():
    assert PROTOCOL.connect is not None
    for options, expected in (({}, b"cm9vdDppbXBpbmo="), ({"user": "timer"}, b"dGltZXI6aW1waW5q")):
        made = PROTOCOL.connect(ReaderSettings(gateway="g", secret="impinj", options=options))({})
        made.begin(START)
        assert b"Authorization: Basic " + expected in made.take()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_come_in_any_portions_each_with_its_number_and_blank_lines_are_nothing(size):
    connection = streaming()
    data = chunk(EVENT) + chunk(b"\r\n") + chunk(EVENT[:50]) + chunk(EVENT[50:] + EVENT)
    portions = [data[start : start + size] for start in range(0, len(data), size)]
    messages = [message for portion in portions for message in connection.feed(portion, START)]
    reads = [message for message in messages if isinstance(message, DecodedRead)]
    assert [(read.seq, read.where, read.at_us) for read in reads] == [(n, "impinj-01-23-45", AT_US) for n in range(3)]
    assert messages[-1] == CursorAdvanced(LOG, Position("", AT_US))


def test_what_a_reader_could_not_keep_is_a_notice():
    [notice] = streaming().feed(chunk(OVERFLOW), START)
    assert isinstance(notice, Notice)
    assert (notice.where, notice.kind) == ("r700", "overflow")
    assert '"eventsPurged":12' in notice.text


def test_a_reader_that_keeps_nothing_says_so_once_and_each_time_without_a_connection_is_noticed():
    state = StreamState()
    first = reader(state)
    first.feed(answer(TIME_BODY), START)
    [lacks] = first.feed(answer(settings(0)), START)
    assert isinstance(lacks, Notice)
    assert lacks.kind == "lacks"
    assert first.feed(STREAM_HEAD, START) == []
    first.feed(chunk(b"\r\n"), Now(AT_US + 5_000_000, 105.0))
    second = reader(state)
    later = Now(AT_US + 25_000_000, 125.0)
    assert second.feed(answer(b'{"systemTime": "2026-01-03T22:31:32Z"}') + answer(settings(0)), later) == []
    [gap] = second.feed(STREAM_HEAD, later)
    assert gap == Notice(
        "",
        "gap",
        AT_US + 5_000_000,
        "nothing was received from 2026-01-03T22:31:12Z to 2026-01-03T22:31:32Z; of its events then the reader keeps"
        " none meanwhile",
    )


def test_after_a_restart_the_gap_is_from_the_last_read_on_and_none_of_a_reader_that_keeps_events():
    connection = reader(known_us=AT_US - 60_000_000)
    connection.feed(answer(b"", status=b"404 Not Found"), START)
    connection.feed(answer(b"", status=b"404 Not Found"), START)
    [gap] = connection.feed(STREAM_HEAD, START)
    assert isinstance(gap, Notice)
    assert (gap.at_us, "is not known" in gap.text) == (AT_US - 60_000_000, True)
    state = StreamState()
    streaming(state=state)
    connection = reader(state)
    connection.feed(answer(TIME_BODY) + answer(settings(1000)), START)
    assert connection.feed(STREAM_HEAD, START) == []


def test_a_clock_far_off_is_noticed():
    connection = reader()
    [notice] = connection.feed(answer(b'{"systemTime": "2026-01-03T20:31:07Z"}'), START)
    assert isinstance(notice, Notice)
    assert notice.kind == "clock_off"


def test_a_reader_that_hangs_up_after_an_answer_is_asked_for_the_stream_alone():
    state = StreamState()
    connection = reader(state)
    with pytest.raises(ConnectionFault, match="stream alone"):
        connection.feed(answer(TIME_BODY, b"Connection: close\r\n"), START)
    connection = reader(state)
    assert connection.take().startswith(b"GET /api/v1/data/stream ")
    assert chips(connection.feed(STREAM_HEAD + chunk(EVENT), START)) == ["7EDA9038051002710002C0AE"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "`secret`"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (STREAM_HEAD + b"0\r\n\r\n", "ended the stream"),
        (STREAM_HEAD + b"no size\r\n", "chunk"),
        (b"hello\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (EVENT_MAX_BYTES + 1), "too long"),
    ],
)
def test_what_is_no_stream_ends_the_connection_with_the_reason(data, reason):
    connection = reader()
    connection.feed(answer(TIME_BODY) + answer(settings(1000)), START)
    with pytest.raises(ConnectionFault, match=reason):
        connection.feed(data, START)


def test_a_fault_of_the_stream_waits_until_what_came_before_it_is_taken():
    connection = streaming()
    assert chips(connection.feed(chunk(EVENT) + b"no size\r\n", START)) == ["7EDA9038051002710002C0AE"]
    with pytest.raises(ConnectionFault, match="chunk"):
        connection.tick(START)


def test_a_reader_that_answers_nothing_is_left():
    connection = reader()
    assert connection.tick(Now(AT_US, 100.0 + ANSWER_WAIT_S)) == []
    with pytest.raises(ConnectionFault, match="system/time"):
        connection.tick(Now(AT_US, 100.1 + ANSWER_WAIT_S))


def test_an_event_without_end_is_a_dead_letter_and_the_next_is_read():
    connection = streaming()
    [fault] = [message for _ in range(9) for message in connection.feed(chunk(b"x" * 10_000), START)]
    assert isinstance(fault, Unreadable)
    assert chips(connection.feed(chunk(b"x\r\n" + EVENT), START)) == ["7EDA9038051002710002C0AE"]


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_no_bytes_raise_anything_but_a_connection_fault(portions, begun):
    connection = streaming() if begun else reader()
    for portion in portions:
        try:
            connection.feed(chunk(portion) if begun and portion else portion, START)
        except ConnectionFault:
            return


def test_an_answer_without_a_question_ends_a_test_of_a_reader_with_a_reason():
    watching = ImpinjStream("", {}, StreamState(), fetches=False)
    watching.begin(START)
    watching.feed(answer(TIME_BODY) + answer(settings(0)), START)
    with pytest.raises(ConnectionFault, match="answered 408 without a question"):
        watching.feed(answer(b"", status=b"408 Request Timeout"), START)
