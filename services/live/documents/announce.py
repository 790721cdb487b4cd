"""What somebody at the finish says."""

from msgspec import Struct

from services.live.documents.athlete import AthleteSummary
from services.live.documents.board import PodiumPlace
from services.live.documents.fields import Hms, InstantUs, LocalInstant, Place, Revision
from services.live.pages.athlete_page import AthleteBoard
from services.standings.publication import State


class AnnouncedAthlete(AthleteSummary, kw_only=True):
    """An athlete, with the name of the race, and whether a case is to be decided."""

    race_name: str
    case_open: bool


class PlaceAtPoint(Struct, kw_only=True):
    """A place on a board at the last point before the finish."""

    board: str
    title: str
    place: Place
    place_text: str


class Approaching(AnnouncedAthlete, kw_only=True):
    """Who comes next, and when they are expected at the finish."""

    point_name: str
    expected_us: InstantUs
    expected_low_us: InstantUs
    expected_high_us: InstantUs
    projected_finish: Hms
    boards: list[PlaceAtPoint]


class Finisher(AnnouncedAthlete, kw_only=True):
    """Who has finished, and their places."""

    at_us: InstantUs
    at: LocalInstant
    state: State
    boards: list[AthleteBoard]


class Leader(AthleteSummary, kw_only=True):
    """One of the first of a board; `gap` is null for the first, and where they are not at the first one's point."""

    place_text: str
    point_name: str
    gap: str | None


class LeadersOfBoard(Struct, kw_only=True):
    """The first three of a board, the state of its results, and whether its first places can still change."""

    board: str
    title: str
    race: str
    state: State
    podium: list[PodiumPlace]
    rows: list[Leader]


class FirstOfBoard(AthleteSummary, kw_only=True):
    """Who is first of a board that somebody has finished on; `time` is the one that the board prints."""

    board: str
    title: str
    at_us: InstantUs
    at: LocalInstant


class AnnouncedCutoff(Struct, kw_only=True):
    """A cut-off for those who started last: how many have passed the point, and how many are on the course."""

    race: str
    race_name: str
    point: str
    point_name: str
    at_us: InstantUs
    at: LocalInstant
    passed: int
    on_course: int


class Announcement(Struct, kw_only=True):
    """Who comes next, who has finished, leaders, firsts and cut-offs."""

    event: str
    revision: Revision
    updated_at: LocalInstant
    name: str
    language: str | None
    timezone: str
    approaching: list[Approaching]
    finished: list[Finisher]
    leaders: list[LeadersOfBoard]
    firsts: list[FirstOfBoard]
    cutoffs: list[AnnouncedCutoff]
