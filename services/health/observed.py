"""What the devices of an event read, whether or not a result used it: passings by athlete, and chips of nobody.

A clock far off makes all of a device's passings unused, and a wrong gun those of everybody. So the findings rest on the
reads, not on the points that scoring gave.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby, repeat
from typing import NamedTuple

from msgspec import Struct

from schemas.results import UnknownChip
from services.scoring.core.chips_of_nobody import CHIP_DEVICES_MAX, most_like_athletes
from services.scoring.core.device_places import ASK, UNKNOWN, DevicePlacement
from services.scoring.core.event import EventState
from services.scoring.core.rulings import Rulings


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


class Observed(Struct, frozen=True):
    """All devices, the passings of each bib in time order, and the chips that nobody wears as scoring lists them."""

    devices: list[ObservedDevice]
    passings: dict[str, list[DevicePassing]]
    chips: list[UnknownChip]


class Burst(NamedTuple):
    """Reads of one chip by one device without a gap over `passing_gap_s`, by the device's own clock."""

    chip: str
    device: str
    first_us: int
    last_us: int
    reads: int


def observe(state: EventState) -> Observed:
    """Return what the devices of an event read, by the facts in force."""
    observer = _Observer(state.rulings, state.devices.names)
    for chip, reads in state.chips.items():
        observer.take(chip, zip(reads.at_us, reads.at_us, reads.device, repeat(1), strict=False))
    return observer.observed()


def observe_bursts(rulings: Rulings, bursts: Sequence[Burst]) -> Observed:
    """Return the same of reads that were counted before; `bursts` of a chip follow each other."""
    numbers = {device: nth for nth, device in enumerate(dict.fromkeys(burst.device for burst in bursts))}
    observer = _Observer(rulings, list(numbers))
    for chip, chip_bursts in groupby(bursts, key=lambda burst: burst.chip):
        in_order = sorted((burst.first_us, burst.last_us, numbers[burst.device], burst.reads) for burst in chip_bursts)
        observer.take(chip, in_order)
    return observer.observed()


_Placed = tuple[int, int, int, int, str | None]
"""First and last instant, corrected, device, how many reads, and the mat."""


class _Observer:
    def __init__(self, rulings: Rulings, names: list[str]) -> None:
        self._rulings = rulings
        self._gap_us = rulings.gap_us
        self._places = DevicePlacement(rulings, names)
        mats, groups = self._places.mats, self._places.groups
        self._mats = [None if group < 0 else mats[group >> 1] for group in groups]
        self._devices = [ObservedDevice(device=name) for name in names]
        for seen in self._devices:
            place = rulings.defined_places.get(seen.device)
            if place is not None:
                seen.mat, seen.backup = place.mat, place.backup
        self._passings: dict[str, list[DevicePassing]] = {}
        self._chips: list[UnknownChip] = []

    def take(self, chip: str, reads: Iterable[tuple[int, int, int, int]]) -> None:
        """Take in a chip's reads in time order: first and last instant, device, how many."""
        rulings, mats = self._rulings, self._mats
        owner = rulings.owner_of(chip)
        if not self._places.moving:
            placed = [(first, last, number, count, mats[number]) for first, last, number, count in reads]
        else:
            placed = [self._corrected(*read) for read in reads]
        if not rulings.is_assigned(chip):
            self._take(chip, owner, placed)
            return
        by_wearer: dict[str | None, list[_Placed]] = {}
        for read in placed:
            by_wearer.setdefault(rulings.wearer_of(chip, read[0], owner), []).append(read)
        for wearer, wearer_reads in by_wearer.items():
            self._take(chip, wearer, wearer_reads)

    def observed(self) -> Observed:
        """Return all that was taken in, with the devices that the definition names and that never read."""
        for passings in self._passings.values():
            passings.sort()
        heard = {seen.device for seen in self._devices}
        for device, place in self._rulings.defined_places.items():
            if device not in heard:
                self._devices.append(ObservedDevice(device=device, mat=place.mat, backup=place.backup))
        return Observed(self._devices, self._passings, most_like_athletes(self._chips))

    def _corrected(self, raw_us: int, last_us: int, number: int, count: int) -> _Placed:
        """Return reads by the clock corrections and the place of their device then."""
        places = self._places
        group = places.groups[number]
        if group != ASK:
            return raw_us, last_us, number, count, self._mats[number]
        at_us, group = places.ask(number, raw_us)
        until_us = at_us if last_us == raw_us else places.ask(number, last_us)[0]
        mat = None if group == UNKNOWN else places.mats[group >> 1]
        device = self._devices[number]
        if device.last_us is None or at_us >= device.last_us:
            device.correction_us = at_us - raw_us
            if mat is not None:
                device.mat, device.backup = mat, bool(group & 1)
        return at_us, until_us, number, count, mat

    def _take(self, chip: str, bib: str | None, reads: list[_Placed]) -> None:
        """Count reads by device and cut them into passings; of a chip of nobody keep the counts alone."""
        begun: dict[tuple[int, str], list[int]] = {}
        counts: dict[int, list[int]] = {}
        passings: list[DevicePassing] = []
        gap_us = self._gap_us
        for at_us, until_us, number, several, mat in reads:
            count = counts.get(number)
            if count is None:
                counts[number] = [several, at_us, until_us]
            else:
                count[0] += several
                if until_us > count[2]:
                    count[2] = until_us
                if at_us < count[1]:
                    count[1] = at_us
            if mat is None:
                continue
            span = begun.get((number, mat))
            if span is None:
                begun[number, mat] = [at_us, until_us]
            elif 0 <= at_us - span[1] <= gap_us:
                span[1] = until_us
            else:
                passings.append(DevicePassing(span[0], span[1], number, mat))
                begun[number, mat] = [at_us, until_us]
        passings += [DevicePassing(span[0], span[1], number, mat) for (number, mat), span in begun.items()]
        for number, (reads_n, first_us, last_us) in counts.items():
            device = self._devices[number]
            device.reads += reads_n
            device.athletes += bib is not None
            device.first_us = first_us if device.first_us is None else min(device.first_us, first_us)
            device.last_us = last_us if device.last_us is None else max(device.last_us, last_us)
        if bib is not None:
            self._passings.setdefault(bib, []).extend(passings)
        elif counts:
            self._chips.append(
                UnknownChip(
                    chip,
                    sum(count[0] for count in counts.values()),
                    min(count[1] for count in counts.values()),
                    max(count[2] for count in counts.values()),
                    [self._devices[number].device for number in counts][:CHIP_DEVICES_MAX],
                    len({mat for _, mat in begun}),
                )
            )
