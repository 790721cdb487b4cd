"""Concerns about teams: too many members, the wrong members, or members who finished too far apart."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.events import Entry
from schemas.ids import US
from schemas.office import Composition, Role
from schemas.results import AthleteRow
from services.formatting.times import format_seconds
from services.standings.office.concern import Concern, EnteredField, born_within, years_text

MEMBERS_SHOWN = 10  # in a reason; the rest is counted


def too_large_teams(field: EnteredField) -> Iterator[Concern]:
    """Yield the members of teams beyond a team board's `max_members`, by the order of the log. Source: R4.6."""
    for board in field.definition.team_boards:
        for team, members in sorted(field.teams(board.of).items()):
            if not team:
                continue
            for number, entry in enumerate(members[board.max_members :], start=board.max_members + 1):
                yield Concern(
                    bib=entry.bib,
                    race=entry.race,
                    kind="team_size",
                    reason=f"is number {number} of team {team!r}; at most {board.max_members} can count on {board.id}",
                    todo="ask the team which members run for it; enter the others as individuals, without a team",
                    row=f"team_boards {board.id}",
                    team=team,
                    others=[member.bib for member in members[: board.max_members]],
                )


def wrong_compositions(field: EnteredField) -> Iterator[Concern]:
    """Yield teams that do not have the members that their composition requires."""
    for composition in field.definition.compositions:
        for team, members in _teams(field, composition):
            if team:
                yield from _team(composition, team, members)
            elif composition.required:
                for entry in members:
                    yield _concern(composition, "", [entry], "is in no team; everybody on this board must be in one")


def _teams(field: EnteredField, composition: Composition) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the teams of a composition's team boards with their entries."""
    board_of = {team.id: team.of for team in field.definition.team_boards}
    for name in composition.team_boards:
        yield from sorted(field.teams(board_of[name]).items())


def _team(composition: Composition, team: str, members: Sequence[Entry]) -> Iterator[Concern]:
    slots = [role for role in composition.members for _ in range(role.count)]
    filled = match_roles(slots, members)
    missing = [role for number, role in enumerate(slots) if number not in filled]
    matched = set(filled.values())
    spare = [entry for number, entry in enumerate(members) if number not in matched]
    if not missing and not spare:
        return
    parts = [f"a team must have {', '.join(_role_text(role, role.count) for role in composition.members)}"]
    if missing:
        parts.append(f"this one lacks {', '.join(dict.fromkeys(_role_text(role, 1) for role in missing))}")
    if spare:
        shown = [f"bib {entry.bib} ({_entry_text(entry)})" for entry in spare[:MEMBERS_SHOWN]]
        shown += [f"{len(spare) - MEMBERS_SHOWN} more"] if len(spare) > MEMBERS_SHOWN else []
        parts.append(f"it has no place for {', '.join(shown)}")
    yield _concern(composition, team, members, "; ".join(parts))


def _concern(composition: Composition, team: str, members: Sequence[Entry], reason: str) -> Concern:
    return Concern(
        bib=members[0].bib,
        race=members[0].race,
        kind="composition",
        reason=reason,
        todo="ask the team who its members are, and check their birth years",
        row=f"compositions {composition.id}",
        article=composition.article,
        team=team or None,
        others=[entry.bib for entry in members[1:]],
    )


def match_roles(slots: Sequence[Role], members: Sequence[Entry]) -> dict[int, int]:
    """Return which member (by index) fills which slot, so that as many slots as possible are filled.

    Roles may overlap, so a member who has a slot moves to another one if that makes room.
    """
    filled: dict[int, int] = {}

    def find(member: int, tried: set[int]) -> bool:
        for slot, role in enumerate(slots):
            if slot in tried or not _fits(role, members[member]):
                continue
            tried.add(slot)
            if slot not in filled or find(filled[slot], tried):
                filled[slot] = member
                return True
        return False

    for member in range(len(members)):
        find(member, set())
    return filled


def _fits(role: Role, entry: Entry) -> bool:
    return (
        (role.gender is None or entry.gender == role.gender)
        and (role.division is None or entry.division == role.division)
        and born_within(entry.birth_year, role.born_from, role.born_to)
    )


def _role_text(role: Role, count: int) -> str:
    limits = [] if role.gender is None else [f"gender {role.gender}"]
    limits += [] if role.division is None else [f"division {role.division}"]
    limits += [] if role.born_from is None and role.born_to is None else [years_text(role.born_from, role.born_to)]
    return f"{count} {role.what}" + (f" ({', '.join(limits)})" if limits else "")


def _entry_text(entry: Entry) -> str:
    return f"{entry.gender}, " + ("no birth year" if entry.birth_year is None else f"born in {entry.birth_year}")


def apart(field: EnteredField, rows: Iterable[AthleteRow]) -> Iterator[Concern]:
    """Yield teams whose members finished further apart than their composition allows, by definition, then by name.

    It compares exact finish instants of members who finished. Teams with too few finishers have no place anyway.
    """
    finish_us = {row.bib: _finish_us(row) for row in rows if row.status == "FINISHED"}
    for composition in field.definition.compositions:
        if composition.together_s is None:
            continue
        for team, members in _teams(field, composition):
            finished = [entry for entry in members if entry.bib in finish_us]
            times_us = [finish_us[entry.bib] for entry in finished]
            if team and times_us and max(times_us) - min(times_us) > composition.together_s * US:
                apart_s = (max(times_us) - min(times_us)) / US
                yield _apart(composition, team, finished, apart_s)


def _apart(composition: Composition, team: str, members: Sequence[Entry], apart_s: float) -> Concern:
    return Concern(
        bib=members[0].bib,
        race=members[0].race,
        kind="apart",
        reason=f"finished {format_seconds(apart_s)} apart; the members must finish within {composition.together_s} s",
        todo="ask the judges at the finish line, who decide on a team that did not finish together",
        row=f"compositions {composition.id}",
        article=composition.article,
        team=team,
        others=[entry.bib for entry in members[1:]],
    )


def _finish_us(row: AthleteRow) -> int:
    return next(point.at_us for point in row.points if point.point == "FINISH")
