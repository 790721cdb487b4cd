"""The differences between two revisions, and what facts would change."""

from msgspec import Struct, field

from services.fact_effects.effects import Effect
from services.live.documents.facts import ShownFact, WaitingFact
from services.live.documents.fields import DurationUs, Place, Revision, Seconds
from services.live.documents.publication import CaseLine, Result, ResultFields
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.teams import TeamRow


class NamedResult(ResultFields, kw_only=True):
    """A result with the athlete's name; the bib stands beside it."""

    name: str


class ChangedResult(Struct, kw_only=True):
    """A result at the two revisions; null where there is none."""

    bib: str
    before: NamedResult | None
    after: NamedResult | None


class PlacedTimes(Struct, kw_only=True):
    """A place on a board, and the times there."""

    place: Place
    time_s: Seconds
    gun_us: DurationUs
    chip_us: DurationUs


class ChangedRow(Struct, kw_only=True):
    """A row of a board at the two revisions; null where there is none."""

    bib: str
    before: PlacedTimes | None
    after: PlacedTimes | None


class ChangedBoard(Struct, kw_only=True):
    """A page of the rows of a board that differ, out of `total`."""

    total: int
    rows: list[ChangedRow]


class Changes(Struct, kw_only=True):
    """What differs between two revisions, and the facts between: of each list up to 1,000 from `offset` on.

    `more`: a later page has more, see `Link`.
    """

    event: str
    from_: Revision = field(name="from")
    to: Revision
    revision: Revision
    athletes: list[ChangedResult]
    boards: dict[str, ChangedBoard]
    facts: list[ShownFact]  # type: ignore[valid-type]  # made at run time
    offset: int
    more: bool


class WaitingFacts(Struct, kw_only=True):
    """The facts that wait for something that they name."""

    event: str
    revision: Revision
    facts: list[WaitingFact]  # type: ignore[valid-type]  # made at run time


# --- What facts would change


class SentEffect(Struct, kw_only=True):
    """What a fact of the request does, or would do: why it is not applied at once, and what to look at."""

    index: int
    id: str | None
    effect: Effect
    why: str | None
    warnings: list[str]


class ForeseenResult(Struct, kw_only=True):
    """A result before and after; null where there is none."""

    bib: str
    before: Result | None
    after: Result | None


class ForeseenRow(Struct, kw_only=True):
    """A row of a board before and after."""

    bib: str
    before: BoardRow | None
    after: BoardRow | None


class ForeseenTeam(Struct, kw_only=True):
    """A row of a team board before and after."""

    team: str
    before: TeamRow | None
    after: TeamRow | None


class ForeseenDelegation(Struct, kw_only=True):
    """A row of a delegation before and after."""

    team: str
    before: DelegationRow | None
    after: DelegationRow | None


class ForeseenCase(Struct, kw_only=True):
    """A case before and after."""

    case: str
    before: CaseLine | None
    after: CaseLine | None


class ForeseenCount(Struct, kw_only=True):
    """How many athletes there are before and after."""

    before: int
    after: int


class Preview(Struct, kw_only=True):
    """What the standings document would differ in; `counts` are athletes by race and status."""

    event: str
    revision: Revision
    facts: list[SentEffect]
    athletes: list[ForeseenResult]
    boards: dict[str, list[ForeseenRow]]
    team_boards: dict[str, list[ForeseenTeam]]
    delegations: dict[str, list[ForeseenDelegation]]
    cases: list[ForeseenCase]
    counts: dict[str, dict[str, ForeseenCount]]
