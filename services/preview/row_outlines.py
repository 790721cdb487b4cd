"""The outlines of athletes whose rows are at hand, made when they are asked for: most facts are about one athlete."""

from collections.abc import Collection, Iterable, Mapping

from schemas.results import AthleteRow
from services.fact_effects.athletes import AthleteOutline, outline_of, starts_of


class RowOutlines:
    """The outlines of an event's rows by bib."""

    def __init__(self, rows: Mapping[str, AthleteRow]) -> None:
        self._rows = rows

    def get(self, bib: str) -> AthleteOutline | None:
        """Return an athlete's outline, or None for a bib without a row."""
        row = self._rows.get(bib)
        return None if row is None else outline_of(row)

    def in_race(self, race: str) -> Iterable[AthleteOutline]:
        """Return the outlines of a race's athletes."""
        return (outline_of(row) for row in self._rows.values() if row.race == race)

    def starts(self, race: str) -> dict[str | None, Collection[int]]:
        """Return the instants of the START passings of a race's athletes, by their waves."""
        return starts_of(self.in_race(race))

    def open_cases(self) -> Collection[str]:
        """Return the names of all athletes' open cases."""
        return {case.case for row in self._rows.values() for case in row.cases if case.open}
