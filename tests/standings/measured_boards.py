"""A program for `loadtest.bench`: Matline's standings on the finishers whom databases rank beside it.

It is here since the load tests import nothing of the services. For a changed athlete the projections only need the
changed rank keys, by which a board is sorted when somebody reads it. Databases return places; so the same is measured
once more with the places of all boards that changed.
"""

from loadtest.alternatives.finishers import (
    AGE_GROUPS,
    CHANGES,
    Finisher,
    changed,
    checked,
    finishers,
    order,
    report,
    spent,
)
from schemas.events import Entry
from schemas.results import AthleteRow, EventRow
from services.standings.incremental import EventStandings
from tests.builders import EVENT, board, definition


def main() -> None:
    """Rank all finishers, then change some."""
    field = finishers(order().athletes)
    event = EventRow(event=EVENT, version=1, definition=definition(boards=boards()))
    rows = [row_of(finisher, 1) for finisher in field]
    names = ["all", *(f"{gender}{group}" for gender in "mf" for group in ("", *range(len(AGE_GROUPS))))]
    standings, only_keys = EventStandings(), EventStandings()
    only_keys.apply(rows, event)

    def rank() -> None:
        standings.apply(rows, event)
        for name in names:
            standings.board(name)

    def change_keys() -> None:
        for version, finisher in enumerate(changed(field), 2):
            only_keys.apply([row_of(finisher, version)])

    def change() -> None:
        for version, finisher in enumerate(changed(field), 2):
            for name in standings.apply([row_of(finisher, version)]).boards():
                standings.board(name)

    all_boards = spent(rank)
    one_changed = spent(change, CHANGES)
    check = sum(checked(int(row.bib), row.place) for name in names for row in standings.board(name))
    report(one_changed, all_boards, check, spent(change_keys, CHANGES))


def boards() -> list[dict[str, object]]:
    """Return the boards of all, of each gender, and of the age groups of each gender."""
    made = [board("all", rank_by="chip")]
    for gender in "MF":
        name = gender.lower()
        made.append(board(name, gender=gender, rank_by="chip"))
        made += [
            board(f"{name}{group}", within=name, born_from=born_from, born_to=born_to)
            for group, (born_from, born_to) in enumerate(AGE_GROUPS)
        ]
    return made


def row_of(finisher: Finisher, version: int) -> AthleteRow:
    """Return a finisher's result."""
    bib = str(finisher.bib)
    return AthleteRow(
        event=EVENT,
        bib=bib,
        version=version,
        race="hm",
        status="FINISHED",
        gun_us=finisher.chip_us,
        chip_us=finisher.chip_us,
        entry=Entry(
            bib=bib,
            chips=[],
            race="hm",
            gender="M" if finisher.gender == "M" else "F",
            given_name="Runner",
            family_name=bib,
            birth_year=finisher.birth_year,
        ),
    )


if __name__ == "__main__":
    main()
