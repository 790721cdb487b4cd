"""Ask an Impinj reader for the stream of its IoT device interface, and take the events, one a line.

On a connection the reader is asked for its time and for the settings of the stream, then for the stream itself, which
does not end. Blank lines keep it alive. Nothing is acknowledged: what a connection that breaks had under way is lost.
While nobody is connected the reader keeps as many events as its setting `eventBufferSize` allows, and sends them first
on the next connection; for those that did not fit it sends an event `overflow`, which becomes a notice. A reader that
keeps none gives a notice of each time without a connection. It is only asked: nothing here starts its inventory.

Source: Impinj, reader configuration API 1.7.0, `GET /data/stream`, `/http-stream` and `/system/time`, and their models
StreamConfiguration, ReaderEvent and OverflowEvent (Python client generated from it, saji-ttarius/
impinj-reader-config-api-v1.7.0); impinj-iot 0.4.0 on PyPI (a working client: basic authentication, and HTTPS with a
certificate of the reader's own). Which number of events a reader keeps unless it is set is not known here.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated

import h11
import msgspec
from msgspec import Meta, Struct

from schemas.ids import US
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.impinj import MAKER, read_body, read_event
from services.ingest.decoders.json_events import dead_letter_reader, instant_us, messages_of
from services.ingest.decoders.messages import (
    ConnectionFault,
    Cursor,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

LOG = "stream"  # the name in the cursor of the instant by our clock at which the last events came
TIME, SETTINGS, STREAM = "/api/v1/system/time", "/api/v1/http-stream", "/api/v1/data/stream"
USER = "root"  # the reader's usual one
EVENT_MAX_BYTES = 64 * 1024  # with a tag's memory; usually 400
ANSWER_MAX_BYTES = 64 * 1024
ANSWER_WAIT_S = 10.0
KEEP_ALIVES = 3  # that do not come: the connection is dead
SILENCE_LEAST_S = 15.0
SECOND_HALF_US = US // 2  # its time has whole seconds, and has passed by half of one on average
UNAUTHORIZED = (
    "it answers {}, so user or password are wrong: give its password as `secret` of this source in matline.toml, and"
    f" its user as `user` if that is not {USER}"
)
CLOCK_EVERY_S = 5.0

User = Annotated[str, Meta(min_length=1, max_length=64)]


class _Time(Struct, rename="camel"):
    system_time: str


class _Settings(Struct, rename="camel"):
    event_buffer_size: int | None = None
    keep_alive_interval_seconds: int | None = None


class StreamState:
    """What is known of a source's reader over all its connections.

    `asks` false: it hangs up after each answer, so that only the stream is asked for.
    """

    def __init__(self) -> None:
        self.notices = ReaderStateNotices()
        self.asks = True
        self.heard_us: int | None = None


class ImpinjStream(Reader):
    """One connection. `authorization` is the value of that header, empty: none is sent.

    `fetches` false: the stream, which would take kept events from ingest, is left alone, and the time asked for again.
    """

    def __init__(self, authorization: str, cursor: Cursor, state: StreamState, fetches: bool = True) -> None:
        super().__init__()
        self._fetches = fetches
        self._authorization = authorization
        self._state = state
        if state.heard_us is None and LOG in cursor:
            state.heard_us = cursor[LOG].number
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=EVENT_MAX_BYTES)
        self._paths = [TIME, SETTINGS, STREAM] if fetches else [TIME, SETTINGS]
        if not state.asks:
            self._paths = self._paths[-1:]
        self._asked_s = 0.0
        self._status = 0
        self._answer = bytearray()
        self._settings: _Settings | None = None
        self._rest = b""
        self._too_long = False
        self._session = ""
        self._number = 0
        self._fault = ""

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return MappingProxyType({}) if self._fetches else self._state.notices.offsets_us

    def begin(self, now: Now) -> None:
        self._session = connection_session("stream", now)
        self._ask(now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        messages: list[Message] = []
        if self._fault:
            raise ConnectionFault(self._fault)
        if not data:  # which h11 takes for the end of the connection
            return []
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                messages += self._event(event, now)
        except (h11.RemoteProtocolError, ConnectionFault) as error:
            self._fault = str(error)
            if not messages:
                raise ConnectionFault(self._fault) from None
        return messages  # with a fault at the next tick: a broken connection must not cost what came before

    def tick(self, now: Now) -> list[Message]:
        if self._fault:
            raise ConnectionFault(self._fault)
        if not self._paths:
            if now.steady_s - self._asked_s >= CLOCK_EVERY_S:
                self._paths = [TIME]
                self._ask(now)
        elif self._status == 0 and now.steady_s - self._asked_s > ANSWER_WAIT_S:
            raise ConnectionFault(f"it did not answer GET {self._paths[0]} within {ANSWER_WAIT_S:g} s")
        return []

    # --- requests and answers

    @property
    def _streams(self) -> bool:
        return self._paths == [STREAM]

    def _ask(self, now: Now) -> None:
        self._asked_s, self._status = now.steady_s, 0
        headers = [("Host", "impinj"), ("Accept", "application/json")]
        if self._authorization:
            headers.append(("Authorization", self._authorization))
        request = h11.Request(method="GET", target=self._paths[0], headers=headers)
        self.send((self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b""))

    def _event(self, event: object, now: Now) -> list[Message]:
        """Return the messages of an event of the connection. Raises ConnectionFault."""
        match event:
            case h11.Response(status_code=status):
                if status in (401, 403):
                    raise ConnectionFault(UNAUTHORIZED.format(status))
                self._status = status
                return self._began(now) if self._streams else []
            case h11.Data(data=data) if self._streams:
                return self._lines(bytes(data), now)
            case h11.Data(data=data):
                self._answer += data
                if len(self._answer) > ANSWER_MAX_BYTES:
                    raise ConnectionFault(f"its answer to GET {self._paths[0]} has over {ANSWER_MAX_BYTES} bytes")
                return []
            case h11.EndOfMessage():
                return self._answered(now)
            case h11.ConnectionClosed():
                raise ConnectionFault("the reader hung up")
        return []

    def _answered(self, now: Now) -> list[Message]:
        """Take the end of an answer, and ask for the next thing. Raises ConnectionFault."""
        if self._streams:
            raise ConnectionFault("the reader ended the stream")
        if not self._paths:  # between two questions for its time
            raise ConnectionFault(f"the reader answered {self._status} without a question")
        answer = bytes(self._answer)
        self._answer.clear()
        messages = self._learned(answer, now) if self._status == 200 else []
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self._state.asks = False
            raise ConnectionFault("the reader hangs up after an answer; it is asked for the stream alone from now on")
        self._http.start_next_cycle()
        del self._paths[0]
        if self._paths:
            self._ask(now)
        return messages

    def _learned(self, answer: bytes, now: Now) -> list[Message]:
        """Return notices of what an answer says; one that is not understood does not matter."""
        try:
            if self._paths[0] == TIME:
                shown_us = instant_us(msgspec.json.decode(answer, type=_Time).system_time) + SECOND_HALF_US
                return [*self._state.notices.clock("", shown_us, now)]
            self._settings = msgspec.json.decode(answer, type=_Settings)
        except (ValueError, RecursionError):
            return []
        interval_s = self._settings.keep_alive_interval_seconds
        if interval_s is not None and interval_s > 0:
            self.silence_s = max(SILENCE_LEAST_S, KEEP_ALIVES * interval_s)
        keeps_nothing = self._settings.event_buffer_size == 0
        text = "it keeps no events while nobody is connected: set its eventBufferSize" if keeps_nothing else ""
        return [*self._state.notices.change("", "lacks", text, None)]

    def _began(self, now: Now) -> list[Message]:
        """Return a notice of the time without events, unless the reader kept them. Raises ConnectionFault."""
        if self._status != 200:
            raise ConnectionFault(f"it answers {self._status} to GET {STREAM}; is it an Impinj reader's IoT interface?")
        before_us, self._state.heard_us = self._state.heard_us, now.wall_us
        kept = None if self._settings is None else self._settings.event_buffer_size
        if before_us is None or kept:
            return []
        why = "the reader keeps none meanwhile" if kept == 0 else "whether the reader kept any is not known"
        text = f"nothing was received from {_text(before_us)} to {_text(now.wall_us)}; of its events then {why}"
        return [Notice("", "gap", before_us, text)]

    # --- the stream

    def _lines(self, data: bytes, now: Now) -> list[Message]:
        self._state.heard_us = now.wall_us
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines and self._too_long:
            self._too_long = False
            del lines[0]  # the end of a line whose beginning is a dead letter
        messages = [message for line in lines if line.strip() for message in self._line(line.strip())]
        if self._too_long:
            self._rest = b""
        elif len(self._rest) > EVENT_MAX_BYTES:
            messages.append(Unreadable(self._rest, f"an event has over {EVENT_MAX_BYTES} bytes"))
            self._rest, self._too_long = b"", True
        if any(isinstance(message, DecodedRead) for message in messages):
            messages.append(CursorAdvanced(LOG, Position("", now.wall_us)))
        return messages

    def _line(self, line: bytes) -> list[Message]:
        self._number += 1
        return messages_of(read_event, MAKER, line, "", self._session, self._number - 1)


def _text(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // US, UTC):%Y-%m-%dT%H:%M:%S}Z"


def _connect(settings: ReaderSettings, fetches: bool = True) -> Make:
    state = StreamState()
    user = settings.options.get("user", USER)
    authorization = ""
    if settings.secret is not None:
        authorization = f"Basic {base64.b64encode(f'{user}:{settings.secret}'.encode()).decode()}"
    return lambda cursor: ImpinjStream(authorization, cursor, state, fetches)


def _watch(settings: ReaderSettings) -> Make:
    return _connect(settings, fetches=False)


PROTOCOL = ReaderProtocol(
    name="impinj_stream",
    title="Impinj reader's HTTP stream (IoT device interface)",
    way="is dialled",
    port=443,
    connect=_connect,
    watch=_watch,
    read_again=dead_letter_reader(read_body),
    journalled=lambda _: True,
    tls=lambda settings: bool(settings.options.get("tls", True)),
    options=(
        Option("user", User, f"the user whose password is `secret`; `{USER}` unless given"),
        Option("tls", bool, "false: it is reached by plain HTTP. Its certificate, its own, is not checked"),
    ),
    takes_secret=True,
    has_zone=False,
    acknowledges="Nothing: the reader forgets an event once it is sent.",
    takes_over="The events come that the reader kept; what is in the journal waits for its process.",
    replays="It first sends the events that it kept meanwhile, as many as its `eventBufferSize`; others are lost.",
    caution="Only its clock and settings are shown: the stream would take the events that it keeps away from ingest.",
    sample="""\
[[sources]]
protocol = "impinj_stream"
event = "example-2026"
gateway = "finish-r700"
address = "192.168.7.70:443"
secret = "impinj"
devices = { "impinj-14-5e-2b/1" = "F1" }
""",
)
