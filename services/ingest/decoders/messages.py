"""What readers' protocols say, in words that all of them share: reads, notices, what could not be read, how far it got.

A protocol's module turns bytes into these, in the order in which they came. Whoever has the connection hands them on
in that order: so `CursorAdvanced` may say of everything before it that the device need not send it again.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from schemas.ids import LABEL_CHARS

LINE_MAX_BYTES = 4096  # of the line protocols; their longest records have 200
WHERE_MAX_CHARS = 64  # a reader's name becomes a device of the log
assert LABEL_CHARS <= WHERE_MAX_CHARS


class ConnectionFault(Exception):
    """Nothing more can be made of this connection; close it and begin anew."""


class DecodedRead(Struct, frozen=True, tag="seen"):
    """One read as a reader reports it.

    `session` names the device's log and `seq` the read's number in it, the device's own where it has one. `where` is
    what the reader calls itself or its place (up to 64 characters, empty where it says none), `antenna` the antenna or
    loop there. `at_us` is the reader's local time in the zone of the source, `rssi` in dBm, `battery` in volts.
    """

    session: str
    seq: int
    where: str
    chip: str
    at_us: int
    antenna: int | None = None
    rssi: float | None = None
    battery: float | None = None


class Notice(Struct, frozen=True, tag="notice"):
    """What a reader tells that is no read: a gun, a battery, a clock that jumped, numbers that cannot be had.

    `kind` is one word, the reader's own where it has one; `at_us` is by the reader's clock, null where it gave no whole
    instant. Equal notices count once on the log, so the text holds what tells one occurrence from the next.
    """

    where: str
    kind: str
    at_us: int | None
    text: str


class Unreadable(Struct, frozen=True, tag="unreadable"):
    """A line, record or frame that could not be read: its bytes and why.

    `held`: it is whole and well-formed and lacks what only a person can give, such as the day of a clock never set.
    """

    raw: bytes
    reason: str
    held: bool = False


class Position(Struct, frozen=True):
    """How far a device's log is on ours.

    `part` is the part of the log that counts anew (a passing file, an epoch of numbers, a connection's id), `number`
    the last one of it before which none is missing. `check` is that record's own content, to tell a log that was
    cleared and has grown again from the one that we know; empty where the protocol has no such thing.
    """

    part: str
    number: int
    check: str = ""


class CursorAdvanced(Struct, frozen=True, tag="reached"):
    """Once every message before this one is safe, the device's log `log` need not be asked for `position` again."""

    log: str
    position: Position


Message = DecodedRead | Notice | Unreadable | CursorAdvanced

Cursor = Mapping[str, Position]
"""The positions of a source's device logs by their names, the one that moved last at the end."""


class Now(NamedTuple):
    """The clocks that a shell reads for a protocol: this machine's wall clock, and one that never jumps."""

    wall_us: int
    steady_s: float


class Reader(Protocol):
    """One connection of a reader's protocol, without socket and clock; a new connection takes a new one.

    `silence_s`: a connection on which nothing comes for so long is dead. `missing`: how many numbers are known to be
    missing of the device's logs now. `clock_offsets_us`: by `where`, how far ahead of ours (behind: negative) a clock
    was when it was last told; empty for a protocol that is not asked for it again and again.
    """

    silence_s: float

    @property
    def missing(self) -> int: ...

    @property
    def clock_offsets_us(self) -> Mapping[str, int]: ...

    def begin(self, now: Now) -> None:
        """The connection stands."""
        ...

    def feed(self, data: bytes, now: Now) -> list[Message]:
        """What these bytes complete, in order. Raises ConnectionFault."""
        ...

    def tick(self, now: Now) -> list[Message]:
        """What time brings about, called a few times a second: polls, questions asked again, numbers given up."""
        ...

    def take(self) -> bytes:
        """What is to be sent now; each byte is given once."""
        ...
