"""The job that all alternatives do, their order, and their report: plain Python, since each has its own environment."""

import json
import os
import sys
import time
from bisect import bisect_left, insort
from typing import Any, NamedTuple


class Order(NamedTuple):
    """Where the reads are, and how many. `mats` has the mat of each device; passing `finish` puts a chip on the board.

    `envelopes`: a record is an envelope of Matline with many reads in msgpack, else a read in JSON keyed by its chip.
    """

    servers: str
    topic: str
    reads: int
    envelopes: bool
    mats: dict[str, str]
    finish: str


def order() -> Order:
    """Return the order in this program's first argument."""
    return Order(**json.loads(sys.argv[1]))


Points = dict[str, list[Any]]
"""By mat: the first and the last instant, the strongest instant, and its strength."""


def add(points: Points, mat: str, at_us: int, rssi: float) -> None:
    """Add a read to a chip's points."""
    held = points.get(mat)
    if held is None:
        points[mat] = [at_us, at_us, at_us, rssi]
        return
    if at_us < held[0]:
        held[0] = at_us
    if at_us > held[1]:
        held[1] = at_us
    if rssi > held[3]:
        held[2], held[3] = at_us, rssi


class Board:
    """The chips that have finished, by the instant of their first read there."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str]] = []
        self._held: dict[str, int] = {}

    def put(self, chip: str, at_us: int) -> None:
        """Set when a chip finished."""
        before = self._held.get(chip)
        if before == at_us:
            return
        if before is not None:
            del self.rows[bisect_left(self.rows, (before, chip))]
        self._held[chip] = at_us
        insort(self.rows, (at_us, chip))


class Meter:
    """The time and the processor's time from the first read to the last; `note` prints both and ends the program."""

    def __init__(self, reads: int, board: Board) -> None:
        self._reads = reads
        self._board = board
        self._seen = 0
        self._began_s = self._began_cpu_s = 0.0

    def note(self, reads: int) -> None:
        """Count reads that have been worked in. Call it with 0 before the first."""
        if self._began_s == 0.0:
            self._began_s, self._began_cpu_s = time.monotonic(), _cpu_s()
        self._seen += reads
        if self._seen >= self._reads:
            report = {
                "reads": self._seen,
                "seconds": time.monotonic() - self._began_s,
                "processor_s": _cpu_s() - self._began_cpu_s,
                "finishers": len(self._board.rows),
            }
            sys.stdout.write(json.dumps(report) + "\n")
            sys.stdout.flush()
            os._exit(0)  # a stream has no end, and each library stops in its own way


def _cpu_s() -> float:
    return time.process_time()
