"""The reads of a race day: some for each crossing, and many that are no crossing.

A read is kept as a whole number, ordered by time, so a million of them take 8 MB instead of a gigabyte.
"""

from array import array
from collections.abc import Mapping
from random import Random

from msgspec import Struct

from loadtest.dice import between, dice, one_of
from loadtest.race_day import MS, Run
from loadtest.truth import Course, Crossing
from schemas.definition import Definition, Mat, Pick

BOTH_READERS = 0.9  # of crossings, the mat's other reader sees this many too
EARLY_VISITORS = 0.3  # of entrants with a chip, this many pass the start mat before their gun
EARLY_NO_SHOWS = 0.1  # of those who never start, this many do
EARLY_MS = (20_000, 2_400_000)  # how long before the gun
LINGER_AFTER_MS = 30_000  # runners who wait longer than this for the line may stand near its mat
LINGERERS = 0.15
WANDERERS = 0.03  # of finishers, this many walk past the finish mat again
GHOSTS = 0.004  # of starters, this many are read at a mat long before they can be there
ELSEWHERE = 0.006  # of starters, this many are read at a mat off their course
SPARES = 0.004  # unworn chips in a bag, for each entrant
TEST_READER = "TEST-READER"
TEST_READS = 0.002  # of entrants, this many are read by a reader at no mat

SKEW_MS = 3217  # by which the clock of one reader is slow

_RSSI_BITS, _DEVICE_BITS, _CHIP_BITS = 7, 9, 18
_DEVICE_AT = _RSSI_BITS
_CHIP_AT = _DEVICE_AT + _DEVICE_BITS
_TIME_AT = _CHIP_AT + _CHIP_BITS


class RawRead(Struct, frozen=True, gc=False):
    """A read as a gateway sends it: fields and names as in `reads_received` (R1)."""

    seq: int
    device: str
    chip: str
    at_us: int
    rssi: float


class RawReads(Struct, frozen=True):
    """All reads of a day by the readers' own clocks, in time order, packed; `base_ms` is the instant of time 0."""

    devices: list[str]
    chips: list[str]
    base_ms: int
    packed: "array[int]"

    def __len__(self) -> int:
        return len(self.packed)

    def time_ms(self, packed: int) -> int:
        """Return the instant of a packed read, in milliseconds since 1970."""
        return (packed >> _TIME_AT) + self.base_ms

    def device(self, packed: int) -> int:
        """Return the number of a packed read's device."""
        return (packed >> _DEVICE_AT) & ((1 << _DEVICE_BITS) - 1)

    def later(self, packed: int, by_ms: int) -> int:
        """Return a packed read with a date so much later."""
        return packed + (by_ms << _TIME_AT)

    def unpacked(self, packed: int, seq: int) -> RawRead:
        """Return a packed read as number `seq` of its session."""
        chip = self.chips[(packed >> _CHIP_AT) & ((1 << _CHIP_BITS) - 1)]
        at_us = self.time_ms(packed) * MS
        return RawRead(seq, self.devices[self.device(packed)], chip, at_us, -float(packed & ((1 << _RSSI_BITS) - 1)))


def skewed_device(definition: Definition) -> str | None:
    """Return the reader whose clock is slow, at a mat where no race starts or ends; None without such a mat."""
    ends = {race.points[end].mat for race in definition.races for end in (0, -1)}
    return next((mat.devices[0] for mat in definition.mats if mat.id not in ends), None)


def skew_ms(definition: Definition, steps_ms: Mapping[str, int]) -> int:
    """Return by how much that clock is slow, in whole steps of its resolution."""
    behind = skewed_device(definition)
    step_ms = next((steps_ms.get(mat.id, 1) for mat in definition.mats if behind in mat.devices), 1)
    return SKEW_MS - SKEW_MS % step_ms


def read_all(
    definition: Definition, courses: dict[str, Course], runs: list[Run], seed: str, skew: int = SKEW_MS
) -> RawReads:
    """Return all reads of these runs, and of chips and readers that belong to none."""
    readers = _Readers(definition, runs, skew)
    rng = dice(seed, "reads")
    stray = dice(seed, "strays")
    for run in runs:
        if run.entrant.worn is None:
            continue
        chip = readers.chip(run.entrant.worn)
        course = courses[run.race.id]
        for crossing in run.crossings:
            _read_crossing(rng, readers, course, crossing, chip)
        _read_strays(stray, readers, course, run, chip)
    _read_spares(stray, readers, len(runs))
    return RawReads(readers.devices, readers.chips, readers.base_ms, readers.in_order())


class _Readers:
    """All devices and their reads."""

    def __init__(self, definition: Definition, runs: list[Run], skew: int) -> None:
        self.mats: dict[str, Mat] = {mat.id: mat for mat in definition.mats}
        self.devices = [d for mat in definition.mats for d in (*mat.devices, *mat.backup_devices)] + [TEST_READER]
        self._device = {name: number for number, name in enumerate(self.devices)}
        self._behind = [skew if name == skewed_device(definition) else 0 for name in self.devices]
        self.first_ms = min((run.own_gun_us for run in runs), default=0) // MS
        self.last_ms = max((c.true_us for run in runs for c in run.crossings), default=0) // MS
        self.base_ms = self.first_ms - EARLY_MS[1] - 3_600_000
        self.chips: list[str] = []
        self._chip: dict[str, int] = {}
        self._packed: dict[int, array[int]] = {}  # by stretches of 17 minutes, which are sorted separately

    def chip(self, name: str) -> int:
        """Return the number of a chip."""
        number = self._chip.get(name)
        if number is None:
            number = self._chip[name] = len(self.chips)
            self.chips.append(name)
        return number

    def see(self, device: str, chip: int, at_ms: int, rssi: int) -> None:
        """Add a read, with the time of the device's own clock."""
        number = self._device[device]
        own_ms = at_ms - self._behind[number] - self.base_ms
        packed = (own_ms << _TIME_AT) | (chip << _CHIP_AT) | (number << _DEVICE_AT) | -rssi
        stretch = self._packed.get(own_ms >> 20)
        if stretch is None:
            stretch = self._packed[own_ms >> 20] = array("q")
        stretch.append(packed)

    def in_order(self) -> "array[int]":
        """Return all reads by time."""
        ordered = array("q")
        for key in sorted(self._packed):
            ordered.extend(sorted(self._packed.pop(key)))
        return ordered


def _read_crossing(rng: Random, readers: _Readers, course: Course, crossing: Crossing, chip: int) -> None:
    point = course.race.points[crossing.point]
    mat = readers.mats[point.mat]
    pick = point.picked()
    at_start = crossing.point == 0
    if crossing.main_us is not None:
        near = one_of(rng, mat.devices)
        span_ms = _read_cluster(rng, readers, near, chip, crossing.main_us // MS, pick, at_start)
        if len(mat.devices) > 1 and rng.random() < BOTH_READERS:
            other = next(device for device in mat.devices if device != near)
            _read_beside(rng, readers, other, chip, crossing.main_us // MS, pick, span_ms)
    if crossing.backup_us is not None:
        _read_cluster(rng, readers, mat.backup_devices[0], chip, crossing.backup_us // MS, pick, at_start)


def _read_cluster(
    rng: Random, readers: _Readers, device: str, chip: int, at_ms: int, pick: Pick, at_start: bool
) -> int:
    """Add the reads of one crossing by one device and return their span in milliseconds.

    There are about seven, twice as many in the crowd at the start. The read that the point picks is at `at_ms`.

    Strength rises and falls as a parabola over the crossing, from about -63 dBm to -40 and back, as one real crossing
    of a UHF tag does. Source: a recorded crossing in the public repository esitarski/CrossMgr.
    """
    random = rng.random
    number = 4 + int(random() * 17) if at_start else 4 + int(random() * 7)
    least, more = (80, 240) if at_start else (25, 36)
    offsets = [0]
    for _ in range(number - 1):
        offsets.append(offsets[-1] + least + int(random() * more))
    span = offsets[-1]
    picked = {"first": 0, "last": number - 1, "strongest": number // 2}[pick]
    peak = -37 - int(random() * 10)
    for nth, offset in enumerate(offsets):
        away = 2.0 * offset / span - 1.0
        rssi = peak - 1 - int(24 * away * away + 2 * random())
        if pick == "strongest" and nth == picked:
            rssi = peak
        readers.see(device, chip, at_ms + offset - offsets[picked], rssi)
    return span


def _read_beside(rng: Random, readers: _Readers, device: str, chip: int, at_ms: int, pick: Pick, span_ms: int) -> None:
    """Add weaker reads of the same crossing by the mat's other reader."""
    seen = set()
    for _ in range(between(rng, 4, 9)):
        seen.add(between(rng, 1, span_ms))
    for offset in sorted(seen):
        offset = -offset if pick == "last" else offset
        readers.see(device, chip, at_ms + offset, -60 - int(rng.random() * 12))


def _read_strays(rng: Random, readers: _Readers, course: Course, run: Run, chip: int) -> None:
    """Add reads that are no crossing of the runner's course, of kinds that change no result."""
    gun_ms = run.own_gun_us // MS
    start = readers.mats[run.race.points[0].mat]
    if rng.random() < (EARLY_VISITORS if run.started else EARLY_NO_SHOWS):
        device = one_of(rng, [*start.devices, *start.backup_devices])
        for _ in range(between(rng, 1, 6)):
            readers.see(device, chip, gun_ms - between(rng, *EARLY_MS), _weak(rng))
    if not run.crossings:
        return
    first = run.crossings[0]
    wait_ms = first.true_us // MS - gun_ms
    if first.point == 0 and first.main_us is not None and wait_ms > LINGER_AFTER_MS and rng.random() < LINGERERS:
        for _ in range(between(rng, 1, 8)):
            readers.see(one_of(rng, start.devices), chip, gun_ms + between(rng, 1, wait_ms - 5000), _weak(rng))
    _read_after_finish(rng, readers, course, run, chip)
    _read_ghosts(rng, readers, course, run, chip)


def _weak(rng: Random) -> int:
    return -62 - int(rng.random() * 14)


def _read_after_finish(rng: Random, readers: _Readers, course: Course, run: Run, chip: int) -> None:
    last = run.crossings[-1]
    if last.point == course.finish and last.caught() is not None and rng.random() < WANDERERS:
        finish = readers.mats[run.race.points[-1].mat]
        at_ms = last.true_us // MS + between(rng, 60_000, 1_800_000)
        for _ in range(between(rng, 1, 5)):
            readers.see(one_of(rng, finish.devices), chip, at_ms + between(rng, 0, 4000), _weak(rng))


def _read_ghosts(rng: Random, readers: _Readers, course: Course, run: Run, chip: int) -> None:
    gun_ms = run.own_gun_us // MS
    if rng.random() < GHOSTS:  # a false read before any runner can be there
        number = between(rng, 1, course.finish)
        point = run.race.points[number]
        if point.mat != run.race.points[0].mat:
            at_ms = gun_ms + between(rng, 1000, course.least_us[0][number] * 8 // 10 // MS)
            readers.see(readers.mats[point.mat].devices[0], chip, at_ms, _weak(rng))
    if rng.random() < ELSEWHERE:
        own = {point.mat for point in run.race.points}
        others = [mat for mat in readers.mats.values() if mat.id not in own]
        if others:
            at_ms = gun_ms + between(rng, 1000, 7_200_000)
            readers.see(one_of(rng, others).devices[0], chip, at_ms, _weak(rng))
    if rng.random() < TEST_READS:
        readers.see(TEST_READER, chip, gun_ms + between(rng, 1000, 7_200_000), _weak(rng))


def _read_spares(rng: Random, readers: _Readers, entrants: int) -> None:
    """Add reads of chips that no entry names, carried past mats."""
    devices = readers.devices[:-1]
    for number in range(int(entrants * SPARES) + 1):
        chip = readers.chip(f"ZZ{number:05d}")
        device = one_of(rng, devices)
        at_ms = between(rng, readers.first_ms, max(readers.first_ms, readers.last_ms))
        for nth in range(between(rng, 1, 12)):
            readers.see(device, chip, at_ms + nth * 37, _weak(rng))
