"""Facts that say what is so already. Source: R1, by the subject of each kind."""

from typing import assert_never

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
from services.fact_effects.nearest_names import hint
from services.formatting.times import LocalClock
from services.scoring.core.officials_facts import LoggedRuling, OfficialsFacts
from services.scoring.core.rulings import Rulings


def unchanged(state: OfficialsFacts, fact: Ruling) -> str | None:
    """Return what is so already, for a fact that would change nothing; None for one that changes something.

    A fact that repeats a value with another reason changes nothing either.
    """
    rulings = state.rulings
    match fact:
        case EventDefined():
            return _definition(rulings, fact)
        case EntriesAdded():
            return _entries(rulings, fact)
        case EntryWithdrawn():
            return _no_entry(rulings, fact)
        case GunFired():
            return _gun(rulings, fact)
        case ClockCorrected():
            return _clock(rulings, fact)
        case DeviceAssigned():
            return _place(rulings, fact)
        case ChipAssigned():
            return _wearer(rulings, fact)
        case TimeSet() | StatusSet() | PenaltySet() | EntryHidden():
            return _athlete(rulings, fact)
        case ReadExcluded():
            known = (fact.device, fact.at_us) in rulings.excluded.get(fact.chip, ())
            return "that read is excluded already" if known else None
        case PointWaived():
            return _waiver(rulings, fact)
        case OrderSet():
            last = next((order for order in reversed(rulings.orders) if order.race == fact.race), None)
            return "that is the latest order of the race already" if last and last.bibs == fact.bibs else None
        case RaceClosed() | RaceReopened():
            return _closed(rulings, fact)
        case CaseDecided() | ProtestFiled() | ProtestDecided() | ResultsPublished():
            return _office(rulings, fact)
        case FactWithdrawn():
            return _withdrawal(state, fact)
        case EventArchived():
            return "the event is archived already" if state.archived else None
        case EventReopened():
            return None if state.archived else "the event is not archived"
        case NoticeReceived():
            return None
        case _:
            assert_never(fact)


def _definition(rulings: Rulings, fact: EventDefined) -> str | None:
    plain = rulings.plain_definition
    return "that definition is in force already" if plain and plain.definition == fact.definition else None


def _entries(rulings: Rulings, fact: EntriesAdded) -> str | None:
    if not all(_is_entered(rulings, entry) for entry in fact.entries):
        return None
    return "these entries are in force already" if fact.entries else "it has no entries"


def _no_entry(rulings: Rulings, fact: EntryWithdrawn) -> str | None:
    if fact.bib in rulings.written:
        return None
    return f"bib {fact.bib!r} has no entry that could be withdrawn{hint(fact.bib, rulings.written.keys())}"


def _is_entered(rulings: Rulings, entry: Entry) -> bool:
    """Return whether the entry is in force and owns its chips: a later entry may have taken one."""
    written = rulings.entry_of(entry.bib)
    return (
        written is not None
        and written.entry == entry
        and all(rulings.owner_of(chip) == entry.bib for chip in entry.chips)
    )


def _gun(rulings: Rulings, fact: GunFired) -> str | None:
    if rulings.guns.get((fact.race, fact.wave)) != fact.at_us:
        return None
    whose = f"race {fact.race!r}" if fact.wave is None else f"wave {fact.wave!r} of race {fact.race!r}"
    return f"the gun of {whose} is at {LocalClock(rulings.definition).at(fact.at_us)} already"


def _clock(rulings: Rulings, fact: ClockCorrected) -> str | None:
    latest = next(reversed(rulings.clocks.get(fact.device, [])), None)
    if latest is None or latest.offset_us != fact.offset_us or _span(latest) != _span(fact):
        return None
    return f"the clock of device {fact.device!r} is corrected by {fact.offset_us / US:g} s there already"


def _place(rulings: Rulings, fact: DeviceAssigned) -> str | None:
    latest = next(reversed(rulings.placed.get(fact.device, [])), None)
    if latest is None:
        place = rulings.defined_places.get(fact.device)
        same = place is not None and place.mat == fact.mat
    else:
        same = latest.mat == fact.mat and _span(latest) == _span(fact)
    return f"device {fact.device!r} stands at mat {fact.mat!r} already" if same else None


def _wearer(rulings: Rulings, fact: ChipAssigned) -> str | None:
    latest = next(reversed(rulings.worn.get(rulings.bare(fact.chip), [])), None)
    if latest is None:
        same = rulings.owner_of(fact.chip) == fact.bib
    else:
        same = latest.bib == fact.bib and _span(latest) == _span(fact)
    return f"bib {fact.bib!r} wears chip {fact.chip!r} already" if same else None


def _waiver(rulings: Rulings, fact: PointWaived) -> str | None:
    if fact.from_us is not None and fact.until_us is not None and fact.from_us >= fact.until_us:
        return "its interval is empty: from_us must be before until_us"
    same = any(_span(waiver) == _span(fact) for waiver in rulings.waivers.get((fact.race, fact.point), ()))
    when = LocalClock(rulings.definition).between(fact.from_us, fact.until_us)
    return f"point {fact.point!r} of race {fact.race!r} is waived{when} already" if same else None


def _span(fact: ClockCorrected | DeviceAssigned | ChipAssigned | PointWaived) -> tuple[int | None, int | None]:
    return fact.from_us, fact.until_us


def _athlete(rulings: Rulings, fact: TimeSet | StatusSet | PenaltySet | EntryHidden) -> str | None:
    bib = f"bib {fact.bib!r}"
    match fact:
        case TimeSet():
            at_us = rulings.times.get(fact.bib, {}).get(fact.point)
            if at_us != fact.at_us:
                return None
            if at_us is None:
                return f"{bib} has no official time at {fact.point!r} that could be taken back"
            return f"the official time of {bib} at {fact.point!r} is {LocalClock(rulings.definition).at(at_us)} already"
        case StatusSet():
            return _status(rulings, fact)
        case PenaltySet():
            same = rulings.penalties.get(fact.bib, 0) == fact.penalty_us
            penalty = f"a penalty of {fact.seconds:g} s already" if fact.penalty_us else "no penalty as it is"
            return f"{bib} has {penalty}" if same else None
        case EntryHidden():
            same = rulings.hidden.get(fact.bib, False) == fact.hidden
            return f"the name of {bib} is {'hidden' if fact.hidden else 'shown'} already" if same else None
        case _:
            assert_never(fact)


def _status(rulings: Rulings, fact: StatusSet) -> str | None:
    held = rulings.statuses.get(fact.bib)
    if fact.status == "OK":
        none_set = held is None or held.status == "OK"
        return f"bib {fact.bib!r} has no status that could be taken back" if none_set else None
    if held is None or (held.status, held.at_us, held.rule) != (fact.status, fact.at_us, fact.rule):
        return None
    return f"the status of bib {fact.bib!r} is set to {fact.status} already"


def _closed(rulings: Rulings, fact: RaceClosed | RaceReopened) -> str | None:
    held = rulings.closed.get(fact.race)
    if isinstance(fact, RaceReopened):
        return f"race {fact.race!r} is open already" if held is None else None
    return f"race {fact.race!r} is closed already" if held is not None and held.at_us == fact.at_us else None


def _office(rulings: Rulings, fact: CaseDecided | ProtestFiled | ProtestDecided | ResultsPublished) -> str | None:
    match fact:
        case CaseDecided():
            same = rulings.decisions.get(fact.case) == fact.outcome
            return f"case {fact.case!r} is decided with {fact.outcome!r} already" if same else None
        case ProtestFiled():
            held = rulings.protests.get(fact.protest)
            same = held is not None and (held.race, held.text, held.bib) == (fact.race, fact.text, fact.bib)
            return f"protest {fact.protest!r} is filed already" if same else None
        case ProtestDecided():
            same = rulings.protest_outcomes.get(fact.protest) == fact.outcome
            return f"protest {fact.protest!r} is decided with {fact.outcome!r} already" if same else None
        case ResultsPublished():
            return _published(rulings, fact)
        case _:
            assert_never(fact)


def _published(rulings: Rulings, fact: ResultsPublished) -> str | None:
    """Return that there is nothing to withdraw. Publishing once more publishes the results as they have become."""
    if fact.state != "withdrawn":
        return None
    boards = None if fact.boards is None else set(fact.boards)
    for earlier in reversed(rulings.publications):
        overlaps = boards is None or earlier.boards is None or not boards.isdisjoint(earlier.boards)
        if earlier.race == fact.race and overlaps and earlier.state != "withdrawn":
            return None
        if earlier.race == fact.race and earlier.boards is None:
            return f"the results of race {fact.race!r} are withdrawn already"
    return f"nothing of race {fact.race!r} that could be withdrawn was published"


def _withdrawal(state: OfficialsFacts, fact: FactWithdrawn) -> str | None:
    logged = logged_with_id(state, fact.fact)
    signal = next((signal for signal in state.signals if signal.id == fact.fact), None)
    target = signal if logged is None else logged.fact
    if target is None:
        return (
            f"fact {fact.fact!r} is a reader's: reads cannot be withdrawn, exclude them with read_excluded; its notices"
            " change no standing"
        )
    return f"fact {fact.fact!r} is withdrawn already" if state.is_withdrawn(target) else None


def logged_with_id(state: OfficialsFacts, fact_id: str) -> LoggedRuling | None:
    """Return the officials' fact that bears an id, withdrawn or not; None if a reader's fact does."""
    return next((ruling for ruling in reversed(state.logged) if fact_id in ruling.fact.names()), None)
