"""Charts as numbers for SVG templates, which have no scripts and no styles of their own. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 14, 346, 26, 150
LABEL_WIDTH = 34  # of a pace or a distance; where there is less room, a label is left out


class Segment(NamedTuple):
    """A stretch of a course and the time that it took."""

    from_km: float
    to_km: float
    time_us: int
    pace: str


class Bar(NamedTuple):
    """A stretch as a line at the height of its pace; `label` is empty where there is no room."""

    x1: float
    x2: float
    y: float
    label: str


class Tick(NamedTuple):
    """A label below the chart."""

    x: float
    label: str


class PaceChart(Struct, frozen=True):
    """A pace for each stretch; `path` joins the bars, `average_y` is the height of the average pace."""

    path: str
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    average_y: float


Series = Sequence[tuple[float, int]]
"""Someone's times behind the first at points: kilometres and microseconds, ascending along the course."""


class Line(NamedTuple):
    """A series as a line; `number` is its place among all, from 1, and `dots` are its points."""

    number: int
    path: str
    dots: Sequence[tuple[float, float]]


class GapChart(Struct, frozen=True):
    """A line for each series; the upper edge of the chart is the first at each point, the lower one `most_us`."""

    lines: Sequence[Line]
    ticks: Sequence[Tick]
    most_us: int


def pace_chart(segments: Sequence[Segment]) -> PaceChart | None:
    """Return the chart of a run, faster stretches higher; None below two stretches, which show nothing."""
    timed = [segment for segment in segments if segment.time_us > 0 and segment.to_km > segment.from_km]
    if len(timed) < 2:
        return None
    first_km, last_km = timed[0].from_km, timed[-1].to_km
    speeds = [(segment.to_km - segment.from_km) / segment.time_us for segment in timed]
    slowest, fastest = min(speeds), max(speeds)

    def x(km: float) -> float:
        return _scaled(km, first_km, last_km, LEFT, RIGHT)

    def y(speed: float) -> float:
        return _scaled(speed, slowest, fastest, BOTTOM - 12, TOP)

    bars = []
    free_from = 0.0
    for segment, speed in zip(timed, speeds, strict=True):
        x1, x2 = x(segment.from_km), x(segment.to_km)
        middle = (x1 + x2) / 2
        has_room = middle - LABEL_WIDTH / 2 >= free_from
        free_from = middle + LABEL_WIDTH / 2 if has_room else free_from
        bars.append(Bar(x1, x2, y(speed), segment.pace if has_room else ""))
    corners = [corner for bar in bars for corner in ((bar.x1, bar.y), (bar.x2, bar.y))]
    average = sum(segment.to_km - segment.from_km for segment in timed) / sum(segment.time_us for segment in timed)
    kms = [first_km, *(segment.to_km for segment in timed)]
    return PaceChart(_path(corners), bars, _ticks([(x(km), km) for km in kms]), y(average))


def gap_chart(series: Sequence[Series]) -> GapChart | None:
    """Return the chart of a comparison; None where fewer than two have two points."""
    drawn = [(number, gaps) for number, gaps in enumerate(series, start=1) if len(gaps) > 1]
    if len(drawn) < 2:
        return None
    kms = sorted({km for _, gaps in drawn for km, _ in gaps})
    most_us = max(gap_us for _, gaps in drawn for _, gap_us in gaps)
    lines = []
    for number, gaps in drawn:
        dots = [
            (_scaled(km, kms[0], kms[-1], LEFT, RIGHT), _scaled(gap_us, 0, most_us, TOP, BOTTOM)) for km, gap_us in gaps
        ]
        lines.append(Line(number, _path(dots), dots))
    return GapChart(lines, _ticks([(_scaled(km, kms[0], kms[-1], LEFT, RIGHT), km) for km in kms]), most_us)


def _scaled(value: float, least: float, most: float, begin: float, end: float) -> float:
    """Return where a value lies between two ends of an axis; the middle where all values are equal."""
    share = 0.5 if most == least else (value - least) / (most - least)
    return round(begin + share * (end - begin), 1)


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in corners)


def _ticks(kms: Sequence[tuple[float, float]]) -> list[Tick]:
    """Return labels of distances, from the last one back, as far as there is room for them."""
    ticks: list[Tick] = []
    free_until = float(WIDTH)
    for x, km in reversed(kms):
        if x + LABEL_WIDTH / 2 <= free_until or not ticks:
            ticks.append(Tick(x, f"{km:.4g}"))
            free_until = x - LABEL_WIDTH / 2
    return ticks[::-1]
