"""Previews by example: what is read, in pages and late, and what is said of facts."""

import pytest

from services.fact_effects.sent_facts import MalformedFacts, WrongNumber
from services.preview.previewer import NotThereYet, Previewer
from services.preview.source import CHIPS_A_PAGE, ROWS_A_PAGE
from tests.builders import EVENT, at, defined, entries, fact, gun, run, status, typed
from tests.preview.previewed import MemorySource, body_of, committed, comparable

RACE = [defined(), entries("7", "8"), gun(), run("7"), run("8", finish=4100)]


def of(*plain):
    return list(map(typed, plain))


class Counting(MemorySource):
    """Notes what was asked for."""

    def __init__(self, facts, late=0):
        super().__init__(facts, late)
        self.asked = []
        self.pages = 0

    def facts_after(self, offset, ordinal):
        lines = super().facts_after(offset, ordinal)
        self.pages += bool(lines)
        return lines

    def reads_of(self, chips):
        self.asked += chips
        return super().reads_of(chips)


def shown(race, *tried, late=0, previewer=None):
    source = Counting(of(*race), late)
    made = (previewer or Previewer()).preview(source, EVENT, len(race) - 1, body_of(of(*tried)))
    return made, source


def test_only_the_reads_of_affected_athletes_are_asked_for():
    _, source = shown(RACE, status("7", "DQ"))
    assert source.asked == ["C7"]


def test_of_a_clock_those_are_affected_whom_the_device_read():
    race = [*RACE, entries("9"), run("9", start=3, k10=None, finish=None)]
    made, source = shown(race, fact("clock_corrected", device="K1", offset_us=1))
    assert [athlete["bib"] for athlete in made["athletes"]] == ["7", "8"]
    assert source.asked == ["C7", "C8"]


def test_a_withdrawn_clock_affects_them_again():
    race = [*RACE, fact("clock_corrected", device="K1", offset_us=1, id="clock")]
    made, _ = shown(race, fact("fact_withdrawn", fact="clock", reason="r"))
    assert [athlete["bib"] for athlete in made["athletes"]] == ["7", "8"]


def test_an_exclusion_is_judged_by_the_reads():
    there = fact("read_excluded", device="F1", chip="C7", at_us=at(4000), reason="r")
    made, _ = shown(RACE, there, {**there, "at_us": at(4000) + 1}, {**there, "chip": "C99"})
    assert [effect["effect"] for effect in made["facts"]] == ["applied", "pending", "pending"]
    assert made["facts"][2]["why"] == "chip 'C99' was never read; known: 'C7' and 'C8'"
    assert [athlete["after"]["status"] for athlete in made["athletes"]] == ["ON_COURSE"]


def test_each_fact_is_judged_after_those_before_it():
    made, _ = shown(RACE, status("7", "DQ", id="a"), status("8", "DQ", id="a"), status("7", "DQ"))
    assert [effect["effect"] for effect in made["facts"]] == ["applied", "repeated", "no_change"]
    assert [effect["id"] for effect in made["facts"]] == ["a", "a", None]


def test_reads_that_come_late_are_waited_for():
    made, source = shown(RACE, status("7", "DQ"), late=2)
    assert [athlete["bib"] for athlete in made["athletes"]] == ["7"]
    assert source.asked == ["C7"] * 3


def test_reads_of_a_device_that_come_late_are_waited_for():
    made, _ = shown(RACE, fact("clock_corrected", device="K1", offset_us=1), late=2)
    assert [athlete["bib"] for athlete in made["athletes"]] == ["7", "8"]


def test_reads_are_asked_for_again_only_after_others_have_arrived():
    previewer = Previewer()
    race = [*RACE, gun(0.5)]
    first, _ = shown(race, status("7", "DQ"), previewer=previewer)
    second, source = shown(race, status("7", "DQ"), previewer=previewer)
    assert second == first
    assert source.asked == []
    _, source = shown([*race, run("8", finish=4101)], status("7", "DQ"), previewer=previewer)
    assert source.asked == ["C7"]


def test_reads_that_do_not_come_are_not_waited_for_forever():
    with pytest.raises(NotThereYet):
        shown(RACE, status("7", "DQ"), late=1_000)


def test_facts_that_do_not_come_are_not_waited_for_forever():
    source = MemorySource(of(*RACE))
    source.facts = source.facts[:2]
    with pytest.raises(NotThereYet):
        Previewer().preview(source, EVENT, len(RACE) - 1, body_of(of(status("7", "DQ"))))


def test_a_large_event_is_read_in_pages():
    bibs = [str(number) for number in range(1, ROWS_A_PAGE + 2)]
    assert len(bibs) > CHIPS_A_PAGE
    race = [defined(), entries(*bibs), gun(), *map(run, bibs[:3])]
    made, _ = shown(race, gun(0.5))
    assert comparable(made) == committed_to(race, gun(0.5))
    assert len(made["athletes"]) == 3


def committed_to(race, *tried):
    return committed(of(*race), of(*tried))


def test_events_beyond_what_is_held_are_read_again():
    previewer = Previewer(rows_held=1)
    first, _ = shown(RACE, status("7", "DQ"), previewer=previewer)
    other = MemorySource([])
    previewer.preview(other, "other", -1, body_of(of(gun())).replace(EVENT.encode(), b"other"))
    again, source = shown(RACE, status("7", "DQ"), previewer=previewer)
    assert again == first
    assert source.pages == 1
    _, held = shown(RACE, status("7", "DQ"), previewer=previewer)
    assert held.pages == 0


def test_malformed_facts_are_named_before_anything_is_read():
    source = Counting(of(*RACE))
    with pytest.raises(MalformedFacts) as refused:
        Previewer().preview(source, EVENT, 4, b'[{"type": "gun_fired"}]')
    assert [fault["index"] for fault in refused.value.faults] == [0]
    with pytest.raises(WrongNumber):
        Previewer().preview(source, EVENT, 4, b"[]")
