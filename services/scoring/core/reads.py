"""Reads, packed: a large marathon makes 22 million, and a Python object each would take 10 GB.

Reads with the same `(device, chip, at_us)` are one; of differing `rssi` the highest stands (R3.1).
So a chip's reads are a set that may arrive in any order and any number of times.
"""

from array import array
from bisect import bisect_left

NO_RSSI = float("-inf")  # null is lowest


class ChipReads:
    """All reads of one chip, ascending by the devices' own times: parallel arrays, and how many came again."""

    __slots__ = ("at_us", "device", "repeats", "rssi")

    def __init__(self) -> None:
        self.at_us = array("q")
        self.device = array("I")
        self.rssi = array("d")
        self.repeats = 0

    def add(self, at_us: int, device: int, rssi: float | None) -> bool:
        """Take in a read (`device` by its number in the event); False when it says nothing new."""
        strength = NO_RSSI if rssi is None else rssi
        times = self.at_us
        if not times or at_us > times[-1]:
            times.append(at_us)
            self.device.append(device)
            self.rssi.append(strength)
            return True
        at = bisect_left(times, at_us)
        while at < len(times) and times[at] == at_us and self.device[at] < device:
            at += 1
        if at < len(times) and times[at] == at_us and self.device[at] == device:
            self.repeats += 1
            if strength <= self.rssi[at]:
                return False
            self.rssi[at] = strength
            return True
        times.insert(at, at_us)
        self.device.insert(at, device)
        self.rssi.insert(at, strength)
        return True

    def packed(self) -> tuple[bytes, bytes, bytes, int]:
        """The reads as bytes, for a snapshot on this machine."""
        return self.at_us.tobytes(), self.device.tobytes(), self.rssi.tobytes(), self.repeats

    @classmethod
    def unpacked(cls, at_us: bytes, device: bytes, rssi: bytes, repeats: int) -> "ChipReads":
        """The inverse of `packed`."""
        reads = cls()
        reads.at_us.frombytes(at_us)
        reads.device.frombytes(device)
        reads.rssi.frombytes(rssi)
        reads.repeats = repeats
        return reads
