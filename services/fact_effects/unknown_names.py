"""The names in a fact that nothing bears: while there is one, the fact waits. Source: R1.6.

Scoring itself waits for what `Need` declares. A fact about a device, wave, chip, read or case that does not exist is in
force, and has nothing to act upon until that appears.
"""

from bisect import bisect_left
from collections.abc import Collection
from typing import NamedTuple, assert_never

from schemas.events import (
    CaseDecided,
    ClockCorrected,
    EntriesAdded,
    GunFired,
    ReadExcluded,
    Ruling,
)
from schemas.fact_kinds import Need
from schemas.ids import ATHLETE_CASES, TOGETHER, case_bibs
from services.fact_effects.athletes import Athletes
from services.fact_effects.nearest_names import hint
from services.formatting.times import LocalClock
from services.scoring.core.event import EventState
from services.scoring.core.officials_facts import OfficialsFacts
from services.scoring.core.pending_facts import known_boards, missing_names, unmet
from services.scoring.core.reads import ChipReads
from services.scoring.core.rulings import Rulings

CASE_KINDS = (*ATHLETE_CASES, TOGETHER, "team")
DESCRIBED_MAX = 5  # of the names unknown to one fact, such as an entry list for a race that is not defined


class UnknownName(NamedTuple):
    """A name that nothing bears, what to say of it, and the names of the same kind that are known."""

    says: str
    name: str
    known: Collection[str]

    def sentence(self) -> str:
        """Return what is unknown, with the nearest known names."""
        return self.says + (hint(self.name, self.known) if self.name else "")


def unknown_names(state: OfficialsFacts, fact: Ruling, athletes: Athletes) -> list[UnknownName]:
    """Return the names in a fact that nothing bears, at most DESCRIBED_MAX.

    `athletes` tell which cases there are. An EventState must hold the event's reads.
    """
    unknown: dict[str, UnknownName] = {}
    rulings = state.rulings
    for need in unmet(rulings, fact, state.ids):
        for name in missing_names(rulings, need, state.ids):
            item = _unmet(state, need, name, athletes)
            unknown.setdefault(item.says, item)
            if len(unknown) == DESCRIBED_MAX:
                return list(unknown.values())
    if unknown:
        return list(unknown.values())
    return _without_need(state, fact, athletes)


def knows_device(rulings: Rulings, device: str) -> bool:
    """Return whether a device stands at a mat, by the definition or by a fact."""
    return device in rulings.defined_places or any(rulings.has_mat(fact.mat) for fact in rulings.placed.get(device, ()))


def unknown_device(rulings: Rulings, device: str) -> UnknownName:
    """Return a device that stands at no mat."""
    return UnknownName(f"no mat lists device {device!r}", device, rulings.defined_places.keys() | rulings.placed.keys())


def has_no_ground(case_name: str, athletes: Athletes) -> bool:
    """Return whether a case of one athlete is not in their row. Rows do not hold cases of several athletes or teams."""
    bibs = case_bibs(case_name)
    if len(bibs) != 1:
        return False
    outline = athletes.get(bibs[0])
    return outline is None or all(case.case != case_name for case in outline.cases)


def _unmet(state: OfficialsFacts, need: Need, name: str, athletes: Athletes) -> UnknownName:
    rulings = state.rulings
    match need.thing:
        case "race":
            return UnknownName(f"race {name!r} is not defined", name, rulings.courses.keys())
        case "mat":
            mats = () if rulings.definition is None else rulings.definition.mats
            return UnknownName(f"mat {name!r} is not defined", name, {mat.id for mat in mats})
        case "bib" | "bibs":
            return _bib(rulings, name)
        case "point":
            if need.race is not None:
                return UnknownName(f"race {need.race!r} has no point {name!r}", name, rulings.courses[need.race].index)
            return _point(rulings, need.bib or "", name)
        case "case":
            return _case(rulings, name, athletes)
        case "protest":
            return UnknownName(f"no protest {name!r} was filed", name, rulings.protests.keys())
        case "fact":
            return UnknownName(f"no fact has the id {name!r}", name, _ids_sent(state))
        case "boards":
            return UnknownName(f"board {name!r} is not defined", name, known_boards(rulings))
        case _:
            assert_never(need.thing)


def _ids_sent(state: OfficialsFacts) -> set[str]:
    """Return the ids in use but for those of the parts of uploads, which nobody chose."""
    logged = (ruling.fact for ruling in state.logged)
    return state.ids - {fact.id for fact in logged if isinstance(fact, EntriesAdded) and fact.part_of is not None}


def _bib(rulings: Rulings, bib: str) -> UnknownName:
    return UnknownName(f"bib {bib!r} has no entry", bib, rulings.written.keys())


def _point(rulings: Rulings, bib: str, point: str) -> UnknownName:
    written = rulings.entry_of(bib)
    if written is None:
        return _bib(rulings, bib)
    race = written.entry.race
    return UnknownName(
        f"race {race!r}, which bib {bib!r} runs, has no point {point!r}", point, rulings.courses[race].index
    )


def _case(rulings: Rulings, name: str, athletes: Athletes) -> UnknownName:
    """Return why there can be no case of a name: its bib has no entry, its board is unknown, or it is of no kind."""
    for bib in case_bibs(name):
        if rulings.entry_of(bib) is None:
            return _bib(rulings, bib)
    kind, _, rest = name.partition(":")
    if kind == "team":
        board = rest.partition(":")[0]
        teams = () if rulings.definition is None else rulings.definition.team_boards
        return UnknownName(f"team board {board!r} is not defined", board, {team.id for team in teams})
    if not rest and rulings.entry_of(bib := name.strip().upper()) is not None:
        names = ", ".join(f"{known}:{bib}" for known in ATHLETE_CASES)
        return UnknownName(f"there can be no case {name!r}; cases of that bib are named {names}", "", ())
    meant = {f"{known}:{rest}" for known in CASE_KINDS} if rest else set()
    return UnknownName(f"there can be no case {name!r}", name, {*athletes.open_cases(), *meant})


# --- Names that scoring does not wait for.


def _without_need(state: OfficialsFacts, fact: Ruling, athletes: Athletes) -> list[UnknownName]:
    rulings = state.rulings
    match fact:
        case ClockCorrected() if not knows_device(rulings, fact.device):
            return [unknown_device(rulings, fact.device)]
        case GunFired() if fact.wave is not None:
            return _wave(rulings, fact.race, fact.wave)
        case ReadExcluded():
            return _excluded(state, fact)
        case CaseDecided():
            return _open_case(fact.case, athletes) or _team(rulings, fact.case)
        case _:
            return []


def _wave(rulings: Rulings, race: str, wave: str) -> list[UnknownName]:
    waves: set[str] = set()
    for bib in rulings.bibs():
        written = rulings.entry_of(bib)
        if written is not None and written.entry.race == race and written.entry.wave is not None:
            if written.entry.wave == wave:
                return []
            waves.add(written.entry.wave)
    return [UnknownName(f"no entry of race {race!r} is in wave {wave!r}", wave, waves)]


def _excluded(state: OfficialsFacts, fact: ReadExcluded) -> list[UnknownName]:
    rulings = state.rulings
    if isinstance(state, EventState):
        return _read(state, fact)
    unknown = [] if knows_device(rulings, fact.device) else [unknown_device(rulings, fact.device)]
    if rulings.bare(fact.chip) not in rulings.named_by and not rulings.is_assigned(fact.chip):
        chips = rulings.named_by.keys() | rulings.worn.keys()
        unknown.append(UnknownName(f"nobody has chip {fact.chip!r}", fact.chip, chips))
    return unknown


def _read(state: EventState, fact: ReadExcluded) -> list[UnknownName]:
    """Return what in an exclusion no read bears: the chip, the device, or the instant."""
    held = state.chips.get(fact.chip)
    if held is None:
        return [UnknownName(f"chip {fact.chip!r} was never read", fact.chip, state.chips.keys())]
    names = state.devices.names
    numbers = {names[number]: number for number in dict.fromkeys(held.device)}
    number = numbers.get(fact.device)
    if number is None:
        return [UnknownName(f"device {fact.device!r} never read chip {fact.chip!r}", fact.device, numbers.keys())]
    nearest_us = _nearest_read_us(held, number, fact.at_us)
    if nearest_us == fact.at_us:
        return []
    clock = LocalClock(state.rulings.definition)
    return [
        UnknownName(
            f"device {fact.device!r} did not read chip {fact.chip!r} at {clock.at(fact.at_us)} by its own clock; the"
            f" nearest read is at {clock.at(nearest_us)}, at_us {nearest_us}",
            "",
            (),
        )
    ]


def _nearest_read_us(reads: ChipReads, device: int, at_us: int) -> int:
    """Return the time of a device's read of the chip that is nearest to an instant, by the device's own clock."""
    after = bisect_left(reads.at_us, at_us)
    later = next((i for i in range(after, len(reads.at_us)) if reads.device[i] == device), None)
    earlier = next((i for i in range(after - 1, -1, -1) if reads.device[i] == device), None)
    near = [reads.at_us[index] for index in (earlier, later) if index is not None]
    return min(near, key=lambda read_us: abs(read_us - at_us))


def _open_case(name: str, athletes: Athletes) -> list[UnknownName]:
    """Return an athlete's case that has no ground."""
    if not has_no_ground(name, athletes):
        return []
    return [UnknownName(f"there is no case {name!r} now", name, athletes.open_cases())]


def _team(rulings: Rulings, name: str) -> list[UnknownName]:
    """Return the team of a team's case that no entry names."""
    kind, _, rest = name.partition(":")
    team = rest.partition(":")[2]
    if kind != "team":
        return []
    teams = {written.entry.team for bib in rulings.bibs() if (written := rulings.entry_of(bib)) is not None}
    known = {other for other in teams if other}
    return [] if team in known else [UnknownName(f"no entry is of team {team!r}", team, known)]
