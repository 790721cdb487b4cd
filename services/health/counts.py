"""What the athletes' rows alone say: the counts of each point, and the open cases that a fault may explain."""

from collections.abc import Iterable, Iterator, Mapping

from schemas.definition import Race
from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.health.health_document import PointHealth
from services.scoring.core.course import Course


class PointCounts:
    """The counts of each point of each race, kept up by changed rows.

    Rows of a race that the definition does not have, and of entries that are gone, count nowhere.
    """

    def __init__(self, races: Iterable[Race]) -> None:
        self._races = {race.id: race for race in races}
        self._index = {
            race_id: {point.id: nth for nth, point in enumerate(race.points)} for race_id, race in self._items()
        }
        self._counts = {race_id: [[0, 0, 0, 0, 0] for _ in race.points] for race_id, race in self._items()}

    def _items(self) -> Iterable[tuple[str, Race]]:
        return self._races.items()

    def put(self, before: AthleteRow | None, now: AthleteRow) -> None:
        """Count an athlete's row in place of the one before."""
        if before is not None:
            self._count(before, -1)
        self._count(now, 1)

    def _count(self, row: AthleteRow, by: int) -> None:
        race = self._races.get(row.race)
        if race is None or row.gone:
            return
        index, counts = self._index[row.race], self._counts[row.race]
        last = -1
        for taken in row.points:
            point = index.get(taken.point)
            if point is not None:
                counts[point][_SOURCES[taken.source]] += by
                last = max(last, point)
        for point in range(last + 1):
            counts[point][_EXPECTED] += by
        for point in waived_points(race, row):
            counts[point][_WAIVED] += by

    def points(self) -> Iterator[PointHealth]:
        """Yield the counts in the order of the definition."""
        for race, counts in self._counts.items():
            for point, (expected, main, backup, official, waived) in zip(self._races[race].points, counts, strict=True):
                seen = main + backup + official
                yield PointHealth(
                    race=race,
                    point=point.id,
                    expected=expected,
                    seen=seen,
                    main=main,
                    backup=backup,
                    official=official,
                    missed=expected - seen - waived,
                    waived=waived,
                )


_EXPECTED, _WAIVED = 0, 4
_SOURCES = {"main": 1, "backup": 2, "official": 3}


def count_points(races: Iterable[Race], rows: Iterable[AthleteRow]) -> PointCounts:
    """Return the counts of athletes' rows, one of each athlete."""
    counts = PointCounts(races)
    for row in rows:
        counts.put(None, row)
    return counts


def waived_points(race: Race, row: AthleteRow) -> Iterator[int]:
    """Yield the points that an athlete lacks and that are not missed, since they were waived, by index."""
    if "waived" not in row.flags:
        return
    has = {taken.point for taken in row.points}
    last = max((nth for nth, point in enumerate(race.points) if point.id in has), default=0)
    for nth in range(1, last):
        point = race.points[nth]
        if point.mandatory and point.id not in has and point.id not in row.missed:
            yield nth


class OpenCases:
    """The open cases of missed points."""

    def __init__(self, courses: Mapping[str, Course], rows: Iterable[AthleteRow]) -> None:
        self._missed = {
            row.bib: {(row.race, courses[row.race].index[point]) for point in row.missed}
            for row in rows
            if any(case.open and case.case.startswith("missed:") for case in row.cases)
        }

    def explained(self, points: set[tuple[str, int]], bibs: set[str] | None) -> list[str]:
        """Return the cases of athletes (of `bibs`, if given) who missed nothing but these points."""
        explained = [bib for bib, missed in self._missed.items() if missed <= points and (bibs is None or bib in bibs)]
        return [f"missed:{bib}" for bib in sorted(explained, key=bib_order)]
