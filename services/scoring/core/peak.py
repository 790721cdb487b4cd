"""Find the instant at which an antenna heard a chip best, between its reads: the vertex of a parabola through them.

A UHF chip is heard from metres before the mat to metres after it, louder and then fainter, so neither the first nor
the strongest read is the crossing. The vertex of the least-squares parabola through times and strengths is.

All numbers are whole, microseconds and hundredths of a decibel, so that every machine finds the same instant.
"""

from collections.abc import Sequence

STEPS_A_DB = 100  # strengths are rounded to hundredths of a decibel, finer than any reader reports
OUTLIER_MEDIANS = 3  # a read is left out if it is so many times as far from the parabola as the median read,
OUTLIER_DB = 3  # and further than so many decibels: readers report whole ones
OUTLIERS_MAX = 8  # of one crossing; each costs another pass over all its reads

_Point = tuple[int, int]


class _Parabola:
    """The least-squares parabola `(a x^2 + b x + c) / d`, with whole coefficients.

    `d` is 0 if the points have fewer than three different `x`, else positive.
    """

    __slots__ = ("a", "b", "c", "d")

    def __init__(self, points: Sequence[_Point]) -> None:
        s0 = len(points)
        s1, s2, s3, s4, t0, t1, t2 = 0, 0, 0, 0, 0, 0, 0
        for x, y in points:
            squared = x * x
            s1, s2, s3, s4 = s1 + x, s2 + squared, s3 + squared * x, s4 + squared * squared
            t0, t1, t2 = t0 + y, t1 + x * y, t2 + squared * y
        m11, m12, m13 = s2 * s0 - s1 * s1, s3 * s0 - s1 * s2, s3 * s1 - s2 * s2
        m22, m23, m33 = s4 * s0 - s2 * s2, s4 * s1 - s3 * s2, s4 * s2 - s3 * s3
        self.d = s4 * m11 - s3 * m12 + s2 * m13
        self.a = t2 * m11 - t1 * m12 + t0 * m13
        self.b = t1 * m22 - t2 * m12 - t0 * m23
        self.c = t2 * m13 - t1 * m23 + t0 * m33

    def distance(self, point: _Point) -> int:
        """Return how far a point is from the parabola, times `d`."""
        x, y = point
        return abs(y * self.d - (self.a * x * x + self.b * x + self.c))


def peak_us(heard: Sequence[tuple[int, float]]) -> int | None:
    """Return the vertex of instants and strengths in dBm, in ascending order, to the whole microsecond (a half up).

    Outliers are left out, the worst first, and the parabola is fitted again after each. A read is an outlier if it is
    further off than three times the median and than 3 dB. None if fewer than three reads at three instants are left, if
    the parabola has no maximum, or if the maximum lies outside the reads: then one side of it was not heard.
    """
    start_us = heard[0][0] if heard else 0
    points = [(at_us - start_us, round(rssi * STEPS_A_DB)) for at_us, rssi in heard]
    parabola = _Parabola(points)
    for _ in range(OUTLIERS_MAX):
        if parabola.d == 0:
            return None
        distances = [parabola.distance(point) for point in points]
        worst = max(distances)
        median = sorted(distances)[len(distances) // 2]
        if worst <= max(OUTLIER_MEDIANS * median, OUTLIER_DB * STEPS_A_DB * parabola.d):
            break
        points.pop(distances.index(worst))
        parabola = _Parabola(points)
    if parabola.d == 0 or parabola.a >= 0:
        return None
    # The vertex is -b / 2a; both are negated, so that the divisor is positive.
    vertex = (parabola.b - parabola.a) // (-2 * parabola.a)
    return start_us + vertex if points[0][0] <= vertex <= points[-1][0] else None
