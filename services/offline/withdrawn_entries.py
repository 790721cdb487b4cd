"""Bibs whose entry was withdrawn and whose chips were read all the same: the athlete may have run. Pure."""

from collections.abc import Iterator

from schemas.events import EntriesAdded, Entry, EntryWithdrawn
from services.formatting.times import LocalClock
from services.formatting.words import join_words
from services.scoring.core.chips_of_nobody import chip_of_nobody
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.event import EventState
from services.standings.office.concern import Concern


def withdrawn_but_read(state: EventState) -> Iterator[Concern]:
    """Yield a concern for each bib without an entry whose chips, which nobody else wears, were read at a mat."""
    rulings = state.rulings
    places = DevicePlacement(rulings, state.devices.names)
    clock = LocalClock(rulings.definition)
    for bib, entry in _withdrawn(state).items():
        counts = [
            count
            for chip in dict.fromkeys(entry.chips)
            if chip in state.chips and (count := chip_of_nobody(rulings, places, chip, state.chips[chip])) is not None
        ]
        read = [count for count in counts if count.mats]
        if not read:
            continue
        first, last = min(count.first_us for count in read), max(count.last_us for count in read)
        was = "was" if len(read) == 1 else "were"
        chips = join_words([count.chip for count in read])
        yield Concern(
            bib=bib,
            race=entry.race,
            kind="withdrawn",
            reason=f"has no entry, since an official withdrew it, but {chips} {was} read from {clock.second(first)} to"
            f" {clock.second(last)}",
            todo="find out who carries the chip: if the athlete runs after all, enter the bib again with entries_added;"
            " if another athlete does, give them the chip with chip_assigned",
        )


def _withdrawn(state: EventState) -> dict[str, Entry]:
    """Return the last entry of each bib that has none, because an official withdrew it."""
    entries: dict[str, Entry] = {}
    withdrawn: dict[str, Entry] = {}
    for ruling in state.logged:
        match ruling.fact:
            case EntriesAdded() if not state.is_withdrawn(ruling.fact):
                entries.update((entry.bib, entry) for entry in ruling.fact.entries)
            case EntryWithdrawn() if not state.is_withdrawn(ruling.fact) and ruling.fact.bib in entries:
                withdrawn[ruling.fact.bib] = entries[ruling.fact.bib]
    return {bib: entry for bib, entry in withdrawn.items() if bib not in state.rulings.written}
