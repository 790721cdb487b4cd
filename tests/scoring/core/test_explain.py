"""Explanations: worked out by hand for a few athletes, and equal to the rows for all others."""

from collections import Counter

import pytest

import races
from loadtest.simulation import simulate
from schemas.definition_parse import definition_from_toml
from services.offline.scored_log import Log
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from services.scoring.core.explain.explain_reads import READS_SHOWN
from tests.builders import (
    START_US,
    at,
    chip,
    clock,
    closed,
    day,
    decided,
    definition,
    device,
    entries,
    entry,
    excluded,
    fact,
    gun,
    half,
    log,
    mat,
    mats,
    order,
    point,
    race,
    read,
    reads,
    run,
    status,
    time_set,
    withdrawn,
)
from tests.loadtest.scored import NAMES
from tests.oracle.folding import at_once
from tests.oracle.logs import log_of

US = 1_000_000
LOGS = 150


def state_of(*facts):
    made = Log()
    for line in log(*facts):
        made.add(line)
    return made.state


def why(*facts, bib="7", definition=None, bibs=("7",)):
    """The explanation of an athlete of a whole day."""
    return explain(evidence_of(state_of(*day(*facts, definition=definition, bibs=bibs)), bib)).explanation


def fates(explanation):
    """Reads as (seconds after the start by the device, device, point or reason or other bib)."""
    return [
        ((read.device_at_us - START_US) / US, read.device, read.point or read.reason or read.bib)
        for read in explanation.reads
    ]


def says(explanation, step):
    return next(entry.says for entry in explanation.times if entry.step == step)


EVERYTHING = definition(
    mats=mats(mat("other", "X1")),
    races=[
        race(
            points=[
                point("START"),
                point("10K", km=10, cutoff={"gun": "0:40:00", "wave": "0:50:00"}, earliest={"clock": "05:30:00"}),
                point("FINISH", km=21.0975),
            ]
        )
    ],
)


def test_every_read_has_its_point_or_a_reason():
    explanation = why(
        run(),
        reads(
            read("S1", "C7", -3),
            read("S1", "C7", "0.5"),
            read("ZZ", "C7", 10),
            read("X1", "C7", 20),
            read("K1", "C7", 1000),
            read("F1", "C7", 1900),
            read("S1", "C7", 1901),
            read("K1", "C7", 2001),
            read("KB", "C7", 2003),
            read("K1", "C7", 2500),
            read("K1", "C7", 2000),
        ),
        excluded("K1", "C7", 2500),
        definition=EVERYTHING,
    )
    assert fates(explanation) == [
        (-3, "S1", "before_gun"),
        (0.5, "S1", "superseded"),
        (1, "S1", "START"),
        (10, "ZZ", "unknown_device"),
        (20, "X1", "not_on_course"),
        (1000, "K1", "too_early"),
        (1900, "F1", "too_fast"),
        (1901, "S1", "outside_start_window"),
        (2000, "K1", "10K"),
        (2001, "K1", "superseded"),
        (2003, "KB", "backup_duplicate"),
        (2500, "K1", "excluded"),
        (4000, "F1", "FINISH"),
    ]
    rules = {read.reason: read.rule for read in explanation.reads if read.rule is not None}
    assert rules == {
        "unknown_device": "mats",
        "not_on_course": "races[0].points",
        "too_early": "races[0].points[1].earliest",
        "too_fast": "races[0].max_speed_mps",
        "outside_start_window": "races[0].start_window_s",
        "backup_duplicate": "passing_gap_s",
    }
    assert [(chip.chip, chip.owner, chip.reads, chip.repeats) for chip in explanation.chips] == [("C7", "7", 13, 1)]


def test_an_officials_time_overrides_the_reads_there():
    explanation = why(run(), time_set("7", "10K", 2300))
    assert fates(explanation)[1] == (2000, "K1", "overridden")
    assert "an official's time overrides it at 10K" in explanation.reads[1].says
    ten = explanation.points[1]
    assert (ten.at_us, ten.source, ten.device, ten.passing) == (at(2300), "official", None, None)
    assert [(candidate.passing, candidate.chosen) for candidate in ten.candidates] == [(None, True)]


def test_a_read_of_a_chip_that_another_athlete_wore_names_their_bib():
    swapped = chip("C7", "8", from_s=1500)
    explanation = why(run(), swapped, bibs=["7", "8"])
    assert fates(explanation) == [(1, "S1", "START"), (2000, "K1", "8"), (4000, "F1", "8")]
    other = why(run(), swapped, bib="8", bibs=["7", "8"])
    assert fates(other)[0] == (1, "S1", "7")
    assert other.reads[0].says == "bib 7 wore chip C7 then"
    lost = why(run(), entries(entry("7", chips=["N7"])))
    assert fates(lost) == [(1, "S1", "unknown_chip"), (2000, "K1", "unknown_chip"), (4000, "F1", "unknown_chip")]
    assert [chip.chip for chip in lost.chips] == ["C7", "N7"]


def test_corrected_instants_are_given_beside_the_devices_own():
    explanation = why(run(), clock("K1", "-1.5"), device("K1", "finish", from_s=3000))
    ten = explanation.points[1]
    assert (ten.at_us, ten.read_at_us, ten.device, ten.chip) == (at("1998.5"), at(2000), "K1", "C7")
    assert (explanation.reads[1].at_us, explanation.reads[1].device_at_us, explanation.reads[1].mat) == (
        at("1998.5"),
        at(2000),
        "10k",
    )


ONE_MAT = definition(
    mats=[mat("line", "L1")], races=[race(points=[point("START", "line"), point("FINISH", "line", 21)])]
)


def why_unused(explanation):
    return {(read.device_at_us - START_US) / US: read.says for read in explanation.reads if read.reason is not None}


def test_a_read_after_the_start_window_is_not_said_to_be_too_fast_for_start():
    lap = reads(read("L1", "C7", 1), read("L1", "C7", 1900), read("L1", "C7", 4000))
    assert why_unused(why(lap, definition=ONE_MAT)) == {
        1900: (
            "START takes reads up to 1800 s after the athlete's own gun; "
            "FINISH could not be reached so soon after the gun"
        )
    }


def test_no_passing_is_said_to_win_if_the_choice_leaves_the_point_out():
    explanation = why(run(k10=3900))
    assert explanation.points[1].at_us is None
    assert why_unused(explanation) == {3900: "too fast from 10K to FINISH"}


def test_a_passing_that_wins_is_the_earlier_or_the_later_one():
    assert why_unused(why(run(), reads(read("K1", "C7", 2200), read("S1", "C7", -1)))) == {
        -1: "before the athlete's own gun, 05:00:00.000",
        2200: "an earlier passing was preferred at 10K",
    }
    assert why_unused(why(run(), reads(read("S1", "C7", 60)))) == {1: "a later passing was preferred at START"}


def test_a_passing_out_of_order_with_an_officials_time_names_the_point():
    assert why_unused(why(run(finish=4000), time_set("7", "10K", 4000))) == {
        2000: "an official's time overrides it at 10K",
        4000: "out of order at FINISH with the official's time at 10K",
    }


# --- Points: limits and choices.


def test_limits_give_their_instants_and_say_which_kind_decides():
    explanation = why(run(k10=2500), definition=EVERYTHING)
    ten = explanation.points[1]
    assert [(limit.rule, limit.value, limit.at_us, limit.decides, limit.kept) for limit in ten.limits] == [
        ("races[0].points[1].earliest.clock", "05:30:00", at(1800), True, True),
        ("races[0].points[1].cutoff.gun", "0:40:00", at(2400), True, False),
        ("races[0].points[1].cutoff.wave", "0:50:00", at(3000), False, True),
    ]
    assert ten.over
    assert [(limit.limit, limit.at_us, limit.kept) for limit in explanation.points[0].limits] == [
        ("window", at(1800), True)
    ]
    assert (explanation.status, explanation.cut_at) == ("OTL", "10K")
    assert explanation.why[-1].says == "over the time limit at 10K"


def test_of_several_kinds_of_earliest_the_latest_decides():
    definition = half(points=[point("START"), point("FINISH", km=21, earliest={"gun": "1:00:00", "wave": "0:50:00"})])
    limits = why(run(k10=None), definition=definition).points[1].limits
    assert [(limit.value, limit.decides) for limit in limits] == [("1:00:00", True), ("0:50:00", False)]


def test_candidates_say_why_the_choice_did_not_take_them():
    explanation = why(run(), reads(read("S1", "C7", 100), read("K1", "C7", 1400), read("K1", "C7", 3900)))
    starts, tens = explanation.points[0].candidates, explanation.points[1].candidates
    assert [(candidate.at_us, candidate.chosen, candidate.says) for candidate in starts] == [
        (at(1), True, "taken"),
        (at(100), False, "too fast from START to 10K"),
    ]
    assert [(candidate.at_us, candidate.chosen, candidate.says) for candidate in tens] == [
        (at(1400), True, "taken"),
        (at(2000), False, "an earlier passing was preferred"),
        (at(3900), False, "too fast from 10K to FINISH"),
    ]


def test_passings_are_numbered_from_one_with_the_points_that_took_them():
    explanation = why(run(), reads(read("S1", "C7", 2), read("KB", "C7", 2300)))
    assert [
        (passing.passing, passing.mat, passing.backup, passing.reads, passing.points)
        for passing in explanation.passings
    ] == [
        (1, "start", False, 2, ["START"]),
        (2, "10k", False, 1, ["10K"]),
        (3, "10k", True, 1, []),
        (4, "finish", False, 1, ["FINISH"]),
    ]
    assert [point.passing for point in explanation.points] == [1, 2, 4]
    assert [read.passing for read in explanation.reads] == [1, 1, 2, 3, 4]


def test_a_missed_point_says_so():
    explanation = why(run(k10=None))
    ten = explanation.points[1]
    assert (ten.at_us, ten.missed, ten.candidates) == (None, True, [])
    assert ten.says == "no read or official gave it a time; missed, since a later point was passed"


def test_with_pick_peak_the_read_nearest_to_the_peak_gives_the_time():
    heard = [("999.0", -70), ("1999.0", -60), ("2000.0", -50), ("2001.5", -60)]
    definition = half(points=[point("START"), point("10K", km=10, pick="peak"), point("FINISH", km=21.0975)])
    explanation = why(
        run(k10=None), reads(*(read("K1", "C7", at_s, rssi=rssi) for at_s, rssi in heard)), definition=definition
    )
    ten = explanation.points[1]
    assert ten.at_us != ten.read_at_us
    assert (ten.read_at_us, ten.says) == (at(2000), "the peak of its reads of passing 3")


# --- Times, by hand.


def test_times_are_worked_out_step_by_step():
    definition = half(official_time="chip", gun_from="wave")
    explanation = why(
        run("7", 62, 2000, "4000.1"), gun(60, wave="B"), definition=definition, bibs=[entry("7", wave="B")]
    )  # gun of the race at 0
    assert [(step.step, step.rule, step.value) for step in explanation.times] == [
        ("own_gun", None, None),
        ("gun", "races[0].gun_from", "wave"),
        ("finish", None, None),
        ("gun_time", None, None),
        ("start", None, None),
        ("chip_time", None, None),
        ("printed", "races[0].official_time", "chip"),
    ]
    assert says(explanation, "own_gun") == "own gun, of wave B: 05:01:00.000"
    assert says(explanation, "gun") == "gun time counts from the own gun: 05:01:00.000"
    assert says(explanation, "gun_time") == "gun time 06:06:40.100 − 05:01:00.000 = 1:05:40.100"
    assert says(explanation, "chip_time") == "chip time 06:06:40.100 − 05:01:02.000 = 1:05:38.100"
    assert says(explanation, "printed") == (
        "chip time is official: 1:05:38.100, rounded up to the whole second 1:05:39"
    )
    assert (explanation.gun_us, explanation.chip_us, explanation.time_s) == (3940_100_000, 3938_100_000, 3939)


def test_a_missing_start_is_replaced_by_the_gun_or_by_nothing():
    stands_in = why(run(start=None))
    assert says(stands_in, "start") == "START has no passing; the own gun replaces it: 05:00:00.000"
    assert stands_in.flags == ["start_assumed"]
    nothing = why(run(start=None), definition=half(missing_start="dnf", official_time="chip"))
    assert "no gun replaces it" in says(nothing, "start")
    assert says(nothing, "printed") == "chip time is official, but there is none"
    assert next(step for step in nothing.times if step.step == "start").rule == "races[0].missing_start"


def test_without_a_gun_or_a_finish_there_are_no_times():
    made = state_of(*day(run(finish=None)))
    assert says(explain(evidence_of(made, "7")).explanation, "finish") == "FINISH has no passing, so there are no times"
    without = explain(evidence_of(state_of(*day(run())[:2], run()), "7")).explanation
    assert [step.says for step in without.times] == [
        "no gun has been fired for hm, so there are no times, and no passing is used"
    ]
    assert {read.says for read in without.reads} == {"the athlete's own gun has not been fired"}
    assert without.points[0].limits == []


# --- Status: the first rule that applied.

STATUSES = {
    "dq_set": ([run(), status("7", "DQ")], {}),
    "dq_decided": ([run(k10=None), decided("missed:7", "dq")], {}),
    "late_dq_decided": ([run(), closed(at_s=3999), decided("after_close:7", "dq")], {}),
    "dns_set": ([run(), status("7", "DNS")], {}),
    "dnf_set": ([run(), status("7", "DNF")], {}),
    "over_limit": ([run(k10=2500)], EVERYTHING),
    "dnf_decided": ([run(k10=None), decided("missed:7", "dnf")], half(missing_mat="review")),
    "missed_points": ([run(k10=None)], {}),
    "late_dnf_decided": ([run(), closed(at_s=3999), decided("after_close:7", "dnf")], {}),
    "late_finish": ([run(), closed(at_s=3999)], {}),
    "finished": ([run()], {}),
    "closed_on_course": ([run(finish=None), closed()], {}),
    "closed_not_started": ([closed()], {}),
    "on_course": ([run(finish=None)], {}),
    "not_started": ([], {}),
}


@pytest.mark.parametrize("rule", STATUSES)
def test_the_status_names_the_rule_that_applied_and_those_tried_before(rule):
    facts, definition = STATUSES[rule]
    explanation = why(*facts, definition=definition or None)
    assert [step.rule for step in explanation.why] == list(STATUSES)[: len(explanation.why)]
    assert [step.rule for step in explanation.why if step.applies] == [rule] == [explanation.why[-1].rule]


def test_a_finisher_with_a_missed_point_has_the_reason_why_they_count():
    review = why(run(k10=None), definition=half(missing_mat="review"))
    assert review.why[-1].says == "finished; the jury has to decide on the missed 10K, and the finish counts until then"
    accepted = why(run(k10=None), decided("missed:7", "accept"))
    assert accepted.why[-1].says == "finished; missing 10K was accepted"
    ignored = why(run(k10=None), definition=half(missing_mat="ignore"))
    assert ignored.why[-1].says == "finished; missing 10K does not matter in hm"


def test_no_two_rules_of_a_finisher_with_a_missed_point_say_the_same():
    accepted = why(run(k10=None), decided("missed:7", "accept"))
    says = {step.rule: step.says for step in accepted.why}
    assert says["missed_points"] == "missing 10K was accepted"
    assert len(set(says.values())) == len(says)


def test_cases_give_their_reason_and_the_decision():
    explanation = why(run(k10=None), decided("missed:7", "accept"))
    assert [(case.case, case.open, case.outcome) for case in explanation.cases] == [("missed:7", False, "accept")]
    after = why(run(), status("7", "DNF"))
    assert [(case.case, case.open, case.outcome) for case in after.cases] == [("reads_after:7", True, None)]
    closed_case = why(run(), status("7", "DNF"), decided("reads_after:7", "dnf"))
    assert [(case.case, case.open, case.outcome) for case in closed_case.cases] == [("reads_after:7", False, "dnf")]


# --- Facts.


def stated(explanation):
    return [(fact.type, fact.state) for fact in explanation.facts]


def test_facts_about_the_athlete_say_what_by_whom_when_and_whether_they_apply():
    explanation = why(
        run(),
        gun(2, by="ann", recorded_at_us=at(5000)),
        gun(0, race="hm", wave="B"),
        status("7", "DQ", id="s1", by="ann", rule="TR17"),
        status("8", "DQ", id="s2"),
        withdrawn("s1", by="bob"),
        withdrawn("s2"),
        time_set("7", "15K", 3000),
        clock("K1", 1),
        clock("K9", 1),
        order("8", "7"),
        order("8", "9"),
        fact("entry_hidden", bib="7", hidden=True),
        fact("protest_filed", protest="p1", race="hm", bib="7", text="..."),
        fact("protest_decided", protest="p1", outcome="rejected", reason="late"),
        bibs=["7", "8", "9"],
    )
    assert stated(explanation) == [
        ("event_defined", "in_force"),
        ("entries_added", "in_force"),
        ("gun_fired", "superseded"),
        ("gun_fired", "in_force"),
        ("gun_fired", "in_force"),
        ("status_set", "withdrawn"),
        ("fact_withdrawn", "in_force"),
        ("time_set", "waiting"),
        ("clock_corrected", "in_force"),
        ("order_set", "in_force"),
        ("entry_hidden", "in_force"),
        ("protest_filed", "in_force"),
        ("protest_decided", "in_force"),
    ]
    second = explanation.facts[3]
    assert (second.by, second.recorded_at_us, second.says) == ("ann", at(5000), "gun of hm at 05:00:02.000")
    dq = explanation.facts[5]
    assert (dq.reason, dq.rule, dq.id, dq.offset) == ("judges", "TR17", "s1", 7)
    assert (explanation.name, explanation.hidden) == ("7", True)


def test_a_correction_supersedes_only_a_correction_that_it_covers_completely():
    facts = [clock("K1", 1, from_s=1000, until_s=2000), clock("K1", 2, from_s=1500), clock("K1", 3, from_s=900)]
    assert [state for kind, state in stated(why(run(), *facts)) if kind == "clock_corrected"] == [
        "superseded",
        "superseded",
        "in_force",
    ]
    assert [state for kind, state in stated(why(run(), *facts[:2])) if kind == "clock_corrected"] == [
        "in_force",
        "in_force",
    ]


def test_an_entry_says_which_chips_it_gives_the_athlete_and_which_it_takes():
    explanation = why(run(), entries(entry("8", chips=["C7", "C8"])), chip("C7", "7", until_s=3000))
    assert [fact.says for fact in explanation.facts if fact.type in ("entries_added", "chip_assigned")] == [
        "enters bib 7 in hm with C7",
        "gives C7 to bib 8",
        "gives chip C7 to bib 7 until 05:50:00.000",
    ]


def test_exclusions_and_their_withdrawals_are_for_officials_only():
    explanation = why(run(), excluded("K1", "C7", 2000, id="x"), withdrawn("x"), time_set("7", "10K", 2300))
    assert [(fact.type, fact.officials_only) for fact in explanation.facts[3:]] == [
        ("read_excluded", True),
        ("fact_withdrawn", True),
        ("time_set", False),
    ]


def test_the_explanation_of_a_withdrawn_athlete_says_why_they_are_gone():
    made = state_of(*day(run(), entries("8", id="e"), withdrawn("e")))
    explanation = explain(evidence_of(made, "8")).explanation
    assert (explanation.gone, explanation.status, explanation.points) == (
        "every entry of bib 8 was withdrawn",
        None,
        [],
    )
    assert stated(explanation)[-2:] == [("entries_added", "withdrawn"), ("fact_withdrawn", "in_force")]
    waiting = explain(evidence_of(state_of(*day(entries(entry("9", race="fm")))), "9")).explanation
    assert waiting.gone == "the entry of bib 9 names race 'fm', which is not defined"
    assert stated(waiting)[-1] == ("entries_added", "waiting")


# --- Limits, and equality with the rows.


def test_of_very_many_reads_a_part_is_listed_with_all_used_ones():
    first = [read("K1", "C7", 2000 + second) for second in range(READS_SHOWN)]
    explanation = why(run("7", 1, None, 9000), reads(*first))
    assert len(explanation.reads) == READS_SHOWN + 1
    assert explanation.reads_left_out == 1
    assert [read.point for read in explanation.reads if read.point] == ["START", "10K", "FINISH"]
    assert explanation.unused == {"superseded": READS_SHOWN - 1}


def agrees(state, bib):
    """Check that an explanation agrees with the row in everything."""
    explanation, row = explain(evidence_of(state, bib))
    assert row == state.row(bib)
    assert explanation.version == row.version
    latest = max(fact.offset for fact in explanation.facts if fact.type != "protest_decided")  # it changes no result
    if not row.gone:  # of an athlete who is gone, facts of the races of earlier entries raise the version too
        assert row.version == latest or any(read.reason or read.point or read.bib for read in explanation.reads)
    assert latest <= row.version
    assert (explanation.gone is not None) == row.gone
    if row.gone:
        return 0
    nobodys = ("unknown_device", "unknown_chip")
    counts = Counter(read.reason for read in explanation.reads if read.reason and read.reason not in nobodys)
    assert dict(counts) == row.unused == explanation.unused
    taken = [(point.point, point.at_us, point.source) for point in explanation.points if point.at_us is not None]
    assert taken == [(point.point, point.at_us, point.source) for point in row.points]
    used = {read.point: read for read in explanation.reads if read.point is not None}
    assert used.keys() == {point.point for point in row.points if point.source != "official"}
    for shown in explanation.points:
        chosen = [candidate for candidate in shown.candidates if candidate.chosen]
        assert [candidate.at_us for candidate in chosen] == ([] if shown.at_us is None else [shown.at_us])
        if shown.point in used:
            read = used[shown.point]
            assert (read.chip, read.device, read.device_at_us) == (
                shown.chip,
                shown.device,
                shown.read_at_us,
            )
            assert read.passing == shown.passing
    assert [point.point for point in explanation.points if point.missed] == row.missed
    assert next((point.point for point in explanation.points if point.over), None) == row.cut_at
    assert all(read.bib != bib for read in explanation.reads)
    by_step = {step.step: step for step in explanation.times}
    added_us = sum(sign * getattr(row, name) for name, sign in row.ADJUSTMENTS.items())
    if row.gun_us is not None:
        assert instant(by_step["finish"]) - instant(by_step["gun"]) + added_us == row.gun_us
    if row.chip_us is not None:
        assert instant(by_step["finish"]) - instant(by_step["start"]) + added_us == row.chip_us
    for name in {"gun_time", "chip_time"} & by_step.keys():
        for adjustment in row.ADJUSTMENTS:
            term = adjustment.removesuffix("_us").replace("_", " ")
            assert (f" {term} " in by_step[name].says) == bool(getattr(row, adjustment))
    steps = {step.step: step.time_us for step in explanation.times}
    assert (steps.get("gun_time"), steps.get("chip_time")) == (row.gun_us, row.chip_us)
    printed_us = steps.get("printed")
    assert (None if printed_us is None else printed_us // US) == row.time_s
    return len(row.points)


def instant(step):
    """The instant of a step of the times."""
    assert step.at_us is not None
    return step.at_us


def test_explanations_of_random_logs_equal_the_rows():
    points = 0
    for seed in range(LOGS):
        state = at_once(log_of(seed))
        points += sum(agrees(state, bib) for bib in sorted(state.versions) if state.was_entered(bib))
    assert points > LOGS


@pytest.mark.parametrize("name", NAMES)
def test_explanations_of_a_simulated_day_equal_the_rows(name):
    made = Log()
    for line in simulate(definition_from_toml(races.definition_toml(name)), 120, 3).log_lines():
        made.add(line)
    assert sum(agrees(made.state, bib) for bib in made.state.rulings.bibs()) > 240


def test_an_explanation_does_not_depend_on_the_order_of_devices():
    plain = definition(mats=[mat("start", "S1", "S2"), mat("10k", "K1", "K2"), mat("finish", "F1")])
    both = [
        reads(read(name, "C7", at_s)) for at_s, names in ((1, ("S1", "S2")), (2000, ("K1", "K2"))) for name in names
    ]
    finish = reads(read("F1", "C7", 4000))
    explanation = why(*both, finish, definition=plain)
    assert explanation == why(*both[::-1], finish, definition=plain)
    assert [(point.point, point.device) for point in explanation.points] == [
        ("START", "S2"),
        ("10K", "K1"),
        ("FINISH", "F1"),
    ]
