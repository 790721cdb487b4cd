"""Speak LLRP, the protocol of most fixed UHF readers: set the reader up, start it and take its reports.

Tag reports are not acknowledged: reads that the network loses are lost unless the reader can hold reports. So its
buffer events become notices, and reads go to our disk first. The connect event tells the time of the reader's clock.
A reader that refuses or does not answer a request is worked with as far as it goes: the next request follows all the
same, and a notice says what was refused. If reading cannot be started, it is tried again after a while, unless tags are
reported all the same.

Source: EPCglobal LLRP 1.0.1, sections 12.2.6, 18 (connections).
"""

import math
from collections.abc import Callable
from datetime import UTC

from schemas.ids import LABEL_CHARS
from services.ingest.decoders.clock_origin import BEGAN, likely_origin, origin_of
from services.ingest.decoders.connection_session import connection_session
from services.ingest.decoders.llrp_messages import (
    ACTIVE,
    ADD_ROSPEC,
    DELETE_ROSPEC,
    ENABLE_ROSPEC,
    GET_READER_CAPABILITIES,
    GET_ROSPECS,
    KEEPALIVE_ACK,
    KEEPALIVE_MS,
    ROSPEC_ID,
    SET_READER_CONFIG,
    START_ROSPEC,
    Alarm,
    Answer,
    Attempt,
    Closed,
    Decoder,
    KeepAlive,
    ReaderMessage,
    Refusal,
    Report,
    Sighting,
    add_rospec,
    delete_rospecs,
    enable_reports,
    enable_rospec,
    get_capabilities,
    get_rospecs,
    message,
    read_tag,
    set_config,
    start_rospec,
)
from services.ingest.decoders.messages import ConnectionFault, DecodedRead, Message, Notice, Now, Reader, Unreadable
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

ATTEMPTS = {
    1: "it connected to another client itself",
    2: "another client is connected",
    3: "it gives no reason",
    4: "another client asked at the same time",
}
SILENCE_S = 2 * KEEPALIVE_MS / 1000 + 2.0  # no keepalive in two periods: the link is dead
ANSWER_S = 5.0  # no request takes a reader this long
SETUP_SILENCE_S = 60.0  # before keepalives are agreed: all requests, each without an answer
SETUP_AGAIN_S = 60.0  # until a reader that did not start is set up again
STATES = {0: "disabled", 1: "inactive", ACTIVE: "active"}
NAMES = {1: "to report what it can do", 3: "its settings", 26: "to list its ROSpecs", 21: "to delete its ROSpecs"}
NAMES |= {20: "our ROSpec", 24: "to enable our ROSpec", 22: "to start our ROSpec"}

_FOLLOWS = {DELETE_ROSPEC: add_rospec, ADD_ROSPEC: enable_rospec, ENABLE_ROSPEC: start_rospec}
"""The next request, by the type of the request that was answered."""

_TYPES: dict[Callable[[int], bytes], int] = {
    get_capabilities: GET_READER_CAPABILITIES,
    get_rospecs: GET_ROSPECS,
    delete_rospecs: DELETE_ROSPEC,
    add_rospec: ADD_ROSPEC,
    enable_rospec: ENABLE_ROSPEC,
    start_rospec: START_ROSPEC,
}
"""The type of each request; all others are settings."""


class LlrpReader(Reader):
    """One connection to a reader. `where` is the name of its place, `began_us` the instant of its uptime 0, if known.

    If the reader can hold reports while no client is connected, our ROSpec keeps running and held reports are asked
    for; else everything is set up again, since nothing was kept.
    """

    def __init__(self, where: str, notices: ReaderStateNotices, began_us: int | None = None) -> None:
        super().__init__()
        self.silence_s = SETUP_SILENCE_S
        self._where = where
        self._notices = notices
        self._began_us = began_us
        self._frames = Decoder(began_us)
        self._session = ""
        self._next = 0
        self._number = 0
        self._holds = False
        self._plain = False
        self._greeted = False
        self._request = 0  # the type of the request whose answer is awaited
        self._began_s = 0.0
        self._again_s: float | None = None  # when a reader that did not start is set up again
        self._reads = False  # whether it has reported tags since the last request
        self._asked_s: float | None = None
        self._fault = ""  # raised once the messages before it were handed over

    def begin(self, now: Now) -> None:
        self._began_s = now.steady_s
        self._session = connection_session("reports", now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        self._check()
        return [message for received in self._frames.feed(data) for message in self._take(received, now)]

    def tick(self, now: Now) -> list[Message]:
        """Go on where an answer does not come. Raise ConnectionFault for one after which nothing can be done."""
        self._check()
        if not self._greeted and now.steady_s - self._began_s > ANSWER_S:
            self._greeted = True  # without its first message
            self._send(get_capabilities, now)
        if self._asked_s is not None and now.steady_s - self._asked_s > ANSWER_S:
            return self._refused(Refusal(self._number, 0, f"no answer within {ANSWER_S:g} s"), now)
        if self._again_s is not None and now.steady_s >= self._again_s:
            self._again_s = None
            self._send(delete_rospecs, now)
        return []

    def _check(self) -> None:
        if self._fault:
            raise ConnectionFault(self._fault)

    def _take(self, received: ReaderMessage, now: Now) -> list[Message]:
        if isinstance(received, KeepAlive):
            self.send(message(KEEPALIVE_ACK, received.number))
        elif isinstance(received, Report):
            if received.seen or received.unreadable:
                self._reads, self._again_s = True, None  # setting it up again would interrupt it
            reads = [self._seen(sighting) for sighting in received.seen]
            return [*reads, *self._shortened(received.seen), *received.unreadable]
        elif isinstance(received, Alarm):
            return [Notice(self._where, received.kind, received.at_us, received.text)]
        elif isinstance(received, Attempt):
            return self._attempt(received, now)
        elif isinstance(received, Answer):
            return self._answered(received, now)
        elif isinstance(received, Refusal):
            return self._refused(received, now)
        elif isinstance(received, Closed):
            self._fault = "the reader closed the connection"
        elif isinstance(received, Unreadable):
            return [received]
        return []

    def _seen(self, sighting: Sighting) -> DecodedRead:
        self._next += 1
        return DecodedRead(
            self._session, self._next - 1, self._where, sighting.chip, sighting.at_us, sighting.antenna, sighting.rssi
        )

    def _shortened(self, sightings: list[Sighting]) -> list[Notice]:
        """Return a notice of the first tag whose code is longer than a chip's may be."""
        code = next((sighting.code for sighting in sightings if sighting.code), "")
        if not code or not self._notices.change(self._where, "long_code", "long", None):
            return []
        text = (
            f"codes of {4 * len(code)} bits are longer than a chip may be: of {code} the last {LABEL_CHARS} digits are"
            " its chip, in entries too"
        )
        return [Notice(self._where, "long_code", None, text)]

    def _attempt(self, attempt: Attempt, now: Now) -> list[Message]:
        if attempt.status:
            self._fault = f"the reader refuses the connection: {ATTEMPTS.get(attempt.status, attempt.status)}"
            return []
        self._greeted = True
        self._send(get_capabilities, now)
        at_us = attempt.at_us
        if at_us is None and attempt.uptime_us is not None and self._began_us is not None:
            at_us = self._began_us + attempt.uptime_us
        if at_us is None:
            return self._undated(attempt.uptime_us, now)
        return [*self._notices.off(self._where, at_us, now)]

    def _undated(self, uptime_us: int | None, now: Now) -> list[Message]:
        """Return a notice that the reader has no clock, with the setting that dates its reads."""
        if self._began_us is not None or not self._notices.change(self._where, "clock", "unset", None):
            return []
        setting = "" if uptime_us is None else f" as `{likely_origin(uptime_us, now, UTC, takes_day=False)}`"
        text = (
            "the reader has no UTC clock, so its reads become dead letters. Set its clock, or write when it was started"
            f"{setting} into the table of this source; then `matline rejected replay` reads them"
        )
        return [Notice(self._where, "clock", None, text)]

    def _answered(self, answer: Answer, now: Now) -> list[Message]:
        """Send the next request."""
        if self._asked_s is None or answer.number != self._number:
            return []  # not an answer to the last request: that one was answered already
        if answer.status:
            return self._refused(Refusal(answer.number, answer.status, answer.text), now)
        self._asked_s = None
        if answer.to == GET_READER_CAPABILITIES:
            self._holds = answer.holds
            self._send(self._settings, now)
        elif answer.to == SET_READER_CONFIG:
            self.silence_s = SILENCE_S
            self._send(get_rospecs, now)
        elif answer.to == GET_ROSPECS:
            if self._holds:
                self.send(enable_reports(0))  # before anything is deleted: held reports are released first
            if not self._holds or answer.rospecs.get(ROSPEC_ID) != ACTIVE:
                self._send(delete_rospecs, now)
        elif answer.to in _FOLLOWS:
            self._send(_FOLLOWS[answer.to], now)
        return []

    def _refused(self, refusal: Refusal, now: Now) -> list[Message]:
        """Go on without what the reader refused, as far as that goes."""
        why = f"{refusal.status} {refusal.text}" if refusal.status else refusal.text
        if self._asked_s is None or refusal.number != self._number:
            return [Notice(self._where, "error", None, f"status {why}")]
        request, self._asked_s = self._request, None
        refused = f"the reader refused {NAMES[request]}: {why}"
        if request == GET_READER_CAPABILITIES:
            self._send(self._settings, now)
        elif request == SET_READER_CONFIG and not self._plain:
            self._plain = True
            self._send(self._settings, now)
            return [Notice(self._where, "error", None, f"{refused}; so it will not report a full buffer")]
        elif request == SET_READER_CONFIG:
            self.silence_s = math.inf  # it was not asked for keepalives
            self._send(get_rospecs, now)
        elif request == GET_ROSPECS:
            self._send(delete_rospecs, now)
        elif request in _FOLLOWS:
            self._send(_FOLLOWS[request], now)
        elif not self._reads:
            self._again_s = now.steady_s + SETUP_AGAIN_S
            refused += f"; if it sends no reports, look at its settings. This is tried again every {SETUP_AGAIN_S:g} s"
        return [*self._notices.change(self._where, f"refused {request}", refused, None)]

    def _settings(self, number: int) -> bytes:
        return set_config(number, self._holds, events=not self._plain)

    def _send(self, request: Callable[[int], bytes], now: Now) -> None:
        self._number += 1
        self._request = _TYPES.get(request, SET_READER_CONFIG)
        self._asked_s = now.steady_s
        self._reads = False
        self.send(request(self._number))


class LlrpWatcher(LlrpReader):
    """One connection that only asks for the reader's capabilities and its ROSpecs.

    Reports that the reader sends anyway are shown; nothing is set up, started or released.
    """

    def begin(self, now: Now) -> None:
        super().begin(now)
        self.silence_s = math.inf  # it is not asked for keepalives

    def _refused(self, refusal: Refusal, now: Now) -> list[Message]:
        why = f"{refusal.status} {refusal.text}" if refusal.status else refusal.text
        awaited, self._asked_s = self._asked_s is not None and refusal.number == self._number, None
        if awaited and self._request == GET_READER_CAPABILITIES:
            self._send(get_rospecs, now)
        return [Notice(self._where, "refused", None, f"{NAMES[self._request]}: {why}" if awaited else why)]

    def _answered(self, answer: Answer, now: Now) -> list[Message]:
        if self._asked_s is None or answer.number != self._number:
            return []
        if answer.status:
            return self._refused(Refusal(answer.number, answer.status, answer.text), now)
        self._asked_s = None
        if answer.to == GET_READER_CAPABILITIES:
            self._send(get_rospecs, now)
            holds = (
                "holds reports while no client is connected"
                if answer.holds
                else "keeps nothing while no client is connected"
            )
            return [Notice(self._where, "capabilities", None, f"it {holds}")]
        listed = ", ".join(f"{rospec} {STATES.get(state, state)}" for rospec, state in answer.rospecs.items())
        idle = ACTIVE not in answer.rospecs.values()
        text = f"{listed or 'none'}; {'it reads nothing until ingest sets it up' if idle else 'it is reading'}"
        return [Notice(self._where, "rospecs", None, text)]


def _connect(settings: ReaderSettings) -> Make:
    notices, origin = ReaderStateNotices(), origin_of(settings)
    return lambda _: LlrpReader(settings.gateway, notices, origin.began_us)


def _watch(settings: ReaderSettings) -> Make:
    notices = ReaderStateNotices()
    return lambda _: LlrpWatcher(settings.gateway, notices)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    """Return the messages in bytes that became a dead letter: the report of a tag, or a complete message."""
    reader = LlrpReader(settings.gateway, ReaderStateNotices(), origin_of(settings).began_us)
    reader._session = session
    try:
        return [reader._seen(sighting) for sighting in read_tag(raw, reader._began_us)]
    except ValueError as error:
        try:
            return reader.feed(raw, Now(0, 0.0))
        except ConnectionFault:
            return [Unreadable(raw, str(error))]


def _journalled(_: ReaderSettings) -> bool:
    return True


PROTOCOL = ReaderProtocol(
    name="llrp",
    title="LLRP readers (Impinj, Zebra and others)",
    way="is dialled",
    port=5084,
    connect=_connect,
    watch=_watch,
    journalled=_journalled,
    has_zone=False,
    read_again=_read_again,
    options=(BEGAN,),
    begins_with=rb"^[\x04\x08].\x00\x00",
    is_text=False,
    caution="An LLRP reader serves one client, and reports sent here reach no other. Disconnect ingest first.",
    acknowledges="Nothing: reports go to our disk first.",
    takes_over="What the reader held comes; the journal waits for the process that has it.",
    replays="A reader that can hold reports while no client is connected is asked for them; others lose them.",
    sample="""\
[[sources]]
protocol = "llrp"
event = "example-2026"
gateway = "finish-uhf"
address = "192.168.7.50:5084"
devices = { "finish-uhf/1" = "F1" }
""",
)
