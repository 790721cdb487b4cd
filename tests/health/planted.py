"""Simulated days with one fault planted in them, and what health says of a day up to an instant.

The truth is the simulation's: who crossed which mat when is taken from the reads before the fault is planted.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

import msgspec

import races
from loadtest.simulation import Simulation, Timed, simulate
from schemas.definition_parse import definition_from_toml
from schemas.events import ClockCorrected, GunFired, Read, ReadsReceived
from services.health.examine_event import health
from services.health.health_document import Finding, Health
from services.health.observed import observe
from services.offline.scored_log import scored
from services.scoring.core.event import EventState

NAMES = ["hanoi-half-2024", "tien-phong-2024", "vnexpress-hcmc-midnight-2024", "vnexpress-nha-trang-2023"]
US = 1_000_000
PAST = 200  # athletes who have gone past before a fault has to be found
WITHIN_US = 60 * US


class RawRead(NamedTuple):
    """A read by its device's own clock; in time order it is the order of a log."""

    at_us: int
    device: str
    chip: str


class Day(NamedTuple):
    """A simulated day with a fault: facts and reads, when it has to be found, and whether a finding is the right one.

    `reads` carry the true instant first, since a wrong clock does not change when a read arrives.
    """

    simulation: Simulation
    facts: list[Timed]
    reads: list[tuple[int, RawRead]]
    due_us: int
    is_it: Callable[[Finding], bool]
    behind_us: int


def clean_day(name: str, size: int, seed: int) -> Simulation:
    """A day without a fault of the system; its one slow clock is put right from the beginning."""
    return simulate(definition_from_toml(races.definition_toml(name)), size, seed)


def raw_reads(simulation: Simulation) -> list[tuple[int, RawRead]]:
    """All reads with the instants at which they were made."""
    rows = (simulation.reads.unpacked(packed, 0) for packed in simulation.reads.packed)
    return [(row.at_us, RawRead(row.at_us, row.device, row.chip)) for row in rows]


def health_at(day: Day, until_us: int | None) -> Health:
    """What health says once all has arrived that was due until an instant."""
    return health_of(day.simulation, day.facts, day.reads, until_us)


def health_of(
    simulation: Simulation, facts: Iterable[Timed], reads: Iterable[tuple[int, RawRead]], until_us: int | None
) -> Health:
    """The same of facts and reads by themselves."""
    return health(*examined(simulation, facts, reads, until_us))


def examined(
    simulation: Simulation, facts: Iterable[Timed], reads: Iterable[tuple[int, RawRead]], until_us: int | None
) -> tuple[Any, ...]:
    """The arguments of `health` as of an instant."""
    state = EventState(simulation.definition.event)
    number = 0
    for timed in facts:
        if until_us is None or timed.due_us <= until_us or isinstance(timed.fact, ClockCorrected):
            state.fold(number, 0, timed.fact)
            number += 1
    some = [
        Read(seq=0, device=read.device, chip=read.chip, at_us=read.at_us)
        for true_us, read in reads
        if until_us is None or true_us <= until_us
    ]
    state.fold(number, 0, ReadsReceived(event=state.event, gateway="g", session="s", reads=some))
    made = scored(state)
    assert made.event is not None
    assert made.definition is not None
    return made.event, made.definition, made.athletes, observe(state), until_us


# --- Faults.


def mat_dead(simulation: Simulation, rng: Random) -> Day:
    """All devices of a mat on the course fall silent."""
    mat, from_us, due_us, behind_us = _somewhere(simulation, rng)
    devices = _devices(simulation, mat)
    reads = [
        timed_read
        for timed_read in raw_reads(simulation)
        if timed_read[1].device not in devices or timed_read[0] < from_us
    ]

    def is_it(finding: Finding) -> bool:
        near = finding.since_us is not None and from_us - 300 * US < finding.since_us < due_us
        return finding.kind in ("device_silent", "point_missing") and finding.subject["mat"] == mat and near

    return Day(simulation, simulation.facts, reads, due_us, is_it, behind_us)


def antenna_dead(simulation: Simulation, rng: Random) -> Day:
    """The main devices of a mat miss 30 % of the athletes; its backup goes on."""
    return _misses(simulation, rng, backup=False)


def antenna_dead_everywhere(simulation: Simulation, rng: Random) -> Day:
    """All devices of a mat miss the same 30 %, so that only the mats behind can tell."""
    return _misses(simulation, rng, backup=True)


def _misses(simulation: Simulation, rng: Random, backup: bool) -> Day:
    mat, from_us, due_us, behind_us = _somewhere(simulation, rng)
    devices = _devices(simulation, mat, backup=backup)
    missed = {chip for chip in sorted({read.chip for _, read in raw_reads(simulation)}) if rng.random() < 0.3}
    reads = [
        timed_read
        for timed_read in raw_reads(simulation)
        if timed_read[1].device not in devices or timed_read[0] < from_us or timed_read[1].chip not in missed
    ]
    return Day(
        simulation,
        simulation.facts,
        reads,
        behind_us if backup else due_us,  # without the backup's reads, those who went past are seen behind the mat only
        lambda finding: finding.kind == "point_missing" and finding.subject["mat"] == mat,
        behind_us,
    )


def clock_off(by_s: int, jumps: bool = False) -> Callable[[Simulation, Random], Day]:
    """One device's clock is off, from the beginning or from an instant on."""

    def plant(simulation: Simulation, rng: Random) -> Day:
        mat, from_us, due_us, behind_us = _somewhere(simulation, rng, since_start=not jumps, anywhere=True)
        device = rng.choice(_devices(simulation, mat))
        reads = [
            (true_us, read._replace(at_us=read.at_us + by_s * US))
            if read.device == device and (not jumps or true_us >= from_us)
            else (true_us, read)
            for true_us, read in raw_reads(simulation)
        ]

        def is_it(finding: Finding) -> bool:
            return (
                finding.kind == "clock_off"
                and finding.subject.get("device") == device
                and abs(finding.evidence["ahead_us"] - by_s * US) < 5 * US
                and finding.proposal is not None
                and (
                    not jumps or -120 * US < (finding.since_us or 0) - from_us - by_s * US < 1500 * US
                )  # the next crossing
            )

        return Day(simulation, simulation.facts, reads, due_us, is_it, behind_us)

    return plant


def mat_clock_off(simulation: Simulation, rng: Random) -> Day:
    """All devices of a mat are an hour ahead, as on one timing box."""
    mat, _, due_us, behind_us = _somewhere(simulation, rng, since_start=True)
    devices = _devices(simulation, mat)
    reads = [
        (true_us, read._replace(at_us=read.at_us + 3600 * US)) if read.device in devices else (true_us, read)
        for true_us, read in raw_reads(simulation)
    ]
    return Day(
        simulation,
        simulation.facts,
        reads,
        due_us,
        lambda finding: (
            finding.kind == "clock_off"
            and finding.subject["mat"] == mat
            and abs(finding.evidence["ahead_us"] - 3600 * US) < 60 * US
        ),
        behind_us,
    )


def wrong_gun(by_s: int) -> Callable[[Simulation, Random], Day]:
    """A gun is typed wrong."""

    def plant(simulation: Simulation, rng: Random) -> Day:
        entered = {entry.chips[0]: entry for entry in simulation.entries if entry.chips}
        counts: dict[tuple[str, str | None], int] = {}
        for entry in entered.values():
            counts[entry.race, entry.wave] = counts.get((entry.race, entry.wave), 0) + 1
        guns = [timed for timed in simulation.guns if _gun(timed).race in {race for race, _ in counts}]
        most = sorted(guns, key=lambda timed: -counts.get((_gun(timed).race, _gun(timed).wave), 0))
        chosen = rng.choice(most[: max(1, len(most) // 2)])
        gun = _gun(chosen)
        typed = Timed(
            chosen.due_us + max(by_s if by_s < 3600 else 0, 0) * US,
            msgspec.structs.replace(gun, at_us=gun.at_us + by_s * US),
        )
        facts = sorted(
            [timed for timed in simulation.facts if timed.fact is not gun] + [typed], key=lambda timed: timed.due_us
        )
        race = next(race for race in simulation.definition.races if race.id == gun.race)
        start = set(_devices(simulation, race.points[0].mat))
        chips = {chip for chip, entry in entered.items() if (entry.race, entry.wave) == (gun.race, gun.wave)}
        first = sorted(
            {
                read.chip: true_us
                for true_us, read in reversed(raw_reads(simulation))
                if read.device in start and read.chip in chips and true_us >= gun.at_us
            }.values()
        )
        later = {d for point in race.points[1:] for d in _devices(simulation, point.mat)}
        gone = sorted(
            {
                read.chip: true_us
                for true_us, read in reversed(raw_reads(simulation))
                if read.device in later and read.chip in chips
            }.values()
        )
        return Day(
            simulation,
            facts,
            raw_reads(simulation),
            max(first[min(PAST, len(first)) - 1], typed.due_us) + WITHIN_US,
            lambda finding: (
                finding.kind == "gun_suspect"
                and finding.subject.get("race") == gun.race
                and finding.subject.get("wave") == gun.wave
                and abs(finding.evidence["likely_us"] - gun.at_us) < 3 * US
            ),
            gone[min(PAST, len(gone)) - 1] + WITHIN_US,
        )

    return plant


def chips_unknown(simulation: Simulation, rng: Random) -> Day:
    """A tenth of the chips are others than the entries say."""
    chips = sorted({read.chip for _, read in raw_reads(simulation)})
    other = {chip: f"Q{chip}" for chip in chips if rng.random() < 0.1}
    reads = [(true_us, read._replace(chip=other.get(read.chip, read.chip))) for true_us, read in raw_reads(simulation)]
    past = sorted({read.chip: true_us for true_us, read in reversed(reads)}.values())
    return Day(
        simulation,
        simulation.facts,
        reads,
        past[min(PAST, len(past)) - 1] + WITHIN_US,
        lambda finding: finding.kind == "chips_unknown",
        past[min(PAST, len(past)) - 1] + WITHIN_US,
    )


def chips_without_zeros(simulation: Simulation, rng: Random) -> Day:
    """A tenth of the chips are read with zeros that the entries lack."""
    day = chips_unknown(simulation, rng)
    return day._replace(
        reads=[(true_us, read._replace(chip=read.chip.replace("Q", "000", 1))) for true_us, read in day.reads]
    )


FAULTS: dict[str, Callable[[Simulation, Random], Day]] = {
    "mat dead": mat_dead,
    "antenna dead": antenna_dead,
    "antenna dead, backup too": antenna_dead_everywhere,
    "clock 90 s ahead": clock_off(90),
    "clock 90 s behind": clock_off(-90),
    "clock an hour ahead": clock_off(3600),
    "clock an hour behind": clock_off(-3600),
    "clock jumps": clock_off(120, jumps=True),
    "mat an hour ahead": mat_clock_off,
    "gun two minutes late": wrong_gun(120),
    "gun in UTC": wrong_gun(-7 * 3600),
    "gun of yesterday": wrong_gun(-86400),
    "chips unknown": chips_unknown,
    "chips with zeros": chips_without_zeros,
}


def _gun(timed: Timed) -> GunFired:
    assert isinstance(timed.fact, GunFired)
    return timed.fact


def _devices(simulation: Simulation, mat: str, backup: bool = True) -> list[str]:
    own = next(known for known in simulation.definition.mats if known.id == mat)
    return [*own.devices, *(own.backup_devices if backup else ())]


def _somewhere(
    simulation: Simulation, rng: Random, since_start: bool = False, anywhere: bool = False
) -> tuple[str, int, int, int]:
    """A mat, an instant at which many are still to come, when PAST have gone past after it, and when they have been
    seen behind it. Mats where races start or end are left out but with `anywhere`.
    """
    definition = simulation.definition
    ends = {race.points[end].mat for race in definition.races for end in (0, -1)}
    mats = [mat.id for mat in definition.mats if anywhere or mat.id not in ends]
    by_device = {device: mat.id for mat in definition.mats for device in (*mat.devices, *mat.backup_devices)}
    entered = {chip for entry in simulation.entries for chip in entry.chips}
    crossed: dict[str, dict[str, int]] = {mat: {} for mat in mats}
    first_gun_us = min(_gun(timed).at_us for timed in simulation.guns)
    crossings: dict[str, list[tuple[int, str]]] = {}
    for true_us, read in raw_reads(simulation):
        mat = by_device.get(read.device)
        if mat is not None and read.chip in entered and true_us >= first_gun_us:
            crossings.setdefault(read.chip, []).append((true_us, mat))
            if mat in crossed:
                crossed[mat].setdefault(read.chip, true_us)
    most = max(map(len, crossed.values()))
    busy = [mat for mat in mats if len(crossed[mat]) >= min(1.3 * PAST, most)]
    mat = rng.choice(busy)
    times = sorted(crossed[mat].values())
    nth = 0 if since_start else int(max(len(times) - PAST, 0.5 * len(times)) * rng.uniform(0.1, 0.9))
    from_us = times[nth]
    past = times[nth : nth + PAST]
    behind = sorted(
        next((us for us, where in crossings[chip] if us > true_us and where != mat), 1 << 60)
        for chip, true_us in crossed[mat].items()
        if true_us >= from_us
    )
    return mat, from_us, past[-1] + WITHIN_US, behind[min(PAST, sum(us < 1 << 60 for us in behind)) - 1] + WITHIN_US
