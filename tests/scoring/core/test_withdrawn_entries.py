"""A withdrawn entry gives its chips back, and each athlete who loses or gains one is scored again."""

from services.scoring.core.event import EventState
from tests.builders import defined, entries, entry, gun, run, typed, withdrawn


def test_the_athlete_who_wore_the_old_chip_meanwhile_is_scored_again():
    shared = [entries(entry("8", chips=["C8", "C7"])), entries("7")]  # the later entry, 7's, owns C7
    without = {**entries(entry("7", chips=["C70"])), "id": "again"}  # so C7 is 8's
    state = EventState("example-2026")
    for offset, logged in enumerate([defined(), *shared, gun(), run("7"), without]):
        state.fold(offset, 0, typed(logged))
    before = {row.bib: row for row in state.take(10)}
    assert (before["8"].status, before["7"].status) == ("FINISHED", "NOT_STARTED")
    state.fold(9, 0, typed(withdrawn("again")))
    after = {row.bib: row for row in state.take(10)}
    assert (after["8"].status, after["7"].status) == ("NOT_STARTED", "FINISHED")
    assert (after["8"].version, after["7"].version) == (9, 9)
