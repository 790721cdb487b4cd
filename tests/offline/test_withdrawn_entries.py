"""Withdrawn entries whose chips were read, in `matline office`."""

from services.offline.office_command import lists_of
from services.offline.scored_log import Log
from tests.builders import chip, day, entries, entry, entry_withdrawn, line, read, reads, run, withdrawn


def concerns(*facts, bibs=("7", "8")):
    log = Log()
    for fact in day(*facts, bibs=bibs):
        log.add(line(fact))
    return {concern.bib: concern for concern in lists_of(log)[0].concerns if concern.kind == "withdrawn"}


def test_a_withdrawn_entry_whose_chip_was_read_is_a_concern():
    made = concerns(run("7"), entry_withdrawn("7"))
    assert list(made) == ["7"]
    assert made["7"].reason == (
        "has no entry, since an official withdrew it, but C7 was read from 05:00:01 to 06:06:40"
    )
    assert made["7"].todo == (
        "find out who carries the chip: if the athlete runs after all, enter the bib again with entries_added; if"
        " another athlete does, give them the chip with chip_assigned"
    )
    assert made["7"].race == "hm"


def test_a_withdrawn_entry_without_a_read_is_none():
    assert concerns(run("8"), entry_withdrawn("7")) == {}


def test_each_withdrawn_entry_is_looked_at():
    gone = [entry_withdrawn("7"), entry_withdrawn("8"), entry_withdrawn("9")]
    assert list(concerns(run("8"), run("9"), *gone, bibs=("7", "8", "9"))) == ["8", "9"]


def test_reads_by_a_device_without_a_mat_say_nothing():
    assert concerns(reads(read("DESK", "C7", 5)), entry_withdrawn("7")) == {}


def test_a_chip_that_another_athlete_wears_now_is_no_concern():
    shared = [entry("7", ["C7"]), entry("8", ["C7"])]
    assert concerns(run("7"), entry_withdrawn("8"), bibs=shared) == {}
    assert concerns(run("7"), entry_withdrawn("7"), chip("C7", "8")) == {}


def test_an_athlete_entered_anew_is_no_concern():
    gone = [run("7"), entry_withdrawn("7", id="w")]
    assert concerns(*gone, entries("7")) == {}
    assert concerns(*gone, withdrawn("w")) == {}
    assert list(concerns(*gone, entries("7", id="e"), withdrawn("e"))) == ["7"]


def test_a_withdrawal_of_the_upload_or_of_an_unknown_bib_is_no_concern():
    assert concerns(reads(read("S1", "C9", 1)), entry_withdrawn("9")) == {}
    assert concerns(run("9"), entries("9", id="e"), withdrawn("e")) == {}


def test_all_chips_of_the_entry_count():
    both = reads(read("S1", "A", 1), read("F1", "B", 4000))
    made = concerns(both, entry_withdrawn("7"), bibs=[entry("7", ["A", "B", "C"])])
    assert "but A and B were read from 05:00:01 to 06:06:40" in made["7"].reason
