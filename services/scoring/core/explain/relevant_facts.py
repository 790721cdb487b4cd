"""The officials' facts that bear on one athlete: what each says of him, and whether it is in force.

Which facts these are is what `event` raises versions by, seen from the athlete. Source: R1.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence

from msgspec import Struct

from schemas.events import (
    CaseDecided,
    ChipAssigned,
    ClockCorrected,
    DeviceAssigned,
    EntriesAdded,
    EntryHidden,
    EventDefined,
    FactWithdrawn,
    GunFired,
    OrderSet,
    ProtestDecided,
    ProtestFiled,
    RaceClosed,
    RaceReopened,
    ReadExcluded,
    Ruling,
    StatusSet,
    TimeSet,
)
from services.formatting.times import LocalClock, format_exact
from services.formatting.words import join_words
from services.scoring.core.event import LoggedRuling
from services.scoring.core.pending_facts import waiting
from services.scoring.core.rulings import Rulings


class FactWhy(Struct, frozen=True, kw_only=True):
    """A fact that bears on an athlete; `says` is what it does, `reason` and `rule` the official's own words.

    `state`: `in_force`, `superseded` by a later one on the same subject, `withdrawn`, or `waiting` for what it names.
    `officials_only`: the public does not see it.
    """

    offset: int
    id: str | None
    type: str
    by: str | None
    recorded_at_us: int | None
    says: str
    reason: str | None
    rule: str | None
    state: str
    officials_only: bool


class Subject(Struct, frozen=True):
    """Whom facts are looked through for: the bib, its race (null: none), every chip he ever wore, and the devices that
    ever read one of them.
    """

    bib: str
    race: str | None
    chips: frozenset[str]
    devices: frozenset[str]


def facts_on(
    book: Rulings,
    rulings: Sequence[LoggedRuling],
    ids: set[str],
    is_withdrawn: Callable[[Ruling], bool],
    subject: Subject,
) -> list[FactWhy]:
    """The facts that bear on an athlete, in log order."""
    bearing = [ruling for ruling in rulings if _bears(ruling.fact, subject)]
    bearing += _withdrawals(rulings, bearing)
    bearing += _protest_decisions(rulings, bearing)
    bearing.sort(key=lambda ruling: ruling[:2])
    hidden = {ruling.fact.id for ruling in bearing if isinstance(ruling.fact, ReadExcluded)}
    clock = LocalClock(book.definition)
    found: list[FactWhy] = []
    later: list[Ruling] = []
    for ruling in reversed(bearing):
        fact = ruling.fact
        state = "in_force"
        if is_withdrawn(fact):
            state = "withdrawn"
        elif _waits(book, fact, ids, subject):
            state = "waiting"
        else:
            if any(_supersedes(one, fact, subject.bib) for one in later):
                state = "superseded"
            later.append(fact)
        found.append(
            FactWhy(
                offset=ruling.offset,
                id=fact.id,
                type=str(fact.__struct_config__.tag),
                by=fact.by,
                recorded_at_us=fact.recorded_at_us,
                says=_says(fact, clock, subject),
                reason=_reason(fact),
                rule=fact.rule if isinstance(fact, StatusSet) else None,
                state=state,
                officials_only=isinstance(fact, ReadExcluded)
                or (isinstance(fact, FactWithdrawn) and fact.fact in hidden),
            )
        )
    return found[::-1]


def _bears(fact: Ruling, subject: Subject) -> bool:
    match fact:
        case EventDefined():
            return True
        case EntriesAdded():
            return any(_names(subject, entry.bib, entry.chips) for entry in fact.entries)
        case GunFired() | RaceClosed() | RaceReopened():
            return fact.race == subject.race
        case ClockCorrected() | DeviceAssigned():
            return fact.device in subject.devices
        case ChipAssigned():
            return _names(subject, fact.bib, [fact.chip])
        case ReadExcluded():
            return fact.chip in subject.chips
        case TimeSet() | StatusSet() | EntryHidden() | ProtestFiled():
            return fact.bib == subject.bib
        case OrderSet():
            return subject.bib in fact.bibs
        case CaseDecided():
            return fact.case in (f"missed:{subject.bib}", f"reads_after:{subject.bib}")
        case _:
            return False


def _names(subject: Subject, bib: str, chips: Iterable[str]) -> bool:
    return bib == subject.bib or not subject.chips.isdisjoint(chips)


def _withdrawals(rulings: Sequence[LoggedRuling], bearing: Iterable[LoggedRuling]) -> list[LoggedRuling]:
    """Withdrawals of those facts, and withdrawals of these."""
    targets = {ruling.fact.id for ruling in bearing if ruling.fact.id is not None}
    left = [ruling for ruling in rulings if isinstance(ruling.fact, FactWithdrawn)]
    found: list[LoggedRuling] = []
    more = True
    while more:
        more = False
        for ruling in list(left):
            if isinstance(ruling.fact, FactWithdrawn) and ruling.fact.fact in targets:
                left.remove(ruling)
                found.append(ruling)
                more = True
                if ruling.fact.id is not None:
                    targets.add(ruling.fact.id)
    return found


def _protest_decisions(rulings: Sequence[LoggedRuling], bearing: Iterable[LoggedRuling]) -> list[LoggedRuling]:
    filed = {ruling.fact.protest for ruling in bearing if isinstance(ruling.fact, ProtestFiled)}
    return [one for one in rulings if isinstance(one.fact, ProtestDecided) and one.fact.protest in filed]


def _waits(book: Rulings, fact: Ruling, ids: set[str], subject: Subject) -> bool:
    if isinstance(fact, EntriesAdded):
        own = [entry for entry in fact.entries if _names(subject, entry.bib, entry.chips)]
        return all(entry.race not in book.courses for entry in own)
    return bool(waiting(book, fact, ids))


def _supersedes(later: Ruling, fact: Ruling, bib: str) -> bool:
    """Whether a later fact takes an earlier one's place whole, for this athlete."""
    about, other = _about(later, bib), _about(fact, bib)
    if about is None or about != other:
        return False
    if isinstance(later, (ClockCorrected, DeviceAssigned, ChipAssigned)) and isinstance(
        fact, (ClockCorrected, DeviceAssigned, ChipAssigned)
    ):
        begins = later.from_us is None or (fact.from_us is not None and later.from_us <= fact.from_us)
        ends = later.until_us is None or (fact.until_us is not None and fact.until_us <= later.until_us)
        return begins and ends
    return True


def _about(fact: Ruling, bib: str) -> Hashable:
    """What a fact is about, where the latest on a subject is the one that holds; else None."""
    match fact:
        case EventDefined():
            return "definition"
        case EntriesAdded():
            return "entry" if any(entry.bib == bib for entry in fact.entries) else None
        case GunFired():
            return "gun", fact.race, fact.wave
        case ClockCorrected():
            return "clock", fact.device
        case DeviceAssigned():
            return "device", fact.device
        case ChipAssigned():
            return "chip", fact.chip
        case TimeSet():
            return "time", fact.point
        case RaceClosed() | RaceReopened():
            return "closed", fact.race
        case CaseDecided():
            return "case", fact.case
        case ProtestDecided():
            return "protest", fact.protest
        case StatusSet():
            return "status"
        case EntryHidden():
            return "hidden"
        case _:
            return None


def _reason(fact: Ruling) -> str | None:
    match fact:
        case (
            TimeSet(reason=reason)
            | ReadExcluded(reason=reason)
            | StatusSet(reason=reason)
            | OrderSet(reason=reason)
            | CaseDecided(reason=reason)
            | FactWithdrawn(reason=reason)
            | ProtestDecided(reason=reason)
            | ProtestFiled(text=reason)
        ):
            return reason
        case _:
            return None


def _says(fact: Ruling, clock: LocalClock, subject: Subject) -> str:
    """What a fact does, without the official's reason, and without what is not his."""
    match fact:
        case EventDefined():
            return "defines the event: mats, races and boards"
        case EntriesAdded():
            return _entries_say(fact, subject)
        case GunFired():
            of = fact.race if fact.wave is None else f"{fact.race}, wave {fact.wave}"
            return f"gun of {of} at {clock.at(fact.at_us)}"
        case ClockCorrected():
            when = clock.between(fact.from_us, fact.until_us)
            sign = "" if fact.offset_us < 0 else "+"
            return f"corrects the clock of {fact.device} by {sign}{format_exact(fact.offset_us)}{when} of its own time"
        case DeviceAssigned():
            return f"puts {fact.device} at mat {fact.mat}{clock.between(fact.from_us, fact.until_us)}"
        case ChipAssigned():
            return f"gives chip {fact.chip} to bib {fact.bib}{clock.between(fact.from_us, fact.until_us)}"
        case TimeSet():
            if fact.at_us is None:
                return f"takes the official's time for {fact.point} back"
            return f"sets the time for {fact.point}: {clock.at(fact.at_us)}"
        case ReadExcluded():
            return f"excludes the read of {fact.chip} by {fact.device} at {clock.at(fact.at_us)} of its own time"
        case StatusSet():
            stopped = "" if fact.at_us is None else f", stopped at {clock.at(fact.at_us)}"
            return "takes a set status back" if fact.status == "OK" else f"sets the status {fact.status}{stopped}"
        case OrderSet():
            return f"orders those who tie in {fact.race}: {', '.join(fact.bibs)}"
        case CaseDecided():
            return f"decides the case {fact.case}: {fact.outcome}"
        case _:
            return _office_says(fact)


def _office_says(fact: Ruling) -> str:
    match fact:
        case RaceClosed():
            return f"closes {fact.race}: nobody else will start or finish"
        case RaceReopened():
            return f"reopens {fact.race}"
        case EntryHidden():
            return "hides his name" if fact.hidden else "shows his name again"
        case ProtestFiled():
            return f"files the protest {fact.protest}; it changes no result by itself"
        case ProtestDecided():
            return f"decides the protest {fact.protest}: {fact.outcome}"
        case FactWithdrawn():
            return f"withdraws the fact {fact.fact}"
        case _:
            raise AssertionError(f"{type(fact).__name__} bears on no athlete")


def _entries_say(fact: EntriesAdded, subject: Subject) -> str:
    parts = []
    for entry in fact.entries:
        if entry.bib == subject.bib:
            chips = f"with {join_words(entry.chips)}" if entry.chips else "without a chip"
            wave = "" if entry.wave is None else f", wave {entry.wave}"
            unranked = "" if entry.ranked else ", not ranked"
            parts.append(f"enters him in {entry.race} {chips}{wave}{unranked}")
        elif shared := [chip for chip in entry.chips if chip in subject.chips]:
            parts.append(f"gives {join_words(shared)} to bib {entry.bib}")
    return "; ".join(parts)
