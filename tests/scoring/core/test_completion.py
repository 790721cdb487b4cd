"""Missed mats, the cases that they open, and the jury's decisions on them. Source: R3.6."""

import pytest

from tests.builders import (
    athlete,
    closed,
    course,
    decided,
    half,
    point,
    read,
    reads,
    run,
    scored,
    status,
    time_set,
    us,
    withdrawn,
)


def verdict(document, bib="7"):
    """Status, missed points, flags and cases (open or not) of one athlete."""
    row = athlete(document, bib)
    cases = {case["case"]: case["open"] for case in document["cases"] if case["bib"] == bib}
    return row["status"], row["missed"], row["flags"], cases


# --- A mat missed on the way.


NO_10K = run(k10=None)


@pytest.mark.parametrize(
    ("missing_mat", "outcome", "expected"),
    [
        ("dnf", None, ("DNF", ["10K"], [], {"missed:7": True})),
        ("dnf", "accept", ("FINISHED", ["10K"], [], {"missed:7": False})),
        ("dnf", "dnf", ("DNF", ["10K"], [], {"missed:7": False})),
        ("dnf", "dq", ("DQ", ["10K"], [], {"missed:7": False})),
        ("review", None, ("FINISHED", ["10K"], ["review"], {"missed:7": True})),
        ("review", "accept", ("FINISHED", ["10K"], [], {"missed:7": False})),
        ("review", "dnf", ("DNF", ["10K"], [], {"missed:7": False})),
        ("review", "dq", ("DQ", ["10K"], [], {"missed:7": False})),
        ("ignore", None, ("FINISHED", ["10K"], [], {})),
        ("ignore", "dnf", ("FINISHED", ["10K"], [], {})),
        ("ignore", "dq", ("FINISHED", ["10K"], [], {})),
    ],
)
def test_the_definition_and_the_jury_decide_on_a_missed_mat(missing_mat, outcome, expected):
    facts = [NO_10K] + ([] if outcome is None else [decided("missed:7", outcome)])
    assert verdict(scored(*facts, definition=half(missing_mat=missing_mat))) == expected


def test_an_athlete_with_an_open_missed_mat_is_not_on_the_board():
    assert scored(NO_10K)["boards"]["men"] == []
    assert [row["bib"] for row in scored(NO_10K, decided("missed:7", "accept"))["boards"]["men"]] == ["7"]
    assert [row["bib"] for row in scored(NO_10K, definition=half(missing_mat="review"))["boards"]["men"]] == ["7"]


def test_the_later_decision_applies():
    document = scored(NO_10K, decided("missed:7", "dq"), decided("missed:7", "accept"))
    assert verdict(document)[0] == "FINISHED"


def test_a_late_backfill_closes_the_case():
    """The reads of the 10 km reader arrive after the race. Source: R3.6."""
    before = scored(NO_10K)
    assert verdict(before) == ("DNF", ["10K"], [], {"missed:7": True})
    after = scored(NO_10K, reads(read("K1", "C7", 2000), session="home"))
    assert verdict(after) == ("FINISHED", [], [], {})


def test_a_decision_on_a_case_that_does_not_exist_is_not_listed_and_does_not_apply():
    """`dq` was decided for a mat that a backfill shows as passed, and for an athlete who missed nothing."""
    document = scored(NO_10K, decided("missed:7", "dq"), reads(read("K1", "C7", 2000), session="home"))
    assert verdict(document) == ("FINISHED", [], [], {})
    assert verdict(scored(run(), decided("missed:7", "dnf"))) == ("FINISHED", [], [], {})


def test_a_decision_applies_whenever_its_case_exists():
    """Accepted before any read; a backfill ends the case, and excluding the backfill brings it back."""
    exclusion = {"type": "read_excluded", "event": "example-2026", "device": "K1", "chip": "C7", "reason": "a helper"}
    back = reads(read("K1", "C7", 2000), session="home")
    document = scored(decided("missed:7", "accept"), NO_10K, back, {**exclusion, "at_us": 1767477600000000 + us(2000)})
    assert verdict(document) == ("FINISHED", ["10K"], [], {"missed:7": False})


def test_an_officials_time_at_the_missed_mat_closes_the_case():
    assert verdict(scored(NO_10K, time_set("7", "10K", 2100))) == ("FINISHED", [], [], {})


def test_the_bib_in_the_name_of_a_case_is_upper_cased():
    """Source: R1."""
    document = scored(run("a7", k10=None), decided("missed:a7", "accept"), bibs=["a7"])
    assert verdict(document, "A7") == ("FINISHED", ["10K"], [], {"missed:A7": False})


# --- On the way, before the finish.


def test_a_mat_is_missed_as_soon_as_the_athlete_passes_a_later_one():
    """Of two mats on the way the athlete passed the second: the case is open and the athlete is on course."""
    points = [*course()[:2], point("15K", "start", km=15, earliest={"wave": "0:30:01"}), course()[2]]
    document = scored(reads(read("S1", "C7", 1), read("S1", "C7", 3500)), definition=half(points=points))
    assert verdict(document) == ("ON_COURSE", ["10K"], [], {"missed:7": True})


def test_a_mat_that_the_athlete_may_still_reach_is_not_missed():
    assert verdict(scored(run(k10=None, finish=None))) == ("ON_COURSE", [], [], {})


@pytest.mark.parametrize(("outcome", "expected"), [("accept", "ON_COURSE"), ("dnf", "DNF"), ("dq", "DQ")])
def test_a_decision_before_the_finish(outcome, expected):
    """`accept` makes a finisher only of an athlete with FINISH; the other outcomes set their status at once."""
    points = [*course()[:2], point("15K", "start", km=15, earliest={"wave": "0:30:01"}), course()[2]]
    came = reads(read("S1", "C7", 1), read("S1", "C7", 3500))
    document = scored(came, decided("missed:7", outcome), definition=half(points=points))
    assert verdict(document) == (expected, ["10K"], [], {"missed:7": False})


def test_after_closing_an_athlete_with_a_missed_mat_and_no_finish_is_dnf_and_the_case_stays():
    points = [*course()[:2], point("15K", "start", km=15, earliest={"wave": "0:30:01"}), course()[2]]
    came = reads(read("S1", "C7", 1), read("S1", "C7", 3500))
    document = scored(came, decided("missed:7", "accept"), closed(), definition=half(points=points))
    assert verdict(document) == ("DNF", ["10K"], [], {"missed:7": False})


def test_missed_points_are_named_in_course_order():
    points = [
        point("START"),
        point("L1", "10k", km=5),
        point("L2", "10k", km=10),
        point("L3", "10k", km=15),
        point("FINISH", km=21.0975),
    ]
    document = scored(reads(read("S1", "C7", 1), read("F1", "C7", 4000)), definition=half(points=points))
    assert verdict(document) == ("DNF", ["L1", "L2", "L3"], [], {"missed:7": True})


def test_missing_a_point_that_is_not_mandatory_has_no_consequence():
    document = scored(NO_10K, definition=half(points=course(K10={"mandatory": False})))
    assert verdict(document) == ("FINISHED", [], [], {})


# --- The start mat.


NO_START = run(start=None)


@pytest.mark.parametrize(
    ("missing_start", "missing_mat", "expected", "chip_s"),
    [
        ("gun", "dnf", ("FINISHED", [], ["start_assumed"], {}), 4000),
        ("dnf", "dnf", ("DNF", ["START"], [], {"missed:7": True}), None),
        ("dnf", "review", ("FINISHED", ["START"], ["review", "start_assumed"], {"missed:7": True}), 4000),
        ("dnf", "ignore", ("FINISHED", ["START"], ["start_assumed"], {}), 4000),
    ],
)
def test_the_definition_decides_on_a_missed_start(missing_start, missing_mat, expected, chip_s):
    """`gun`: the own gun replaces START, flagged. `dnf`: like a missed mat; once accepted, the gun replaces START.

    Source: R2 and R3.6; Tien Phong 2024 regulations, IV.2: start mat, check mats and finish mat.
    """
    document = scored(NO_START, definition=half(missing_start=missing_start, missing_mat=missing_mat))
    assert verdict(document) == expected
    assert athlete(document)["chip_us"] == (None if chip_s is None else us(chip_s))
    assert athlete(document)["gun_us"] == us(4000)


def test_an_accepted_missed_start_is_replaced_by_the_athletes_own_gun():
    document = scored(NO_START, decided("missed:7", "accept"), definition=half(missing_start="dnf"))
    assert verdict(document) == ("FINISHED", ["START"], ["start_assumed"], {"missed:7": False})
    assert athlete(document)["chip_us"] == us(4000)


@pytest.mark.parametrize("outcome", ["dnf", "dq"])
def test_a_missed_start_that_is_not_accepted_gives_no_chip_time(outcome):
    document = scored(NO_START, decided("missed:7", outcome), definition=half(missing_start="dnf"))
    assert verdict(document) == (outcome.upper(), ["START"], [], {"missed:7": False})
    assert (athlete(document)["gun_us"], athlete(document)["chip_us"]) == (us(4000), None)


def test_start_is_missed_only_once_the_athlete_passes_the_next_mat():
    definition = half(missing_start="dnf")
    assert verdict(scored(run(start=None, finish=None), definition=definition)) == (
        "ON_COURSE",
        ["START"],
        [],
        {"missed:7": True},
    )
    assert verdict(scored(definition=definition)) == ("NOT_STARTED", [], [], {})


def test_missing_start_gun_does_not_excuse_a_missed_mat():
    document = scored(run(start=None, k10=None))
    assert verdict(document) == ("DNF", ["10K"], ["start_assumed"], {"missed:7": True})


# --- Cases that no longer exist.


@pytest.mark.parametrize("ruled", ["DNS", "DNF", "DQ"])
def test_there_is_no_missed_case_while_a_set_status_decides(ruled):
    """With `accept` decided the athlete would otherwise be a finisher. Source: R3.6."""
    document = scored(NO_10K, decided("missed:7", "accept"), status("7", ruled))
    assert verdict(document)[:3] == (ruled, ["10K"], [])
    assert "missed:7" not in verdict(document)[3]


def test_taking_back_the_set_status_brings_back_the_case_and_its_decision():
    document = scored(NO_10K, decided("missed:7", "dq"), status("7", "DNF"), status("7", "OK"))
    assert verdict(document) == ("DQ", ["10K"], [], {"missed:7": False})


def test_a_withdrawn_decision_opens_the_case_again():
    document = scored(NO_10K, decided("missed:7", "accept", id="d1"), withdrawn("d1"))
    assert verdict(document) == ("DNF", ["10K"], [], {"missed:7": True})


def test_cases_are_listed_in_the_order_of_their_athletes():
    document = scored(run("10", k10=None), run("9", k10=None), decided("missed:10", "accept"), bibs=["10", "9"])
    assert document["cases"] == [
        {"case": "missed:9", "bib": "9", "race": "hm", "open": True},
        {"case": "missed:10", "bib": "10", "race": "hm", "open": False},
    ]
