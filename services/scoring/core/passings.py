"""Passings: one athlete's reads at one mat, divided at the pauses. Source: R3.2."""

from schemas.definition import Pick
from services.scoring.core.peak import peak_us
from services.scoring.core.reads import NO_RSSI

UsedRead = tuple[int, float, str, int]
"""A read that may count: its corrected instant, its strength, its chip, and its index among the chip's reads.

A plain tuple, since making one is most of the cost of a read when its athlete is scored.
"""


class Passing:
    """One crossing of a mat: its reads in time order, from main or from backup devices."""

    __slots__ = ("backup", "mat", "reads")

    def __init__(self, mat: str, backup: bool, reads: list[UsedRead]) -> None:
        self.mat = mat
        self.backup = backup
        self.reads = reads


def form_passings(
    mat: str, main: list[UsedRead], backup: list[UsedRead], gap_us: int
) -> tuple[list[Passing], list[Passing]]:
    """Return the passings at a mat in time order, and the backup passings of a crossing that has a main passing.

    A gap over `gap_us` starts a new passing. A backup passing whose reads come within `gap_us` of those of a main
    passing is the same crossing; since neighbouring reads of a passing are no further apart, comparing the ends is
    enough.
    """
    passings = _divide(mat, False, main, gap_us)
    if not backup:
        return passings, []
    same: list[Passing] = []
    apart: list[Passing] = []
    for candidate in _divide(mat, True, backup, gap_us):
        first, last = candidate.reads[0][0], candidate.reads[-1][0]
        near = any(first - p.reads[-1][0] <= gap_us and p.reads[0][0] - last <= gap_us for p in passings)
        (same if near else apart).append(candidate)
    if apart:
        passings = sorted(passings + apart, key=lambda passing: passing.reads[0][0])
    return passings, same


def _divide(mat: str, backup: bool, reads: list[UsedRead], gap_us: int) -> list[Passing]:
    if not reads:
        return []
    reads.sort()
    if reads[-1][0] - reads[0][0] <= gap_us:
        return [Passing(mat, backup, reads)]
    passings = []
    begin = 0
    before = reads[0][0]
    for index, read in enumerate(reads):
        if read[0] - before > gap_us:
            passings.append(Passing(mat, backup, reads[begin:index]))
            begin = index
        before = read[0]
    passings.append(Passing(mat, backup, reads[begin:]))
    return passings


def pick_read(reads: list[UsedRead], pick: Pick) -> UsedRead:
    """Return the first, last or strongest read of a passing (of equals the earliest), as the point picks.

    For `peak` it is the strongest, which counts where there is no peak.
    """
    if pick == "first":
        return reads[0]
    if pick == "last":
        return reads[-1]
    return max(reads, key=lambda read: (read[1], -read[0]))


def pick_time(reads: list[UsedRead], pick: Pick) -> tuple[int, UsedRead]:
    """Return the instant that a point takes from a passing, and the read that gave it.

    A peak lies among the passing's reads, usually between two of them. The nearest read (of equals the earlier) counts
    as the one that gave it; all others are unused.
    """
    if pick == "peak" and (at_us := _peak_us(reads)) is not None:
        return at_us, min(reads, key=lambda read: (abs(read[0] - at_us), read[0]))
    read = pick_read(reads, pick)
    return read[0], read


def _peak_us(reads: list[UsedRead]) -> int | None:
    return peak_us([(at_us, rssi) for at_us, rssi, _, _ in reads if rssi != NO_RSSI])
