"""Athletes: in lists, one with splits and places, and why a result is as it is."""

from msgspec import UNSET, Struct, UnsetType

from schemas.results import Source, Status
from services.live.documents.fields import DurationUs, Gender, Hms, InstantUs, LocalInstant, Revision, Seconds
from services.live.pages.athlete_page import AthleteBoard
from services.scoring.core.explain.model import CaseWhy, Explanation
from services.standings.explain_place import PlaceWhy
from services.standings.publication import State
from services.standings.together import SideBySide


class AthleteSummary(Struct, kw_only=True):
    """An athlete in a list; of a hidden entry all names are the bib. `point` is the last one taken."""

    bib: str
    name: str
    name_ascii: str
    family_name: str
    given_name: str
    race: str
    gender: Gender | None
    nationality: str | None
    team: str | None
    club: str | None
    age_group: str | None
    status: Status
    time_s: Seconds | None
    time: Hms | None
    point: str | None


class AthleteSearch(Struct, kw_only=True):
    """A page of the athletes that a search found, out of `total`."""

    event: str
    revision: Revision
    total: int
    athletes: list[AthleteSummary]


class Split(Struct, kw_only=True):
    """A point that an athlete took: the times since gun and start, and the stretch since the point before."""

    point: str
    name: str
    km: float
    at_us: InstantUs
    at: LocalInstant
    source: Source
    gun_us: DurationUs | None
    gun_time: Hms | None
    chip_us: DurationUs | None
    chip_time: Hms | None
    segment_us: DurationUs | None
    segment_pace: str | None
    segment_speed_kmh: float | None


class RankedSplit(Split, kw_only=True):
    """A split with the athlete's rank there on each of their boards, by id."""

    ranks: dict[str, int]


class Version(Struct, kw_only=True):
    """An earlier or the present result, in short."""

    version: int
    status: Status
    gun_us: DurationUs | None
    chip_us: DurationUs | None
    time_s: Seconds | None


class Athlete(AthleteSummary, kw_only=True):
    """An athlete's result with splits and places. What is expected is an estimate, null off the course.

    `missed` are points without which the result does not count, `waived` those that are not required of the athlete.
    """

    event: str
    revision: Revision
    updated_at: LocalInstant
    race_name: str
    division: str | None
    wave: str | None
    ranked: bool
    hidden: bool
    gun_us: DurationUs | None
    chip_us: DurationUs | None
    gun_time: Hms | None
    chip_time: Hms | None
    cut_at: str | None
    missed: list[str]
    flags: list[str]
    case_open: bool
    waived: list[str]
    penalty_us: DurationUs
    version: int
    next_point: str | None
    next_eta: LocalInstant | None
    next_eta_us: InstantUs | None
    next_low_us: InstantUs | None
    next_high_us: InstantUs | None
    projected_finish: Hms | None
    projected_low: Hms | None
    projected_high: Hms | None
    projected_finish_us: DurationUs | None
    projected_low_us: DurationUs | None
    projected_high_us: DurationUs | None
    points: list[RankedSplit]
    boards: list[AthleteBoard]
    result_state: State
    versions: list[Version]


class ExplainedCase(CaseWhy, frozen=True, kw_only=True):
    """A case of the athlete; one that is shared has the `other` athlete, and the points of both side by side."""

    other: str | UnsetType = UNSET
    other_race: str | UnsetType = UNSET
    side_by_side: list[SideBySide] | UnsetType = UNSET


class ExplainedAthlete(Explanation, frozen=True, kw_only=True):
    """Why an athlete has this result. The public gets neither the names nor the reasons of officials."""

    revision: Revision
    places: list[PlaceWhy]
    cases: list[ExplainedCase]  # type: ignore[assignment]  # those shared with another athlete are among them
