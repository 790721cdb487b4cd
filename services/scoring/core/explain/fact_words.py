"""Say in words what each kind of fact does, for an explanation."""

from typing import assert_never

from schemas.events import (
    CaseDecided,
    ChipAssigned,
    ClockCorrected,
    DeviceAssigned,
    EntriesAdded,
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
from services.formatting.times import LocalClock, format_exact
from services.formatting.words import join_words


def says(fact: Ruling, clock: LocalClock, bib: str, chips: frozenset[str]) -> str:
    """Return what a fact does, without the official's reason and without its effects on other athletes."""
    match fact:
        case EventDefined():
            return "defines the event: mats, races and boards"
        case EntriesAdded():
            return _entries_say(fact, bib, chips)
        case EntryWithdrawn():
            shared = "" if fact.bib == bib else ", which had a chip in common with this bib"
            return f"withdraws the entry of bib {fact.bib}{shared}"
        case GunFired():
            field = fact.race if fact.wave is None else f"{fact.race}, wave {fact.wave}"
            return f"gun of {field} at {clock.at(fact.at_us)}"
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
                return f"takes back the official's time for {fact.point}"
            return f"sets the time for {fact.point}: {clock.at(fact.at_us)}"
        case ReadExcluded():
            return f"excludes the read of {fact.chip} by {fact.device} at {clock.at(fact.at_us)} of its own time"
        case StatusSet():
            stopped = "" if fact.at_us is None else f", stopped at {clock.at(fact.at_us)}"
            return "takes back the set status" if fact.status == "OK" else f"sets the status {fact.status}{stopped}"
        case PenaltySet():
            return _penalty_says(fact)
        case PointWaived():
            when = clock.between(fact.from_us, fact.until_us)
            return f"waives {fact.point} of {fact.race} for those who passed it unread{when}"
        case OrderSet():
            return f"orders the athletes who tie in {fact.race}: {', '.join(fact.bibs)}"
        case CaseDecided():
            return f"decides the case {fact.case}: {fact.outcome}"
        case RaceClosed():
            return _closing_says(fact, clock)
        case RaceReopened() | EntryHidden() | ProtestFiled() | ProtestDecided() | ResultsPublished():
            return _office_says(fact)
        case FactWithdrawn():
            return f"withdraws the fact {fact.fact}"
        case NoticeReceived():
            return f"keeps a notice of {fact.device}: {fact.kind}"
        case EventArchived():
            return "archives the event"
        case EventReopened():
            return "reopens the event"
        case _:
            assert_never(fact)


def _penalty_says(fact: PenaltySet) -> str:
    if fact.penalty_us == 0:
        return f"takes back the penalty of bib {fact.bib}"
    times = f"the gun and chip time of bib {fact.bib}"
    if fact.penalty_us > 0:
        return f"adds {format_exact(fact.penalty_us)} to {times}"
    return f"takes {format_exact(-fact.penalty_us)} off {times}"


def _closing_says(fact: RaceClosed, clock: LocalClock) -> str:
    closes = f"closes {fact.race}: nobody else will start or finish"
    return closes if fact.at_us is None else f"{closes}; the jury decides on a finish after {clock.at(fact.at_us)}"


def _office_says(
    fact: RaceReopened | EntryHidden | ProtestFiled | ProtestDecided | ResultsPublished,
) -> str:
    match fact:
        case RaceReopened():
            return f"reopens {fact.race}"
        case EntryHidden():
            return f"hides the name of bib {fact.bib}" if fact.hidden else f"shows the name of bib {fact.bib} again"
        case ProtestFiled():
            return f"files the protest {fact.protest}; it changes no result by itself"
        case ProtestDecided():
            return f"decides the protest {fact.protest}: {fact.outcome}"
        case ResultsPublished():
            return f"publishes results of {fact.race}: {fact.state}"
        case _:
            assert_never(fact)


def _entries_say(fact: EntriesAdded, bib: str, chips: frozenset[str]) -> str:
    parts = []
    for entry in fact.entries:
        if entry.bib == bib:
            wearing = f"with {join_words(entry.chips)}" if entry.chips else "without a chip"
            wave = "" if entry.wave is None else f", wave {entry.wave}"
            unranked = "" if entry.ranked else ", not ranked"
            parts.append(f"enters bib {entry.bib} in {entry.race} {wearing}{wave}{unranked}")
        elif shared := [chip for chip in entry.chips if chip in chips]:
            parts.append(f"gives {join_words(shared)} to bib {entry.bib}")
    return "; ".join(parts)
