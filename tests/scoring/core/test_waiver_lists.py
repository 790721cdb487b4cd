"""Lists for officials: the waivers in force with those whom they let off, and rulings that a waiver would overrule."""

from random import Random

import pytest

from schemas.events import PointWaived
from services.offline.scored_log import Log, scored
from services.scoring.core.required_points import OverruledAthlete, overruled_by, waivers_in_force
from tests.builders import (
    day,
    decided,
    defined,
    entry,
    gun,
    half,
    log,
    mat,
    mats,
    point,
    race,
    read,
    reads,
    status,
    typed,
    waived,
    withdrawn,
)
from tests.oracle.folding import at_once
from tests.oracle.logs import log_of

LOGS = 150
LONG = [
    point("START"),
    point("5K", km=5),
    point("10K", km=10),
    point("15K", km=15),
    point("FINISH", km=21.0975),
]
LONG_HALF = half(points=LONG) | {"mats": mats(mat("5k", "K5"), mat("15k", "K15"))}
DEVICES = {"START": "S1", "5K": "K5", "10K": "K1", "15K": "K15", "FINISH": "F1"}
USUAL_S = {"START": 1, "5K": 1000, "10K": 2000, "15K": 3000, "FINISH": 4500}


def ran(bib, *lacking):
    """An athlete's reads at the usual times, without those at some points."""
    return reads(*(read(DEVICES[name], f"C{bib}", at_s) for name, at_s in USUAL_S.items() if name not in lacking))


def folded(*facts, bibs=("7", "8", "9"), definition=LONG_HALF):
    """The rulings and the rows of a day."""
    made = Log()
    for text in log(*day(*facts, bibs=bibs, definition=definition)):
        made.add(text)
    return made.state.rulings, scored(made.state).athletes


def in_force(*facts, **more):
    return [(listed.waiver.id, listed.bibs) for listed in waivers_in_force(*folded(*facts, **more))]


def typed_waiver(plain):
    waiver = typed(plain)
    assert isinstance(waiver, PointWaived)
    return waiver


def overruled(*facts, waivers, **more):
    rulings, rows = folded(*facts, **more)
    return overruled_by(rulings, rows, [typed_waiver(waiver) for waiver in waivers])


# --- Waivers in force.


def test_a_waiver_is_listed_with_those_whom_it_lets_off_in_document_order():
    facts = [ran("10", "10K"), ran("9"), ran("8", "10K"), ran("7", "15K"), waived("10K", id="w")]
    assert in_force(*facts, bibs=["10", "9", "8", "7"]) == [("w", ["8", "10"])]


def test_a_waiver_that_reaches_nobody_is_in_force_too():
    assert in_force(ran("7", "10K"), waived("10K", 5000, 5001, id="w")) == [("w", [])]


def test_a_stretch_from_the_own_gun_is_reached_as_in_scoring():
    facts = [ran("7", "START", "5K"), waived("5K", None, "0.000001", id="w"), waived("5K", None, 0, id="too_early")]
    assert in_force(*facts) == [("w", ["7"]), ("too_early", [])]


def test_of_several_waivers_each_lists_those_whom_it_reaches():
    facts = [ran("7", "10K"), ran("8", "10K", "15K"), waived("10K", id="a"), waived("10K", 3500, id="b")]
    assert in_force(*facts, waived("15K", id="c")) == [("a", ["7", "8"]), ("b", ["8"]), ("c", ["8"])]


def test_waivers_are_in_the_order_of_the_course_and_then_of_the_log():
    facts = [waived("15K", id="a"), waived("10K", 1, id="b"), waived("10K", 0, id="c")]
    assert [name for name, _ in in_force(*facts)] == ["b", "c", "a"]


def test_a_waiver_that_waits_or_is_withdrawn_is_not_in_force():
    waiting = [waived("25K", id="a"), waived("10K", race="no", id="b")]
    assert in_force(*waiting, waived("10K", id="c"), withdrawn("c")) == []


def test_the_list_takes_athletes_of_every_race_and_no_others_of_that_point():
    definition = LONG_HALF | {"races": [race("hm", points=LONG), race("other", points=LONG)]}
    facts = [ran("7", "10K"), ran("8", "10K"), waived("10K", id="w", race="other"), waived("10K", id="v")]
    bibs = [entry("7"), entry("8", race="other")]
    assert in_force(gun(race="other"), *facts, bibs=bibs, definition=definition) == [("v", ["7"]), ("w", ["8"])]


# --- Rulings that a waiver would overrule.


@pytest.mark.parametrize(("outcome", "ruling"), [("accept", "accepted"), ("dnf", "dnf_decided"), ("dq", "dq_decided")])
def test_a_decided_case_that_a_waiver_would_lift_is_named(outcome, ruling):
    facts = [ran("7", "10K"), ran("8", "10K"), ran("9"), decided("missed:7", outcome)]
    assert overruled(*facts, waivers=[waived("10K")]) == [OverruledAthlete("7", ruling, ["10K"])]


def test_a_decision_without_a_ground_is_not_named():
    facts = [ran("7"), ran("8", "10K"), decided("missed:7", "dq"), decided("missed:8", "dq"), status("8", "DNF")]
    assert overruled(*facts, waivers=[waived("10K")]) == []


def test_a_case_that_stays_for_another_point_is_not_lifted():
    facts = [ran("7", "10K", "15K"), decided("missed:7", "dq")]
    assert overruled(*facts, waivers=[waived("10K")]) == []
    assert overruled(*facts, waivers=[waived("15K"), waived("10K")]) == [
        OverruledAthlete("7", "dq_decided", ["10K", "15K"])
    ]
    assert overruled(*facts, waived("15K"), waivers=[waived("10K")]) == [OverruledAthlete("7", "dq_decided", ["10K"])]


def test_a_stretch_from_the_own_gun_overrules_as_it_would_in_scoring():
    facts = [ran("7", "START", "5K"), decided("missed:7", "dq")]
    assert overruled(*facts, waivers=[waived("5K", None, 0)]) == []
    assert overruled(*facts, waivers=[waived("5K", None, "0.000001")]) == [OverruledAthlete("7", "dq_decided", ["5K"])]


def test_an_athlete_who_was_set_dq_and_lacks_the_point_is_named_though_the_dq_stays():
    facts = [
        ran("7", "10K", "15K"),
        ran("8"),
        ran("9", "10K"),
        status("7", "DQ"),
        status("8", "DQ"),
        status("9", "DNF"),
    ]
    assert overruled(*facts, waivers=[waived("10K")]) == [OverruledAthlete("7", "dq_set", ["10K"])]


@pytest.mark.parametrize(
    "waiver",
    [
        waived("10K", 0, 1000),
        waived("10K", 3000),
        waived("15K"),
        waived("10K", race="other"),
        waived("10K", 2000, 2000),
    ],
)
def test_a_waiver_that_does_not_reach_the_athlete_overrules_nothing(waiver):
    assert overruled(ran("7", "10K"), decided("missed:7", "dq"), waivers=[waiver]) == []


def test_rows_of_an_older_definition_are_passed_over_where_they_name_points_that_are_gone():
    rulings, _ = folded()
    _, rows = folded(ran("7", "10K"), decided("missed:7", "dq"))
    rulings.apply(99, 0, typed(defined(half(points=[LONG[0], LONG[1], LONG[4]]) | {"mats": LONG_HALF["mats"]})))
    assert overruled_by(rulings, rows, [typed_waiver(waived("10K"))]) == []
    rulings.courses.clear()
    assert overruled_by(rulings, rows, [typed_waiver(waived("10K"))]) == []


def test_the_overruled_are_in_the_order_of_the_rows():
    facts = [ran(bib, "10K") for bib in ("8", "7")] + [decided(f"missed:{bib}", "dnf") for bib in ("7", "8")]
    rulings, rows = folded(*facts)
    named = overruled_by(rulings, reversed(rows), [typed_waiver(waived("10K"))])
    assert [athlete.bib for athlete in named] == ["8", "7"]


# --- Both lists against scoring itself, on random logs.


def waivers_for(state, rng):
    """Waivers for some of the points of a random log."""
    for name, defined_course in state.rulings.courses.items():
        for place in defined_course.points[1:-1]:
            if rng.random() < 0.5:
                plain = {"type": "point_waived", "event": state.event, "race": name, "point": place.id, "reason": "r"}
                yield typed_waiver(plain)


def has_decided_case(row):
    return any(case.case == f"missed:{row.bib}" and not case.open for case in row.cases)


def is_set_dq(state, bib):
    return bib in state.rulings.statuses and state.rulings.statuses[bib].status == "DQ"


def test_on_random_logs_the_lists_say_what_scoring_then_does():
    overruled_ones = let_off_ones = 0
    for seed in range(LOGS):
        rng = Random(seed)
        state = at_once(log_of(seed))
        for row in scored(state).athletes:
            if row.missed and rng.random() < 0.5:
                ruled = decided(f"missed:{row.bib}", "dq") if rng.random() < 0.8 else status(row.bib, "DQ")
                state.fold(10**6, 0, typed(ruled | {"event": state.event}))
        before = {row.bib: row for row in scored(state).athletes}
        waivers = list(waivers_for(state, rng))
        named = {overruled.bib: overruled.points for overruled in overruled_by(state.rulings, before.values(), waivers)}
        for number, waiver in enumerate(waivers):
            state.fold(10**6 + 1 + number, 0, waiver)
        after = {row.bib: row for row in scored(state).athletes}
        expected = {
            bib: [point for point in before[bib].missed if point not in row.missed]
            for bib, row in after.items()
            if (has_decided_case(before[bib]) and not has_decided_case(row))
            or (is_set_dq(state, bib) and row.missed != before[bib].missed)
        }
        assert named == expected, seed
        let_off = {bib for listed in waivers_in_force(state.rulings, after.values()) for bib in listed.bibs}
        assert let_off == {bib for bib, row in after.items() if "waived" in row.flags}, seed
        overruled_ones += len(named)
        let_off_ones += len(let_off)
    assert overruled_ones > LOGS / 10
    assert let_off_ones > LOGS / 5
