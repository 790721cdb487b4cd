"""The officials' facts of an event that are in force: who runs, who wears which chip, which guns were fired.

A fact that names something unknown is kept and takes effect when that appears. So names are not looked up when a fact
arrives, but when an athlete is scored. Source: R1.
"""

from collections.abc import Iterable
from typing import NamedTuple, assert_never

import msgspec

from schemas.chip_codes import bare_code
from schemas.definition import ChipCodes, Definition
from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from schemas.events import (
    CaseDecided,
    ChipAssigned,
    ClockCorrected,
    DeviceAssigned,
    EntriesAdded,
    Entry,
    EntryHidden,
    EntryWithdrawn,
    EventArchived,
    EventDefined,
    EventReopened,
    FactWithdrawn,
    GunFired,
    NoticeReceived,
    OrderSet,
    Outcome,
    PenaltySet,
    PointWaived,
    ProtestDecided,
    ProtestFiled,
    RaceClosed,
    RaceReopened,
    ReadExcluded,
    ResultsPublished,
    Ruling,
    StatusSet,
    TimeSet,
)
from schemas.ids import US
from schemas.results import Protest, Publication
from services.scoring.core.course import Course

ORDINAL_BITS = 20  # a record holds fewer than a million entries: its bytes are bounded far below that


class Written(NamedTuple):
    """An entry and its position in the log: a number that ascends through the log's records, facts and lists."""

    position: int
    entry: Entry


class OwnGun(NamedTuple):
    """The gun from which an athlete's times count; `wave` is None for the gun fired without a wave."""

    at_us: int
    wave: str | None


class Place(NamedTuple):
    """The mat of a device, and whether it is a backup there."""

    mat: str
    backup: bool


class Rulings:
    """The officials' facts in force, by subject. `apply` takes them in log order; a later fact replaces an earlier.

    Who is named by a chip and who is assigned it is kept by the bare code of the chip.
    """

    def __init__(self) -> None:
        self.definition: Definition | None = None
        self.plain_definition: EventDefined | None = None
        self.courses: dict[str, Course] = {}
        self.gap_us = 0
        self.backups: frozenset[tuple[str, str]] = frozenset()
        self.defined_places: dict[str, Place] = {}
        self.written: dict[str, list[Written]] = {}
        self.chip_codes: ChipCodes | None = None
        self.named_by: dict[str, set[str]] = {}
        self.guns: dict[tuple[str, str | None], int] = {}
        self.clocks: dict[str, list[ClockCorrected]] = {}
        self.placed: dict[str, list[DeviceAssigned]] = {}
        self.worn: dict[str, list[ChipAssigned]] = {}
        self._assignments: list[ChipAssigned] = []
        self.times: dict[str, dict[str, int | None]] = {}
        self.excluded: dict[str, set[tuple[str, int]]] = {}
        self.statuses: dict[str, StatusSet] = {}
        self.penalties: dict[str, int] = {}
        self.waivers: dict[tuple[str, str], list[PointWaived]] = {}
        self.orders: list[OrderSet] = []
        self.decisions: dict[str, Outcome] = {}
        self.closed: dict[str, RaceClosed] = {}
        self.protests: dict[str, Protest] = {}
        self.protest_outcomes: dict[str, str] = {}
        self.publications: list[Publication] = []
        self.hidden: dict[str, bool] = {}

    # --- Facts in.

    def apply(self, offset: int, ordinal: int, fact: Ruling) -> None:
        """Apply one fact; `ordinal` counts the facts and entries of the record at `offset`."""
        match fact:
            case EntriesAdded():
                for index, entry in enumerate(fact.entries):
                    self._enter(Written((offset << ORDINAL_BITS) + ordinal + index, entry))
            case EntryWithdrawn():
                self._leave(fact.bib)
            case EventDefined():
                self._define(fact)
            case GunFired():
                self.guns[fact.race, fact.wave] = fact.at_us
            case ClockCorrected():
                self.clocks.setdefault(fact.device, []).append(fact)
            case DeviceAssigned():
                self.placed.setdefault(fact.device, []).append(fact)
            case ChipAssigned():
                self._assignments.append(fact)
                self.worn.setdefault(self.bare(fact.chip), []).append(fact)
            case TimeSet():
                self.times.setdefault(fact.bib, {})[fact.point] = fact.at_us
            case ReadExcluded():
                self.excluded.setdefault(fact.chip, set()).add((fact.device, fact.at_us))
            case StatusSet():
                self.statuses[fact.bib] = fact
            case PenaltySet():
                self.penalties[fact.bib] = fact.penalty_us
            case PointWaived():
                self.waivers.setdefault((fact.race, fact.point), []).append(fact)
            case OrderSet():
                self.orders.append(fact)
            case CaseDecided():
                self.decisions[fact.case] = fact.outcome
            case RaceClosed():
                self.closed[fact.race] = fact
            case RaceReopened():
                self.closed.pop(fact.race, None)
            case EntryHidden():
                self.hidden[fact.bib] = fact.hidden
            case ProtestFiled() | ProtestDecided() | ResultsPublished():
                self._apply_office(offset, fact)
            case FactWithdrawn() | NoticeReceived() | EventArchived() | EventReopened():
                pass  # a withdrawal decides which facts are applied; the others change no standing
            case _:
                assert_never(fact)

    def _apply_office(self, offset: int, fact: ProtestFiled | ProtestDecided | ResultsPublished) -> None:
        match fact:
            case ProtestFiled():
                self.protests[fact.protest] = Protest(fact.protest, fact.race, fact.text, fact.recorded_at_us, fact.bib)
            case ProtestDecided():
                self.protest_outcomes[fact.protest] = fact.outcome
            case ResultsPublished():
                boards = None if fact.boards is None else list(fact.boards)
                self.publications.append(Publication(fact.race, fact.state, offset, boards, fact.recorded_at_us))
            case _:
                assert_never(fact)

    def _enter(self, written: Written) -> None:
        self.written.setdefault(written.entry.bib, []).append(written)
        for chip in written.entry.chips:
            self.named_by.setdefault(self.bare(chip), set()).add(written.entry.bib)

    def _leave(self, bib: str) -> None:
        for written in self.written.pop(bib, ()):
            for chip in written.entry.chips:
                self.named_by[self.bare(chip)].discard(bib)

    def _define(self, fact: EventDefined) -> None:
        try:
            definition = parse_definition(fact.definition)
        except DefinitionRefused:
            return  # ingest refuses it; if the log has one anyway, it has no effect
        if definition.chips != self.chip_codes:
            self._use_chip_codes(definition.chips)
        self.definition = definition
        self.plain_definition = fact
        self.courses = {race.id: Course(definition, race) for race in definition.races}
        self.gap_us = round(definition.passing_gap_s * US)
        self.backups = frozenset((mat.id, device) for mat in definition.mats for device in mat.backup_devices)
        self.defined_places = {
            device: Place(mat.id, backup)
            for mat in definition.mats
            for backup, devices in ((False, mat.devices), (True, mat.backup_devices))
            for device in devices
        }

    def _use_chip_codes(self, codes: ChipCodes | None) -> None:
        self.chip_codes = codes
        self.named_by, self.worn = {}, {}
        for bib, entries in self.written.items():
            for written in entries:
                for chip in written.entry.chips:
                    self.named_by.setdefault(self.bare(chip), set()).add(bib)
        for fact in self._assignments:
            self.worn.setdefault(self.bare(fact.chip), []).append(fact)

    # --- Questions, answered by the facts so far.

    def entry_of(self, bib: str) -> Written | None:
        """Return the athlete's entry in force: the last that names a race of the definition."""
        for written in reversed(self.written.get(bib, ())):
            if written.entry.race in self.courses:
                return written
        return None

    def first_entry(self, bib: str) -> int:
        """Return the position of the athlete's first entry since a withdrawal, without those for undefined races."""
        return next(written.position for written in self.written[bib] if written.entry.race in self.courses)

    def bare(self, chip: str) -> str:
        """Return the bare code of a chip, which all codes of it share."""
        return chip if self.chip_codes is None else bare_code(self.chip_codes, chip)

    def is_assigned(self, chip: str) -> bool:
        """Return whether a fact assigns the chip, so that its wearer depends on the instant."""
        return self.bare(chip) in self.worn

    def owner_of(self, chip: str) -> str | None:
        """Return the owner of a chip by the entries: the bib of the last entry in force that names it."""
        last, owner = -1, None
        bare = self.bare(chip)
        for bib in self.named_by.get(bare, ()):
            written = self.entry_of(bib)
            if written is not None and written.position > last and bare in map(self.bare, written.entry.chips):
                last, owner = written.position, bib
        return owner

    def wearer_of(self, chip: str, at_us: int, owner: str | None) -> str | None:
        """Return who wears a chip at a corrected instant: by the latest assignment that covers it, else its `owner`."""
        for fact in reversed(self.worn.get(self.bare(chip), ())):
            if _covers(fact.from_us, fact.until_us, at_us) and self.entry_of(fact.bib) is not None:
                return fact.bib
        return owner

    def corrected_us(self, device: str, at_us: int) -> int:
        """Return a device's time with the latest clock correction that covers it, by its own clock."""
        for fact in reversed(self.clocks.get(device, ())):
            if _covers(fact.from_us, fact.until_us, at_us):
                return at_us + fact.offset_us
        return at_us

    def place_of(self, device: str, at_us: int) -> Place | None:
        """Return a device's place at a corrected instant: by the latest assignment that covers it, else as defined."""
        for fact in reversed(self.placed.get(device, ())):
            if _covers(fact.from_us, fact.until_us, at_us) and self.has_mat(fact.mat):
                return Place(fact.mat, (fact.mat, device) in self.backups)
        return self.defined_places.get(device)

    def moves(self, device: str) -> bool:
        """Return whether a fact moves the device or corrects its clock, so that each read is placed by itself."""
        return device in self.clocks or device in self.placed

    def own_gun(self, entry: Entry) -> OwnGun | None:
        """Return the athlete's own gun: the wave's, else the gun fired without a wave, else None. Source: R3."""
        for wave in (entry.wave, None):
            at_us = self.guns.get((entry.race, wave))
            if at_us is not None:
                return OwnGun(at_us, wave)
        return None

    def race_gun_us(self, race: str) -> int | None:
        """Return the earliest of all the race's guns."""
        return min((at_us for (named, _), at_us in self.guns.items() if named == race), default=None)

    def protest(self, name: str) -> Protest:
        """Return a protest that was filed, with its outcome once there is one."""
        return msgspec.structs.replace(self.protests[name], outcome=self.protest_outcomes.get(name))

    def bibs(self) -> Iterable[str]:
        """Return every bib with an entry that was not withdrawn, in the order of their first entries."""
        return self.written.keys()

    def has_mat(self, mat: str) -> bool:
        """Return whether the definition has that mat."""
        return self.definition is not None and any(known.id == mat for known in self.definition.mats)


def _covers(from_us: int | None, until_us: int | None, at_us: int) -> bool:
    return (from_us is None or from_us <= at_us) and (until_us is None or at_us < until_us)
