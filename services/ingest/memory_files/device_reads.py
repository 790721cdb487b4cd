"""What a file is on the log: its reads as rows of a session of their own, device by device."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from schemas.events import ReadRow
from schemas.ids import INSTANT_MAX_US, US
from services.ingest.decoders.messages import WHERE_MAX_CHARS
from services.ingest.memory_files.file_lines import FileSettings
from services.ingest.memory_files.formats import BadLines, MemoryFile, ReadAt

ReadKey = tuple[str, str, int]
"""Device, chip and instant by the device's clock: reads of which all three are the same are one. Source: R3.1."""


class Devices(Struct, frozen=True):
    """The devices of the definition that a file's places are.

    `every` is that of all reads, empty if there is none; `places` has a row for a place, or `place/antenna`.
    """

    every: str = ""
    places: Mapping[str, str] = {}

    def of(self, where: str, antenna: int | None) -> str:
        """Return the device of a place; without a row the file's own word, which may be empty."""
        if antenna is not None and (device := self.places.get(f"{where}/{antenna}")):
            return device
        return self.places.get(where) or self.every or where[:WHERE_MAX_CHARS]

    def named(self) -> frozenset[str]:
        """Return the devices that somebody named."""
        return frozenset((*self.places.values(), *((self.every,) if self.every else ())))


class ImportedReads(Struct, frozen=True):
    """The reads of a file, each once, in its order; `repeats` counts the others, `bad` has those that no fact holds.

    `places` has the file's words for each device; the device is empty where the file has no word and nobody named one.
    """

    rows: list[ReadRow]
    places: dict[str, list[str]]
    repeats: int
    bad: BadLines


class DeviceSummary(Struct, frozen=True):
    """The reads of one device in a file: `on_log` of them are on the log already. Instants are by its clock.

    `places` are the file's words for it; `mat` is where the device stands, null if it stands at none, left out while
    that is not known.
    """

    device: str
    places: list[str]
    reads: int
    chips: int
    on_log: int
    first_us: int
    last_us: int
    first: str
    last: str
    mat: str | msgspec.UnsetType | None = msgspec.UNSET


def imported_reads(memory: MemoryFile, devices: Devices) -> ImportedReads:
    """Return the rows of a file, numbered from 0."""
    rows: dict[ReadKey, ReadRow] = {}
    places: dict[str, dict[str, None]] = {}
    bad = BadLines()
    repeats = 0
    for item in memory.reads:
        device = devices.of(item.read.where, item.read.antenna)
        if abs(item.at_us) > INSTANT_MAX_US:
            bad.add(item.line, f"its time is out of range: {item.at_us} microseconds since 1970")
            continue
        places.setdefault(device, {})[_place(item)] = None
        key = (device, item.read.chip, item.at_us)
        known = rows.get(key)
        repeats += known is not None
        if known is None or _is_stronger(item.read.rssi, known.rssi):
            number = len(rows) if known is None else known.seq
            rows[key] = ReadRow(number, *key, item.read.rssi, item.read.antenna, item.read.battery)
    return ImportedReads(list(rows.values()), {device: list(words) for device, words in places.items()}, repeats, bad)


def new_rows(rows: Iterable[ReadRow], on_log: Mapping[ReadKey, float | None]) -> list[ReadRow]:
    """Return rows that would add something to a log which has these reads, with their signal strengths."""
    return [
        row
        for row in rows
        if (key := (row.device, row.chip, row.at_us)) not in on_log or _is_stronger(row.rssi, on_log[key])
    ]


def device_summaries(
    imported: ImportedReads, on_log: Mapping[ReadKey, float | None], settings: FileSettings
) -> Iterator[DeviceSummary]:
    """Yield what the file has of each device, in the order of their first lines."""
    by_device: dict[str, list[ReadRow]] = {device: [] for device in imported.places}
    for row in imported.rows:
        by_device[row.device].append(row)
    for device, rows in by_device.items():
        instants = [row.at_us for row in rows]
        first_us, last_us = min(instants), max(instants)
        yield DeviceSummary(
            device,
            imported.places[device],
            len(rows),
            len({row.chip for row in rows}),
            sum((device, row.chip, row.at_us) in on_log for row in rows),
            first_us,
            last_us,
            local_text(first_us, settings),
            local_text(last_us, settings),
        )


def session_of(data: bytes, settings: FileSettings, devices: Devices) -> str:
    """Return the session of a file: the same for the same file with the same settings, and for no other."""
    options = msgspec.json.encode(
        [str(settings.zone), settings.day, settings.began_us, settings.shift_us, settings.columns, devices],
        order="sorted",
    )
    return f"file {hashlib.sha256(options + data).hexdigest()[:32]}"


def local_text(at_us: int, settings: FileSettings) -> str:
    """Return an instant as people read it, with the offset of the zone."""
    return datetime.fromtimestamp(at_us / US, settings.zone).isoformat(sep=" ", timespec="milliseconds")


def _place(item: ReadAt) -> str:
    read = item.read
    return read.where if read.antenna is None else f"{read.where}/{read.antenna}"


def _is_stronger(rssi: float | None, than: float | None) -> bool:
    return rssi is not None and (than is None or rssi > than)
