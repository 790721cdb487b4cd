"""The data of events of streams. A `snapshot` is what a plain request for the subject answers."""

from msgspec import UNSET, Struct, UnsetType

from schemas.results import Status
from services.live.documents.athlete import Split
from services.live.documents.board import BoardPageRow
from services.live.documents.fields import InstantUs, Revision, Seconds
from services.live.pages.athlete_page import AthleteBoard


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
    """The rows of a board that changed (null: too many, or of teams; fetch the board) and the bibs without a place."""

    board: str
    total: int | None
    rows: list[BoardPageRow] | None  # type: ignore[valid-type]  # made at run time
    removed: list[str]


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
