"""The vocabulary that all reader protocols share: reads, notices, unreadable bytes, cursors, acknowledgements.

The module of a protocol turns bytes into these, in the order in which they came. The connection delivers them in that
order, so `CursorAdvanced` and `Acknowledgement` apply to everything before them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from schemas.ids import LABEL_CHARS

LINE_MAX_BYTES = 4096  # of protocols made of lines; their longest records have 200
WHERE_MAX_CHARS = 64  # a reader's name becomes a device on the log
UTC_SLACK_US = 1_000_000  # a read's UTC and local time may differ by rounding, but not by more
assert LABEL_CHARS <= WHERE_MAX_CHARS


class ConnectionFault(Exception):
    """Nothing more can be read from this connection; close it and begin again."""


class DecodedRead(Struct, frozen=True, tag="seen"):
    """One read as a reader reports it.

    `session` names the device's log and `seq` the read's number in it, the device's own where it has one. `where` is
    the reader's name for itself or its place (up to 64 characters, empty where it has none), `antenna` the antenna or
    loop there. `at_us` is the instant by the reader's clock: its own where it sends one (UTC), else made from its local
    time with the zone of the source. A read more than INSTANT_MAX_US (2**52, the year 2112) from 1970 becomes a dead
    letter, since no fact holds it. `rssi` is in dBm, `battery` in volts.
    `utc_off_us` is how far the reader's own UTC is from `at_us`, where it sends one: more than UTC_SLACK_US means that
    one of the two has a wrong zone.
    """

    session: str
    seq: int
    where: str
    chip: str
    at_us: int
    antenna: int | None = None
    rssi: float | None = None
    battery: float | None = None
    utc_off_us: int | None = None


class Notice(Struct, frozen=True, tag="notice"):
    """A reader's report other than a read: a gun, a battery, a clock that jumped, numbers that it no longer has.

    `kind` is one word, the reader's own where it has one; `at_us` is by the reader's clock, null where it gave no
    complete instant. Equal notices count once on the log, so the text tells two occurrences apart.
    """

    where: str
    kind: str
    at_us: int | None
    text: str


class Unreadable(Struct, frozen=True, tag="unreadable"):
    """A line, record or frame that could not be read: its bytes and why.

    `held`: it is well-formed but lacks something that only a person can give, such as the day of a clock that was never
    set. `unit` names the kind of `raw` for the metric. `index` is its place in the message that brought it, null for
    bytes that are not part of a message. `where` is the reader's name for its place if `raw` does not give it.
    """

    raw: bytes
    reason: str
    held: bool = False
    unit: str = "record"
    index: int | None = None
    where: str = ""


class Position(Struct, frozen=True):
    """The position up to which a device's log is on the race log.

    `part` is the part of the log that counts from the beginning again (a passing file, an epoch of numbers, a
    connection's id), `number` the last one in it up to which none is missing. `check` is that record's own content:
    it distinguishes a log that was cleared and has grown again from the one that we know; empty where the protocol does
    not need it.
    """

    part: str
    number: int
    check: str = ""


class CursorAdvanced(Struct, frozen=True, tag="reached"):
    """Once every message before this one is safe, the device's log `log` need not be asked for `position` again."""

    log: str
    position: Position


class Acknowledgement(Struct, frozen=True, tag="acknowledgement"):
    """Once every message before this one is on the race log, call `Reader.acknowledge(number)`.

    `number` is unique among all connections of a source.
    """

    number: int


Message = DecodedRead | Notice | Unreadable | CursorAdvanced | Acknowledgement

Cursor = Mapping[str, Position]
"""The positions of a source's device logs by name, the one that moved last at the end."""


class Now(NamedTuple):
    """The clocks that a shell reads for a protocol: this machine's wall clock, and one that never jumps."""

    wall_us: int
    steady_s: float


class Reader(ABC):
    """A reader's protocol on one connection, without socket and clock. Each connection has its own object.

    `silence_s`: a connection on which nothing comes for this long is dead.
    """

    silence_s: float = math.inf

    def __init__(self) -> None:
        self._sending = bytearray()

    @property
    def missing(self) -> int:
        """How many numbers are known to be missing from the device's logs now."""
        return 0

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        """How far each clock, by `where`, was ahead of ours when it was last asked (behind: negative).

        Empty for a protocol that does not ask for clocks regularly; they are then judged by when reads arrive.
        """
        return MappingProxyType({})

    def begin(self, now: Now) -> None:  # noqa: B027  # most protocols wait for the other end
        """Take note that the connection is open."""

    @abstractmethod
    def feed(self, data: bytes, now: Now) -> list[Message]:
        """Return the messages that these bytes complete, in order. Raises ConnectionFault."""

    def tick(self, now: Now) -> list[Message]:
        """Return messages that are due, a few times a second: send polls, repeat requests, give up missing numbers.

        Raises ConnectionFault.
        """
        return []

    def acknowledge(self, number: int) -> None:  # noqa: B027  # most protocols acknowledge nothing
        """Answer the message behind `Acknowledgement(number)`, whose content is now on the race log."""

    def send(self, data: bytes) -> None:
        """Queue bytes to be sent, which `take` returns."""
        self._sending += data

    def take(self) -> bytes:
        """Return the bytes to be sent now, each of them once."""
        data = bytes(self._sending)
        self._sending.clear()
        return data
