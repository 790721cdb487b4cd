"""Warnings: what is odd about a fact that is taken all the same."""

import pytest

from services.fact_effects.fact_warnings import ATHLETES_NAMED_MAX
from tests.builders import (
    clock,
    day,
    decided,
    definition,
    device,
    entry,
    entry_withdrawn,
    excluded,
    gun,
    race,
    run,
    status,
    time_set,
    waived,
)
from tests.fact_effects.judged import effect_after


def warnings_after(*facts):
    return effect_after(*facts).warnings


@pytest.mark.parametrize(
    ("at_s", "said"),
    [
        (7201, "the gun at 07:00:01.000 is 2:00:01.000 after the scheduled start of race 'hm' at 05:00:00.000"),
        (-7201, "the gun at 02:59:59.000 is 2:00:01.000 before the scheduled start of race 'hm' at 05:00:00.000"),
        (7 * 3600 + 60, "it may be a local time that was typed as UTC"),
        (-24 * 3600, "it may have the date of the day before"),
        (24 * 3600 + 5, "it may have the date of the day after"),
    ],
)
def test_a_gun_over_two_hours_from_the_scheduled_start_is_warned_of(at_s, said):
    (warning,) = warnings_after(*day(), gun(at_s))
    assert said in warning


@pytest.mark.parametrize("at_s", [-7200, 0, 300, 7200])
def test_a_gun_within_two_hours_of_the_scheduled_start_is_not_warned_of(at_s):
    assert warnings_after(*day(), gun(at_s)) == []


def test_a_gun_after_the_start_passings_of_more_than_half_is_warned_of():
    bibs = ["1", "2", "3", "4"]
    passed = day(*(run(bib, start=10 * int(bib)) for bib in bibs), bibs=bibs)
    assert warnings_after(*passed, gun(21)) == []
    assert warnings_after(*passed, gun(31)) == [
        "3 of the 4 athletes who passed START did so before this gun; they would lose it"
    ]


def test_a_gun_is_compared_with_the_athletes_whose_own_gun_it_would_be():
    bibs = [entry("1", wave="A"), entry("2", wave="A"), entry("3", wave="B"), entry("4")]
    passed = day(*(run(bib, start=10) for bib in "1234"), gun(0, wave="A"), bibs=bibs)
    assert "2 of the 2 athletes" in warnings_after(*passed, gun(20, wave="A"))[0]
    assert "2 of the 2 athletes" in warnings_after(*passed, gun(20))[0]


@pytest.mark.parametrize(
    ("point", "at_s", "said"),
    [
        ("10K", 4000, "'10K' at 06:06:40.000 is out of order for bib '7': it would be after 'FINISH' at 06:06:40.000"),
        ("10K", 1, "it would be before 'START' at 05:00:01.000"),
        ("10K", -1, "it would be before the athlete's gun at 05:00:00.000, before 'START' at 05:00:01.000"),
        ("START", 5000, "it would be after '10K' at 05:33:20.000, after 'FINISH' at 06:06:40.000"),
    ],
)
def test_a_time_out_of_order_with_the_other_points_is_warned_of(point, at_s, said):
    (warning,) = warnings_after(*day(run()), time_set("7", point, at_s))
    assert said in warning


def test_a_time_is_compared_with_official_times_of_the_same_request():
    (warning,) = warnings_after(*day(time_set("7", "10K", 3000)), time_set("7", "FINISH", 2000))
    assert "before '10K' at 05:50:00.000" in warning


def test_a_time_in_order_or_taken_back_is_not_warned_of():
    assert warnings_after(*day(run()), time_set("7", "10K", 2100)) == []
    assert warnings_after(*day(run(), time_set("7", "10K", 9000)), time_set("7", "10K", None)) == []


def test_a_decision_of_a_case_that_is_not_open_is_warned_of():
    opened = day(run("7", k10=None))
    assert warnings_after(*opened, decided("missed:7", "dq")) == []
    assert warnings_after(*day(run()), decided("missed:7", "dq")) == ["case 'missed:7' is not open"]
    (warning,) = warnings_after(*opened, decided("missed:7", "dq"), decided("missed:7", "accept"))
    assert warning == "case 'missed:7' is not open: it is decided with 'dq', which this decision replaces"


def test_a_withdrawn_entry_whose_chips_were_read_is_warned_of():
    assert warnings_after(*day(), entry_withdrawn("7")) == []
    said = "chips of bib '7' have been read; without the entry the athlete is on no list and in no team"
    assert warnings_after(*day(run()), entry_withdrawn("7")) == [said]
    teams = definition(team_boards=[{"id": "teams", "of": "men"}, {"id": "more", "of": "women"}])
    n = f"{said}; N of 'teams' and 'more' becomes smaller, so scores of teams may change"
    assert warnings_after(*day(run(), definition=teams), entry_withdrawn("7")) == [n]
    assert warnings_after(*day(run(), definition=teams, bibs=[entry("7", ranked=False)]), entry_withdrawn("7")) == [
        said
    ]
    two = definition(races=[race(), race("5k")], team_boards=[{"id": "teams", "of": "men"}])
    on_5k = day(run(), gun(race="5k"), definition=two, bibs=[entry("7", race="5k")])
    assert warnings_after(*on_5k, entry_withdrawn("7")) == [said]
    assert warnings_after(*day(run()), entry_withdrawn("8")) == []


def test_a_device_that_no_mat_lists_is_warned_of():
    said = ["no mat lists device 'k1'; did you mean 'K1'?"]
    assert warnings_after(*day(), clock("k1", 1)) == said
    assert warnings_after(*day(), device("k1", "10k")) == said
    assert warnings_after(*day(), excluded("k1", "C7", 1)) == said
    assert warnings_after(*day(device("k1", "10k")), clock("k1", 1)) == []


@pytest.mark.parametrize(("offset_us", "said"), [(-3600, "-0.0036 s"), (90, "0.00009 s"), (99_999, "0.099999 s")])
def test_an_offset_that_was_probably_meant_in_seconds_is_warned_of(offset_us, said):
    [warning] = warnings_after(*day(), clock("K1", 0) | {"offset_us": offset_us})
    assert f"moves the clock by {said} only" in warning
    assert warning.endswith(f"send offset_us {offset_us * 1_000_000}")


def test_an_offset_of_a_tenth_of_a_second_or_of_nothing_is_not_warned_of():
    for offset_us in (0, 100_000, -100_000, -3_600_000_000):
        assert warnings_after(*day(), clock("K1", 0) | {"offset_us": offset_us}) == []


def test_a_waiver_that_lifts_decided_cases_or_lets_off_athletes_who_are_dq_names_them():
    bibs = ["10", "9", "8", "7"]
    lacking = day(*(run(bib, k10=None) for bib in bibs), bibs=bibs)
    ruled = [decided("missed:10", "accept"), decided("missed:9", "dq"), status("8", "DQ")]
    assert warnings_after(*lacking, *ruled, waived("10K")) == [
        "these cases end, and what was decided on them no longer applies: missed:9 (dq), missed:10 (accept)",
        "these athletes are DQ and would no longer miss '10K'; they stay DQ until a status OK takes it back: bib 8",
    ]
    assert warnings_after(*lacking, *ruled, waived("10K", 4000)) == []
    assert warnings_after(*lacking, waived("10K")) == []


def test_of_many_athletes_the_warning_names_the_first_and_counts_the_others():
    bibs = [str(number) for number in range(1, ATHLETES_NAMED_MAX + 3)]
    lacking = day(*(run(bib, k10=None) for bib in bibs), bibs=bibs)
    (warning,) = warnings_after(*lacking, *(decided(f"missed:{bib}", "dnf") for bib in bibs), waived("10K"))
    assert warning.endswith("missed:20 (dnf) and 2 more")
