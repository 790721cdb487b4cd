"""What the athletes' rows alone say: the counts of each point, and the open cases that a fault may explain."""

from collections.abc import Iterable, Iterator, Mapping

from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.health.health_document import PointHealth
from services.scoring.core.course import Course


def waived_points(course: Course, row: AthleteRow) -> Iterator[int]:
    """Yield the points that an athlete lacks and that are not missed, since they were waived, by index."""
    if "waived" not in row.flags:
        return
    has = {taken.point for taken in row.points}
    last = max(course.index.get(point, -1) for point in has)
    for index in range(1, last):
        point = course.points[index]
        if point.mandatory and point.id not in has and point.id not in row.missed:
            yield index


def count_points(courses: Mapping[str, Course], rows: Iterable[AthleteRow]) -> Iterator[PointHealth]:
    """Yield the counts of each point of each race, by the athletes' rows."""
    counts = {race: [[0, 0, 0, 0, 0] for _ in course.points] for race, course in courses.items()}
    source_at = {"main": 1, "backup": 2, "official": 3}
    for row in rows:
        course, own = courses[row.race], counts[row.race]
        last = -1
        for taken in row.points:
            point = course.index.get(taken.point)
            if point is not None:
                own[point][source_at[taken.source]] += 1
                last = max(last, point)
        for point in range(last + 1):
            own[point][0] += 1
        for point in waived_points(course, row):
            own[point][4] += 1
    for race, course in courses.items():
        for one, (expected, main, backup, official, waived) in zip(course.points, counts[race], strict=True):
            seen = main + backup + official
            yield PointHealth(
                race=race,
                point=one.id,
                expected=expected,
                seen=seen,
                main=main,
                backup=backup,
                official=official,
                missed=expected - seen - waived,
                waived=waived,
            )


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
        found = [bib for bib, missed in self._missed.items() if missed <= points and (bibs is None or bib in bibs)]
        return [f"missed:{bib}" for bib in sorted(found, key=bib_order)]
