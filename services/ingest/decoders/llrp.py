"""LLRP readers, the protocol of most fixed UHF readers: one connection, from its first word to reads that run.

Tag reports are not acknowledged: a reader that cannot hold them for us loses what the network loses. So what it says
about its buffer is kept as an alarm, and reads go to our disk before anything else. The connect event says what the
reader took the time for.

Source: EPCglobal LLRP 1.0.1, sections 12.2.6, 18 (connections).
"""

import math
from collections.abc import Callable

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
    Alarm,
    Answer,
    Attempt,
    Closed,
    Decoder,
    KeepAlive,
    Report,
    Said,
    Sighting,
    add_rospec,
    delete_rospecs,
    enable_reports,
    enable_rospec,
    get_capabilities,
    get_rospecs,
    message,
    set_config,
    start_rospec,
)
from services.ingest.decoders.messages import ConnectionFault, DecodedRead, Message, Notice, Now, Reader, Unreadable
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

ATTEMPTS = {1: "it has called another", 2: "another client has it", 3: "no reason given", 4: "another client asked too"}
SILENCE_S = 2 * KEEPALIVE_MS / 1000 + 2.0  # no keepalive in two periods: the link is dead
ANSWER_S = 10.0  # no request takes a reader so long
CLOCK_SLACK_US = 1_000_000  # the connect event is under way for part of a second
STATES = {0: "disabled", 1: "inactive", ACTIVE: "active"}
NAMES = {1: "to report what it can do", 3: "its settings", 26: "to list its ROSpecs", 21: "to delete its ROSpecs"}
NAMES |= {20: "our ROSpec", 24: "to enable our ROSpec", 22: "to start our ROSpec"}

_FOLLOWS = {DELETE_ROSPEC: add_rospec, ADD_ROSPEC: enable_rospec, ENABLE_ROSPEC: start_rospec}
"""The request that follows, by the request that was answered."""


class LlrpReader(Reader):
    """One connection to a reader, from its first message to running reads. `where` is the name of its place.

    Where the reader can hold reports while nobody is connected, our ROSpec keeps running in the meantime, and held
    reports are asked for; else everything is set up again, since nothing was kept.
    """

    silence_s = SILENCE_S

    def __init__(self, where: str, notices: ReaderStateNotices) -> None:
        super().__init__()
        self._where = where
        self._notices = notices
        self._frames = Decoder()
        self._session = ""
        self._next = 0
        self._number = 0
        self._holds = False
        self._plain = False
        self._asked_s: float | None = None
        self._fault = ""  # raised once what came before it was handed over

    def begin(self, now: Now) -> None:
        self._session = connection_session("reports", now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        self._check()
        return [message for said in self._frames.feed(data) for message in self._take(said, now)]

    def tick(self, now: Now) -> list[Message]:
        """Raise ConnectionFault when a request has had no answer, or one after which nothing can be done."""
        self._check()
        if self._asked_s is not None and now.steady_s - self._asked_s > ANSWER_S:
            raise ConnectionFault(f"the reader gave no answer within {ANSWER_S:g} s")
        return []

    def _check(self) -> None:
        if self._fault:
            raise ConnectionFault(self._fault)

    def _take(self, said: Said, now: Now) -> list[Message]:
        if isinstance(said, KeepAlive):
            self.send(message(KEEPALIVE_ACK, said.number))
        elif isinstance(said, Report):
            return [*(self._seen(sighting) for sighting in said.seen), *said.unreadable]
        elif isinstance(said, Alarm):
            return [Notice(self._where, said.kind, said.at_us, said.text)]
        elif isinstance(said, Attempt):
            return self._attempt(said, now)
        elif isinstance(said, Answer):
            return self._answered(said, now)
        elif isinstance(said, Closed):
            self._fault = "the reader closes the connection"
        elif isinstance(said, Unreadable):
            return [said]
        return []

    def _seen(self, sighting: Sighting) -> DecodedRead:
        self._next += 1
        return DecodedRead(
            self._session, self._next - 1, self._where, sighting.chip, sighting.at_us, sighting.antenna, sighting.rssi
        )

    def _attempt(self, attempt: Attempt, now: Now) -> list[Message]:
        if attempt.status:
            self._fault = f"the reader takes no connection: {ATTEMPTS.get(attempt.status, attempt.status)}"
            return []
        self._send(get_capabilities, now)
        if attempt.at_us is None:
            text = "the reader has no clock of UTC: its reads have no instant"
            return [*self._notices.change(self._where, "clock", text, None)]
        off_us = self._notices.note(self._where, attempt.at_us, now)
        text = f"the reader's clock is {off_us / 1e6:+.0f} s from ours" if abs(off_us) > CLOCK_SLACK_US else ""
        return [*self._notices.change(self._where, "clock", text, attempt.at_us)]

    def _answered(self, answer: Answer, now: Now) -> list[Message]:
        """Send the next request, or give up when the reader refused one that reads depend on."""
        if self._asked_s is None or answer.number != self._number:
            return []  # not of the last request: that one was answered before
        self._asked_s = None
        refused = f"the reader refused {NAMES[answer.to]}: {answer.status} {answer.text}" if answer.status else ""
        if answer.to == GET_READER_CAPABILITIES:
            self._holds = answer.holds
            self._send(self._settings, now)
        elif answer.to == SET_READER_CONFIG and refused and not self._plain:
            self._plain = True
            self._send(self._settings, now)
            return [Notice(self._where, "error", None, f"{refused}; it will not report when its buffer overflows")]
        elif refused:
            self._fault = refused
        elif answer.to == SET_READER_CONFIG:
            self._send(get_rospecs, now)
        elif answer.to == GET_ROSPECS:
            if self._holds:
                self.send(enable_reports(0))  # before anything is deleted: held reports are released first
            if not self._holds or answer.rospecs.get(ROSPEC_ID) != ACTIVE:
                self._send(delete_rospecs, now)
        elif answer.to in _FOLLOWS:
            self._send(_FOLLOWS[answer.to], now)
        return []

    def _settings(self, number: int) -> bytes:
        return set_config(number, self._holds, events=not self._plain)

    def _send(self, request: Callable[[int], bytes], now: Now) -> None:
        self._number += 1
        self._asked_s = now.steady_s
        self.send(request(self._number))


class LlrpWatcher(LlrpReader):
    """One connection that only asks: for the reader's capabilities and its ROSpecs. Reports that it sends anyway are
    seen; nothing is set up, started or released.
    """

    silence_s = math.inf  # it was not asked for keepalives

    def _answered(self, answer: Answer, now: Now) -> list[Message]:
        if self._asked_s is None or answer.number != self._number:
            return []
        self._asked_s = None
        if answer.status:
            return [Notice(self._where, "refused", None, f"{NAMES[answer.to]}: {answer.status} {answer.text}")]
        if answer.to == GET_READER_CAPABILITIES:
            self._send(get_rospecs, now)
            holds = (
                "holds reports while nobody is connected" if answer.holds else "keeps nothing while nobody is connected"
            )
            return [Notice(self._where, "capabilities", None, f"it {holds}")]
        listed = ", ".join(f"{rospec} {STATES.get(state, state)}" for rospec, state in answer.rospecs.items())
        idle = ACTIVE not in answer.rospecs.values()
        text = f"{listed or 'none'}; {'it reads nothing until ingest sets it up' if idle else 'it reads'}"
        return [Notice(self._where, "rospecs", None, text)]


def _connect(settings: ReaderSettings) -> Make:
    notices = ReaderStateNotices()
    return lambda _: LlrpReader(settings.gateway, notices)


def _watch(settings: ReaderSettings) -> Make:
    notices = ReaderStateNotices()
    return lambda _: LlrpWatcher(settings.gateway, notices)


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
    begins_with=rb"^[\x04\x08].\x00\x00",
    is_text=False,
    caution="An LLRP reader serves one client: what it reports here reaches nobody else. Ingest must not be connected.",
    acknowledges="Nothing: reports are on our disk before anything else.",
    replays="A reader that can hold reports while nobody is connected is asked for them; others lose them.",
    sample="""\
[[sources]]
protocol = "llrp"
event = "example-2026"
gateway = "finish-uhf"
address = "192.168.7.50:5084"
devices = { "finish-uhf/1" = "F1" }
""",
)
