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

    def add(self, events: Sequence[str], devices: Sequence[str], recorded_at_us: Sequence[int]) -> None:
        """Add reads, given in columns in the order of the log."""
        last_us = dict(zip(zip(events, devices, strict=True), recorded_at_us, strict=True))
        for (event, device), reads in Counter(zip(events, devices, strict=True)).items():
            self.put(event, device, reads, last_us[event, device])

    def put(self, event: str, device: str, reads: int, last_us: int) -> None:
        """Add reads of one device."""
        tally = self.events.setdefault(event, {}).setdefault(device, DeviceReads())
        tally.reads += reads
        tally.last_us = max(tally.last_us, last_us)
