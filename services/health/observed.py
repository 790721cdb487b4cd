"""What the devices of an event read, whether or not a result used it: passings by athlete, and chips of nobody.

A clock far off makes all of a device's passings unused, and a wrong gun those of everybody. So the findings rest on the
reads, not on the points that scoring gave.
"""

from typing import NamedTuple

from msgspec import Struct

from services.scoring.core.device_places import ASK, UNKNOWN
from services.scoring.core.event import EventState


class DevicePassing(NamedTuple):
    """Reads of one athlete by one device without a gap over `passing_gap_s`, by corrected instants.

    `device` counts in `Observed.devices`. A plain order: by time first.
    """

    first_us: int
    last_us: int
    device: int
    mat: str


class ObservedDevice(Struct, kw_only=True):
    """What one device read. `mat` is where it stood last; `correction_us` the clock correction of its last read."""

    device: str
    mat: str | None = None
    backup: bool = False
    reads: int = 0
    athletes: int = 0
    first_us: int | None = None
    last_us: int | None = None
    correction_us: int = 0


class ObservedChip(NamedTuple):
    """A chip that was read while nobody wore it. Devices in the order in which they read it."""

    chip: str
    reads: int
    first_us: int
    last_us: int
    devices: tuple[str, ...]
    mats: frozenset[str]


class Observed(Struct, frozen=True):
    """All devices, the passings of each bib in time order, and the chips that nobody wears by first instant."""

    devices: list[ObservedDevice]
    passings: dict[str, list[DevicePassing]]
    chips: list[ObservedChip]


def observe(state: EventState) -> Observed:
    """Return what the devices of an event read, by the facts in force."""
    return _Observer(state).observed()


class _Observer:
    def __init__(self, state: EventState) -> None:
        self._state = state
        rulings = state.rulings
        self._gap_us = rulings.gap_us
        self._places = state.devices.places(rulings)
        self._devices = [ObservedDevice(device=name) for name in state.devices.names]
        for seen in self._devices:
            place = rulings.defined_places.get(seen.device)
            if place is not None:
                seen.mat, seen.backup = place.mat, place.backup
        self._passings: dict[str, list[DevicePassing]] = {}
        self._chips: list[ObservedChip] = []

    def observed(self) -> Observed:
        """Go through all chips, then add the devices that the definition names and that never read."""
        rulings = self._state.rulings
        for chip, reads in self._state.chips.items():
            owner = rulings.owner_of(chip)
            if chip in rulings.worn:
                self._take_each(chip, owner)
            elif self._places.moving:
                self._take(chip, owner, self._corrected(chip))
            else:
                mats, groups = self._places.mats, self._places.groups
                placed = [None if group == UNKNOWN else mats[group >> 1] for group in groups]
                self._take(
                    chip,
                    owner,
                    [(at_us, number, placed[number]) for at_us, number in zip(reads.at_us, reads.device, strict=True)],
                )
        for passings in self._passings.values():
            passings.sort()
        heard = {seen.device for seen in self._devices}
        for device, place in rulings.defined_places.items():
            if device not in heard:
                self._devices.append(ObservedDevice(device=device, mat=place.mat, backup=place.backup))
        self._chips.sort(key=lambda chip: (chip.first_us, chip.chip))
        return Observed(self._devices, self._passings, self._chips)

    def _corrected(self, chip: str) -> list[tuple[int, int, str | None]]:
        """Return a chip's reads as corrected instant, device and mat."""
        places, reads = self._places, self._state.chips[chip]
        found: list[tuple[int, int, str | None]] = []
        for raw_us, number in zip(reads.at_us, reads.device, strict=True):
            at_us, group = raw_us, places.groups[number]
            if group == ASK:
                at_us, group = places.ask(number, raw_us)
                device = self._devices[number]
                if device.last_us is None or at_us >= device.last_us:
                    device.correction_us = at_us - raw_us
                    if group != UNKNOWN:
                        device.mat, device.backup = places.mats[group >> 1], bool(group & 1)
            found.append((at_us, number, None if group == UNKNOWN else places.mats[group >> 1]))
        return found

    def _take_each(self, chip: str, owner: str | None) -> None:
        """Take a chip that an official assigned: its reads by who wore it then."""
        rulings = self._state.rulings
        by_wearer: dict[str | None, list[tuple[int, int, str | None]]] = {}
        for read in self._corrected(chip):
            by_wearer.setdefault(rulings.wearer_of(chip, read[0], owner), []).append(read)
        for wearer, reads in by_wearer.items():
            self._take(chip, wearer, reads)

    def _take(self, chip: str, bib: str | None, reads: list[tuple[int, int, str | None]]) -> None:
        """Count reads by device and cut them into passings; of a chip of nobody keep the counts alone."""
        begun: dict[tuple[int, str], list[int]] = {}
        counts: dict[int, list[int]] = {}
        own: list[DevicePassing] = []
        gap_us = self._gap_us
        for at_us, number, mat in reads:
            count = counts.get(number)
            if count is None:
                counts[number] = [1, at_us, at_us]
            else:
                count[0] += 1
                if at_us > count[2]:
                    count[2] = at_us
                elif at_us < count[1]:
                    count[1] = at_us
            if mat is None:
                continue
            span = begun.get((number, mat))
            if span is None:
                begun[number, mat] = [at_us, at_us]
            elif 0 <= at_us - span[1] <= gap_us:
                span[1] = at_us
            else:
                own.append(DevicePassing(span[0], span[1], number, mat))
                begun[number, mat] = [at_us, at_us]
        own += [DevicePassing(span[0], span[1], number, mat) for (number, mat), span in begun.items()]
        for number, (reads_n, first_us, last_us) in counts.items():
            device = self._devices[number]
            device.reads += reads_n
            device.athletes += bib is not None
            device.first_us = first_us if device.first_us is None else min(device.first_us, first_us)
            device.last_us = last_us if device.last_us is None else max(device.last_us, last_us)
        if bib is not None:
            self._passings.setdefault(bib, []).extend(own)
        elif counts:
            self._chips.append(
                ObservedChip(
                    chip,
                    len(reads),
                    min(count[1] for count in counts.values()),
                    max(count[2] for count in counts.values()),
                    tuple(self._devices[number].device for number in counts),
                    frozenset(mat for _, mat in begun),
                )
            )
