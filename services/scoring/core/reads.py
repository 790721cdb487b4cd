"""Reads in arrays: a large marathon makes 22 million, and a Python object for each would take 10 GB.

Reads with the same `(device, chip, at_us)` are one read; if their `rssi` differ, the highest counts (R3.1).
So a chip's reads are a set that may arrive in any order and any number of times.
"""

from array import array
from bisect import bisect_left

NO_RSSI = float("-inf")  # null is lowest


class ChipReads:
    """All reads of one chip in parallel arrays, ascending by the devices' own times, and the number of repeats."""

    __slots__ = ("at_us", "device", "repeats", "rssi")

    def __init__(self) -> None:
        self.at_us = array("q")
        self.device = array("I")
        self.rssi = array("d")
        self.repeats = 0

    def add(self, at_us: int, device: int, rssi: float | None) -> bool:
        """Add a read, with its device's number in the event. Return whether it changes anything."""
        strength = NO_RSSI if rssi is None else rssi
        times = self.at_us
        if not times or at_us > times[-1]:
            times.append(at_us)
            self.device.append(device)
            self.rssi.append(strength)
            return True
        index = bisect_left(times, at_us)
        while index < len(times) and times[index] == at_us and self.device[index] < device:
            index += 1
        if index < len(times) and times[index] == at_us and self.device[index] == device:
            self.repeats += 1
            if strength <= self.rssi[index]:
                return False
            self.rssi[index] = strength
            return True
        times.insert(index, at_us)
        self.device.insert(index, device)
        self.rssi.insert(index, strength)
        return True

    def packed(self) -> tuple[bytes, bytes, bytes, int]:
        """Return the reads as bytes, for a snapshot on this machine."""
        return self.at_us.tobytes(), self.device.tobytes(), self.rssi.tobytes(), self.repeats

    @classmethod
    def unpacked(cls, at_us: bytes, device: bytes, rssi: bytes, repeats: int) -> "ChipReads":
        """Return the reads in bytes that `packed` made."""
        reads = cls()
        reads.at_us.frombytes(at_us)
        reads.device.frombytes(device)
        reads.rssi.frombytes(rssi)
        reads.repeats = repeats
        return reads
