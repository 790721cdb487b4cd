"""The data of events of streams. A `snapshot` is what a plain request for the subject answers."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from schemas.results import Status
from services.live.documents.athlete import Split
from services.live.documents.board import BoardPageRow, PodiumPlace
from services.live.documents.fields import InstantUs, Revision, Seconds
from services.live.pages.athlete_page import AthleteBoard
from services.standings.publication import State


class EventHead(Struct, kw_only=True):
    """The event and the revision, which is the `id` of the event of the stream."""

    event: str
    revision: Revision


class Heartbeat(EventHead, kw_only=True):
    """The server is alive; it has no `id`, and `revision` is that of the viewer."""

    now_us: InstantUs


class SplitEvent(Split, kw_only=True):
    """A point that an athlete took, or (`corrected`) took at another instant."""

    event: str
    revision: Revision
    bib: str
    race: str
    corrected: bool


class StatusEvent(EventHead, kw_only=True):
    """An athlete's status, and the one before."""

    bib: str
    name: str
    race: str
    status: Status
    before: Status
    cut_at: str | None
    time_s: Seconds | None


class RetractEvent(EventHead, kw_only=True):
    """A point that was taken back; `point` null: the athlete is gone from the subject."""

    bib: str
    name: str | UnsetType = UNSET
    race: str
    point: str | None
    at_us: InstantUs | UnsetType = UNSET


class BoardEvent(EventHead, kw_only=True):
    """What leads from a board's last answer to this one: `rows` that differ and (null: as before) the `order` of bibs.

    `removed` have no row any more. What the answer has beside its rows is there as a whole.
    """

    board: str
    state: State
    changed_since_official: bool
    total: int
    point: str | None
    podium: list[PodiumPlace]
    rows: list[BoardPageRow]  # type: ignore[valid-type]  # made at run time
    order: list[str] | None
    removed: list[str]


class TeamsChanged(EventHead, kw_only=True):
    """The rows or the state of a team board or delegation changed; fetch it."""

    board: str
    total: None
    rows: None
    removed: list[str]


class BoardState(Struct, kw_only=True):
    """The state of a board's results; `void`: a later official publication has no effect."""

    board: str
    state: State
    changed_since_official: bool
    void: bool


class PublicationEvent(EventHead, kw_only=True):
    """The state of a race's results as a whole, and `boards` whose state changed; of a delegation `race` is null, and
    `boards` names it alone.
    """

    race: str | None
    state: State
    changed_since_official: bool
    void: bool
    boards: list[BoardState]


class CaseEvent(EventHead, kw_only=True):
    """A case that was opened, decided, opened again, or whose ground is gone; `bib` is null for a team."""

    case: str
    bib: str | None
    race: str
    open: bool
    state: Literal["open", "decided", "gone"]


class AthleteBoardsEvent(EventHead, kw_only=True):
    """An athlete's places on their boards."""

    bib: str
    boards: list[AthleteBoard]


class EventChanged(EventHead, kw_only=True):
    """A revision of a whole event: the boards and the bibs that changed (null: too many to name them)."""

    boards: list[str]
    bibs: list[str] | None
    announced_at_us: InstantUs
    accepted_us: InstantUs | None
