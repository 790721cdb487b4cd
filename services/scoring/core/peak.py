"""The instant at which an antenna heard a chip best, between its reads: the vertex of a parabola through them.

A UHF chip is heard from metres before the mat to metres behind it, louder and then fainter, so neither the first nor
the strongest read is the crossing. The parabola of least squares through time and strength has its vertex there.

All of it is in whole numbers, microseconds and hundredths of a decibel, so that every machine finds the same instant.
"""

from collections.abc import Sequence

STEPS_A_DB = 100  # strengths are rounded to hundredths of a decibel, finer than any reader tells
OUTLIER_MEDIANS = 3  # a read that is so many times as far from the parabola as the median read is left out,
OUTLIER_DB = 3  # and only beyond so many decibels: readers tell whole ones
OUTLIERS_MAX = 8  # of one crossing; each costs another look at all its reads

_Point = tuple[int, int]


class _Parabola:
    """The parabola `(a x^2 + b x + c) / d` of least squares, its parts as whole numbers; `d` is 0 where the points have
    fewer than three `x`, else more.
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

    def off(self, point: _Point) -> int:
        """How far a point is from the parabola, times `d`."""
        x, y = point
        return abs(y * self.d - (self.a * x * x + self.b * x + self.c))


def peak_us(heard: Sequence[tuple[int, float]]) -> int | None:
    """The vertex, to the whole microsecond (a half up), of instants and strengths in dBm, in ascending order.

    Outliers are left out, the worst first and the parabola drawn anew after each: a read that is off by more than three
    times the median and more than 3 dB. None where fewer than three reads at three instants are left, where the
    parabola has no maximum, and where that lies outside the reads: then nothing was heard on one side of it.
    """
    start_us = heard[0][0] if heard else 0
    points = [(at_us - start_us, round(rssi * STEPS_A_DB)) for at_us, rssi in heard]
    parabola = _Parabola(points)
    for _ in range(OUTLIERS_MAX):
        if parabola.d == 0:
            return None
        off = [parabola.off(point) for point in points]
        worst = max(off)
        if worst <= max(OUTLIER_MEDIANS * sorted(off)[len(off) // 2], OUTLIER_DB * STEPS_A_DB * parabola.d):
            break
        points.pop(off.index(worst))
        parabola = _Parabola(points)
    if parabola.d == 0 or parabola.a >= 0:
        return None
    # The vertex is -b / 2a; both are negated, so that what divides is positive.
    vertex = (parabola.b - parabola.a) // (-2 * parabola.a)
    return start_us + vertex if points[0][0] <= vertex <= points[-1][0] else None
