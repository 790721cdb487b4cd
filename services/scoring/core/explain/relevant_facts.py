"""The officials' facts that affect one athlete: what each does, and whether it is in force.

They are found by their scopes, by which `event` also decides who is scored again. Source: R1.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import assert_never

from msgspec import Struct

from schemas.events import (
    ChipAssigned,
    ClockCorrected,
    DeviceAssigned,
    EntriesAdded,
    EntryWithdrawn,
    ProtestFiled,
    Ruling,
    kind_of,
)
from schemas.fact_kinds import (
    AsFact,
    AsProtest,
    Everybody,
    InRace,
    ReadBy,
    Scope,
    SharingChips,
    WithBibs,
    WithChips,
)
from services.formatting.times import LocalClock
from services.scoring.core.explain.fact_words import says
from services.scoring.core.officials_facts import LoggedRuling
from services.scoring.core.pending_facts import unmet
from services.scoring.core.rulings import Rulings


class FactWhy(Struct, frozen=True, kw_only=True):
    """A fact that affects an athlete; `says` tells its effect, `reason` and `rule` are the official's own words.

    `state`: `in_force`, `superseded` by a later fact on the same subject, `withdrawn`, or `waiting` for something that
    it names. `officials_only`: the public does not see it.
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
    """The athlete whose facts are wanted.

    The bib, its race (null: none), every chip that the bib ever had, the devices that ever read one of them, and the
    bibs that ever had one of them too.
    """

    bib: str
    race: str | None
    chips: frozenset[str]
    devices: frozenset[str]
    sharing: frozenset[str]


def facts_on(
    rulings: Rulings,
    logged: Sequence[LoggedRuling],
    ids: set[str],
    is_withdrawn: Callable[[Ruling], bool],
    subject: Subject,
) -> list[FactWhy]:
    """Return the facts that affect an athlete, in log order."""
    relevant = _relevant(logged, subject)
    hidden = {ruling.fact.id for ruling in relevant if ruling.fact.OFFICIALS_ONLY}
    clock = LocalClock(rulings.definition)
    explained: list[FactWhy] = []
    later: list[Ruling] = []
    for ruling in reversed(relevant):
        fact = ruling.fact
        state = "in_force"
        if is_withdrawn(fact):
            state = "withdrawn"
        elif _waits(rulings, fact, ids, subject):
            state = "waiting"
        else:
            if any(_supersedes(other, fact, subject.bib) for other in later):
                state = "superseded"
            later.append(fact)
        explained.append(
            FactWhy(
                offset=ruling.offset,
                id=fact.id,
                type=kind_of(fact),
                by=fact.by,
                recorded_at_us=fact.recorded_at_us,
                says=says(fact, clock, subject.bib, subject.chips),
                reason=fact.text if isinstance(fact, ProtestFiled) else getattr(fact, "reason", None),
                rule=getattr(fact, "rule", None),
                state=state,
                officials_only=fact.OFFICIALS_ONLY
                or any(isinstance(scope, AsFact) and scope.fact in hidden for scope in fact.scopes()),
            )
        )
    return explained[::-1]


def _relevant(logged: Sequence[LoggedRuling], subject: Subject) -> list[LoggedRuling]:
    """Return the facts whose scopes hold the athlete, and those about such facts, in log order."""
    relevant: list[LoggedRuling] = []
    ids: set[str] = set()
    protests: set[str] = set()
    others = list(logged)
    while True:
        added = [ruling for ruling in others if _is_relevant(ruling.fact, subject, ids, protests)]
        if not added:
            return sorted(relevant, key=lambda ruling: ruling[:2])
        relevant += added
        places = {ruling[:2] for ruling in added}
        others = [ruling for ruling in others if ruling[:2] not in places]
        ids = {name for ruling in relevant for name in ruling.fact.names()}
        protests = {ruling.fact.protest for ruling in relevant if isinstance(ruling.fact, ProtestFiled)}


def _is_relevant(fact: Ruling, subject: Subject, ids: set[str], protests: set[str]) -> bool:
    if isinstance(fact, EntryWithdrawn):
        return fact.bib == subject.bib or fact.bib in subject.sharing
    return any(_holds(scope, subject, ids, protests) for scope in fact.scopes())


def _holds(scope: Scope, subject: Subject, ids: set[str], protests: set[str]) -> bool:
    match scope:
        case Everybody():
            return True
        case InRace(race):
            return race == subject.race
        case WithBibs(bibs):
            return subject.bib in bibs
        case WithChips(chips):
            return not subject.chips.isdisjoint(chips)
        case ReadBy(device):
            return device in subject.devices
        case AsFact(fact):
            return fact in ids
        case AsProtest(protest):
            return protest in protests
        case SharingChips():
            return False  # entries that are added name the chips that are the athlete's now, if they name any
        case _:
            assert_never(scope)


def _waits(rulings: Rulings, fact: Ruling, ids: set[str], subject: Subject) -> bool:
    if isinstance(fact, EntriesAdded):
        own = [entry for entry in fact.entries if entry.bib == subject.bib or not subject.chips.isdisjoint(entry.chips)]
        return all(entry.race not in rulings.courses for entry in own)
    return bool(unmet(rulings, fact, ids))


def _supersedes(later: Ruling, fact: Ruling, bib: str) -> bool:
    """Return whether a later fact replaces an earlier one entirely, for this athlete."""
    if isinstance(fact, EntryWithdrawn):
        return ("entry", fact.bib) in later.subjects()
    subjects = _subjects(fact, bib)
    if not subjects or not subjects <= _subjects(later, bib):
        return False
    if isinstance(later, (ClockCorrected, DeviceAssigned, ChipAssigned)) and isinstance(
        fact, (ClockCorrected, DeviceAssigned, ChipAssigned)
    ):
        begins = later.from_us is None or (fact.from_us is not None and later.from_us <= fact.from_us)
        ends = later.until_us is None or (fact.until_us is not None and fact.until_us <= later.until_us)
        return begins and ends
    return True


def _subjects(fact: Ruling, bib: str) -> set[Hashable]:
    """Return the subjects of a fact; of a list of entries, only the athlete's own."""
    subjects = set(fact.subjects())
    return subjects & {("entry", bib)} if isinstance(fact, EntriesAdded) else subjects
