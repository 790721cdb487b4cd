"""Finishes after the close of a race, which are for the jury. Source: R1.race_closed, R3.6 and R3.7."""

import json

import pytest

from services.offline.scored_log import score_lines
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from tests import DATA
from tests.builders import (
    AT_FINISH,
    at,
    athlete,
    closed,
    course,
    day,
    decided,
    definition,
    entry,
    half,
    places,
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
from tests.oracle.folding import at_once

LATE = closed(at_s=AT_FINISH - 1)
IN_TIME = closed(at_s=AT_FINISH)


def verdict(*facts, bib="7", **how):
    """Status, flags and cases (open or not) of one athlete."""
    document = scored(*facts, **how)
    row = athlete(document, bib)
    cases = {case["case"]: case["open"] for case in document["cases"] if case["bib"] == bib}
    return row["status"], row["flags"], cases


def explained(*facts, **how):
    return explain(evidence_of(at_once(day(*facts, **how)), "7")).explanation


# --- The limit.


def test_a_finish_later_than_the_close_is_dnf_and_a_case():
    assert verdict(run(), LATE) == ("DNF", [], {"after_close:7": True})


def test_a_finish_at_the_instant_of_the_close_is_in_time_and_one_a_microsecond_later_is_not():
    assert verdict(run(), IN_TIME) == ("FINISHED", [], {})
    just_late = reads(read("S1", "C7", 1), read("K1", "C7", 2000), read("F1", "C7", "4000.000001"))
    assert verdict(just_late, IN_TIME) == ("DNF", [], {"after_close:7": True})


def test_a_close_without_an_instant_limits_no_finish():
    assert verdict(run(), closed()) == ("FINISHED", [], {})


def test_only_finish_is_compared_with_the_close():
    """On the course after the close, as after any close: DNF without a case. Before the start: DNS."""
    assert verdict(run(finish=None), closed(at_s=2)) == ("DNF", [], {})
    assert verdict(closed(at_s=2)) == ("DNS", [], {})
    official = [run(finish=None), time_set("7", "FINISH", AT_FINISH), LATE]
    assert verdict(*official) == ("DNF", [], {"after_close:7": True})


def test_times_and_points_stay_on_record_and_the_place_does_not():
    document = scored(run("7"), run("8", finish=AT_FINISH - 1), LATE, bibs=["7", "8"])
    late = athlete(document)
    assert (late["gun_us"], late["time_s"], [split["point"] for split in late["points"]]) == (
        4_000_000_000,
        None,
        ["START", "10K", "FINISH"],
    )
    assert places(document) == [(1, "8")]


# --- Which close holds.


@pytest.mark.parametrize(
    ("facts", "is_late"),
    [
        ([IN_TIME, LATE], True),
        ([LATE, IN_TIME], False),
        ([LATE, closed()], False),
        ([closed(), LATE], True),
        ([LATE, reopened()], False),
        ([LATE, reopened(), closed()], False),
        ([reopened(), LATE], True),
        ([{**LATE, "id": "c"}, withdrawn("c")], False),
        ([LATE, closed(id="c"), withdrawn("c")], True),
        ([LATE, reopened(id="r"), withdrawn("r")], True),
        ([closed("5k", at_s=1)], False),
        ([LATE, LATE], True),
    ],
)
def test_the_latest_close_of_the_race_holds(facts, is_late):
    two = definition(races=[race(), race("5k")])
    assert verdict(run(), *facts, definition=two)[0] == ("DNF" if is_late else "FINISHED")


def test_the_order_of_reads_and_close_does_not_matter():
    assert verdict(LATE, run()) == verdict(run(), LATE)


# --- What the jury decides.


@pytest.mark.parametrize(("outcome", "expected"), [("accept", "FINISHED"), ("dnf", "DNF"), ("dq", "DQ")])
def test_the_jury_decides_on_the_late_finish(outcome, expected):
    decision = decided("after_close: 7", outcome)
    assert verdict(run(), LATE, decision) == (expected, [], {"after_close:7": False})
    assert verdict(decision, run(), LATE) == (expected, [], {"after_close:7": False})
    assert places(scored(run(), LATE, decision)) == ([(1, "7")] if outcome == "accept" else [])


@pytest.mark.parametrize("outcome", ["accept", "dnf", "dq"])
def test_a_decision_without_a_late_finish_does_not_apply(outcome):
    decision = decided("after_close:7", outcome)
    assert verdict(run(), IN_TIME, decision) == ("FINISHED", [], {})
    assert verdict(run(), decision) == ("FINISHED", [], {})


def test_the_later_decision_applies():
    both = [decided("after_close:7", "dq"), decided("after_close:7", "accept")]
    assert verdict(run(), LATE, *both)[0] == "FINISHED"


@pytest.mark.parametrize("ruling", ["DQ", "DNF", "DNS"])
@pytest.mark.parametrize("outcome", [None, "accept", "dnf", "dq"])
def test_while_a_status_is_set_the_case_has_no_ground(ruling, outcome):
    facts = [run(), LATE, status("7", ruling, at_s=5000)]
    facts += [] if outcome is None else [decided("after_close:7", outcome)]
    assert verdict(*facts) == (ruling, [], {})
    assert verdict(*facts, status("7", "OK"))[2] == {"after_close:7": outcome is None}


@pytest.mark.parametrize("outcome", [None, "accept", "dnf", "dq"])
def test_while_an_athlete_is_over_the_time_limit_the_case_has_no_ground(outcome):
    over = half(points=course(FINISH={"cutoff": {"gun": "1:00:00"}}))
    facts = [run(), LATE] + ([] if outcome is None else [decided("after_close:7", outcome)])
    assert verdict(*facts, definition=over) == ("OTL", [], {})


# --- Beside missed points.


BOTH_CASES = ["missed:7", "after_close:7"]


@pytest.mark.parametrize("missing_mat", ["dnf", "review"])
@pytest.mark.parametrize("missed", [None, "accept", "dnf", "dq"])
@pytest.mark.parametrize("late", [None, "accept", "dnf", "dq"])
def test_any_dq_gives_dq_and_a_finisher_needs_both(missing_mat, missed, late):
    """Under review a missed point counts for nobody until it is decided, so the late finish decides then."""
    outcomes = dict(zip(BOTH_CASES, [missed, late], strict=True))
    decisions = [decided(case, outcome) for case, outcome in outcomes.items() if outcome is not None]
    if "dq" in (missed, late):
        expected = "DQ"
    else:
        let_off = missed == "accept" or (missed is None and missing_mat == "review")
        expected = "FINISHED" if let_off and late == "accept" else "DNF"
    flags = ["review"] if expected == "FINISHED" and missed is None else []
    how = {"definition": half(missing_mat=missing_mat)}
    cases = {case: outcome is None for case, outcome in outcomes.items()}
    assert verdict(run(k10=None), LATE, *decisions, **how) == (expected, flags, cases)


def test_where_missed_points_are_ignored_the_late_finish_decides_alone():
    how = {"definition": half(missing_mat="ignore")}
    assert verdict(run(k10=None), LATE, **how) == ("DNF", [], {"after_close:7": True})
    assert verdict(run(k10=None), LATE, decided("after_close:7", "accept"), **how)[0] == "FINISHED"


@pytest.mark.parametrize("late", [None, "accept", "dnf", "dq"])
def test_under_review_the_gun_stands_in_for_a_missed_start_however_late_the_finish(late):
    """The athlete is let off as long as the case of the missed START has a ground and no decision. Source: R3.4."""
    defined = half(missing_mat="review", missing_start="dnf")
    facts = [run(start=None), LATE] + ([] if late is None else [decided("after_close:7", late)])
    row = athlete(scored(*facts, definition=defined))
    assert (row["chip_us"], "start_assumed" in row["flags"]) == (4_000_000_000, True)
    without = athlete(scored(*facts, status("7", "DNF"), definition=defined))
    assert (without["chip_us"], without["flags"]) == (None, [])


# --- In words.


def test_the_explanation_names_both_instants_and_the_close_as_a_fact():
    made = explained(run(), LATE)
    assert (made.why[-1].rule, made.why[-1].says) == (
        "late_finish",
        "finished at 06:06:40.000, after hm was closed at 06:06:39.000",
    )
    assert [(case.case, case.says) for case in made.cases] == [("after_close:7", made.why[-1].says)]
    says = [why.says for why in made.facts if why.type == "race_closed"]
    assert says == ["closes hm: nobody else will start or finish; the jury decides on a finish after 06:06:39.000"]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ([run()], "no close of hm limits the finish"),
        ([run(), closed()], "no close of hm limits the finish"),
        ([run(), IN_TIME], "the finish was not after 06:06:40.000, when hm was closed"),
        ([run(finish=None), IN_TIME], "FINISH was not passed"),
        ([run(), LATE, decided("after_close:7", "accept")], "the finish after the close was accepted"),
    ],
)
def test_the_explanation_says_why_a_finish_is_not_late(facts, says):
    assert {why.rule: why.says for why in explained(*facts).why}["late_finish"] == says


@pytest.mark.parametrize(
    ("outcome", "rule", "says"),
    [
        ("dq", "late_dq_decided", "the jury decided on the finish after the close: dq"),
        ("dnf", "late_dnf_decided", "the jury decided on the finish after the close: dnf"),
        ("accept", "finished", "finished; the finish after the close was accepted"),
    ],
)
def test_the_explanation_says_what_the_jury_decided(outcome, rule, says):
    made = explained(run(), LATE, decided("after_close:7", outcome))
    assert (made.why[-1].rule, made.why[-1].says) == (rule, says)
    assert [(case.case, case.open, case.outcome) for case in made.cases] == [("after_close:7", False, outcome)]


# --- In the event's row.


def test_the_events_row_has_the_limits_of_closed_races():
    def row(*facts):
        row = at_once(day(*facts)).event_row()
        return row.closed, row.closed_at_us

    assert row() == ([], {})
    assert row(closed()) == (["hm"], {})
    assert row(closed(at_s=9)) == (["hm"], {"hm": at(9)})
    assert row(closed(at_s=9), closed()) == (["hm"], {})
    assert row(closed(at_s=9), reopened()) == ([], {})


def test_a_decision_for_an_unknown_bib_waits():
    waiting = at_once(day(LATE, decided("after_close:9", "accept"), bibs=[entry("7")])).event_row().pending
    assert waiting == ["case_decided after_close:9: no such case can be"]


# --- From the field.


def test_a_chip_read_while_packing_up_is_a_case_once_the_close_has_its_instant():
    lines = (DATA / "field" / "27b-late-read.jsonl").read_bytes().splitlines()
    document = score_lines(lines)
    assert [row["status"] for row in document["athletes"]] == ["FINISHED", "FINISHED"]
    assert document["cases"] == []
    limit = {"type": "race_closed", "event": "c27", "race": "hm", "at_us": 1_772_330_000_000_000}
    document = score_lines([*lines, json.dumps(limit).encode()])
    assert [row["status"] for row in document["athletes"]] == ["FINISHED", "DNF"]
    assert document["cases"] == [{"case": "after_close:2", "bib": "2", "race": "hm", "open": True}]
