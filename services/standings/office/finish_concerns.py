"""Concerns about finishes that came long after everybody else's: often a chip that was read while mats are packed."""

from collections.abc import Iterable, Iterator

from schemas.definition import Definition
from schemas.ids import US
from schemas.results import AthleteRow, EventRow
from services.formatting.times import LocalClock, format_hms
from services.standings.office.concern import Concern

GAP_US = 3600 * US  # between two finishers; slower athletes come in fewer, but rarely an hour apart
PART = 4  # at least a quarter of the time that the one before took: in a race of a whole day an hour is nothing


def late_finishes(definition: Definition, event: EventRow, rows: Iterable[AthleteRow]) -> Iterator[Concern]:
    """Yield finishers who came long after the one before, in closed races whose close does not say when it was.

    A close with `at_us` opens a case for each such finish instead. Times set by officials are no concern.
    """
    clock = LocalClock(definition)
    by_race: dict[str, list[tuple[int, AthleteRow]]] = {}
    for row in rows:
        finish_us = _finish_us(row)
        if finish_us is not None and row.race in event.closed and row.race not in event.closed_at_us:
            by_race.setdefault(row.race, []).append((finish_us, row))
    for race in definition.races:
        finishers = sorted(by_race.get(race.id, ()), key=lambda pair: pair[0])
        late = _first_late(finishers)
        for finish_us, row in finishers[late:]:
            last_us = finishers[late - 1][0]
            yield Concern(
                bib=row.bib,
                race=row.race,
                kind="late_finish",
                reason=f"finished at {clock.at(finish_us)}, {format_hms((finish_us - last_us) // US)} after"
                f" the finishers of {row.race} before; the last of them came at {clock.at(last_us)}",
                todo="if the chip was read while the mats were packed up, close the race again with `at_us`, the"
                " instant at which it ended: a later finish is then DNF, and a case for the jury",
            )


def _finish_us(row: AthleteRow) -> int | None:
    """Return when an athlete finished by a read; None for others."""
    if row.gone or row.status != "FINISHED" or not row.points or row.points[-1].source == "official":
        return None
    return row.points[-1].at_us


def _first_late(finishers: list[tuple[int, AthleteRow]]) -> int:
    """Return the index of the first of those who finished long after the rest; the number of all if none did."""
    for index in range(len(finishers) - 1, 0, -1):
        (before_us, _), (finish_us, row) = finishers[index - 1 : index + 1]
        took_us = before_us - (row.own_gun_us or before_us)
        if finish_us - before_us >= max(GAP_US, took_us // PART):
            return index if len(finishers) - index <= index else len(finishers)
    return len(finishers)
