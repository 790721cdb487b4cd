"""Facts that have no effect yet, because what they name is not there. Source: R1."""

from collections.abc import Iterable

from schemas.events import (
    CaseDecided,
    ChipAssigned,
    DeviceAssigned,
    EntriesAdded,
    EntryHidden,
    FactWithdrawn,
    GunFired,
    OrderSet,
    ProtestDecided,
    ProtestFiled,
    RaceClosed,
    RaceReopened,
    ResultsPublished,
    Ruling,
    StatusSet,
    TimeSet,
)
from services.scoring.core.rulings import Rulings

PENDING_MAX = 200  # lines shown; more are one mistake many times


def pending(book: Rulings, rulings: Iterable[Ruling], ids: set[str]) -> list[str]:
    """A line for each fact that waits: what it is, what it names, and that this is unknown; PENDING_MAX at most."""
    found: dict[str, None] = {}
    for fact in rulings:
        for line in waiting(book, fact, ids):
            found[line] = None
            if len(found) == PENDING_MAX:
                return list(found)
    return list(found)


def waiting(book: Rulings, fact: Ruling, ids: set[str]) -> list[str]:
    """What one fact waits for; of a list of entries a line for each that does."""
    match fact:
        case EntriesAdded():
            return [
                f"entry of bib {entry.bib}: race {entry.race} is not defined"
                for entry in fact.entries
                if entry.race not in book.courses
            ]
        case GunFired(race=race) | RaceClosed(race=race) | RaceReopened(race=race):
            return _unless(race in book.courses, f"{_type(fact)}: race {race} is not defined")
        case DeviceAssigned():
            return _unless(book.has_mat(fact.mat), f"device_assigned {fact.device}: mat {fact.mat} is not defined")
        case ChipAssigned(bib=bib) | StatusSet(bib=bib) | EntryHidden(bib=bib):
            return _unless(book.entry_of(bib) is not None, f"{_type(fact)}: bib {bib} has no entry")
        case TimeSet():
            return _unless(
                _has_point(book, fact.bib, fact.point), f"time_set: bib {fact.bib} has no point {fact.point}"
            )
        case FactWithdrawn():
            return _unless(fact.fact in ids, f"fact_withdrawn: no fact has the id {fact.fact}")
        case _:
            return _waiting_in_office(book, fact)


def _waiting_in_office(book: Rulings, fact: Ruling) -> list[str]:
    """The same of facts by which judges and jury decide."""
    match fact:
        case OrderSet():
            unknown = [bib for bib in fact.bibs if book.entry_of(bib) is None]
            return _unless(fact.race in book.courses, f"order_set: race {fact.race} is not defined") + _unless(
                not unknown, f"order_set: no entry for {', '.join(unknown)}"
            )
        case CaseDecided():
            return _unless(_has_case(book, fact.case), f"case_decided {fact.case}: no such case can be")
        case ProtestFiled():
            known = fact.race in book.courses and (fact.bib is None or book.entry_of(fact.bib) is not None)
            return _unless(known, f"protest {fact.protest}: its race or bib is not known")
        case ProtestDecided():
            return _unless(fact.protest in book.protests, f"protest_decided {fact.protest}: no such protest was filed")
        case ResultsPublished():
            boards = _boards(book)
            unknown = [board for board in fact.boards or () if board not in boards]
            return _unless(fact.race in book.courses, f"results_published: race {fact.race} is not defined") + _unless(
                not unknown, f"results_published: no board {', '.join(unknown)}"
            )
        case _:
            return []


def _unless(known: bool, line: str) -> list[str]:
    return [] if known else [line]


def _type(fact: Ruling) -> str:
    return str(fact.__struct_config__.tag)


def _boards(book: Rulings) -> set[str]:
    """The ids of everything that is ranked."""
    of = book.definition
    if of is None:
        return set()
    return {one.id for one in of.boards} | {one.id for one in of.team_boards} | {one.id for one in of.delegations}


def _has_case(book: Rulings, name: str) -> bool:
    """Whether a case of that name can come to be: of an entered bib, or of a team board."""
    kind, _, rest = name.partition(":")
    if kind in ("missed", "reads_after"):
        return book.entry_of(rest) is not None
    teams = () if book.definition is None else book.definition.team_boards
    return kind == "team" and any(rest.startswith(f"{board.id}:") for board in teams)


def _has_point(book: Rulings, bib: str, point: str) -> bool:
    written = book.entry_of(bib)
    return written is not None and point in book.courses[written.entry.race].index
