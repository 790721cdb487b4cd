"""Bibs whose chips were not carried together: a relay team on one bib, or a chip that somebody else wears. Pure."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from schemas.chip_codes import codes_of
from services.formatting.times import LocalClock
from services.formatting.words import join_words
from services.scoring.core.classify_reads import locate_reads
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.event import EventState
from services.standings.office.concern import Concern

TOGETHER_US = 60_000_000  # chips of one athlete cross a mat within a minute of each other, also a queue at the start


class _Passing(NamedTuple):
    """Reads of a chip at a mat that follow each other closely, by corrected instants."""

    first_us: int
    last_us: int
    mat: str


def chips_apart(state: EventState) -> Iterator[Concern]:
    """Yield a concern for each bib with chips that crossed mats apart at least as often as together.

    Each of the two chips must have been at a mat without the other: a chip that only fails to be read is no sign.
    """
    rulings = state.rulings
    places = DevicePlacement(rulings, state.devices.names)
    clock = LocalClock(rulings.definition)
    for bib in rulings.bibs():
        written = rulings.entry_of(bib)
        worn = state.chips_named(bib)
        if written is None or len(worn) < 2:
            continue
        passings = {
            chip: sorted(
                (
                    passing
                    for code in codes_of(rulings.chip_codes, chip)
                    for passing in _passings(state, places, bib, code)
                ),
                key=lambda passing: passing.first_us,
            )
            for chip in worn
        }
        read = [chip for chip in worn if passings[chip]]
        if any(_are_apart(passings[chip], passings[other]) for chip, other in combinations(read, 2)):
            where = "; ".join(f"{chip} at {_where(passings[chip], clock)}" for chip in read)
            yield Concern(
                bib=bib,
                race=written.entry.race,
                kind="chips_apart",
                reason=f"has chips read at different mats and times: {where}",
                todo="ask who wore the chips: a relay team gets a total but no legs; a chip that another athlete wore"
                " is given to them by chip_assigned",
            )


def _passings(state: EventState, places: DevicePlacement, bib: str, chip: str) -> list[_Passing]:
    """Return the passings of a chip while the bib wore it, in time order."""
    reads = state.chips.get(chip)
    if reads is None:
        return []
    seen = [
        (at_us, place.mat)
        for at_us, group, wearer in zip(*locate_reads(state.rulings, places, chip, reads), strict=True)
        if wearer == bib and (place := places.place(group)) is not None
    ]
    last: dict[str, int] = {}  # the number of the passing at each mat that may go on
    passings: list[_Passing] = []
    for at_us, mat in sorted(seen):
        number = last.get(mat)
        if number is not None and at_us - passings[number].last_us <= TOGETHER_US:
            passings[number] = passings[number]._replace(last_us=at_us)
        else:
            last[mat] = len(passings)
            passings.append(_Passing(at_us, at_us, mat))
    return passings


def _are_apart(first: list[_Passing], second: list[_Passing]) -> bool:
    """Return whether each chip was at a mat without the other, in all at least as often as both were together."""
    alone = [
        sum(not any(_meet(own, met) for met in others) for own in passings)
        for passings, others in ((first, second), (second, first))
    ]
    together = len(first) - alone[0]
    return min(alone) > 0 and sum(alone) >= 2 * together


def _meet(passing: _Passing, other: _Passing) -> bool:
    return (
        passing.mat == other.mat
        and passing.first_us <= other.last_us + TOGETHER_US
        and other.first_us <= passing.last_us + TOGETHER_US
    )


def _where(passings: list[_Passing], clock: LocalClock) -> str:
    return join_words([f"{passing.mat} {clock.second(passing.first_us)}" for passing in passings])
