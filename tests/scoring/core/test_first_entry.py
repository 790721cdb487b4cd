"""The order of first entry, by which a team's members count. Source: R1 and R4.6."""

from services.scoring.core.event import EventState
from tests.builders import defined, entries, entry, typed


def first_entries(*facts):
    state = EventState("example-2026")
    for offset, logged in enumerate(facts):
        state.fold(offset, 0, typed(logged))
    return {row.bib: row.first_entry for row in state.take(10)}


def test_an_entry_written_again_keeps_its_first_place():
    again = first_entries(defined(), entries("7", "8"), entries("7"))
    assert again["7"] < again["8"]


def test_an_entry_for_an_unknown_race_is_no_first_entry():
    waiting = first_entries(defined(), entries(entry("7", race="unknown"), "8"), entries("7"))
    assert waiting["8"] < waiting["7"]
