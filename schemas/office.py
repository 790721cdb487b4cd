"""The race office's tables of a definition: eligibility, prizes, medals, titles, team compositions, waves. Source: R2.

The values of an event's regulations are in these tables, and none are in code. They change no result and no place; an
entry is valid until the race office decides otherwise. Each row names the `article` of the regulations from which it
comes, so that the office can show it to the athlete.

`schemas.office_rules` finds contradictions within the tables and between them and the boards.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from schemas.ids import REASON_CHARS, Name, Nationality, Slug, Text

IDS_MAX = 1_000  # ids in a list of one row: as many as there can be boards

Ids = Annotated[list[Slug], Meta(max_length=IDS_MAX)]
Age = Annotated[int, Meta(ge=1, le=150)]
BornYear = Annotated[int, Meta(ge=0, le=9999)]
Standard = Annotated[int, Meta(ge=1, le=1_000_000)]
PlaceNumber = Annotated[int, Meta(ge=1, le=100_000)]
Gender = Literal["M", "F", "X"]
Sentence = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS)]


class Eligibility(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A condition for entering. It applies to the `races`, `gender` and `divisions` given; if none are, to everybody.

    `born_from`, `born_to`: birth years, inclusive. `consent_under`: athletes younger than that on race day need a
    guardian's consent, which is kept on paper. `standard_s`: a personal best of so many seconds or fewer; `unless`
    names the exceptions in words. `once`: one entry for each person, in the event or in each race. `attest`: a
    statement that the athlete declares, since an entry cannot show it.
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

    Each list counts by itself: an athlete who is first overall and first of an age group takes both prizes, and nobody
    moves up. `passes_over` names prizes whose winners take none here; then the next athletes move up.
    """

    id: Slug
    article: Name
    what: Name
    places: PlaceNumber
    boards: Ids = field(default_factory=list)
    team_boards: Ids = field(default_factory=list)
    delegations: Ids = field(default_factory=list)
    passes_over: Ids = field(default_factory=list)


class Medal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """`what` goes to every athlete who finishes within the limits, ranked or not; without `races`, in all races."""

    id: Slug
    article: Name
    what: Name
    races: Ids = field(default_factory=list)


class Title(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A title or record of ranked finishers: by time (`within_s`) or by place (`places`), one of the two.

    `within_s`: the printed seconds, by gun or chip, are so many or fewer. `places`: the first and the last place among
    those who pass the title's conditions. Without `by` it is the race's official time. `below`: the higher title;
    athletes who earn that one do not get this.
    """

    id: Slug
    article: Name
    name: Name
    race: Slug
    within_s: Standard | None = None
    places: Annotated[list[PlaceNumber], Meta(min_length=2, max_length=2)] | None = None
    by: Literal["gun", "chip"] | None = None
    gender: Gender | None = None
    division: Text | None = None
    nationality: Nationality | None = None
    below: Slug | None = None


class Role(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One kind of team member, and exactly how many of them a team has."""

    what: Name
    count: Annotated[int, Meta(ge=1, le=1_000)] = 1
    gender: Gender | None = None
    division: Text | None = None
    born_from: BornYear | None = None
    born_to: BornYear | None = None


class Composition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The members of a team on these boards, such as one parent and one child, or five women.

    `required`: every athlete on the board must be in a team. `together_s`: the members finish within so many seconds.
    """

    id: Slug
    article: Name
    team_boards: Annotated[list[Slug], Meta(min_length=1, max_length=IDS_MAX)]
    members: Annotated[list[Role], Meta(min_length=1, max_length=100)]
    required: bool = False
    together_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None


class Waves(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Races whose waves are filled by personal best in `order`, fastest first; athletes without one start last."""

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
