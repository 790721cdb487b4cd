"""Events with their races and boards."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from schemas.definition import RankBy
from services.live.documents.fields import Gender, InstantUs, LocalInstant, Revision
from services.live.documents.publication import PublicationLife
from services.standings.publication import Ground, State


class Clock(Struct, kw_only=True):
    """The server's clock, and the highest revision of the events that the request may see."""

    now_us: InstantUs
    now: str
    revision: Revision


class RaceState(Struct, kw_only=True):
    """A race in the list of events."""

    race: str
    name: str
    state: State


class EventSummary(Struct, kw_only=True):
    """An event in the list of events. Without a definition it has no date, no zone and no race.

    `archived`: nothing more is written to it until it is reopened.
    """

    event: str
    name: str
    date: str | None
    timezone: str | UnsetType = UNSET
    revision: Revision
    updated_at: LocalInstant | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    races: list[RaceState]


class EventList(Struct, kw_only=True):
    """The events that the request may see, the latest first."""

    revision: Revision
    events: list[EventSummary]


class GunTime(Struct, kw_only=True):
    """A gun as it stands after corrections; `wave` null: the gun of the race."""

    wave: str | None
    at_us: InstantUs
    at: LocalInstant


class CoursePoint(Struct, kw_only=True):
    """A point of a course."""

    point: str
    name: str
    km: float


class Race(PublicationLife, kw_only=True):
    """A race. `closed_at_us`: who finishes later is a case for the jury. `official_void` is `void` in words."""

    race: str
    name: str
    start: str
    official_time: Literal["gun", "chip"]
    guns: list[GunTime]
    closed: bool
    closed_at_us: InstantUs | None
    state: State
    official_void: str | None
    changed_since_official: bool
    on_course: int
    counts: dict[str, int]
    points: list[CoursePoint]


class Board(Struct, kw_only=True):
    """A board; `within` is the board whose order it has, `void` why a later official publication of it is."""

    board: str
    title: str
    race: str
    within: str | None
    gender: Gender | None
    rank_by: RankBy
    state: State
    changed_since_official: bool
    void: list[Ground]


class TeamBoard(Struct, kw_only=True):
    """A team board; `of` is the board that gives places and times, `counting` how many members count.

    `void`: why a later official publication of it is.
    """

    board: str
    title: str
    of: str
    race: str
    score: str
    counting: int
    state: State
    changed_since_official: bool
    void: list[Ground]


class Delegation(Struct, kw_only=True):
    """A delegation; `sum` are its team boards."""

    board: str
    title: str
    sum: list[str]


class Event(Struct, kw_only=True):
    """An event; `language` is the one in which names are shown, `counts` are athletes by status.

    `archived`: nothing more is written to it until it is reopened.
    """

    event: str
    revision: Revision
    updated_at: LocalInstant
    name: str
    language: str | None
    languages: list[str]
    date: str
    timezone: str
    archived: bool
    counts: dict[str, int]
    races: list[Race]
    boards: list[Board]
    team_boards: list[TeamBoard]
    delegations: list[Delegation]
