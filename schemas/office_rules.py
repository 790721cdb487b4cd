"""Where the race office's tables contradict themselves, or name what the definition does not have."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from schemas.definition import Board, Definition
from schemas.office import Composition, Prize

_Found: TypeAlias = Iterator[tuple[str, str]]
"""Each fault as its path in the file and the reason."""


def office_faults(definition: Definition) -> _Found:
    """Where these tables contradict themselves, or name what the definition does not have, in the order of the file."""
    yield from _eligibility_faults(definition)
    yield from _prize_faults(definition)
    for index, medal in enumerate(definition.medals):
        yield from _race_faults(definition, f"medals[{index}]", medal.races)
    yield from _title_faults(definition)
    yield from _composition_faults(definition)
    yield from _wave_faults(definition)


def _eligibility_faults(definition: Definition) -> _Found:
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


def _prize_faults(definition: Definition) -> _Found:
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


def _title_faults(definition: Definition) -> _Found:
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


def _composition_faults(definition: Definition) -> _Found:
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


def _role_faults(definition: Definition, of: Composition, board: Board, path: str) -> _Found:
    """A member who could not be on the teams' board."""
    for at, role in enumerate(of.members):
        if role.gender is not None and board.gender is not None and role.gender != board.gender:
            yield f"{path}.members[{at}].gender", f"{role.gender!r} is not on board {board.id!r}, of {board.gender!r}"
        if role.division is not None and board.division is not None and role.division != board.division:
            text = f"{role.division!r} is not on board {board.id!r}, of {board.division!r}"
            yield f"{path}.members[{at}].division", text
        elif board.division is None:
            yield from _division_faults(definition, f"{path}.members[{at}].division", role.division, [board.race])


def _wave_faults(definition: Definition) -> _Found:
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


def _race_faults(definition: Definition, path: str, races: Sequence[str]) -> _Found:
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


def _division_faults(definition: Definition, path: str, division: str | None, races: Sequence[str]) -> _Found:
    """A division that no board knows where boards are by division: most likely a misspelt one."""
    known = {
        board.division
        for board in definition.boards
        if board.division is not None and (not races or board.race in races)
    }
    if division is not None and known and division not in known:
        yield path, f"{division!r} is on no board there; known are {', '.join(sorted(known))}"
