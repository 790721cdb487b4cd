"""Simulated races with one trouble each, under events of their own by which their alerts are known. Pure."""

from array import array
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from loadtest.plans import plan_for
from loadtest.simulation import Simulation, Timed, simulate
from schemas.definition import Definition
from schemas.events import EntriesAdded, GunFired
from schemas.ids import US

PLANTED = "planted-"  # at the beginning of these events' ids
SILENT_FROM = 0.4  # of the reads of the mat: most are still to come
MISSED = 3  # of ten athletes
UNKNOWN = 2  # of ten chips
CLOCK_AHEAD_MS = 90_000
GUN_LATE_US = 120 * US
SAME_CROSSING_MS = 5_000


class PlantedRace(Struct, frozen=True, kw_only=True):
    """A race to be sent, named by its trouble, and the alerts that it has to raise."""

    trouble: str
    alerts: frozenset[str]
    simulation: Simulation

    @property
    def event(self) -> str:
        """The event, which its alerts name."""
        return self.simulation.definition.event


def race(definition: Definition, event: str, size: int, seed: int) -> Simulation:
    """Return a race of `size` entrants under the id `event` that nobody has closed yet."""
    renamed = msgspec.structs.replace(definition, event=event)
    return msgspec.structs.replace(simulate(renamed, size, seed, plan_for(definition)), closing=[])


def thinned(simulation: Simulation) -> Simulation:
    """Return the race with one read of each crossing by a device, a seventh of all."""
    reads = simulation.reads
    last_ms: dict[tuple[int, str], int] = {}
    kept = array("q")
    for packed in reads.packed:
        at_ms, key = reads.time_ms(packed), (reads.device(packed), reads.unpacked(packed, 0).chip)
        if at_ms - last_ms.get(key, -SAME_CROSSING_MS) >= SAME_CROSSING_MS:
            kept.append(packed)
        last_ms[key] = at_ms
    return _with_reads(simulation, kept)


def mat_silent(simulation: Simulation, mat: str) -> Simulation:
    """Return the race with a mat whose devices all fall silent while the others read on."""
    reads, devices = simulation.reads, _devices(simulation, mat)
    own = [packed for packed in reads.packed if reads.devices[reads.device(packed)] in devices]
    silent_ms = reads.time_ms(own[int(SILENT_FROM * len(own))])
    dropped = {packed for packed in own if reads.time_ms(packed) >= silent_ms}
    return _with_reads(simulation, (packed for packed in reads.packed if packed not in dropped))


def mat_misses(simulation: Simulation, mat: str) -> Simulation:
    """Return the race with a mat that misses some athletes with all its devices."""
    reads, devices = simulation.reads, _devices(simulation, mat)
    missed = {chip for number, chip in enumerate(reads.chips) if number % 10 < MISSED}
    return _with_reads(
        simulation,
        (
            packed
            for packed in reads.packed
            if reads.devices[reads.device(packed)] not in devices or reads.unpacked(packed, 0).chip not in missed
        ),
    )


def clock_ahead(simulation: Simulation, device: str) -> Simulation:
    """Return the race with a device whose clock is ahead from the beginning."""
    reads, wrong = simulation.reads, simulation.reads.devices.index(device)
    dated = (
        reads.later(packed, CLOCK_AHEAD_MS) if reads.device(packed) == wrong else packed for packed in reads.packed
    )
    return _with_reads(simulation, sorted(dated))


def chips_unknown(simulation: Simulation) -> Simulation:
    """Return the race with chips that no entry names in place of some."""
    chips = [f"Q{chip}" if number % 10 < UNKNOWN else chip for number, chip in enumerate(simulation.reads.chips)]
    return msgspec.structs.replace(simulation, reads=msgspec.structs.replace(simulation.reads, chips=chips))


def gun_late(simulation: Simulation) -> Simulation:
    """Return the race with its first gun typed too late."""
    timed = simulation.guns[0]
    return msgspec.structs.replace(simulation, guns=[_moved(timed, GUN_LATE_US), *simulation.guns[1:]])


def opening_alone(simulation: Simulation) -> Simulation:
    """Return the race before anything happens: its definition and its entries."""
    return msgspec.structs.replace(_with_reads(simulation, ()), guns=[], rulings=[])


def with_chip(simulation: Simulation, chip: str) -> Simulation:
    """Return the race with the chip as one more of an athlete's, so that somebody wears it."""
    first, *others = simulation.entries
    wearing = msgspec.structs.replace(first, chips=[*first.chips, chip])
    added = EntriesAdded(event=simulation.definition.event, id="drill-chip", entries=[wearing])
    opening = [*simulation.opening, Timed(simulation.opening[-1].due_us, added)]
    return msgspec.structs.replace(simulation, entries=[wearing, *others], opening=opening)


def gun_without_reads(simulation: Simulation, at_us: int) -> Simulation:
    """Return the race with one gun at an instant, and nothing that follows it."""
    fired = simulation.guns[0].fact
    assert isinstance(fired, GunFired)
    gun = Timed(at_us, msgspec.structs.replace(fired, at_us=at_us))
    return msgspec.structs.replace(opening_alone(simulation), guns=[gun])


def _moved(timed: Timed, by_us: int) -> Timed:
    assert isinstance(timed.fact, GunFired)
    return Timed(timed.due_us + by_us, msgspec.structs.replace(timed.fact, at_us=timed.fact.at_us + by_us))


def _with_reads(simulation: Simulation, packed: Iterable[int]) -> Simulation:
    reads = msgspec.structs.replace(simulation.reads, packed=array("q", packed))
    return msgspec.structs.replace(simulation, reads=reads)


def _devices(simulation: Simulation, mat: str) -> frozenset[str]:
    own = next(known for known in simulation.definition.mats if known.id == mat)
    return frozenset((*own.devices, *own.backup_devices))


MAT, DEVICE = "5k", "5K-B"  # crossed by two races on their way
TROUBLES: Mapping[str, tuple[frozenset[str], Callable[[Simulation], Simulation]]] = {
    "a mat falls silent while its neighbours read": (frozenset({"MatSilent"}), lambda day: mat_silent(day, MAT)),
    "a mat misses three of ten athletes": (frozenset({"MatSilent"}), lambda day: mat_misses(day, MAT)),
    "a device's clock is 90 s ahead": (frozenset({"ClockOff"}), lambda day: clock_ahead(day, DEVICE)),
    "a gun is typed two minutes late": (frozenset({"GunSuspect"}), gun_late),
    "nobody wears two of ten chips": (frozenset({"ChipsUnknown"}), chips_unknown),
}


def planted_races(definition: Definition, size: int, now_us: int) -> list[PlantedRace]:
    """Return a race for each trouble, as small as may be, and one without reads whose gun was fired eleven minutes ago.

    `now_us` is the present instant. The definition has the mats of the Hanoi half marathon.
    """
    races = [
        PlantedRace(
            trouble=trouble,
            alerts=alerts,
            simulation=plant(thinned(race(definition, f"{PLANTED}{number}", size, number))),
        )
        for number, (trouble, (alerts, plant)) in enumerate(TROUBLES.items(), start=1)
    ]
    waiting = gun_without_reads(race(definition, f"{PLANTED}no-reads", 20, 0), now_us - 11 * 60 * US)
    return [
        *races,
        PlantedRace(
            trouble="no read for eleven minutes after a gun", alerts=frozenset({"NoReads"}), simulation=waiting
        ),
    ]
