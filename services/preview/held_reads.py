"""Reads that are put into a state of rulings alone, so that athletes can be scored."""

from collections.abc import Iterable

import msgspec

from services.preview.source import ChipColumns
from services.scoring.core.device_places import Devices
from services.scoring.core.reads import ChipReads

_texts = msgspec.json.Decoder(list[str])
_times = msgspec.json.Decoder(list[int])
_strengths = msgspec.json.Decoder(list[float | None])


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
        for chip, devices, at_us, rssi in columns:
            held = self.chips[chip] = ChipReads()
            for device, time_us, strength in zip(
                _texts.decode(devices), _times.decode(at_us), _strengths.decode(rssi), strict=True
            ):
                held.add(time_us, self._number(device), strength)

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
