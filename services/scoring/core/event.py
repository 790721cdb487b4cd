"""One event's state: its reads and officials' facts, the athletes who have to be scored again, and each row's version.

The version of a row is the highest offset of a fact that affects the athlete, whether or not it changes the result: a
read of a chip that the athlete has or had; a fact that names the athlete or such a chip; a definition; a gun, close or
reopening of the athlete's race; a device or clock fact for a device that read such a chip. So equal versions mean equal
rows, in whatever portions the log was folded.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import assert_never

from schemas.chip_codes import codes_of
from schemas.definition import ChipCodes
from schemas.events import (
    ChipAssigned,
    EntriesAdded,
    Fact,
    FactWithdrawn,
    LoggedFact,
    NoticeReceived,
    Read,
    ReadRow,
    Ruling,
)
from schemas.fact_kinds import AsFact, AsProtest, Everybody, InRace, ReadBy, SharingChips, WithBibs, WithChips
from schemas.results import AthleteRow, EventRow, Gun, JudgesOrder, UnknownChips
from services.scoring.core.athlete import score
from services.scoring.core.chips_of_nobody import ChipsOfNobody
from services.scoring.core.classify_reads import locate_reads
from services.scoring.core.device_places import UNKNOWN, DevicePlacement, Devices
from services.scoring.core.event_parts import EventHead, EventReads, EventRulings
from services.scoring.core.officials_facts import LoggedRuling, OfficialsFacts
from services.scoring.core.pending_facts import pending
from services.scoring.core.reads import NO_RSSI, ChipReads
from services.scoring.core.start_signals import signals_in_force

RULINGS_A_PART = 2_000  # of a snapshot, where each entry of a list counts: some 20 ms to restore
CHIPS_A_PART = 2_000  # with 400 reads each 16 MB, some 20 ms of copying


class EventState(OfficialsFacts):
    """Everything known of an event. `fold` applies facts in log order; `take` scores the athletes who are due.

    `first` is the offset of the event's first record on the log, -1 where nobody needs it.
    """

    def __init__(self, event: str, first: int = -1) -> None:
        super().__init__(event)
        self.first = first
        self.version = -1
        self.repeats = 0  # reads folded by this object that were on the log already
        self.chips: dict[str, ChipReads] = {}
        self.devices = Devices([])
        self.versions: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._chips_of: dict[str, dict[str, None]] = {}
        self._bibs_of: dict[str, dict[str, None]] = {}  # by bare code
        self._chip_codes: ChipCodes | None = None  # by which `_bibs_of` was made
        self._read_chips: dict[str, int] = {}
        self._entered: set[str] = set()
        self._due: dict[str, None] = {}
        self._again: dict[str, None] = {}
        self._due_event = False
        self._nobodys = ChipsOfNobody()
        self._places: DevicePlacement | None = None

    # --- Facts in.

    def fold(self, offset: int, ordinal: int, fact: LoggedFact | Fact) -> str | None:
        """Fold one fact as the officials' facts do. One that archives the event makes every row due.

        So everything has been sent once more when the state of an archived event is dropped.
        """
        was_archived = self.archived
        reason = super().fold(offset, ordinal, fact)
        if self.archived:
            self.mark_all()
        if self.archived or was_archived:
            self.version = offset
            self._due_event = True
        return reason

    def _use_names(self, offset: int, names: Collection[str]) -> None:
        super()._use_names(offset, names)
        if any(map(self._withdrawals.names, names)):  # a withdrawal that waited for this id no longer waits
            self.version = offset
            self._due_event = True

    def _fold_reads(self, offset: int, reads: Iterable[Read | ReadRow]) -> None:
        chips, numbers, touched = self.chips, self._numbers, self._read_chips
        for read in reads:
            number = numbers.get(read.device)
            if number is None:
                number = numbers[read.device] = len(self.devices.names)
                self.devices.names.append(read.device)
                self._places = None
            chip = read.chip
            held = chips.get(chip)
            if held is None:
                held = chips[chip] = ChipReads()
            at_us, rssi = read.at_us, read.rssi
            if not held.at_us or at_us > held.at_us[-1]:  # most reads arrive in time order; this saves a call
                held.at_us.append(at_us)
                held.device.append(number)
                held.rssi.append(NO_RSSI if rssi is None else rssi)
                touched[chip] = offset
                continue
            repeats = held.repeats
            if held.add(at_us, number, rssi):
                touched[chip] = offset
            self.repeats += held.repeats - repeats

    def _fold_notice(self, offset: int, notice: NoticeReceived) -> None:
        super()._fold_notice(offset, notice)
        if notice.is_start_signal():
            self.version = offset
            self._due_event = True

    def _fold_ruling(self, ruling: LoggedRuling) -> None:
        self._settle_reads()
        self.apply(ruling)
        self.version = ruling.offset
        self._due_event = True
        self._raise(self.affected_bibs(ruling.fact), ruling.offset)

    def apply(self, ruling: LoggedRuling) -> None:
        """Add a fact to the logged facts and, unless it is withdrawn, to those in force."""
        super().apply(ruling)
        self._nobodys.note_all()
        self._index_wearers()
        self._remember_wearers(ruling.fact)
        self._places = None

    def _remember_wearers(self, fact: Ruling) -> None:
        """Remember for good who has an entry and who wore which chip, even if the fact is withdrawn later."""
        self._entered.update(_entered_bibs(fact))
        pairs: Iterable[tuple[str, str]] = ()
        if isinstance(fact, EntriesAdded):
            pairs = ((entry.bib, chip) for entry in fact.entries for chip in entry.chips)
        elif isinstance(fact, ChipAssigned):
            pairs = ((fact.bib, fact.chip),)
        for bib, chip in pairs:
            self._chips_of.setdefault(bib, {})[chip] = None
            self._bibs_of.setdefault(self.rulings.bare(chip), {})[bib] = None

    def _index_wearers(self) -> None:
        """Key the wearers of chips anew if the definition in force says otherwise which codes are one chip."""
        if self._chip_codes == self.rulings.chip_codes:
            return
        self._chip_codes = self.rulings.chip_codes
        self._bibs_of = {}
        for bib, chips in self._chips_of.items():
            for chip in chips:
                self._bibs_of.setdefault(self.rulings.bare(chip), {})[bib] = None

    # --- The athletes whom a fact affects.

    def affected_bibs(self, fact: Ruling) -> Iterator[str]:
        """Yield the bibs of the athletes whose results a fact may change; a bib may come more than once."""
        yield from self._in_scopes(fact, set())

    def _in_scopes(self, fact: Ruling, seen: set[str]) -> Iterator[str]:
        for scope in fact.scopes():
            match scope:
                case Everybody():
                    yield from list(self.rulings.bibs())
                    yield from list(self.versions)
                case InRace(race):
                    yield from self._bibs_in(race)
                case WithBibs(bibs):
                    yield from bibs
                case SharingChips(bibs):
                    yield from self._with_chips({chip for bib in bibs for chip in self._chips_of.get(bib, ())})
                case WithChips(chips):
                    yield from self._with_chips(chips)
                case ReadBy(device):
                    yield from self._bibs_read_by(device)
                case AsFact(name):
                    yield from self._as_fact(name, seen)
                case AsProtest():
                    pass
                case _:
                    assert_never(scope)

    def _with_chips(self, chips: Iterable[str]) -> Iterator[str]:
        for chip in chips:
            yield from self._bibs_of.get(self.rulings.bare(chip), ())

    def _as_fact(self, name: str, seen: set[str]) -> Iterator[str]:
        """Yield the bibs that a withdrawn fact affects, through withdrawals of withdrawals."""
        if name in seen:
            return
        seen.add(name)
        for ruling in self.logged:
            if name in ruling.fact.names():
                yield from self._in_scopes(ruling.fact, seen)

    def _bibs_in(self, race: str) -> list[str]:
        return [
            bib
            for bib, entries in self.rulings.written.items()
            if any(written.entry.race == race for written in entries)
        ]

    def _bibs_read_by(self, device: str) -> Iterator[str]:
        number = self._numbers.get(device)
        if number is None:
            return
        for chip, reads in self.chips.items():
            if number in reads.device:
                yield from self._bibs_of.get(self.rulings.bare(chip), ())

    def _raise(self, bibs: Iterable[str], offset: int) -> None:
        for bib in bibs:
            self.versions[bib] = offset
            self._due[bib] = None

    def _settle_reads(self) -> None:
        """Raise the versions of the athletes whose chips were read, before a fact can change who owns the chips."""
        for chip, offset in self._read_chips.items():
            for bib in self._bibs_of.get(self.rulings.bare(chip), ()):
                if self.versions.get(bib, -1) < offset:
                    self.versions[bib] = offset
                self._due[bib] = None
        self._nobodys.note(self._read_chips)
        self._read_chips.clear()

    # --- A copy of a state, in which facts are tried.

    def hold(self, chips: dict[str, ChipReads], devices: Devices) -> None:
        """Hold these reads instead of its own, with their devices; no row is due any more."""
        self.chips, self.devices = chips, devices
        self._numbers = {name: number for number, name in enumerate(devices.names)}
        self._places = None
        self._due, self._again, self._due_event = {}, {}, False

    def due(self) -> list[str]:
        """Return the bibs whose rows are due; bibs that no entry ever named are left out."""
        self._settle_reads()
        return [bib for bib in self._due if bib in self._entered]

    # --- Rows out.

    def pending(self) -> int:
        """Return how many rows are due."""
        self._settle_reads()
        return len(self._due) + self._due_event

    def mark_all(self) -> None:
        """Make every row due, at its current version."""
        self._due = dict.fromkeys(self.versions)
        self._due_event = self._due_event or bool(self.logged or self.signals)
        self._nobodys.mark()

    def mark_again(self) -> None:
        """Have `take_again` return every athlete's row once more, without making it due. The event's row is due."""
        self._again = dict.fromkeys(self.versions)
        self._due_event = bool(self.logged or self.signals)
        self._nobodys.mark()

    def take_again(self, limit: int) -> list[AthleteRow]:
        """Return up to `limit` of those rows, at their current versions; a row that is due is left to `take`."""
        self._settle_reads()
        rows: list[AthleteRow] = []
        while self._again and len(rows) < limit:
            bib, _ = self._again.popitem()
            if bib in self._entered and bib not in self._due:
                rows.append(self.row(bib))
        return rows

    def take_event(self) -> EventRow | None:
        """Return the event's row if it is due."""
        if not self._due_event:
            return None
        self._due_event = False
        return self.event_row()

    def take(self, limit: int) -> list[AthleteRow]:
        """Score up to `limit` athletes whose rows are due; bibs that no entry ever named are left out."""
        self._settle_reads()
        rows: list[AthleteRow] = []
        while self._due and len(rows) < limit:
            bib, _ = self._due.popitem()
            if bib in self._entered:
                rows.append(self.row(bib))
        return rows

    def row(self, bib: str) -> AthleteRow:
        """Return the athlete's current row."""
        version = self.versions.get(bib, 0)
        return score(self.event, self.rulings, self._placement(), self.chips, bib, self.chips_of(bib), version)

    def check_chips(self, limit: int) -> bool:
        """Count up to `limit` chips again that nobody may wear; return whether none is left. Then take the list."""
        self._settle_reads()
        return self._nobodys.check(self.rulings, self._placement(), self.chips, limit)

    def take_unknown_chips(self) -> UnknownChips | None:
        """Return the chips that nobody wears if they have changed, once `check_chips` has left none."""
        return self._nobodys.take(self.event, max(self.head, 0))

    def _placement(self) -> DevicePlacement:
        if self._places is None:
            self._places = self.devices.places(self.rulings)
        return self._places

    def chips_of(self, bib: str) -> tuple[str, ...]:
        """Return the codes of all chips that the bib ever had, even if the facts that said so were withdrawn."""
        chips = self._chips_of.get(bib, ())
        if self._chip_codes is None:
            return tuple(sorted(chips))
        return tuple(sorted({code for chip in chips for code in codes_of(self._chip_codes, chip)}))

    def chips_named(self, bib: str) -> tuple[str, ...]:
        """Return those of `chips_of` that a fact names, one for each chip."""
        chips = {self.rulings.bare(chip): chip for chip in self._chips_of.get(bib, ())}
        return tuple(sorted(chips.values()))

    def bibs_sharing(self, chips: Iterable[str]) -> frozenset[str]:
        """Return the bibs that ever had one of these chips, even if the facts that said so were withdrawn."""
        return frozenset(self._with_chips(chips))

    def was_entered(self, bib: str) -> bool:
        """Return whether an entry ever named the bib."""
        return bib in self._entered

    def event_row(self) -> EventRow:
        """Return the current state of everything that does not belong to one athlete."""
        rulings = self.rulings
        plain = rulings.plain_definition
        return EventRow(
            event=self.event,
            version=max(self.version, 0),
            definition=None if plain is None else plain.definition,
            guns=[
                Gun(race, at_us, wave)
                for (race, wave), at_us in sorted(rulings.guns.items(), key=lambda item: (item[0][0], item[0][1] or ""))
            ],
            closed=sorted(rulings.closed),
            orders=[
                JudgesOrder(order.race, list(order.bibs))
                for order in rulings.orders
                if order.race in rulings.courses and all(rulings.entry_of(bib) is not None for bib in order.bibs)
            ],
            decided=sorted(rulings.decisions),
            protests=[rulings.protest(name) for name in sorted(rulings.protests)],
            publications=list(rulings.publications),
            closed_at_us={race: fact.at_us for race, fact in sorted(rulings.closed.items()) if fact.at_us is not None},
            signals=signals_in_force(self.signals, rulings, self._withdrawals),
            pending=pending(rulings, (r.fact for r in self.logged if not self._withdrawals.hit(r.fact)), self.ids),
            archived=self.archived,
        )

    def unused_reads(self, rows: Iterable[AthleteRow]) -> dict[str, int]:
        """Return the unused reads of the event by reason; those of athletes come from their rows. Source: R3.1."""
        counts: dict[str, int] = {}
        for row in rows:
            for reason, count in row.unused.items():
                counts[reason] = counts.get(reason, 0) + count
        counts["repeat"] = sum(reads.repeats for reads in self.chips.values())
        unknown_device, unknown_chip = self._unowned_reads()
        counts["unknown_device"] = unknown_device
        counts["unknown_chip"] = unknown_chip
        return {reason: count for reason, count in sorted(counts.items()) if count}

    def _unowned_reads(self) -> tuple[int, int]:
        """Return how many reads are by an unknown device, and how many others are of a chip without a wearer."""
        rulings = self.rulings
        places = self.devices.places(rulings)
        no_place = no_wearer = 0
        for chip, reads in self.chips.items():
            located = locate_reads(rulings, places, chip, reads)
            for group, wearer in zip(located.groups, located.wearers, strict=True):
                if group == UNKNOWN:
                    no_place += 1
                elif wearer is None:
                    no_wearer += 1
        return no_place, no_wearer

    # --- Snapshots, in parts, so that no part takes long.

    def parts(self) -> Iterator[EventHead | EventRulings | EventReads]:
        """Yield everything that cannot be derived again. Due rows are not part of it, so take them first."""
        head = self.first, self.head, self.version
        yield EventHead(self.event, *head, sorted(self.ids), self.devices.names, self.versions, self.signals)
        rulings: list[tuple[int, int, Ruling]] = []
        weight = 0
        for offset, ordinal, fact in self.logged:
            rulings.append((offset, ordinal, fact))
            weight += fact.ordinals()
            if weight >= RULINGS_A_PART:
                yield EventRulings(self.event, rulings)
                rulings, weight = [], 0
        if rulings:
            yield EventRulings(self.event, rulings)
        chips = list(self.chips)
        for start in range(0, len(chips), CHIPS_A_PART):
            part = chips[start : start + CHIPS_A_PART]
            yield EventReads(self.event, {chip: self.chips[chip].packed() for chip in part})

    @classmethod
    def restored(cls, head: EventHead) -> "EventState":
        """Return an event's state from its first part; `restore` adds the others, in their order."""
        state = cls(head.event, head.first)
        state.head, state.version = head.head, head.version
        state.ids = set(head.ids)
        state.devices = Devices(head.devices)
        state._numbers = {name: number for number, name in enumerate(head.devices)}
        state.versions = head.versions
        state.signals = head.signals
        return state

    def restore(self, part: EventRulings | EventReads) -> None:
        """Add the next part."""
        if isinstance(part, EventRulings):
            for offset, ordinal, fact in part.rulings:
                self.logged.append(LoggedRuling(offset, ordinal, fact))
                if isinstance(fact, FactWithdrawn):
                    self._withdrawals.add(fact)
                else:
                    self.rulings.apply(offset, ordinal, fact)
                self._index_wearers()  # first, since wearers are remembered by the codes in force
                self._remember_wearers(fact)
        else:
            self.chips.update((chip, ChipReads.unpacked(*packed)) for chip, packed in part.chips.items())

    def settle(self) -> None:
        """Finish after the last part: remove withdrawn facts from the rulings, once for all withdrawals."""
        self._nobodys.note_all()
        if self._withdrawals:
            self._rebuild()
        self._index_wearers()


def _entered_bibs(fact: Ruling) -> list[str]:
    return [entry.bib for entry in fact.entries] if isinstance(fact, EntriesAdded) else []
