"""Find contradictions in the race office's tables, and names that the definition does not have."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from schemas.definition import Board, Definition, TeamBoard
from schemas.definition_faults import Contradiction, NotDefined
from schemas.office import Composition, Title

Contradictions: TypeAlias = Iterator[Contradiction]


def office_contradictions(definition: Definition) -> Contradictions:
    """Yield every contradiction of these tables, table by table."""
    yield from _eligibility(definition)
    yield from _prizes(definition)
    for index, medal in enumerate(definition.medals):
        yield from _races(definition, f"medals[{index}]", medal.races)
    yield from _titles(definition)
    yield from _compositions(definition)
    yield from _waves(definition)


_CONDITIONS = ("born_from", "born_to", "consent_under", "standard_s", "once", "attest")


def _eligibility(definition: Definition) -> Contradictions:
    for index, rule in enumerate(definition.eligibility):
        path = f"eligibility[{index}]"
        yield from _races(definition, path, rule.races)
        for number, division in enumerate(rule.divisions):
            yield from _division(definition, f"{path}.divisions[{number}]", division, rule.races)
        yield from repeated(f"{path}.divisions", rule.divisions)
        yield from _years(path, rule.born_from, rule.born_to)
        if all(getattr(rule, name) is None for name in _CONDITIONS):
            reason = f"asks for nothing; give {', '.join(_CONDITIONS[:-1])} or {_CONDITIONS[-1]}"
            yield Contradiction(path, reason, tuple(f"{path}.{name}" for name in _CONDITIONS))
        if rule.unless is not None and rule.standard_s is None:
            reason = "is an alternative to standard_s, which is not given"
            yield Contradiction(f"{path}.unless", reason, (f"{path}.standard_s",))


def _prizes(definition: Definition) -> Contradictions:
    tables = ("boards", "team_boards", "delegations")
    known = {table: [row.id for row in getattr(definition, table)] for table in tables}
    path_of: dict[str, str] = {}
    with_boards: set[str] = set()
    for index, prize in enumerate(definition.prizes):
        path = f"prizes[{index}]"
        if not prize.boards and not prize.team_boards and not prize.delegations:
            reason = "is for nobody; name boards, team_boards or delegations"
            yield Contradiction(path, reason, tuple(f"{path}.{table}" for table in tables))
        for table, ids in known.items():
            yield from _ids(f"{path}.{table}", getattr(prize, table), ids, table)
        for number, name in enumerate(prize.passes_over):
            if name not in path_of:
                reason = f"prize {name!r} is not among the prizes before this one"
                yield Contradiction(f"{path}.passes_over[{number}]", reason, ("prizes[].id",))
            elif name not in with_boards:
                reason = f"prize {name!r} goes to no athlete, since it names no boards"
                yield Contradiction(f"{path}.passes_over[{number}]", reason, (f"{path_of[name]}.boards",))
        yield from repeated(f"{path}.passes_over", prize.passes_over)
        if prize.passes_over and not prize.boards:
            reason = "passes over athletes, but this prize names no boards and so goes to none"
            yield Contradiction(f"{path}.passes_over", reason, (f"{path}.boards",))
        path_of[prize.id] = path
        if prize.boards:
            with_boards.add(prize.id)
        else:
            with_boards.discard(prize.id)


def _titles(definition: Definition) -> Contradictions:
    titles = {title.id: title for title in definition.titles}
    path_of = {title.id: f"titles[{index}]" for index, title in enumerate(definition.titles)}
    races = [race.id for race in definition.races]
    for index, title in enumerate(definition.titles):
        path = f"titles[{index}]"
        if title.race not in races:
            yield Contradiction(f"{path}.race", NotDefined("race", title.race, races), ("races[].id",))
        yield from _division(definition, f"{path}.division", title.division, [title.race])
        yield from _by_time_or_place(path, title)
        if title.below is None:
            continue
        higher = titles.get(title.below)
        if higher is None:
            yield Contradiction(f"{path}.below", NotDefined("title", title.below, titles), ("titles[].id",))
            continue
        both = (path, path_of[higher.id])
        if (higher.race, higher.gender) != (title.race, title.gender):
            reason = f"title {higher.id!r} is of another race or gender"
            yield Contradiction(
                f"{path}.below",
                reason,
                tuple(f"{title_path}.{name}" for title_path in both for name in ("race", "gender")),
            )
        elif (why := _not_harder(higher, title)) is not None:
            fields = ("race", "gender", "within_s", "places")
            rests_on = tuple(f"{title_path}.{name}" for title_path in both for name in fields)
            yield Contradiction(f"{path}.below", why, rests_on)


def _by_time_or_place(path: str, title: Title) -> Contradictions:
    rests_on = (f"{path}.within_s", f"{path}.places")
    if (title.within_s is None) == (title.places is None):
        given = "neither" if title.places is None else "both"
        yield Contradiction(path, f"is by time or by place, and has {given}; give within_s or places", rests_on)
    elif title.places is not None and title.places[0] > title.places[1]:
        first, last = title.places
        yield Contradiction(f"{path}.places", f"begins with {first}, which is after {last}; write [{last}, {first}]")


def _not_harder(higher: Title, title: Title) -> str | None:
    """Return why the title above another is not harder than it; None when it is, or when one of them is faulty."""
    if higher.within_s is not None and title.within_s is not None:
        times = f"{higher.within_s} s, and this one {title.within_s} s"
        return f"title {higher.id!r} is not harder: {times}" if higher.within_s >= title.within_s else None
    if higher.places is not None and title.places is not None:
        last = f"its last place is {higher.places[1]}, and that of this one {title.places[1]}"
        return f"title {higher.id!r} is not harder: {last}" if higher.places[1] >= title.places[1] else None
    kinds = ["place" if compared.within_s is None else "time" for compared in (higher, title)]
    return f"title {higher.id!r} is by {kinds[0]}, and this one by {kinds[1]}" if kinds[0] != kinds[1] else None


def _compositions(definition: Definition) -> Contradictions:
    teams = {team.id: team for team in definition.team_boards}
    path_of = {team.id: f"team_boards[{index}]" for index, team in enumerate(definition.team_boards)}
    boards = {board.id: board for board in definition.boards}
    composed: set[str] = set()
    for index, composition in enumerate(definition.compositions):
        path = f"compositions[{index}]"
        yield from _ids(f"{path}.team_boards", composition.team_boards, teams, "team_boards")
        for number, name in enumerate(composition.team_boards):
            if name in composed:
                reason = f"team board {name!r} already has a composition"
                yield Contradiction(f"{path}.team_boards[{number}]", reason)
            if name in teams:
                yield from _team_size(composition, teams[name], path, path_of[name])
                if teams[name].of in boards:
                    yield from _roles(definition, composition, boards[teams[name].of], path, path_of[name])
        composed.update(composition.team_boards)
        for number, role in enumerate(composition.members):
            yield from _years(f"{path}.members[{number}]", role.born_from, role.born_to)


def _team_size(composition: Composition, team: TeamBoard, path: str, team_path: str) -> Contradictions:
    size = sum(role.count for role in composition.members)
    rests_on = (f"{path}.members[].count", f"{team_path}.max_members", f"{team_path}.counting")
    if size > team.max_members:
        reason = f"add up to {size}; team board {team.id!r} takes at most {team.max_members} members (max_members)"
        yield Contradiction(f"{path}.members", reason, rests_on)
    elif size < team.counting:
        reason = f"add up to {size}; on team board {team.id!r} {team.counting} members count (counting)"
        yield Contradiction(f"{path}.members", reason, rests_on)


def _roles(definition: Definition, composition: Composition, board: Board, path: str, team_path: str) -> Contradictions:
    """Yield each member who could not be on the teams' board."""
    for number, role in enumerate(composition.members):
        role_path = f"{path}.members[{number}]"
        if role.gender is not None and board.gender is not None and role.gender != board.gender:
            reason = f"nobody of {role.gender!r} is on board {board.id!r}, which is for {board.gender!r}"
            yield Contradiction(f"{role_path}.gender", reason, (f"{team_path}.of",))
        if role.division is not None and board.division is not None and role.division != board.division:
            reason = f"nobody of {role.division!r} is on board {board.id!r}, which is for {board.division!r}"
            yield Contradiction(f"{role_path}.division", reason, (f"{team_path}.of",))
        elif board.division is None:
            yield from _division(definition, f"{role_path}.division", role.division, [board.race])


def _waves(definition: Definition) -> Contradictions:
    ordered: set[str] = set()
    for index, waves in enumerate(definition.waves):
        path = f"waves[{index}]"
        yield from _races(definition, path, waves.races)
        for number, name in enumerate(waves.races):
            if name in ordered:
                yield Contradiction(f"{path}.races[{number}]", f"race {name!r} is already in another row of waves")
        ordered.update(waves.races)
        yield from repeated(f"{path}.order", waves.order)
        for board in definition.boards:
            if board.race in waves.races and board.wave is not None and board.wave not in waves.order:
                reason = f"lacks wave {board.wave!r}, which board {board.id!r} is for"
                yield Contradiction(f"{path}.order", reason, (f"{path}.order[]",))


def _races(definition: Definition, path: str, races: Sequence[str]) -> Contradictions:
    yield from _ids(f"{path}.races", races, [race.id for race in definition.races], "races")


def _ids(path: str, ids: Sequence[str], known: Collection[str], table: str) -> Contradictions:
    """Yield each id in a list that a table does not have, or that the list has twice."""
    what = table.replace("_", " ").removesuffix("s")
    for number, name in enumerate(ids):
        if name not in known:
            yield Contradiction(f"{path}[{number}]", NotDefined(what, name, known), (f"{table}[].id",))
    yield from repeated(path, ids)


def repeated(path: str, names: Sequence[str]) -> Contradictions:
    """Yield each name that a list has twice."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            yield Contradiction(f"{path}[{number}]", f"{name!r} is already in this list")
        seen.add(name)


def _years(path: str, born_from: int | None, born_to: int | None) -> Contradictions:
    if born_from is not None and born_to is not None and born_from > born_to:
        yield Contradiction(f"{path}.born_from", f"{born_from} is after born_to {born_to}: no birth year is in between")


def _division(definition: Definition, path: str, division: str | None, races: Sequence[str]) -> Contradictions:
    """Yield a division for which these races have no board, though they have boards by division: probably misspelt."""
    known = {
        board.division
        for board in definition.boards
        if board.division is not None and (not races or board.race in races)
    }
    if division is not None and known and division not in known:
        rests_on = ("boards[].division", "boards[].race")
        yield Contradiction(path, NotDefined("division", division, sorted(known)), rests_on)
