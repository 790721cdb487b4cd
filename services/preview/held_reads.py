"""Reads that are put into a state of rulings alone, so that athletes can be scored."""

from collections.abc import Iterable
from operator import eq, gt

import msgspec

from services.preview.source import NO_STRENGTH, ChipColumns
from services.scoring.core.device_places import Devices
from services.scoring.core.reads import NO_RSSI, ChipReads

_texts = msgspec.json.Decoder(list[str])
_times = msgspec.json.Decoder(list[int])
_strengths = msgspec.json.Decoder(list[float])


class HeldReads:
    """Reads of some chips. Devices get numbers in the order in which they come."""

    def __init__(self) -> None:
        self.chips: dict[str, ChipReads] = {}
        self.devices = Devices([])
        self._numbers: dict[str, int] = {}

    def put(self, chips: Iterable[str], columns: Iterable[ChipColumns]) -> None:
        """Put in all reads of these chips, instead of those that were there."""
        for chip in chips:
            self.chips.pop(chip, None)
        for chip, names, devices, at_us, rssi in columns:
            numbers = [0, *map(self._number, _texts.decode(names))]
            self.chips[chip] = _chip_reads(
                _times.decode(at_us),
                [numbers[device] for device in _times.decode(devices)],
                [NO_RSSI if strength == NO_STRENGTH else strength for strength in _strengths.decode(rssi)],
            )

    def count(self) -> int:
        """Return how many reads there are."""
        return sum(len(reads.at_us) for reads in self.chips.values())

    def put_unread(self, chips: Iterable[str]) -> None:
        """Put in chips without their reads."""
        for chip in chips:
            self.chips[chip] = ChipReads()

    def _number(self, device: str) -> int:
        number = self._numbers.get(device)
        if number is None:
            number = self._numbers[device] = len(self.devices.names)
            self.devices.names.append(device)
        return number


def _chip_reads(times: list[int], devices: list[int], strengths: list[float]) -> ChipReads:
    """Return a chip's reads, those that came several times once. In order, as they come, they need no look-up each."""
    held = ChipReads()
    if any(map(gt, times, times[1:])):
        for read in zip(times, devices, strengths, strict=True):
            held.add(*read)
        return held
    same = [index for index, equal in enumerate(map(eq, times, times[1:]), 1) if equal]
    for index in reversed(same):
        if devices[index] == devices[index - 1]:
            strengths[index - 1] = max(strengths[index - 1], strengths[index])
            del times[index], devices[index], strengths[index]
    held.at_us.extend(times)
    held.device.extend(devices)
    held.rssi.extend(strengths)
    return held
