"""What the race office and the prize table go by: eligibility, prizes, medals, titles, teams' composition, waves.

Tables of a race definition beside boards and teams, in the same manner: every value of an event's regulations stands
here, none in code. Nothing of them changes a result or a place; an entry stands until the race office decides. Each row
quotes the `article` of the regulations that it comes from, so that whoever asks an athlete can show why.
Source: R2.

`schemas.office_rules` finds where the tables contradict themselves or the boards.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from schemas.ids import REASON_CHARS, Name, Nationality, Slug, Text

IDS_MAX = 1_000  # ids in a list of one row: as many as there can be boards

Ids = Annotated[list[Slug], Meta(max_length=IDS_MAX)]
Age = Annotated[int, Meta(ge=1, le=150)]
BornYear = Annotated[int, Meta(ge=0, le=9999)]
Standard = Annotated[int, Meta(ge=1, le=1_000_000)]
Gender = Literal["M", "F", "X"]
Sentence = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS)]


class Eligibility(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Who may enter. `races`, `gender`, `divisions` say whom it asks (none given: everybody), the others what.

    `born_from`, `born_to`: birth years, inclusive. `consent_under`: whoever is younger on the day needs a guardian's
    consent, which is kept on paper. `standard_s`: a personal best of so many seconds or fewer; `unless` says in words
    what else will do. `once`: one entry a person, in the event or in each race. `attest`: what an entry cannot say, and
    the athlete declares.
    """

    id: Slug
    article: Name
    races: Ids = field(default_factory=list)
    gender: Gender | None = None
    divisions: Annotated[list[Text], Meta(max_length=IDS_MAX)] = field(default_factory=list)
    born_from: BornYear | None = None
    born_to: BornYear | None = None
    consent_under: Age | None = None
    standard_s: Standard | None = None
    unless: Sentence | None = None
    once: Literal["event", "race"] | None = None
    attest: Sentence | None = None


class Prize(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """`what` goes to the places 1 to `places` of each board, team board and delegation named here.

    Every list counts by itself: who is first overall and first of his age group takes both, and nobody moves up.
    `passes_over` names prizes whose winners take none here; the next then move up.
    """

    id: Slug
    article: Name
    what: Name
    places: Annotated[int, Meta(ge=1, le=100_000)]
    boards: Ids = field(default_factory=list)
    team_boards: Ids = field(default_factory=list)
    delegations: Ids = field(default_factory=list)
    passes_over: Ids = field(default_factory=list)


class Medal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """`what` goes to whoever finishes within the limits, ranked or not; `races` none: of all races."""

    id: Slug
    article: Name
    what: Name
    races: Ids = field(default_factory=list)


class Title(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A title or record by time: a ranked finisher's printed seconds, by gun or chip, are `within_s` or fewer.

    `by` none: the race's official time. `below`: the higher title; who earns that one is not named for this one.
    """

    id: Slug
    article: Name
    name: Name
    race: Slug
    within_s: Standard
    by: Literal["gun", "chip"] | None = None
    gender: Gender | None = None
    division: Text | None = None
    nationality: Nationality | None = None
    below: Slug | None = None


class Role(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One kind of member in a team, and how many of it there are, neither more nor fewer."""

    what: Name
    count: Annotated[int, Meta(ge=1, le=1_000)] = 1
    gender: Gender | None = None
    division: Text | None = None
    born_from: BornYear | None = None
    born_to: BornYear | None = None


class Composition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Whom a team of these boards consists of: a family of one parent and one child, five women.

    `required`: whoever is on the board runs in a team. `together_s`: the members finish within so many seconds.
    """

    id: Slug
    article: Name
    team_boards: Annotated[list[Slug], Meta(min_length=1, max_length=IDS_MAX)]
    members: Annotated[list[Role], Meta(min_length=1, max_length=100)]
    required: bool = False
    together_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None


class Waves(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Races whose waves are filled by personal best, the fastest first in `order`; without one the last wave."""

    id: Slug
    article: Name
    races: Annotated[list[Slug], Meta(min_length=1, max_length=IDS_MAX)]
    order: Annotated[list[Name], Meta(min_length=2, max_length=100)]


TABLES: dict[str, type[Struct]] = {
    "eligibility": Eligibility,
    "prizes": Prize,
    "medals": Medal,
    "titles": Title,
    "compositions": Composition,
    "waves": Waves,
}
