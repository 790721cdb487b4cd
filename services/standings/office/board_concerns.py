"""Concerns about entries that lack what the boards of their race need."""

from collections.abc import Iterator

from schemas.events import Entry
from services.standings.office.concern import Concern, EnteredField, on_board


def missing_for_boards(field: EnteredField) -> Iterator[Concern]:
    """Yield entries without a nationality or division that boards need, and entries that are on no board."""
    for race in field.races:
        boards = field.boards(race)
        checks = [on_board(field.definition, board) for board in boards]
        divisions = sorted({board.division for board in boards if board.division is not None})
        by_nationality = sum(board.nationality is not None for board in boards)
        by_year = any(board.born_from is not None or board.born_to is not None for board in boards)
        for entry in field.in_race(race):
            if by_nationality and entry.nationality is None:
                yield _no_nationality(entry, by_nationality)
            if divisions and entry.division not in divisions:
                yield _wrong_division(entry, divisions)
            elif not any(check(entry) for check in checks) and not (by_year and entry.birth_year is None):
                yield _on_no_board(entry, len(boards))


def _no_nationality(entry: Entry, boards: int) -> Concern:
    return Concern(
        bib=entry.bib,
        race=entry.race,
        kind="nationality",
        reason=f"has no nationality on the entry; {boards} boards of {entry.race} are by nationality",
        todo="ask for the nationality and enter its three-letter code; without it the athlete is on none of them",
    )


def _wrong_division(entry: Entry, divisions: list[str]) -> Concern:
    division = "has no division" if entry.division is None else f"has the unknown division {entry.division!r}"
    return Concern(
        bib=entry.bib,
        race=entry.race,
        kind="division",
        reason=f"{division} on the entry; the divisions of {entry.race} are {', '.join(divisions)}",
        todo="enter the right division",
    )


def _on_no_board(entry: Entry, boards: int) -> Concern:
    parts = [f"gender {entry.gender}"]
    parts += [] if entry.division is None else [f"division {entry.division}"]
    parts += [] if entry.birth_year is None else [f"born in {entry.birth_year}"]
    reason = f"is on none of the {boards} boards of {entry.race}: {', '.join(parts)}"
    return Concern(
        bib=entry.bib,
        race=entry.race,
        kind="no_board",
        reason=reason if boards else f"is on no board, since race {entry.race} has none",
        todo="correct the race, gender, division or birth year; or enter the athlete as not ranked, if intended",
    )
