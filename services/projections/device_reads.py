"""How many reads of each device are on the log, and when the last one came. Pure."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct


class DeviceReads(Struct):
    """Reads of one device on the log, repeats too; `last_us` is when ingest accepted the last one, by its clock."""

    reads: int = 0
    last_us: int = 0


class DeviceTallies:
    """The reads of all devices, by event and device."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, DeviceReads]] = {}
        self._counted_to: dict[str, int] = {}

    def counted_to(self, event: str, offset: int) -> None:
        """Pass over reads of an event up to this offset from now on: after a crash they come a second time."""
        self._counted_to[event] = max(offset, self._counted_to.get(event, -1))

    def add(
        self, events: Sequence[str], devices: Sequence[str], recorded_at_us: Sequence[int], offsets: Sequence[int]
    ) -> None:
        """Add reads, given in columns in the order of the log."""
        counted_to = self._counted_to
        new = [
            (event, device, at_us)
            for event, device, at_us, offset in zip(events, devices, recorded_at_us, offsets, strict=True)
            if offset > counted_to.get(event, -1)
        ]
        last_us = {(event, device): at_us for event, device, at_us in new}
        for (event, device), reads in Counter((event, device) for event, device, _ in new).items():
            self.put(event, device, reads, last_us[event, device])

    def put(self, event: str, device: str, reads: int, last_us: int) -> None:
        """Add reads of one device."""
        tally = self.events.setdefault(event, {}).setdefault(device, DeviceReads())
        tally.reads += reads
        tally.last_us = max(tally.last_us, last_us)
