"""The parts of an event's snapshot: everything in its state that cannot be derived again."""

from msgspec import Struct

from schemas.events import NoticeReceived, Ruling


class EventHead(Struct, frozen=True, tag="head"):
    """The first part of an event's snapshot."""

    event: str
    first: int
    head: int
    version: int
    ids: list[str]
    devices: list[str]
    versions: dict[str, int]
    signals: list[NoticeReceived]


class EventRulings(Struct, frozen=True, tag="rulings"):
    """Officials' facts in log order, each with its offset and ordinal."""

    event: str
    rulings: list[tuple[int, int, Ruling]]


class EventReads(Struct, frozen=True, tag="reads"):
    """Chips' reads as the bytes of their arrays."""

    event: str
    chips: dict[str, tuple[bytes, bytes, bytes, int]]
