"""Status: the first that applies, and the case where a set status is contradicted. Source: R3.7."""

import pytest

from tests.builders import (
    athlete,
    closed,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    gun,
    half,
    race,
    read,
    reads,
    reopened,
    run,
    scored,
    status,
    time_set,
    withdrawn,
)


def status_of(document, bib="7"):
    return athlete(document, bib)["status"]


def cases(document):
    return {case["case"]: case["open"] for case in document["cases"]}


# --- Without officials.


def test_the_status_follows_the_athlete_along_the_course():
    assert status_of(scored()) == "NOT_STARTED"
    assert status_of(scored(run(k10=None, finish=None))) == "ON_COURSE"
    assert status_of(scored(run(finish=None))) == "ON_COURSE"
    assert status_of(scored(run())) == "FINISHED"


def test_an_athlete_without_a_start_read_is_on_course_from_the_first_passing():
    assert status_of(scored(run(start=None, finish=None))) == "ON_COURSE"


def test_an_unused_read_does_not_put_an_athlete_on_course():
    assert status_of(scored(reads(read("K1", "C7", 600)))) == "NOT_STARTED"


# --- Closing a race.


def test_closing_the_race_makes_athletes_on_course_dnf_and_others_dns():
    """Source: R1, `race_closed`."""
    document = scored(run("7"), run("8", finish=None), closed(), bibs=["7", "8", "9"])
    assert [status_of(document, bib) for bib in ("7", "8", "9")] == ["FINISHED", "DNF", "DNS"]


def test_a_read_that_arrives_after_the_race_was_closed_still_counts():
    """A backfill shows a finish before the closing."""
    assert status_of(scored(run(finish=None), closed(), reads(read("F1", "C7", 4000)))) == "FINISHED"


def test_a_race_reopened_is_as_it_was():
    document = scored(run("8", finish=None), closed(), reopened(), bibs=["8", "9"])
    assert [status_of(document, bib) for bib in ("8", "9")] == ["ON_COURSE", "NOT_STARTED"]
    document = scored(closed(), reopened(), closed(), bibs=["9"])
    assert status_of(document, "9") == "DNS"


def test_closing_one_race_leaves_the_other_open():
    document = scored(
        closed("5k"),
        definition=definition(races=[race(), race("5k")], boards=[]),
        bibs=[entry("7"), entry("8", race="5k")],
    )
    assert [status_of(document, bib) for bib in ("7", "8")] == ["NOT_STARTED", "DNS"]


def test_without_a_gun_everybody_in_a_closed_race_is_dns():
    assert status_of(document(defined(), entries("7"), run(), closed())) == "DNS"


# --- Set by officials.


@pytest.mark.parametrize("ruled", ["DNS", "DNF", "DQ"])
def test_a_set_status_applies_whatever_the_athlete_has_done(ruled):
    for came in ([], [run(finish=None)], [run()], [run(), closed()]):
        assert status_of(scored(*came, status("7", ruled))) == ruled
        assert status_of(scored(status("7", ruled), *came)) == ruled


def test_ok_takes_back_a_set_status_and_a_later_one_applies_again():
    assert status_of(scored(run(), status("7", "DQ"), status("7", "OK"))) == "FINISHED"
    assert status_of(scored(run(), status("7", "DNF"), status("7", "OK"), status("7", "DQ"))) == "DQ"
    assert status_of(scored(run(), status("7", "DQ"), status("7", "DNF"))) == "DNF"


def test_a_disqualification_takes_precedence_over_everything():
    """Over a finish, the time limit, a decision and a closed race, and without any of them."""
    for facts in ([run()], [run(k10=None), decided("missed:7", "accept")], [closed()], [run(finish=9999)]):
        definition = half(points=[{"id": "START", "mat": "start", "km": 0}, {"id": "10K", "mat": "10k", "km": 10},
                          {"id": "FINISH", "mat": "finish", "km": 21.0975, "cutoff": {"gun": "2:00:00"}}])  # fmt: skip
        document = scored(*facts, status("7", "DQ"), definition=definition)
        assert status_of(document) == "DQ"
        assert document["boards"]["men"] == []


def test_a_set_status_is_for_one_athlete_and_its_bib_may_be_lower_case():
    document = scored(run("A7"), run("8"), status("a7 ", "DQ"), bibs=["A7", "8"])
    assert [status_of(document, bib) for bib in ("A7", "8")] == ["DQ", "FINISHED"]


def test_a_withdrawn_status_leaves_the_earlier_one():
    facts = [run(), status("7", "DNF", id="s1"), status("7", "DQ", id="s2")]
    assert status_of(scored(*facts)) == "DQ"
    assert status_of(scored(*facts, withdrawn("s2"))) == "DNF"
    assert status_of(scored(*facts, withdrawn("s2"), withdrawn("s1"))) == "FINISHED"


# --- Contradicted by passings.


@pytest.mark.parametrize(
    ("ruled", "came", "contradicted"),
    [
        ("DNS", [], False),
        ("DNS", [run(k10=None, finish=None)], True),
        ("DNS", [run()], True),
        ("DNF", [run(finish=None)], False),
        ("DNF", [run()], True),
        ("DNF", [run(k10=None)], True),
        ("DQ", [run()], False),
        ("DQ", [], False),
        ("OK", [run()], False),
    ],
)
def test_without_an_instant_a_start_contradicts_dns_and_a_finish_dnf(ruled, came, contradicted):
    document = scored(*came, status("7", ruled))
    assert cases(document) == ({"reads_after:7": True} if contradicted else {})


@pytest.mark.parametrize("ruled", ["DNS", "DNF", "DQ"])
@pytest.mark.parametrize(("stopped_s", "contradicted"), [("1999.999999", True), (2000, False), (3000, False)])
def test_with_an_instant_a_point_taken_later_contradicts_it(ruled, stopped_s, contradicted):
    """The athlete stopped at that instant and was at 10K at 2000 s; an equal instant is no contradiction."""
    document = scored(run(finish=None), status("7", ruled, at_s=stopped_s))
    assert status_of(document) == ruled
    assert cases(document) == ({"reads_after:7": True} if contradicted else {})


def test_an_athlete_reported_out_who_then_finishes_is_dnf_with_a_case():
    """A marshal reported the athlete out at 2500 s, then they finished. The jury takes the DNF back."""
    out = [run(), status("7", "DNF", at_s=2500)]
    assert (status_of(scored(*out)), cases(scored(*out))) == ("DNF", {"reads_after:7": True})
    back = scored(*out, decided("reads_after:7", "accept"), status("7", "OK"))
    assert (status_of(back), cases(back)) == ("FINISHED", {})


def test_the_case_names_the_athlete_and_the_race():
    document = scored(run(), status("7", "DNF"))
    assert document["cases"] == [{"case": "reads_after:7", "bib": "7", "race": "hm", "open": True}]


@pytest.mark.parametrize("outcome", ["accept", "dnf", "dq"])
def test_deciding_such_a_case_only_closes_it(outcome):
    document = scored(run(), status("7", "DNF"), decided("reads_after:7", outcome))
    assert (status_of(document), cases(document)) == ("DNF", {"reads_after:7": False})


def test_unused_reads_contradict_nothing():
    document = scored(reads(read("K1", "C7", 600)), status("7", "DNS"))
    assert cases(document) == {}


def test_an_officials_time_contradicts_a_status_like_a_passing():
    assert cases(scored(status("7", "DNS"), time_set("7", "FINISH", 4000))) == {"reads_after:7": True}


def test_without_an_own_gun_nothing_contradicts_a_status():
    assert cases(document(defined(), entries("7"), run(), status("7", "DNS"))) == {}


def test_the_name_of_the_case_may_be_lower_case():
    document = scored(run("A7"), status("A7", "DNF"), decided("reads_after: a7", "accept"), bibs=["A7"])
    assert cases(document) == {"reads_after:A7": False}


# --- Order of entries and facts.


def test_facts_before_the_entry_that_they_name_take_effect_with_it():
    """They are pending until the entry appears. Source: R1."""
    standings = document(status("7", "DQ"), gun(), run(), defined(), entries("7"))
    assert status_of(standings) == "DQ"
    assert athlete(standings)["gun_us"] == 4_000_000_000


def test_a_changed_race_is_scored_on_the_new_course():
    """The athlete moved from the half to the 10 km race, which finishes at the 10 km mat."""
    ten = race("10k", points=[{"id": "START", "mat": "start", "km": 0}, {"id": "FINISH", "mat": "10k", "km": 10}])
    document = scored(
        run(finish=None),
        gun(0, race="10k"),
        entries(entry("7", race="10k")),
        definition=definition(races=[race(), ten], boards=[]),
    )
    assert (athlete(document)["race"], status_of(document), athlete(document)["time_s"]) == ("10k", "FINISHED", 2000)
