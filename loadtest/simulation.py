"""A simulated race day from a definition, a size and a seed: entries, guns, reads, rulings, and the true results.

    simulation = simulate(definition, size=500, seed=7)
    for line in simulation.log_lines(): ...        # `matline score` must give simulation.truth

The same arguments give the same bytes on every machine.
"""

import heapq
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Struct

from loadtest.deliveries import MYLAPS_GATEWAY, Delivery, deliver, gateways
from loadtest.dice import between, dice
from loadtest.field import DEFAULT_LIMITS, Entrant, FieldLimits, entrants
from loadtest.plans import Plan, plan_for
from loadtest.race_day import Run, check, courses, fire, run_all
from loadtest.raw_reads import RawRead, RawReads, read_all, skew_ms, skewed_device
from loadtest.truth import Truth
from schemas.codec import to_json
from schemas.definition import Definition
from schemas.events import (
    CaseDecided,
    ChipAssigned,
    ClockCorrected,
    EntriesAdded,
    Entry,
    EventDefined,
    GunFired,
    RaceClosed,
    Ruling,
    StatusSet,
    TimeSet,
)
from schemas.ids import US
from schemas.named import Named

ENTRIES_A_FACT = 500
MARK = " (simulated)"
SIZE_MAX = 100_000


class Timed(NamedTuple):
    """An official's fact and the instant at which it is sent."""

    due_us: int
    fact: Ruling


class _ReadsFact(Struct, frozen=True, tag_field="type", tag="reads_received"):
    """A delivery as a fact of a log."""

    event: str
    gateway: str
    session: str
    reads: list[RawRead]


class Simulation(Struct, frozen=True, kw_only=True):
    """A simulated race day. `truth` is by bib, in the order of the entries; `opening` is due before everything else."""

    definition: Definition
    size: int
    seed: int
    entries: list[Entry]
    truth: dict[str, Truth]
    opening: list[Timed]
    guns: list[Timed]
    rulings: list[Timed]
    closing: list[Timed]
    reads: RawReads

    @property
    def facts(self) -> list[Timed]:
        """All officials' facts, in the order in which they are due."""
        return sorted([*self.opening, *self.guns, *self.rulings, *self.closing], key=lambda timed: timed.due_us)

    def deliveries(self) -> Iterator[Delivery]:
        """Return the gateways' batches in the order of their arrival."""
        return deliver(self.definition, self.reads, _chance(self.definition, self.seed))

    def timeline(self) -> Iterator[Timed | Delivery]:
        """Return facts and deliveries in the order in which they are due, facts first."""
        facts: Iterator[Timed | Delivery] = iter(self.facts)
        deliveries: Iterator[Timed | Delivery] = self.deliveries()
        return heapq.merge(facts, deliveries, key=_due_us)

    def log_lines(self) -> Iterator[bytes]:
        """Return the day as a log, a line of JSON without its line break for each fact."""
        return map(self.line, self.timeline())

    def line(self, item: Timed | Delivery) -> bytes:
        """Return a fact or a delivery as a line of a log."""
        if isinstance(item, Timed):
            return to_json(item.fact)
        return msgspec.json.encode(_ReadsFact(self.definition.event, item.gateway, item.session, item.reads))

    def sources_toml(self, address: str | None = None) -> str:
        """Return ingest's `[[sources]]` for the MYLAPS mats, where locations have the names of our devices."""
        devices = [device for device, gateway in gateways(self.definition).items() if gateway.via == "mylaps"]
        lines = [
            "[[sources]]",
            'protocol = "mylaps"',
            *([] if address is None else [f'address = "{address}"']),
            f'event = "{self.definition.event}"',
            f'gateway = "{MYLAPS_GATEWAY}"',
            f'zone = "{self.definition.timezone}"',
            "devices = { " + ", ".join(f'"{device}" = "{device}"' for device in devices) + " }",
        ]
        return "\n".join(lines) + "\n"


def _due_us(item: Timed | Delivery) -> int:
    return item.due_us


def simulate(
    definition: Definition,
    size: int,
    seed: int,
    plan: Plan | None = None,
    steps_ms: Mapping[str, int] = MappingProxyType({}),
) -> Simulation:
    """Return a race day of `size` entrants.

    `steps_ms` has the clock resolution of mats where it is coarser than a millisecond, for results that these clocks
    can give. Raises NotSimulated if the true results of this definition cannot be worked out.
    """
    if not 1 <= size <= SIZE_MAX:
        raise ValueError(f"size is {size}; it must be from 1 to {SIZE_MAX}")
    check(definition)
    plan = plan_for(definition) if plan is None else plan
    marked = msgspec.structs.replace(definition, name=_marked(definition.name))
    chance = _chance(marked, seed)
    field = entrants(marked, plan, size, chance)
    guns = fire(marked, field, chance)
    by_race = courses(marked, plan, guns, chance, steps_ms)
    runs = run_all(by_race, field, chance)
    stamp = _Stamp(marked.event, seed)
    first_us = min(gun.first_us for gun in guns.values())
    fired = [
        Timed(at_us + US, stamp.gun(race, wave, at_us))
        for race, gun in guns.items()
        for wave, at_us in gun.by_wave.items()
    ]
    behind_ms = skew_ms(marked, steps_ms)
    rulings = _rulings(stamp, marked, runs, first_us, chance, behind_ms)
    closing = _closing(stamp, runs, [race for race, course in by_race.items() if course.closed], chance)
    return Simulation(
        definition=marked,
        size=len(field),
        seed=seed,
        entries=[entrant.entry for entrant in field],
        truth={run.truth.bib: run.truth for run in runs},
        opening=_opening(stamp, marked, field, first_us),
        guns=sorted(fired, key=_due_us),
        rulings=rulings,
        closing=closing,
        reads=read_all(marked, by_race, runs, chance, behind_ms),
    )


def entry_list(
    definition: Definition, size: int, seed: int, plan: Plan | None = None, limits: FieldLimits = DEFAULT_LIMITS
) -> list[Entry]:
    """Return only the entries of such a day, at a fraction of its cost."""
    plan = plan_for(definition) if plan is None else plan
    return [entrant.entry for entrant in entrants(definition, plan, size, _chance(definition, seed), limits)]


def _marked(name: Named) -> Named:
    """Return a name, in each of its languages, with the mark of a simulated event."""
    if isinstance(name, str):
        return name.removesuffix(MARK) + MARK
    return {language: text.removesuffix(MARK) + MARK for language, text in name.items()}


def _chance(definition: Definition, seed: int) -> str:
    return f"{definition.event}:{seed}"


class _Stamp:
    """Make officials' facts of an event, each with an id that is unique for this seed."""

    def __init__(self, event: str, seed: int) -> None:
        self.event = event
        self._seed = seed

    def id(self, *parts: object) -> str:
        """Return an id from slugs, bibs and numbers."""
        return "-".join(["sim", str(self._seed), *map(str, parts)])[:64]

    def gun(self, race: str, wave: str | None, at_us: int) -> GunFired:
        """Return a gun fact."""
        return GunFired(event=self.event, id=self.id("gun", race, wave or ""), race=race, at_us=at_us, wave=wave)


def _opening(stamp: _Stamp, definition: Definition, field: list[Entrant], first_us: int) -> list[Timed]:
    """Return definition, entries and replaced chips, all due a day before the first gun."""
    due_us = first_us - 86_400 * US
    plain = msgspec.to_builtins(definition)
    facts: list[Ruling] = [EventDefined(event=stamp.event, id=stamp.id("definition"), definition=plain)]
    entries = [entrant.entry for entrant in field]
    for start in range(0, len(entries), ENTRIES_A_FACT):
        part = entries[start : start + ENTRIES_A_FACT]
        facts.append(EntriesAdded(event=stamp.event, id=stamp.id("entries", start), entries=part))
    facts += [
        ChipAssigned(
            event=stamp.event, id=stamp.id("chip", entrant.entry.bib), chip=entrant.worn, bib=entrant.entry.bib
        )
        for entrant in field
        if entrant.worn is not None and entrant.worn not in entrant.entry.chips
    ]
    return [Timed(due_us, fact) for fact in facts]


def _rulings(
    stamp: _Stamp, definition: Definition, runs: list[Run], first_us: int, chance: str, behind_ms: int
) -> list[Timed]:
    """Return a clock correction, times from the video, and statuses, in the order in which they are due."""
    event = stamp.event
    timed_facts: list[Timed] = []
    behind = skewed_device(definition)
    if behind is not None:
        due_us = first_us + between(dice(chance, "clock"), 600, 5400) * US
        fact = ClockCorrected(event=event, id=stamp.id("clock"), device=behind, offset_us=behind_ms * 1000)
        timed_facts.append(Timed(due_us, fact))
    for run in runs:
        bib, ruled = run.entrant.entry.bib, run.ruled
        if ruled.finish_us is not None:
            reason = "time by officials" if run.entrant.worn is None else "missed by the mat, time from the video"
            timed_facts.append(
                Timed(
                    ruled.finish_due_us,
                    TimeSet(
                        event=event,
                        id=stamp.id("time", bib),
                        bib=bib,
                        point="FINISH",
                        at_us=ruled.finish_us,
                        reason=reason,
                    ),
                )
            )
        if ruled.status is not None:
            reason = "shortened the course" if ruled.status == "DQ" else "taken to the medical tent"
            timed_facts.append(
                Timed(
                    ruled.status_due_us,
                    StatusSet(
                        event=event,
                        id=stamp.id("status", bib),
                        bib=bib,
                        status=ruled.status,
                        reason=reason,
                        at_us=ruled.status_at_us,
                    ),
                )
            )
    return sorted(timed_facts, key=_due_us)


def _closing(stamp: _Stamp, runs: list[Run], closed: list[str], chance: str) -> list[Timed]:
    """Close each race a quarter of an hour after its last runner; then come the jury's decisions on its cases."""
    rng = dice(chance, "jury")
    timed_facts: list[Timed] = []
    for race in closed:
        own = [run for run in runs if run.race.id == race]
        last_us = max(
            max([run.own_gun_us, *(c.true_us for c in run.crossings), run.ruled.finish_us or 0]) for run in own
        )
        due_us = last_us + 900 * US
        timed_facts.append(Timed(due_us, RaceClosed(event=stamp.event, id=stamp.id("closed", race), race=race)))
        for run in own:
            if run.ruled.decision is not None:
                case = f"missed:{run.entrant.entry.bib}"
                fact = CaseDecided(
                    event=stamp.event,
                    id=stamp.id(case),
                    case=case,
                    outcome=run.ruled.decision,
                    reason="seen on the course" if run.ruled.decision == "accept" else "not seen on the course",
                )
                timed_facts.append(Timed(due_us + between(rng, 60, 1200) * US, fact))
    return sorted(timed_facts, key=_due_us)
