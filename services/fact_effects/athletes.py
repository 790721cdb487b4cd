"""The part of athletes' results that effects and warnings look at: small, so that ingest can hold all of them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from schemas.results import AthleteRow, Case, PointTime


class AthleteOutline(Struct, frozen=True, array_like=True):
    """The part of an athlete's row that effects and warnings look at.

    `was_read` is whether a read of the athlete's chips counted or was unused. `gone`: there is no entry in force.
    """

    bib: str
    race: str
    wave: str | None
    own_gun_us: int | None
    points: list[PointTime]
    missed: list[str]
    cases: list[Case]
    was_read: bool
    gone: bool

    @property
    def start_us(self) -> int | None:
        """The instant of the START passing, None without one; an official's time is no passing."""
        first = self.points[0] if self.points and not self.gone else None
        return first.at_us if first is not None and first.point == "START" and first.source != "official" else None


class Athletes(Protocol):
    """The outlines of an event's athletes, as far as they are known."""

    def get(self, bib: str) -> AthleteOutline | None:
        """Return an athlete's outline, or None for a bib without a known result."""
        ...

    def in_race(self, race: str) -> Iterable[AthleteOutline]:
        """Return the outlines of a race's athletes."""
        ...

    def starts(self, race: str) -> dict[str | None, Collection[int]]:
        """Return the instants of the START passings of a race's athletes, by their waves."""
        ...

    def open_cases(self) -> Collection[str]:
        """Return the names of all athletes' open cases."""
        ...


class OutlinedRows:
    """The outlines of rows by bib, each made when it is asked for: most facts are about one athlete."""

    def __init__(self, rows: Mapping[str, AthleteRow]) -> None:
        self._rows = rows

    def get(self, bib: str) -> AthleteOutline | None:
        row = self._rows.get(bib)
        return None if row is None else outline_of(row)

    def in_race(self, race: str) -> Iterable[AthleteOutline]:
        return (outline_of(row) for row in self._rows.values() if row.race == race)

    def starts(self, race: str) -> dict[str | None, Collection[int]]:
        starts: dict[str | None, list[int]] = {}
        for outline in self.in_race(race):
            if outline.start_us is not None:
                starts.setdefault(outline.wave, []).append(outline.start_us)
        return {**starts}

    def open_cases(self) -> Collection[str]:
        return {case.case for row in self._rows.values() for case in row.cases if case.open}


def outline_of(row: AthleteRow) -> AthleteOutline:
    """Return the outline of a row."""
    return AthleteOutline(
        row.bib,
        row.race,
        None if row.entry is None else row.entry.wave,
        row.own_gun_us,
        row.points,
        row.missed,
        row.cases,
        any(point.source != "official" for point in row.points) or any(row.unused.values()),
        row.gone,
    )
