"""Reads that are put into a state of rulings alone, so that athletes can be scored."""

from collections.abc import Iterable
from typing import Protocol

from services.scoring.core.device_places import Devices
from services.scoring.core.reads import ChipReads


class TimedRead(Protocol):
    """A read by its device's own clock; equal reads come once, with the strongest rssi."""

    @property
    def chip(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def rssi(self) -> float | None: ...


class HeldReads:
    """Reads of some chips. Devices get numbers in the order in which they come."""

    def __init__(self) -> None:
        self.chips: dict[str, ChipReads] = {}
        self.devices = Devices([])
        self._numbers: dict[str, int] = {}

    def put(self, chips: Iterable[str], reads: Iterable[TimedRead]) -> None:
        """Put in all reads of these chips. They replace the reads of a chip that was there."""
        for chip in chips:
            self.chips[chip] = ChipReads()
        for read in reads:
            number = self._numbers.get(read.device)
            if number is None:
                number = self._numbers[read.device] = len(self.devices.names)
                self.devices.names.append(read.device)
            self.chips[read.chip].add(read.at_us, number, read.rssi)
