"""Facts that have no effect yet, because what they name is not there. Source: contract, section 1."""

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
    ProtestFiled,
    RaceClosed,
    RaceReopened,
    ResultsPublished,
    Ruling,
    StatusSet,
    TimeSet,
)
from services.scoring.core.book import Book

PENDING_MAX = 200  # lines shown; more are one mistake many times


def pending(book: Book, rulings: Iterable[Ruling], ids: set[str]) -> list[str]:
    """A line for each fact that waits: what it is, what it names, and that this is unknown; PENDING_MAX at most."""
    found: dict[str, None] = {}
    for fact in rulings:
        for line in _waiting(book, fact, ids):
            found[line] = None
            if len(found) == PENDING_MAX:
                return list(found)
    return list(found)


def _waiting(book: Book, fact: Ruling, ids: set[str]) -> list[str]:
    match fact:
        case EntriesAdded():
            return [
                f"entry of bib {entry.bib}: race {entry.race} is not defined"
                for entry in fact.entries
                if entry.race not in book.courses
            ]
        case GunFired(race=race) | RaceClosed(race=race) | RaceReopened(race=race) | ResultsPublished(race=race):
            return _unless(race in book.courses, f"{_type(fact)}: race {race} is not defined")
        case DeviceAssigned():
            return _unless(book.has_mat(fact.mat), f"device_assigned {fact.device}: mat {fact.mat} is not defined")
        case ChipAssigned(bib=bib) | StatusSet(bib=bib) | EntryHidden(bib=bib):
            return _unless(book.entry_of(bib) is not None, f"{_type(fact)}: bib {bib} has no entry")
        case TimeSet():
            return _unless(
                _has_point(book, fact.bib, fact.point), f"time_set: bib {fact.bib} has no point {fact.point}"
            )
        case OrderSet():
            unknown = [bib for bib in fact.bibs if book.entry_of(bib) is None]
            return _unless(not unknown, f"order_set: no entry for {', '.join(unknown)}")
        case CaseDecided():
            kind, _, bib = fact.case.partition(":")
            named = kind in ("missed", "reads_after")
            return _unless(not named or book.entry_of(bib) is not None, f"case_decided {fact.case}: no such entry")
        case ProtestFiled():
            known = fact.race in book.courses and (fact.bib is None or book.entry_of(fact.bib) is not None)
            return _unless(known, f"protest {fact.protest}: its race or bib is not known")
        case FactWithdrawn():
            return _unless(fact.fact in ids, f"fact_withdrawn: no fact has the id {fact.fact}")
        case _:
            return []


def _unless(known: bool, line: str) -> list[str]:
    return [] if known else [line]


def _type(fact: Ruling) -> str:
    return str(fact.__struct_config__.tag)


def _has_point(book: Book, bib: str, point: str) -> bool:
    written = book.entry_of(bib)
    return written is not None and point in book.courses[written.entry.race].index
