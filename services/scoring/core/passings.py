"""Passings: one athlete's reads at one mat, cut where they pause. Source: R3.2."""

from schemas.definition import Pick
from services.scoring.core.peak import peak_us
from services.scoring.core.reads import NO_RSSI

UsedRead = tuple[int, float, str, int]
"""A read that may count: its corrected instant, strength, and where it is kept (chip, and the chip's nth read).

A plain tuple, since making one is most of what a read costs when its athlete is scored.
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
    """The passings at a mat in time order, and the backup passings that are a main passing's same crossing.

    A gap over `gap_us` starts a new passing. A backup passing within `gap_us` of a main passing, between the nearest
    reads, is the same crossing; since no two reads of a passing are further apart, comparing the ends is enough.
    """
    found = _cut(mat, False, main, gap_us)
    if not backup:
        return found, []
    same: list[Passing] = []
    apart: list[Passing] = []
    for candidate in _cut(mat, True, backup, gap_us):
        first, last = candidate.reads[0][0], candidate.reads[-1][0]
        near = any(first - p.reads[-1][0] <= gap_us and p.reads[0][0] - last <= gap_us for p in found)
        (same if near else apart).append(candidate)
    if apart:
        found = sorted(found + apart, key=lambda passing: passing.reads[0][0])
    return found, same


def _cut(mat: str, backup: bool, reads: list[UsedRead], gap_us: int) -> list[Passing]:
    if not reads:
        return []
    reads.sort()
    if reads[-1][0] - reads[0][0] <= gap_us:
        return [Passing(mat, backup, reads)]
    found = []
    begin = 0
    before = reads[0][0]
    for at, read in enumerate(reads):
        if read[0] - before > gap_us:
            found.append(Passing(mat, backup, reads[begin:at]))
            begin = at
        before = read[0]
    found.append(Passing(mat, backup, reads[begin:]))
    return found


def pick_read(reads: list[UsedRead], pick: Pick) -> UsedRead:
    """The read that a point takes from a passing: first, last or strongest (equal: the earliest); with `peak` too the
    strongest, for where no peak can be told.
    """
    if pick == "first":
        return reads[0]
    if pick == "last":
        return reads[-1]
    return max(reads, key=lambda read: (read[1], -read[0]))


def pick_time(reads: list[UsedRead], pick: Pick) -> tuple[int, UsedRead]:
    """The instant that a point takes from a passing, and the read that gave it.

    A peak lies within the passing's reads, and mostly between two of them: the nearest one (equal: the earlier) counts
    as having given it, all others are unused.
    """
    if pick == "peak" and (at_us := _peak_us(reads)) is not None:
        return at_us, min(reads, key=lambda read: (abs(read[0] - at_us), read[0]))
    read = pick_read(reads, pick)
    return read[0], read


def _peak_us(reads: list[UsedRead]) -> int | None:
    return peak_us([(at_us, rssi) for at_us, rssi, _, _ in reads if rssi != NO_RSSI])
