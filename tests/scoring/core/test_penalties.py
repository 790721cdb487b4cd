"""Penalties: seconds that officials add to an athlete's official times. Source: R1.penalty_set and R3.4."""

import msgspec
import pytest

from schemas.codec import fact_from_json
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from tests.builders import (
    US,
    athlete,
    closed,
    course,
    day,
    document,
    entries,
    fact,
    half,
    line,
    places,
    run,
    scored,
    status,
    withdrawn,
)
from tests.oracle.folding import at_once


def penalty(bib: str, seconds: float, **more: object):
    return fact("penalty_set", bib=bib, seconds=seconds, reason="left the course", **more)


def times(*facts, bib="7"):
    row = athlete(scored(*facts, bibs=["7", "8"]), bib)
    return row["gun_us"], row["chip_us"], row["time_s"], row.get("penalty_us"), row["flags"]


def test_a_penalty_is_added_to_gun_and_chip_time_before_they_are_rounded():
    gun_us, chip_us, time_s, _, _ = times(run(finish=4000))
    assert times(run(finish=4000), penalty("7", 30.001)) == (
        gun_us + 30_001_000,
        chip_us + 30_001_000,
        time_s + 31,
        30_001_000,
        ["penalty"],
    )


def test_a_penalty_may_take_time_off():
    gun_us, *_ = times(run(finish=4000))
    assert times(run(finish=4000), penalty("7", -0.5))[0] == gun_us - US // 2


def test_the_latest_penalty_of_a_bib_applies_and_0_takes_it_back():
    plain = times(run())
    assert times(run(), penalty("7", 30), penalty("7", 10))[3] == 10 * US
    assert times(run(), penalty("7", 30), penalty("7", 0)) == plain
    assert times(run(), penalty("7", 30), penalty("8", 10))[3] == 30 * US
    assert times(run(), penalty("7", 30, id="p"), withdrawn("p")) == plain


def test_a_row_without_a_penalty_has_no_such_field():
    """So that the hashes of results published before there were penalties stay."""
    assert "penalty_us" not in athlete(scored(run()))


def test_splits_and_cut_offs_are_without_the_penalty():
    definition = half(points=course(FINISH={"cutoff": {"gun": "1:06:40"}}))
    row = athlete(scored(run(finish=4000), penalty("7", 600), definition=definition))
    assert (row["status"], row["cut_at"]) == ("FINISHED", None)
    assert row["points"] == athlete(scored(run(finish=4000), definition=definition))["points"]


def test_boards_rank_by_the_times_with_the_penalty():
    facts = [run("7", finish=4000), run("8", finish=4010)]

    def placed(*more):
        return places(scored(*facts, *more, bibs=["7", "8"]))

    assert placed() == [(1, "7"), (2, "8")]
    assert placed(penalty("7", 10)) == [(1, "7"), (1, "8")]
    assert placed(penalty("7", 10.001)) == [(1, "8"), (2, "7")]


@pytest.mark.parametrize(("seconds", "term"), [(30, " + 0:00:30.000 penalty = "), (-1.5, " − 0:00:01.500 penalty = ")])
def test_the_explanation_has_the_penalty_as_a_term_of_each_time_and_as_a_fact(seconds, term):
    state = at_once(day(run(), penalty("7", seconds)))
    explanation, _ = explain(evidence_of(state, "7"))
    says = {step.step: step.says for step in explanation.times}
    assert term in says["gun_time"]
    assert term in says["chip_time"]
    (fact_why,) = [why for why in explanation.facts if why.type == "penalty_set"]
    assert "the gun and chip time of bib 7" in fact_why.says
    assert fact_why.reason == "left the course"


@pytest.mark.parametrize("ruling", [status("7", "DQ"), status("7", "DNF"), closed()])
def test_the_penalty_is_shown_whatever_the_status(ruling):
    row = athlete(scored(run(finish=None), ruling, penalty("7", 30)))
    assert (row["penalty_us"], row["flags"], row["gun_us"]) == (30 * US, ["penalty"], None)


def test_a_penalty_of_an_unknown_bib_waits_for_its_entry():
    assert times(entries("7"), run(), penalty("7", 5))[3] == 5 * US
    waiting = document(*day(penalty("9", 5), run("9"), entries("9"), bibs=["7"]))
    assert athlete(waiting, "9")["penalty_us"] == 5 * US


@pytest.mark.parametrize("seconds", [30, -30, 0, 86400, -86400, 0.001, 12.345])
def test_seconds_have_up_to_three_decimals_and_are_exact(seconds):
    taken = fact_from_json(line(penalty("7", seconds)))
    assert taken.penalty_us == round(seconds * 1000) * 1000


@pytest.mark.parametrize("seconds", [86400.001, -86401, 0.0001, 1.2345, "30", None, True])
def test_other_seconds_are_refused(seconds):
    with pytest.raises(msgspec.ValidationError):
        fact_from_json(line(penalty("7", seconds)))


def test_a_penalty_that_is_no_number_is_refused_from_msgpack_too():
    plain = penalty("7", float("nan"))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=type(fact_from_json(line(penalty("7", 1)))))
