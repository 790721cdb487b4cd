"""What the race office and the prize table go by: eligibility, prizes, medals, titles, teams' composition, waves.

Tables of a race definition beside boards and teams, in the same manner: every value of an event's regulations stands
here, none in code. Nothing of them changes a result or a place; an entry stands until the race office decides. Each row
quotes the `article` of the regulations that it comes from, so that whoever asks an athlete can show why.
Source: R2.

`office_faults` finds where the tables contradict themselves or the boards; `definition` refuses such a file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from schemas.ids import REASON_CHARS, Name, Nationality, Slug, Text

if TYPE_CHECKING:
    from schemas.definition import Board, Definition

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

# --- Contradictions.

_Found: TypeAlias = Iterator[tuple[str, str]]
"""Each fault as its path in the file and the reason."""


def office_faults(definition: "Definition") -> _Found:
    """Where these tables contradict themselves, or name what the definition does not have, in the order of the file."""
    yield from _eligibility_faults(definition)
    yield from _prize_faults(definition)
    for index, medal in enumerate(definition.medals):
        yield from _race_faults(definition, f"medals[{index}]", medal.races)
    yield from _title_faults(definition)
    yield from _composition_faults(definition)
    yield from _wave_faults(definition)


def _eligibility_faults(definition: "Definition") -> _Found:
    for index, rule in enumerate(definition.eligibility):
        path = f"eligibility[{index}]"
        yield from _race_faults(definition, path, rule.races)
        for at, division in enumerate(rule.divisions):
            yield from _division_faults(definition, f"{path}.divisions[{at}]", division, rule.races)
        yield from _repeats(f"{path}.divisions", rule.divisions)
        yield from _year_faults(path, rule.born_from, rule.born_to)
        asked = (rule.born_from, rule.born_to, rule.consent_under, rule.standard_s, rule.once, rule.attest)
        if all(one is None for one in asked):
            yield path, "asks for nothing; give born_from, born_to, consent_under, standard_s, once or attest"
        if rule.unless is not None and rule.standard_s is None:
            yield f"{path}.unless", "says what else will do, and there is no standard_s that it could stand in for"


def _prize_faults(definition: "Definition") -> _Found:
    known = {
        "boards": {one.id for one in definition.boards},
        "team_boards": {one.id for one in definition.team_boards},
        "delegations": {one.id for one in definition.delegations},
    }
    before: dict[str, Prize] = {}
    for index, prize in enumerate(definition.prizes):
        path = f"prizes[{index}]"
        if not prize.boards and not prize.team_boards and not prize.delegations:
            yield path, "is for nobody; name boards, team_boards or delegations"
        for table, ids in known.items():
            yield from _id_faults(f"{path}.{table}", getattr(prize, table), ids, table.replace("_", " "))
        yield from _id_faults(f"{path}.passes_over", prize.passes_over, set(before), "prizes before it")
        if prize.passes_over and not prize.boards:
            yield f"{path}.passes_over", "passes over athletes, and this prize names no board of athletes"
        for at, name in enumerate(prize.passes_over):
            if name in before and not before[name].boards:
                yield f"{path}.passes_over[{at}]", f"prize {name!r} goes to no athlete"
        before[prize.id] = prize


def _title_faults(definition: "Definition") -> _Found:
    titles = {title.id: title for title in definition.titles}
    for index, title in enumerate(definition.titles):
        path = f"titles[{index}]"
        if title.race not in {race.id for race in definition.races}:
            yield f"{path}.race", f"race {title.race!r} is not among the races"
        yield from _division_faults(definition, f"{path}.division", title.division, [title.race])
        if title.below is None:
            continue
        higher = titles.get(title.below)
        if higher is None:
            yield f"{path}.below", f"title {title.below!r} is not among the titles"
        elif (higher.race, higher.gender) != (title.race, title.gender):
            yield f"{path}.below", f"title {higher.id!r} is of another race or gender"
        elif higher.within_s >= title.within_s:
            yield f"{path}.below", f"title {higher.id!r} is no harder: {higher.within_s} s, this one {title.within_s} s"


def _composition_faults(definition: "Definition") -> _Found:
    teams = {team.id: team for team in definition.team_boards}
    boards = {board.id: board for board in definition.boards}
    composed: set[str] = set()
    for index, one in enumerate(definition.compositions):
        path = f"compositions[{index}]"
        yield from _id_faults(f"{path}.team_boards", one.team_boards, set(teams), "team boards")
        size = sum(role.count for role in one.members)
        for at, name in enumerate(one.team_boards):
            team = teams.get(name)
            if name in composed:
                yield f"{path}.team_boards[{at}]", f"team board {name!r} has another composition already"
            if team is None:
                continue
            if size > team.max_members:
                yield f"{path}.members", f"are {size}; at most {team.max_members} of a team count on {name!r}"
            elif size < team.counting:
                yield f"{path}.members", f"are {size}; {team.counting} of a team count on {name!r}"
            if team.of in boards:
                yield from _role_faults(definition, one, boards[team.of], path)
        composed.update(one.team_boards)
        for at, role in enumerate(one.members):
            yield from _year_faults(f"{path}.members[{at}]", role.born_from, role.born_to)


def _role_faults(definition: "Definition", of: Composition, board: "Board", path: str) -> _Found:
    """A member who could not be on the teams' board."""
    for at, role in enumerate(of.members):
        if role.gender is not None and board.gender is not None and role.gender != board.gender:
            yield f"{path}.members[{at}].gender", f"{role.gender!r} is not on board {board.id!r}, of {board.gender!r}"
        if role.division is not None and board.division is not None and role.division != board.division:
            text = f"{role.division!r} is not on board {board.id!r}, of {board.division!r}"
            yield f"{path}.members[{at}].division", text
        elif board.division is None:
            yield from _division_faults(definition, f"{path}.members[{at}].division", role.division, [board.race])


def _wave_faults(definition: "Definition") -> _Found:
    ordered: set[str] = set()
    for index, waves in enumerate(definition.waves):
        path = f"waves[{index}]"
        yield from _race_faults(definition, path, waves.races)
        for at, name in enumerate(waves.races):
            if name in ordered:
                yield f"{path}.races[{at}]", f"race {name!r} has its waves already"
        ordered.update(waves.races)
        yield from _repeats(f"{path}.order", waves.order)
        for board in definition.boards:
            if board.race in waves.races and board.wave is not None and board.wave not in waves.order:
                yield f"{path}.order", f"lacks wave {board.wave!r}, which board {board.id!r} is of"


def _race_faults(definition: "Definition", path: str, races: Sequence[str]) -> _Found:
    yield from _id_faults(f"{path}.races", races, {race.id for race in definition.races}, "races")


def _id_faults(path: str, ids: Sequence[str], known: set[str], what: str) -> _Found:
    for at, name in enumerate(ids):
        if name not in known:
            yield f"{path}[{at}]", f"{name!r} is not among the {what}"
    yield from _repeats(path, ids)


def _repeats(path: str, names: Sequence[str]) -> _Found:
    counts = Counter(names)
    for at, name in enumerate(names):
        if counts[name] > 1 and name in names[:at]:
            yield f"{path}[{at}]", f"{name!r} stands there twice"


def _year_faults(path: str, born_from: int | None, born_to: int | None) -> _Found:
    if born_from is not None and born_to is not None and born_from > born_to:
        yield f"{path}.born_from", f"{born_from} is after born_to {born_to}: nobody passes"


def _division_faults(definition: "Definition", path: str, division: str | None, races: Sequence[str]) -> _Found:
    """A division that no board knows where boards are by division: most likely a misspelt one."""
    known = {
        board.division
        for board in definition.boards
        if board.division is not None and (not races or board.race in races)
    }
    if division is not None and known and division not in known:
        yield path, f"{division!r} is on no board there; known are {', '.join(sorted(known))}"
