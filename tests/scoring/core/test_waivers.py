"""Waived points: whom a waiver reaches, to the microsecond, and what it changes. Source: R1.point_waived and R3.6."""

import msgspec
import pytest

from schemas.codec import fact_from_json
from services.offline.scored_log import Log
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from services.standings.explanation import ExplainedResult, public
from tests.builders import (
    AT_FINISH,
    at,
    athlete,
    closed,
    course,
    day,
    decided,
    defined,
    document,
    entries,
    entry,
    gun,
    half,
    line,
    log,
    mat,
    mats,
    places,
    point,
    race,
    read,
    reads,
    run,
    scored,
    status,
    time_set,
    us,
    waived,
    withdrawn,
)
from tests.oracle.folding import at_once

TICK = "0.000001"
NO_10K = run(k10=None)
BEFORE, AFTER = 1, AT_FINISH
"""The stretch of an athlete without 10K: START at 1 s, FINISH at 4,000 s."""
LONG = [
    point("START"),
    point("5K", km=5),
    point("10K", km=10),
    point("15K", km=15),
    point("FINISH", km=21.0975),
]
LONG_MATS = mats(mat("5k", "K5"), mat("15k", "K15"))


def verdict(document, bib="7"):
    """Status, missed points, flags and cases (open or not) of an athlete."""
    row = athlete(document, bib)
    cases = {case["case"]: case["open"] for case in document["cases"] if case["bib"] == bib}
    return row["status"], row["missed"], row["flags"], cases


MISSED = ("DNF", ["10K"], [], {"missed:7": True})
LET_OFF = ("FINISHED", [], ["waived"], {})


# --- Whom it reaches.


def test_a_waiver_without_an_interval_lets_off_everybody_who_lacks_the_point():
    assert verdict(scored(NO_10K)) == MISSED
    assert verdict(scored(NO_10K, waived("10K"))) == LET_OFF


def test_it_comes_in_any_order_with_the_reads():
    assert verdict(scored(waived("10K"), NO_10K)) == LET_OFF
    assert document(waived("10K"), *day(NO_10K))["athletes"] == scored(NO_10K, waived("10K"))["athletes"]


@pytest.mark.parametrize(
    ("from_s", "until_s", "expected"),
    [
        (None, BEFORE, MISSED),  # the stretch begins when the interval has ended: equal does not reach
        (None, f"1{TICK[1:]}", LET_OFF),
        (AFTER, None, MISSED),  # the stretch ends when the interval begins: equal does not reach
        (f"3999.{'9' * 6}", None, LET_OFF),
        (BEFORE, AFTER, LET_OFF),
        (0, BEFORE, MISSED),
        (AFTER, 5000, MISSED),
        (2000, 2001, LET_OFF),
        (2000, f"2000{TICK[1:]}", LET_OFF),
        (0, 9000, LET_OFF),
        (2000, 2000, MISSED),  # empty
        (2001, 2000, MISSED),  # the wrong way round: empty too
    ],
)
def test_it_reaches_a_stretch_that_begins_before_its_end_and_ends_after_its_beginning(from_s, until_s, expected):
    assert verdict(scored(NO_10K, waived("10K", from_s, until_s))) == expected


def test_without_an_earlier_point_the_stretch_begins_at_the_own_gun():
    came = run(start=None, k10=None)
    waves = [gun(0), gun(100, wave="A")]
    facts = [defined(), entries(entry("7", wave="A")), *waves, came]
    for until_s, missed in ((100, ["10K"]), (f"100{TICK[1:]}", [])):
        assert athlete(document(*facts, waived("10K", None, until_s)))["missed"] == missed


def test_the_stretch_ends_at_the_nearest_points_that_were_taken_mandatory_or_not():
    """5K and 15K may be missed, but they bound the stretch over 10K where they were read."""
    points = [*LONG]
    points[1], points[3] = ({**points[number], "mandatory": False} for number in (1, 3))
    definition = half(points=points) | {"mats": LONG_MATS}
    came = reads(*(read(device, "C7", at_s) for device, at_s in (("S1", 1), ("K5", 1000), ("K15", 3000), ("F1", 4500))))

    def missed(from_s, until_s):
        return athlete(scored(came, waived("10K", from_s, until_s), definition=definition))["missed"]

    assert missed(None, 1000) == ["10K"]
    assert missed(None, f"1000{TICK[1:]}") == []
    assert missed(3000, None) == ["10K"]
    assert missed("2999.999999", None) == []


def test_an_officials_time_bounds_the_stretch_like_a_read():
    points = half(points=LONG) | {"mats": LONG_MATS}
    facts = [reads(read("S1", "C7", 1), read("F1", "C7", 4500)), time_set("7", "5K", 1000), time_set("7", "15K", 3000)]
    assert athlete(scored(*facts, waived("10K", None, 1000), definition=points))["missed"] == ["10K"]
    assert athlete(scored(*facts, waived("10K", None, 1001), definition=points))["missed"] == []


def test_a_backup_time_at_the_point_itself_needs_no_waiver():
    came = reads(read("S1", "C7", 1), read("KB", "C7", 2000), read("F1", "C7", 4000))
    assert verdict(scored(came, waived("10K"))) == ("FINISHED", [], [], {})


def test_two_points_in_a_row_have_the_same_stretch_and_are_waived_one_by_one():
    definition = half(points=LONG) | {"mats": LONG_MATS}
    came = reads(read("S1", "C7", 1), read("K5", "C7", 1000), read("F1", "C7", 4500))
    both = scored(came, waived("10K", 2000, 2100), waived("15K", 2000, 2100), definition=definition)
    assert verdict(both) == LET_OFF
    other = scored(came, waived("10K", 2000, 2100), definition=definition)
    assert verdict(other) == ("DNF", ["15K"], ["waived"], {"missed:7": True})


def test_several_waivers_hold_for_a_point_and_one_that_reaches_is_enough():
    early, late = waived("10K", 0, 1, id="early"), waived("10K", 1500, 1600, id="late")
    assert verdict(scored(NO_10K, early)) == MISSED
    assert verdict(scored(NO_10K, late, early)) == LET_OFF
    assert verdict(scored(NO_10K, early, late)) == LET_OFF
    assert verdict(scored(NO_10K, early, late, withdrawn("late"))) == MISSED


def test_it_is_of_one_race_and_one_point():
    definition = half() | {"races": [race("hm"), race("10")]}
    assert verdict(scored(NO_10K, waived("10K", race="10"), definition=definition)) == MISSED
    definition = half(points=LONG) | {"mats": LONG_MATS}
    came = reads(*(read(device, "C7", at_s) for device, at_s in (("S1", 1), ("K5", 1000), ("K1", 2000), ("F1", 4500))))
    assert athlete(scored(came, waived("10K"), waived("5K"), definition=definition))["missed"] == ["15K"]
    assert athlete(scored(came, waived("10K"), waived("5K"), definition=definition))["flags"] == []


# --- What it does.


def test_an_athlete_who_has_the_point_is_as_before():
    assert scored(run(), waived("10K"))["athletes"] == scored(run())["athletes"]


def test_a_point_that_may_still_be_reached_is_not_waived_yet():
    assert verdict(scored(run(k10=None, finish=None), waived("10K"))) == ("ON_COURSE", [], [], {})


def test_an_athlete_who_is_let_off_is_on_the_board_with_their_times():
    made = scored(NO_10K, run("8", finish=4100), waived("10K"), bibs=["7", "8"])
    assert places(made) == [(1, "7"), (2, "8")]
    assert athlete(made)["gun_us"] == us(4000)


def test_it_is_taken_back_by_withdrawing_it_and_comes_again_with_a_withdrawal_of_that():
    facts = [NO_10K, waived("10K", id="w")]
    assert verdict(scored(*facts, withdrawn("w", id="x"))) == MISSED
    assert verdict(scored(*facts, withdrawn("w", id="x"), withdrawn("x"))) == LET_OFF


@pytest.mark.parametrize("outcome", ["accept", "dnf", "dq"])
def test_a_decision_on_the_case_has_no_ground_any_more(outcome):
    assert verdict(scored(NO_10K, decided("missed:7", outcome), waived("10K"))) == LET_OFF


def test_a_decision_applies_to_what_is_still_missed():
    definition = half(points=LONG) | {"mats": LONG_MATS}
    came = reads(read("S1", "C7", 1), read("K5", "C7", 1000), read("F1", "C7", 4500))
    facts = [came, decided("missed:7", "dq"), waived("15K")]
    assert verdict(scored(*facts, definition=definition)) == ("DQ", ["10K"], ["waived"], {"missed:7": False})


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [
        (status("7", "DQ"), "DQ"),
        (status("7", "DNF", at_s=5000), "DNF"),
        (closed(), "FINISHED"),
    ],
)
def test_a_set_status_stays_and_the_flag_stands_beside_it(ruling, expected):
    row = athlete(scored(NO_10K, ruling, waived("10K")))
    assert (row["status"], row["missed"], row["flags"]) == (expected, [], ["waived"])


def test_whoever_is_cut_stays_over_the_time_limit():
    definition = half(points=course(FINISH={"cutoff": {"gun": "1:06:39"}}))
    row = athlete(scored(NO_10K, waived("10K"), definition=definition))
    assert (row["status"], row["cut_at"], row["missed"], row["flags"]) == ("OTL", "FINISH", [], ["waived"])


@pytest.mark.parametrize("missing_mat", ["dnf", "review", "ignore"])
def test_no_kind_of_race_minds_a_waived_point(missing_mat):
    assert verdict(scored(NO_10K, waived("10K"), definition=half(missing_mat=missing_mat))) == LET_OFF


def test_a_point_that_is_not_mandatory_gives_no_flag():
    definition = half(points=course(K10={"mandatory": False}))
    assert verdict(scored(NO_10K, waived("10K"), definition=definition)) == ("FINISHED", [], [], {})


def test_a_missed_start_is_still_missed_and_gets_no_chip_time():
    made = scored(run(start=None, k10=None), waived("10K"), definition=half(missing_start="dnf"))
    assert verdict(made) == ("DNF", ["START"], ["waived"], {"missed:7": True})
    assert athlete(made)["chip_us"] is None


def test_the_gun_stands_in_for_a_start_as_without_a_waiver():
    made = scored(run(start=None, k10=None), waived("10K"))
    assert verdict(made) == ("FINISHED", [], ["start_assumed", "waived"], {})
    assert athlete(made)["chip_us"] == us(4000)


def test_without_a_gun_nobody_is_waived_anything():
    made = document(defined(), entries("7"), NO_10K, waived("10K"))
    assert verdict(made) == ("NOT_STARTED", [], [], {})


# --- What it names.


@pytest.mark.parametrize("name", ["START", "FINISH"])
def test_start_and_finish_cannot_be_waived_whatever_the_definition(name):
    with pytest.raises(msgspec.ValidationError, match=rf"point '{name}' cannot be waived; .* by time_set"):
        fact_from_json(line(waived(name)))


@pytest.mark.parametrize("name", ["start", "Finish", "FINISH2"])
def test_other_spellings_name_no_point_and_wait(name):
    assert fact_from_json(line(waived(name))).point == name


def pending_of(*facts):
    made = Log()
    for text in log(*facts):
        made.add(text)
    return made.state.event_row().pending


def test_a_waiver_of_an_unknown_race_or_point_waits_and_says_for_what():
    assert pending_of(*day(waived("10k"))) == ["point_waived: race hm has no point 10k"]
    assert pending_of(*day(waived("10K", race="marathon"))) == ["point_waived: race marathon is not defined"]
    assert pending_of(waived("10K")) == ["point_waived: race hm is not defined"]
    assert pending_of(*day(waived("10K"))) == []


def test_a_waiver_takes_effect_when_a_definition_brings_its_point_and_loses_it_with_another():
    with_15k = half(points=LONG) | {"mats": LONG_MATS}
    came = reads(*(read(device, "C7", at_s) for device, at_s in (("S1", 1), ("K5", 1000), ("K1", 2000), ("F1", 4500))))
    facts = [defined(), entries("7"), gun(), came, waived("15K")]
    assert verdict(document(*facts)) == ("FINISHED", [], [], {})
    assert verdict(document(*facts, defined(with_15k))) == LET_OFF
    assert verdict(document(*facts, defined(with_15k), defined())) == ("FINISHED", [], [], {})
    assert pending_of(*facts, defined(with_15k), defined()) == ["point_waived: race hm has no point 15K"]


# --- What explanations say.


def why_7(*facts, definition=None):
    state = at_once(day(*facts, definition=definition))
    return explain(evidence_of(state, "7")).explanation


def point_of(explanation, name):
    return next(why for why in explanation.points if why.point == name)


def test_the_explanation_says_why_the_point_is_not_required_and_who_waived_it():
    waiver = waived("10K", 1000, 2000, by="Lan", reason="the reader had no power", id="w")
    explanation = why_7(NO_10K, waiver)
    why = point_of(explanation, "10K")
    assert why.says == (
        "no read or official gave it a time; not required, since an official waived it for those who passed from "
        "05:16:40.000 until 05:33:20.000: this athlete came after START at 05:00:01.000 and before FINISH at "
        "06:06:40.000"
    )
    assert not why.missed
    assert [(shown_waiver.id, shown_waiver.by, shown_waiver.reason) for shown_waiver in why.waivers] == [
        ("w", "Lan", "the reader had no power")
    ]
    assert [(shown_waiver.from_us, shown_waiver.until_us) for shown_waiver in why.waivers] == [(at(1000), at(2000))]
    (ruling,) = [shown_fact for shown_fact in explanation.facts if shown_fact.type == "point_waived"]
    assert (ruling.state, ruling.by, ruling.reason) == ("in_force", "Lan", "the reader had no power")
    assert ruling.says == "waives 10K of hm for those who passed it unread from 05:16:40.000 until 05:33:20.000"


def test_the_public_sees_the_waiver_without_name_and_reason():
    explanation = why_7(NO_10K, waived("10K", by="Lan", id="w"))
    shown = public(ExplainedResult(1, explanation, [])).explanation
    assert [
        (shown_waiver.id, shown_waiver.by, shown_waiver.reason) for shown_waiver in point_of(shown, "10K").waivers
    ] == [("w", None, None)]
    assert point_of(shown, "10K").says == point_of(explanation, "10K").says


def test_without_an_earlier_point_and_with_several_waivers_the_sentence_names_all():
    explanation = why_7(run(start=None, k10=None), waived("10K", 1000), waived("10K"), waived("10K", 4000))
    why = point_of(explanation, "10K")
    assert "passed from 05:16:40.000 and at any time: this athlete came after the gun at 05:00:00.000" in why.says
    assert [shown_waiver.from_us for shown_waiver in why.waivers] == [at(1000), None]


def test_of_a_missed_point_the_sentence_says_why_its_waivers_do_not_reach_the_athlete():
    why = point_of(why_7(NO_10K, waived("10K", 5000), waived("10K", 0, 1)), "10K")
    assert (why.waivers, why.missed) == ([], True)
    assert why.says == (
        "no read or official gave it a time; missed, since a later point was passed; waived only for those who passed "
        "from 06:23:20.000 and from 05:00:00.000 until 05:00:01.000: this athlete came after START at 05:00:01.000 and "
        "before FINISH at 06:06:40.000"
    )


def test_waivers_of_other_points_say_nothing_of_a_missed_point():
    definition = half(points=LONG) | {"mats": LONG_MATS}
    came = reads(read("S1", "C7", 1), read("K15", "C7", 3000), read("F1", "C7", 4500))
    explanation = why_7(came, waived("5K"), waived("10K", 5000), definition=definition)
    assert [why.says.count("waived") for why in explanation.points] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("lacking", "missing_mat", "not_required"),
    [
        (("10K",), "dnf", "10K is not required, since an official waived it"),
        (("5K", "10K"), "dnf", "5K and 10K are not required, since an official waived them"),
        (
            ("5K", "15K"),
            "ignore",
            "missing 15K does not matter in hm; 5K is not required, since an official waived it",
        ),
    ],
)
def test_the_status_says_which_points_were_not_required(lacking, missing_mat, not_required):
    usual = {"START": ("S1", 1), "5K": ("K5", 1000), "10K": ("K1", 2000), "15K": ("K15", 3000), "FINISH": ("F1", 4500)}
    came = reads(*(read(device, "C7", at_s) for name, (device, at_s) in usual.items() if name not in lacking))
    definition = half(points=LONG, missing_mat=missing_mat) | {"mats": LONG_MATS}
    steps = {why.rule: why.says for why in why_7(came, waived("5K"), waived("10K"), definition=definition).why}
    assert steps["missed_points"] == not_required
    assert steps["finished"] == f"finished; {not_required}"


# --- The bounds themselves.


def test_the_stretch_of_an_athlete_whose_officials_times_run_backwards_is_judged_by_its_ends():
    """Two official times are not checked against each other, so a stretch may end before it begins."""
    definition = half(points=LONG) | {"mats": LONG_MATS}
    facts = [time_set("7", "5K", 3000), time_set("7", "15K", 1000), time_set("7", "FINISH", 5000)]

    def missed(from_s, until_s):
        return athlete(scored(*facts, waived("10K", from_s, until_s), definition=definition))["missed"]

    assert missed(1500, 2500) == ["10K"]
    assert missed(500, 3500) == []
