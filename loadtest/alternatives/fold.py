"""The job over whole envelopes, with its state in memory, for the alternatives that are given Matline's records."""

from loadtest.alternatives.job import Board, Order, Points, add
from loadtest.alternatives.records import Envelope


class Fold:
    """All chips of an event, and its board."""

    def __init__(self, order: Order, board: Board) -> None:
        self._mats = order.mats
        self._finish = order.finish
        self._board = board
        self._chips: dict[str, Points] = {}

    def add(self, envelope: Envelope) -> int:
        """Work in the reads of an envelope, and return how many they are."""
        count = 0
        for fact in envelope.facts:
            for read in fact.reads:
                mat = self._mats.get(read.device, "")
                points = self._chips.setdefault(read.chip, {})
                add(points, mat, read.at_us, -999.0 if read.rssi is None else read.rssi)
                if mat == self._finish:
                    self._board.put(read.chip, points[mat][0])
            count += len(fact.reads)
        return count
