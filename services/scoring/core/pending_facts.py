"""Facts that have no effect yet, because something that they name does not exist. Source: R1."""

from collections.abc import Container, Iterable
from typing import assert_never

from schemas.events import EntriesAdded, EntryWithdrawn, Ruling
from schemas.fact_kinds import Need
from schemas.ids import case_bibs, case_pairs
from services.scoring.core.rulings import Rulings

PENDING_MAX = 200  # lines shown; more would be one mistake many times


def pending(rulings: Rulings, facts: Iterable[Ruling], ids: set[str]) -> list[str]:
    """Return a line for each fact that waits, with its kind and what is missing; at most PENDING_MAX."""
    lines: dict[str, None] = {}
    applied = list(facts)
    left = {fact.bib: index for index, fact in enumerate(applied) if isinstance(fact, EntryWithdrawn)}
    for index, fact in enumerate(applied):
        for need in unmet(rulings, fact, ids):
            if isinstance(fact, EntriesAdded) and left.get(need.bib or "", -1) > index:
                continue  # the entry was withdrawn, so nothing waits for its race
            lines[describe_need(rulings, need, ids)] = None
            if len(lines) == PENDING_MAX:
                return list(lines)
    return list(lines)


def unmet(rulings: Rulings, fact: Ruling, ids: set[str]) -> list[Need]:
    """Return the needs of a fact that are not met; `ids` are those of all facts so far."""
    return [need for need in fact.needs() if missing_names(rulings, need, ids)]


def missing_names(rulings: Rulings, need: Need, ids: set[str]) -> list[str]:
    """Return the names of a need that do not exist."""
    known: Container[str]
    match need.thing:
        case "race":
            known = rulings.courses
        case "mat":
            return [name for name in need.names if not rulings.has_mat(name)]
        case "bib" | "bibs":
            return [name for name in need.names if rulings.entry_of(name) is None]
        case "point":
            return [name for name in need.names if not _has_point(rulings, need, name)]
        case "case":
            return [name for name in need.names if not _has_case(rulings, name)]
        case "protest":
            known = rulings.protests
        case "fact":
            return [name for name in need.names if name not in ids]
        case "boards":
            known = known_boards(rulings)
        case _:
            assert_never(need.thing)
    return [name for name in need.names if name not in known]


def describe_need(rulings: Rulings, need: Need, ids: set[str]) -> str:
    """Return a line that says what is missing for a need."""
    names = ", ".join(missing_names(rulings, need, ids))
    match need.thing:
        case "race" | "mat":
            missing = f"{need.thing} {names} is not defined"
        case "bib":
            missing = f"bib {names} has no entry"
        case "bibs":
            missing = f"no entry for {names}"
        case "point":
            whose = f"bib {need.bib}" if need.race is None else f"race {need.race}"
            missing = f"{whose} has no point {names}"
        case "case":
            missing = "no such case can be"
        case "protest":
            missing = "no such protest was filed"
        case "fact":
            missing = f"no fact has the id {names}"
        case "boards":
            missing = f"no board {names}"
        case _:
            assert_never(need.thing)
    return f"{need.by}: {missing}"


def known_boards(rulings: Rulings) -> set[str]:
    """Return the ids of everything that is ranked: boards, team boards and delegations."""
    definition = rulings.definition
    if definition is None:
        return set()
    return {
        *(board.id for board in definition.boards),
        *(team.id for team in definition.team_boards),
        *(delegation.id for delegation in definition.delegations),
    }


def _has_case(rulings: Rulings, name: str) -> bool:
    """Return whether there can be a case of that name: about bibs with entries, or about a team board."""
    if pairs := case_pairs(name):
        return any(all(rulings.entry_of(bib) is not None for bib in pair) for pair in pairs)
    if bibs := case_bibs(name):
        return all(rulings.entry_of(bib) is not None for bib in bibs)
    kind, _, rest = name.partition(":")
    teams = () if rulings.definition is None else rulings.definition.team_boards
    return kind == "team" and any(rest.startswith(f"{board.id}:") for board in teams)


def _has_point(rulings: Rulings, need: Need, point: str) -> bool:
    """Return whether a point is on the course of the need's race, or of its athlete.

    Of an undefined race every point counts as there, since the fact waits for the race itself.
    """
    if need.race is not None:
        return need.race not in rulings.courses or point in rulings.courses[need.race].index
    written = rulings.entry_of(need.bib or "")
    return written is not None and point in rulings.courses[written.entry.race].index
