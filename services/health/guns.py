"""A gun that is wrong: most athletes crossed START before it, or all of them long after it.

Seen in the crossings, which do not depend on guns. The likely gun is the typed one in another zone, on another day or
in another minute, where that falls just before the crowd; else the second in which the crowd began to cross.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import log
from typing import NamedTuple

from schemas.ids import US
from services.health.crossings import Crossings
from services.scoring.core.course import START

GunKey = tuple[str, str | None]

BEFORE_RARE, BEFORE_COMMON = (
    0.03,
    0.1,
)  # shares of athletes before the gun: of a right gun at most, of a wrong one at least
SCORE_MIN = 12.0  # the logarithm of how much likelier a wrong gun has to be
SETTLED_US = 45 * US  # after a gun its crowd has begun to cross
CROWD_US = 60 * US
CROWD_MIN = 20
CROWD_SHARE = 0.5
BIN_US = 5 * US
EARLY_US = 600 * US  # a gun so long before its first athletes is none of theirs
ROUND_NEAR_US = 60 * US  # a gun in another zone or day falls so near before the crowd
MINUTE_NEAR_US = 15 * US
HOUR_US = 3600 * US
DAY_US = 24 * HOUR_US


class GunFault(NamedTuple):
    """A gun that cannot be right. `side`: athletes crossed START `before` it, or all long `after` it."""

    race: str
    wave: str | None
    typed_us: int
    likely_us: int
    side: str
    how: str
    athletes: int
    before: int
    first_us: int


def find_gun_faults(
    guns: Mapping[GunKey, int],
    athletes: Mapping[GunKey, Sequence[Crossings]],
    zone_us: int,
    window_us: int,
    now_us: int,
) -> list[GunFault]:
    """Return the guns that cannot be right; `athletes` by their own gun, `zone_us` the event's offset from UTC."""
    faults = []
    for key, typed_us in sorted(guns.items(), key=lambda gun: (gun[0][0], gun[0][1] or "")):
        fault = _fault(key, typed_us, athletes.get(key, ()), zone_us, window_us, now_us)
        if fault is not None:
            faults.append(fault)
    return faults


def _fault(
    key: GunKey, typed_us: int, athletes: Iterable[Crossings], zone_us: int, window_us: int, now_us: int
) -> GunFault | None:
    starts: list[int] = []
    gone: list[int] = []
    for athlete in athletes:
        start_us = athlete.at_us[START]
        if start_us is not None:
            starts.append(start_us)
            if any(at_us is not None for at_us in athlete.at_us[START + 1 :]):
                gone.append(start_us)
    starts.sort()
    gone.sort()
    settled = abs(now_us - typed_us) > SETTLED_US
    side = ""
    crowd = gone
    if settled and len(starts) > 1:
        if _most_before(gone, typed_us) or (len(gone) > 1 and starts[-1] < typed_us):
            side = "before"
        elif now_us > typed_us and _crowd_before(starts, typed_us):
            side, crowd = "before", starts
        elif starts[len(starts) // 20] - typed_us > min(EARLY_US, window_us):
            side, crowd = "after", starts
    if not side:
        return None
    first_us = _crowd_start(crowd)
    likely_us, how = _likely(typed_us, first_us, zone_us)
    return GunFault(*key, typed_us, likely_us, side, how, len(crowd), bisect_left(crowd, typed_us), first_us)


def _most_before(starts: Sequence[int], typed_us: int) -> bool:
    """Whether so many crossed before the gun as never do with a right one."""
    before = bisect_left(starts, typed_us)
    score = before * log(BEFORE_COMMON / BEFORE_RARE)
    score += (len(starts) - before) * log((1 - BEFORE_COMMON) / (1 - BEFORE_RARE))
    return score >= SCORE_MIN


def _crowd_before(starts: Sequence[int], typed_us: int) -> bool:
    """Whether the crowd crossed before the gun: as dense as after it, while nobody is at a later mat yet."""
    gun_index = bisect_left(starts, typed_us)
    before, after = _densest(starts[:gun_index]), _densest(starts[gun_index:])
    return before >= max(CROWD_MIN, CROWD_SHARE * after, 0.1 * len(starts))


def _densest(starts: Sequence[int]) -> int:
    """Return how many crossed in the busiest minute."""
    best = begin = 0
    for end, at_us in enumerate(starts):
        while at_us - starts[begin] > CROWD_US:
            begin += 1
        best = max(best, end - begin + 1)
    return best


def _crowd_start(starts: Sequence[int]) -> int:
    """Return when the crowd began to cross, whoever went by before."""
    if len(starts) < CROWD_MIN:
        return starts[0]
    bins: dict[int, int] = {}
    for at_us in starts:
        bins[at_us // BIN_US] = bins.get(at_us // BIN_US, 0) + 1
    busiest = max(bins, key=lambda nth: (bins[nth], -nth))
    least = max(2, 0.2 * bins[busiest])
    first = busiest
    while bins.get(first - 1, 0) >= least or bins.get(first - 2, 0) >= least:
        first -= 1
    if bins.get(first - 1, 0):  # the front of the crowd, where its bin had only just begun
        near = [at_us for at_us in starts if at_us // BIN_US == first - 1]
        front_us = starts[bisect_left(starts, first * BIN_US)]
        for before_us, after_us in reversed(list(pairwise([*near, front_us]))):
            if after_us - before_us > 2 * US:
                break
            front_us = before_us
        return front_us
    return starts[bisect_left(starts, first * BIN_US)]


def _likely(typed_us: int, first_us: int, zone_us: int) -> tuple[int, str]:
    """Return the likely gun, and what the typed one was mistaken by."""
    reasons = [
        (zone_us, "typed in UTC"),
        (-zone_us, "typed in UTC"),
        *((days * DAY_US, "of another day") for days in range(-7, 8) if days),
        *((days * DAY_US + sign * zone_us, "of another day and in UTC") for days in (-1, 1) for sign in (-1, 1)),
        *((hours * HOUR_US, "of another hour") for hours in range(-23, 24) if hours),
    ]
    for by_us, how in reasons:
        if by_us and 0 <= first_us - (typed_us + by_us) <= ROUND_NEAR_US:
            return typed_us + by_us, how
    minute_us = typed_us + (first_us - typed_us) // (60 * US) * 60 * US
    if first_us - minute_us <= MINUTE_NEAR_US:
        return minute_us, "of another minute"
    return first_us // US * US, "by the first athlete over the line"
