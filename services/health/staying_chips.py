"""Athletes whose chips a mat reads for hours: a chip that lies there, or a reader that repeats itself."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.ids import US
from services.health.health_document import Finding
from services.health.observed import DevicePassing, Observed

STAYS_US = 3600 * US  # longer than a finisher stands about
PASSINGS_MANY = 30  # beyond those of the course; nobody comes and goes so often
BIBS_NAMED_MAX = 20


class _Stay(NamedTuple):
    bib: str
    passings: int
    first_us: int
    last_us: int


def staying_finding(observed: Observed, mat: str, laps: int) -> Finding | None:
    """Return the finding for a mat that reads athletes for hours; `laps`: how often a course crosses it at most."""
    stays = [
        stay
        for bib, passings in observed.passings.items()
        if (stay := _stay(bib, (passing for passing in passings if passing.mat == mat), laps)) is not None
    ]
    if not stays:
        return None
    bibs = sorted((stay.bib for stay in stays), key=lambda bib: (len(bib), bib))
    return Finding(
        kind="chips_stay",
        subject={"mat": mat, "bibs": bibs[:BIBS_NAMED_MAX]},
        since_us=min(stay.first_us for stay in stays),
        evidence={
            "athletes": len(stays),
            "passings": max(stay.passings for stay in stays),
            "last_us": max(stay.last_us for stay in stays),
            "cases": [],
        },
    )


def _stay(bib: str, passings: Iterable[DevicePassing], laps: int) -> _Stay | None:
    """Return an athlete's stay if one device read them too long without a pause, or too often for too long."""
    by_device: dict[int, list[DevicePassing]] = {}
    for passing in passings:
        by_device.setdefault(passing.device, []).append(passing)
    for of_device in by_device.values():
        first_us = min(passing.first_us for passing in of_device)
        last_us = max(passing.last_us for passing in of_device)
        often = len(of_device) - laps >= PASSINGS_MANY and last_us - first_us >= STAYS_US
        if often or any(passing.last_us - passing.first_us >= STAYS_US for passing in of_device):
            return _Stay(bib, len(of_device), first_us, last_us)
    return None
