"""Rows as live reads them from ClickHouse. Pure."""

from typing import Any, NamedTuple

from msgspec import Struct


class AnnouncedRevision(NamedTuple):
    """A revision of an event that was announced, and when.

    `hidden` are bibs whose names were hidden after this revision. They are hidden in it too.
    """

    event: str
    revision: int
    at_us: int
    hidden: frozenset[str] = frozenset()


class Split(NamedTuple):
    """An athlete's time at a point: since the gun, since their start, and the instant."""

    gun_us: int
    chip_us: int
    at_us: int


class TeamLine(Struct, frozen=True):
    """A line of a team board or delegation; `members` with their scores, empty for a delegation."""

    place: int | None
    team: str
    score: int | None
    members: list[dict[str, Any]]


class LoggedLine(NamedTuple):
    """A fact as the log has it. Reads are not among these; see ChipRead."""

    offset: int
    ordinal: int
    type: str
    id: str
    recorded_at_us: int
    fact: str


class ExaminedReport(NamedTuple):
    """A report on an event's health, the document as JSON, of a revision; `made_at_us` is by the projections' clock."""

    revision: int
    made_at_us: int
    report: str


class ChipRead(NamedTuple):
    """A read by its device's own clock. It arrived `came` times; `rssi` is the strongest of them.

    `offset` is the first record that brought the read with this strength.
    """

    chip: str
    device: str
    at_us: int
    rssi: float | None
    offset: int
    came: int


class AthleteVersion(NamedTuple):
    """One version of an athlete's result, in short."""

    version: int
    status: str
    gun_us: int | None
    chip_us: int | None
    time_s: int | None
