"""The standings document (R5), and publications of it."""

from msgspec import UNSET, Struct, UnsetType

from schemas.results import Source, Status
from services.live.documents.fields import DurationUs, InstantUs, LocalInstant, Revision, Seconds
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.publication import Ground, State
from services.standings.teams import TeamRow


class ResultPoint(Struct, kw_only=True):
    """A point that an athlete took."""

    point: str
    at_us: InstantUs
    source: Source


class ResultFields(Struct, kw_only=True):
    """An athlete's result without the bib. `penalty_us` is left out when it is 0."""

    race: str
    status: Status
    gun_us: DurationUs | None
    chip_us: DurationUs | None
    time_s: Seconds | None
    penalty_us: DurationUs | UnsetType = UNSET
    cut_at: str | None
    missed: list[str]
    flags: list[str]
    points: list[ResultPoint]


class Result(ResultFields, kw_only=True):
    """An athlete's result in the standings document."""

    bib: str


class CaseLine(Struct, kw_only=True):
    """A case, open or decided; `bib` is null in a case of a team."""

    case: str
    bib: str | None
    race: str
    open: bool


class StandingsDocument(Struct, kw_only=True):
    """The standings of a whole event; boards, team boards and delegations by id."""

    event: str
    revision: Revision
    athletes: list[Result]
    boards: dict[str, list[BoardRow]]
    team_boards: dict[str, list[TeamRow]]
    delegations: dict[str, list[DelegationRow]]
    cases: list[CaseLine]


class Publication(Struct, kw_only=True):
    """The publication that is served; `boards` null: the whole race."""

    state: State
    boards: list[str] | None
    offset: int
    document_revision: Revision
    recorded_at_us: InstantUs | None
    recorded_at: LocalInstant | None
    sha256: str


class PublicationLife(Struct, kw_only=True):
    """Which publication is served, why a later official one is `void`, and what provisional results wait for."""

    publication: Publication | None
    void: list[Ground]
    official_from_us: InstantUs | None
    official_from: LocalInstant | None
    in_the_way: list[Ground]


class DifferingResult(Struct, kw_only=True):
    """A result as it was published and as it is now; null where there is none."""

    bib: str
    published: Result | None
    now: Result | None


class DifferingRow(Struct, kw_only=True):
    """A row of a board as it was published and as it is now."""

    bib: str
    published: BoardRow | None
    now: BoardRow | None


class DifferingTeam(Struct, kw_only=True):
    """A row of a team board as it was published and as it is now."""

    team: str
    published: TeamRow | None
    now: TeamRow | None


class DifferingDelegation(Struct, kw_only=True):
    """A row of a delegation as it was published and as it is now."""

    team: str
    published: DelegationRow | None
    now: DelegationRow | None


class PublishedDifference(Struct, kw_only=True):
    """How results differ from the published ones; boards without a difference are left out."""

    athletes: list[DifferingResult]
    boards: dict[str, list[DifferingRow]]
    team_boards: dict[str, list[DifferingTeam]]
    delegations: dict[str, list[DifferingDelegation]]


class PublishedDocument(Struct, kw_only=True):
    """What the SHA-256 of a publication is over."""

    athletes: list[Result]
    boards: dict[str, list[BoardRow]]
    team_boards: dict[str, list[TeamRow]]


class PublishedAnswer(PublicationLife, kw_only=True):
    """A publication of a race, or of one of its boards, and how results differ from it now."""

    event: str
    race: str
    board: str | None
    revision: Revision
    state: State
    changed_since_official: bool
    difference: PublishedDifference
    document: PublishedDocument
    delegations: dict[str, list[DelegationRow]]
