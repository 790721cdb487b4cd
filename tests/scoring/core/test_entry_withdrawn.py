"""Entries that officials withdraw by bib. Source: R1.entry_withdrawn."""

import pytest

from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from tests.builders import (
    board,
    chip,
    closed,
    day,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    entry_withdrawn,
    fact,
    gun,
    order,
    places,
    race,
    read,
    reads,
    run,
    scored,
    status,
    time_set,
    withdrawn,
)
from tests.oracle.folding import at_once, envelopes, partition, restored, standings_of, typed

TEAMS = definition(boards=[board("men")], team_boards=[{"id": "teams", "of": "men", "counting": 1, "max_members": 1}])


def bibs(made):
    return [row["bib"] for row in made["athletes"]]


def status_of(made, bib="7"):
    return next((row["status"] for row in made["athletes"] if row["bib"] == bib), None)


def pending(*facts):
    return at_once(facts).event_row().pending


# --- The bib has no entry.


def test_the_athlete_is_on_no_list_and_their_reads_are_of_nobody():
    made = scored(run("7"), run("8", finish=4100), entry_withdrawn("7"), bibs=["7", "8"])
    assert (bibs(made), places(made), made["cases"]) == (["8"], [(1, "8")], [])
    assert made["unused_reads"] == {"unknown_chip": 3}


def test_a_case_of_the_athlete_goes_with_the_entry():
    missed = [run("7", k10=None)]
    assert [case["case"] for case in scored(*missed)["cases"]] == ["missed:7"]
    assert scored(*missed, entry_withdrawn("7"))["cases"] == []


def test_it_is_as_if_no_entry_had_been_added_before():
    """Neither the entry that was replaced nor one of a race that is defined only later comes back."""
    assert bibs(scored(entries(entry("7", club="Hue")), entry_withdrawn("7"))) == []
    both = [entries("7"), entries(entry("7", race="5k")), entry_withdrawn("7")]
    two = definition(races=[race(), race("5k")], boards=[])
    assert bibs(document(defined(definition(boards=[])), *both, defined(two))) == []
    assert bibs(document(*both, defined(two))) == []


def test_an_entry_that_waited_for_its_race_is_withdrawn_too_and_waits_no_more():
    waiting = [defined(), entries(entry("7", race="5k"))]
    assert pending(*waiting) == ["entry of bib 7: race 5k is not defined"]
    assert pending(*waiting, entry_withdrawn("7")) == []
    again = [*waiting, entry_withdrawn("7"), entries(entry("7", race="5k"))]
    assert pending(*again) == ["entry of bib 7: race 5k is not defined"]
    two = [defined(), entries(entry("7", race="5k"), entry("8", race="10k"))]
    assert pending(*two, entry_withdrawn("7")) == ["entry of bib 8: race 10k is not defined"]
    assert pending(*waiting, entry_withdrawn("8")) == ["entry of bib 7: race 5k is not defined"]


def test_of_a_bib_without_an_entry_it_changes_nothing_and_does_not_wait():
    assert bibs(scored(entry_withdrawn("8"), entries("8"))) == ["7", "8"]
    assert pending(*day(entry_withdrawn("8"))) == []
    assert scored(run(), entry_withdrawn("8"))["athletes"] == scored(run())["athletes"]


def test_the_bib_is_upper_cased():
    assert bibs(scored(entry_withdrawn(" a7 "), bibs=["A7", "8"])) == ["8"]


# --- Added anew.


def test_a_later_entry_adds_the_bib_anew_with_all_that_waited():
    facts = [run("7"), status("7", "DQ"), entry_withdrawn("7")]
    assert status_of(scored(*facts)) is None
    assert status_of(scored(*facts, entries("7"))) == "DQ"
    assert status_of(scored(*facts, entries("7"), status("7", "OK"))) == "FINISHED"


def test_its_order_counts_from_then():
    """Of a team of which one counts, 7 was first; entered anew, it comes after 8."""
    team = [entry("7", team="Hue"), entry("8", team="Hue")]
    ran = [run("7", finish=4100), run("8", finish=4000)]

    def counts(*facts):
        (row,) = scored(*ran, *facts, definition=TEAMS, bibs=team)["team_boards"]["teams"]
        return [member["bib"] for member in row["members"]]

    assert counts() == ["7"]
    assert counts(entries(team[0])) == ["7"]
    assert counts(entry_withdrawn("7"), entries(team[0])) == ["8"]
    assert counts(entry_withdrawn("7", id="w"), entries(team[0]), withdrawn("w")) == ["7"]


@pytest.mark.parametrize(
    ("waits", "line"),
    [
        (status("7", "DQ"), "status_set: bib 7 has no entry"),
        (time_set("7", "10K", 5), "time_set: bib 7 has no point 10K"),
        (chip("NEW", "7"), "chip_assigned: bib 7 has no entry"),
        (decided("missed:7", "dq"), "case_decided missed:7: no such case can be"),
        (fact("penalty_set", bib="7", seconds=1, reason="r"), "penalty_set: bib 7 has no entry"),
        (fact("entry_hidden", bib="7", hidden=True), "entry_hidden: bib 7 has no entry"),
        (order("7", "8"), "order_set: no entry for 7"),
    ],
)
def test_other_facts_on_the_bib_wait_as_those_of_an_unknown_bib(waits, line):
    for facts in ([waits, entry_withdrawn("7")], [entry_withdrawn("7"), waits]):
        assert pending(*day(*facts, bibs=["7", "8"])) == [line]
        assert pending(*day(*facts, entries("7"), bibs=["7", "8"])) == []


def test_a_judges_order_that_names_the_bib_no_longer_applies():
    tie = [run("7"), run("8"), run("9"), order("9", "8", "7")]
    assert places(scored(*tie, bibs=["7", "8", "9"])) == [(1, "9"), (2, "8"), (3, "7")]
    assert places(scored(*tie, entry_withdrawn("7"), bibs=["7", "8", "9"])) == [(1, "8"), (1, "9")]


def test_a_chip_assigned_to_the_bib_goes_back_to_its_owner_meanwhile():
    facts = [run("8"), chip("C8", "7"), entry_withdrawn("7")]
    made = scored(*facts[:2], bibs=["7", "8"])
    assert (status_of(made, "7"), status_of(made, "8")) == ("FINISHED", "NOT_STARTED")
    assert status_of(scored(*facts, bibs=["7", "8"]), "8") == "FINISHED"
    assert status_of(scored(*facts, entries("7"), bibs=["7", "8"]), "8") == "NOT_STARTED"


# --- Chips.


SHARED = [entry("7", ["C7"]), entry("8", ["C7"])]  # 8's entry is later and owns the chip


def test_a_chip_belongs_to_the_last_entry_of_others_that_names_it():
    assert status_of(scored(run("7"), bibs=SHARED), "8") == "FINISHED"
    gone = scored(run("7"), entry_withdrawn("8"), bibs=SHARED)
    assert (status_of(gone, "7"), status_of(gone, "8")) == ("FINISHED", None)
    again = scored(run("7"), entry_withdrawn("8"), entries(entry("8", ["C8"])), bibs=SHARED)
    assert (status_of(again, "7"), status_of(again, "8")) == ("FINISHED", "NOT_STARTED")


def test_an_entry_added_anew_owns_its_chips_from_then_on():
    anew = scored(run("7"), entry_withdrawn("7"), entries(SHARED[0]), bibs=SHARED)
    assert (status_of(anew, "7"), status_of(anew, "8")) == ("FINISHED", "NOT_STARTED")


def test_everybody_who_shared_a_chip_is_scored_again_and_nobody_else():
    state = at_once(day(run("7"), bibs=[*SHARED, "9"]))
    state.take(10)
    state.fold(9, 0, typed([entry_withdrawn("8")])[0])
    rows = {row.bib: row for row in state.take(10)}
    assert {bib: (row.status, row.gone, row.version) for bib, row in rows.items()} == {
        "7": ("FINISHED", False, 9),
        "8": ("NOT_STARTED", True, 9),
    }


# --- Teams.


def test_n_counts_the_athletes_who_have_an_entry():
    """8 started and did not finish: it scores N + 1, which is 4 of three, and 3 without 9."""
    team = [entry("7", team="A"), entry("8", team="B"), entry("9")]
    ran = [run("7"), run("8", finish=None), run("9", finish=4100), closed()]

    def score(*facts):
        rows = scored(*ran, *facts, definition=TEAMS, bibs=team)["team_boards"]["teams"]
        return {row["team"]: row["score"] for row in rows}

    assert score() == {"A": 1, "B": 4}
    assert score(entry_withdrawn("9")) == {"A": 1, "B": 3}
    assert score(entry_withdrawn("8")) == {"A": 1}


def test_a_team_that_is_no_longer_too_large_has_no_case():
    team = [entry("7", team="A"), entry("8", team="A")]
    assert [case["case"] for case in scored(definition=TEAMS, bibs=team)["cases"]] == ["team:teams:A"]
    assert scored(entry_withdrawn("8"), definition=TEAMS, bibs=team)["cases"] == []


# --- Withdrawals and snapshots.


def test_a_withdrawal_of_the_withdrawal_gives_everything_back():
    facts = [run("7"), status("7", "DNF"), entry_withdrawn("7", id="w")]
    assert scored(*facts, withdrawn("w"))["athletes"] == scored(*facts[:2])["athletes"]
    assert bibs(scored(*facts, withdrawn("w", id="x"), withdrawn("x"))) == []
    assert bibs(scored(withdrawn("w"), *facts)) == ["7"]


def test_only_the_upload_that_came_before_it_is_undone():
    """The upload is withdrawn after the bib was entered anew."""
    log = [defined(), entries("7", id="e"), entry_withdrawn("7"), entries(entry("7", club="Hue")), gun()]
    assert bibs(document(*log, withdrawn("e"))) == ["7"]


def test_a_snapshot_remembers_who_was_withdrawn_and_the_order_since():
    team = [entry("7", team="Hue"), entry("8", team="Hue")]
    facts = [run("7"), run("8"), entry_withdrawn("7"), entries(team[0]), entry_withdrawn("8", id="w"), withdrawn("w")]
    log = day(*facts, definition=TEAMS, bibs=team)
    for until in range(len(log) + 1):
        scored_partition = partition(envelopes([[logged] for logged in typed(log[:until])]))
        for state in scored_partition.events.values():
            state.take_event()
            state.take(100)
        again = restored(scored_partition)
        for event, state in scored_partition.events.items():
            assert standings_of(again.events[event]) == standings_of(state)


# --- In words.


def explained(bib, *facts, **how):
    return explain(evidence_of(at_once(day(*facts, **how)), bib)).explanation


def stated(explanation, bib="7"):
    return [
        (why.says, why.state)
        for why in explanation.facts
        if why.type in ("entries_added", "entry_withdrawn") and f"bib {bib}" in why.says
    ]


def test_the_explanation_of_the_bib_says_that_the_entry_was_withdrawn():
    made = explained("7", run("7"), entry_withdrawn("7"))
    assert (made.gone, made.status, made.points) == ("every entry of bib 7 was withdrawn", None, [])
    assert stated(made) == [
        ("enters bib 7 in hm with C7", "superseded"),
        ("withdraws the entry of bib 7", "in_force"),
    ]
    assert {read.says for read in made.reads} == {"nobody wore chip C7 then"}


def test_the_explanation_of_an_athlete_entered_anew_shows_both_entries_and_the_withdrawal():
    made = explained("7", run("7"), entry_withdrawn("7"), entries("7"))
    assert made.status == "FINISHED"
    assert stated(made) == [
        ("enters bib 7 in hm with C7", "superseded"),
        ("withdraws the entry of bib 7", "superseded"),
        ("enters bib 7 in hm with C7", "in_force"),
    ]


def test_the_explanation_of_an_athlete_who_got_a_chip_by_it_names_the_withdrawal():
    facts = [reads(read("S1", "C7", 1)), entry_withdrawn("8")]
    made = explained("7", *facts, bibs=SHARED)
    assert stated(made, "8")[-1] == (
        "withdraws the entry of bib 8, which had a chip in common with this bib",
        "in_force",
    )
    assert stated(explained("9", *facts, bibs=[*SHARED, "9"]), "8") == []
    again = explained("7", *facts, entries(entry("8", ["C8"])), bibs=SHARED)
    assert ("withdraws the entry of bib 8, which had a chip in common with this bib", "in_force") in stated(again, "8")
