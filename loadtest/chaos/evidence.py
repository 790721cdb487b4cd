"""What a run of chaos has seen, from outside: plain values, so that the checker needs no stack."""

from typing import Any, NamedTuple

from msgspec import Struct, field


class ReadKey(NamedTuple):
    """What makes a read itself: the same three twice are one read. Source: R3.1."""

    device: str
    chip: str
    at_us: int


class LoggedRecord(NamedTuple):
    """A fact of the exported log: the offset of its record, its type, the id that it was sent with, and its reads."""

    offset: int
    type: str
    id: str | None
    reads: tuple[ReadKey, ...] = ()


class Shown(NamedTuple):
    """A viewer was shown a revision at an instant of the harness's monotonic clock, in seconds."""

    viewer: str
    at_s: float
    revision: int


class ShownPublication(NamedTuple):
    """A publication as it was served: its race, the revision of its document, the SHA-256 said of it, and its bytes."""

    race: str
    revision: int
    sha256: str
    document: bytes


class Acknowledged(NamedTuple):
    """A request was acknowledged at an instant of the same clock, and is on the log at `revision`."""

    at_s: float
    revision: int


Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

BoardRow = tuple[int, str, int]
"""Place, bib, and printed time in seconds."""


class Evidence(Struct, kw_only=True):
    """A whole run.

    `truth`, `served` and `scored` are athletes by bib: the simulator's, those of the live API, and those of the
    exported log scored by another process. `served_boards`, `scored_boards` and `stored_boards` are boards by name,
    the last from ClickHouse after the stack has stopped. `poison` has the places of records that no service can read:
    they become dead letters, and nothing else does. `verified` is what `matline verify` printed if it did not agree.
    """

    reads: list[ReadKey] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    log: list[LoggedRecord] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    publications: list[ShownPublication] = field(default_factory=list)
    truth: dict[str, dict[str, Any]] = field(default_factory=dict)
    served: dict[str, dict[str, Any]] = field(default_factory=dict)
    scored: dict[str, dict[str, Any]] = field(default_factory=dict)
    served_boards: dict[str, list[BoardRow]] = field(default_factory=dict)
    scored_boards: dict[str, list[BoardRow]] = field(default_factory=dict)
    stored_boards: dict[str, list[BoardRow]] = field(default_factory=dict)
    poison: set[Place] = field(default_factory=set)
    dead_letters: set[Place] = field(default_factory=set)
    verified: str = ""
