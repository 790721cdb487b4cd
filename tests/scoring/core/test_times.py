"""Gun time, chip time and printed time. Source: R3 (own gun), R3.4 and R3.8."""

import pytest

from schemas.results import printed_s
from services.scoring.core.event import EventState
from tests.builders import (
    START_US,
    at,
    athlete,
    defined,
    document,
    entries,
    entry,
    gun,
    half,
    hms,
    passed,
    point,
    read,
    reads,
    run,
    scored,
    time_set,
    typed,
    us,
)


def times(document, bib="7"):
    """Gun and chip time in seconds, and the printed time."""
    row = athlete(document, bib)
    seconds = [None if row[name] is None else row[name] / 1_000_000 for name in ("gun_us", "chip_us")]
    return (*seconds, row["time_s"])


# --- Rounding.


@pytest.mark.parametrize(
    ("exact", "printed"),
    [
        ("2:09:44.3", "2:09:45"),  # World Athletics' own example
        ("2:09:44", "2:09:44"),
        ("2:09:44.000001", "2:09:45"),
        ("2:09:44.999999", "2:09:45"),
        ("0:00:00", "0:00:00"),
        ("0:59:59.1", "1:00:00"),
    ],
)
def test_printed_times_are_rounded_up_to_whole_seconds(exact, printed):
    """Source: R3.4; World Athletics, transponder timing."""
    assert printed_s(us(hms(exact))) == hms(printed)


def test_a_finishers_time_is_printed_rounded_up_and_stored_exactly():
    document = scored(run(finish="7784.3"))
    assert athlete(document)["gun_us"] == 7_784_300_000
    assert athlete(document)["time_s"] == 7785


def test_the_example_of_an_athlete_in_the_rules():
    """Gun time 3902.12 s, START at 1.12 s after the gun, so chip time 3901 s. Source: R5."""
    document = scored(run(start="1.12", finish="3902.12"))
    row = athlete(document)
    assert (row["gun_us"], row["chip_us"], row["time_s"]) == (3902120000, 3901000000, 3903)
    assert row["points"][0] == {"point": "START", "at_us": 1767477601120000, "source": "main"}


# --- Gun and chip.


@pytest.mark.parametrize(("official", "printed"), [("gun", 4001), ("chip", 3900)])
def test_the_official_time_of_the_race_is_printed(official, printed):
    """FINISH 4000.5 s after the gun, START at 100.6 s: gun 4000.5, chip 3899.9."""
    document = scored(run(start="100.6", finish="4000.5"), definition=half(official_time=official))
    assert times(document) == (4000.5, 3899.9, printed)


@pytest.mark.parametrize(("gun_from", "gun_time"), [("race", 4600), ("wave", 4000)])
def test_gun_time_counts_from_the_earliest_gun_of_the_race_or_from_the_waves(gun_from, gun_time):
    """Waves A at 0 s and B at 600 s; 7 of wave B starts at 610 and finishes at 4600. Source: R3.4, `gun_from`."""
    standings = document(
        defined(half(gun_from=gun_from)),
        entries(entry("7", wave="B")),
        gun(600, wave="B"),
        gun(0, wave="A"),
        run(start=610, k10=2600, finish=4600),
    )
    assert times(standings) == (gun_time, 3990, gun_time)


@pytest.mark.parametrize(("gun_from", "counted_from"), [("race", 0), ("wave", 600)])
def test_a_row_says_which_guns_it_counts_from(gun_from, counted_from):
    facts = [defined(half(gun_from=gun_from)), entries(entry("7", wave="B")), gun(600, wave="B"), gun(0, wave="A")]
    state = EventState("example-2026")
    for offset, logged in enumerate(facts):
        state.fold(offset, 0, typed(logged))
    row = state.row("7")
    assert (row.gun_at_us, row.own_gun_us) == (at(counted_from), at(600))


def test_the_earliest_gun_is_among_all_guns_of_the_race_and_no_other():
    standings = document(
        defined(),
        entries(entry("7", wave="B")),
        gun(-900, race="5k"),
        gun(30),
        gun(20, wave="A"),
        gun(600, wave="B"),
        run(start=610, k10=2600, finish=4600),
    )
    assert times(standings) == (4580, 3990, 4580)


def test_a_wave_without_a_gun_of_its_own_has_the_gun_without_a_wave():
    document = scored(run(), bibs=[entry("7", wave="B")], gun_s=10)
    assert times(document) == (3990, 3990, 3990)  # read at 1 s, before the gun: START is assumed at the gun
    assert athlete(document)["flags"] == ["start_assumed"]


def test_a_waves_own_gun_takes_precedence_over_the_gun_without_a_wave():
    document = scored(gun(100, wave="B"), run(start=None), bibs=[entry("7", wave="B"), entry("8", wave="A")])
    assert athlete(document)["chip_us"] == us(3900)
    assert athlete(document)["gun_us"] == us(4000)


def test_another_waves_gun_does_not_count():
    """Only wave A was started: 7 of wave B, and 8 of none, have no gun. Source: R3.8."""
    standings = document(defined(), entries(entry("7", wave="B"), "8"), gun(0, wave="A"), run("7"), run("8"))
    for bib in ("7", "8"):
        assert times(standings, bib) == (None, None, None)
        assert athlete(standings, bib)["points"] == []
        assert athlete(standings, bib)["flags"] == []
        assert athlete(standings, bib)["status"] == "NOT_STARTED"
    assert standings["unused_reads"] == {"before_gun": 6}


def test_without_an_own_gun_not_even_an_officials_time_is_used():
    """No passing of the athlete is used, and an official's time is one. Source: R3.3 and R3.8."""
    standings = document(defined(), entries("7"), time_set("7", "FINISH", 4000))
    assert (athlete(standings)["points"], athlete(standings)["status"]) == ([], "NOT_STARTED")


def test_correcting_the_gun_after_the_finish_moves_every_time_that_counts_from_it():
    """The gun was at 2.5 s and not at 0. START at 1 s is now before it; 8 started at 5 s."""
    document = scored(run("7", finish=4000), run("8", start=5, finish=4100), gun("2.5"), bibs=["7", "8"])
    assert times(document, "7") == (3997.5, 3997.5, 3998)
    assert athlete(document, "7")["flags"] == ["start_assumed"]
    assert times(document, "8") == (4097.5, 4095, 4098)
    assert [row["bib"] for row in document["boards"]["men"]] == ["7", "8"]


def test_correcting_one_waves_gun_does_not_change_the_other_wave():
    standings = document(
        defined(half(gun_from="wave")),
        entries(entry("7", wave="A"), entry("8", wave="B")),
        gun(0, wave="A"),
        gun(600, wave="B"),
        run("7"),
        run("8", 601, 2700, 4700),
        gun(590, wave="B"),
    )
    assert times(standings, "7")[0] == 4000
    assert times(standings, "8")[0] == 4110


def test_the_gun_may_be_recorded_after_everybody_has_finished():
    standings = document(defined(), entries("7"), run(), gun())
    assert times(standings) == (4000, 3999, 4000)


# --- A missed start mat.


def test_a_missing_start_is_replaced_by_the_own_gun_and_flagged():
    """Source: R2, `missing_start = "gun"`; the gun time is not touched."""
    document = scored(run(start=None))
    assert times(document) == (4000, 4000, 4000)
    assert athlete(document)["flags"] == ["start_assumed"]
    assert athlete(document)["missed"] == []
    assert athlete(document)["status"] == "FINISHED"


def test_a_missing_start_is_replaced_by_the_waves_gun_even_if_gun_time_is_the_races():
    document = scored(
        gun(600, wave="B"),
        run(start=None, k10=2600, finish=4600),
        bibs=[entry("7", wave="B")],
        definition=half(gun_from="race"),
    )
    assert times(document) == (4600, 4000, 4600)


def test_an_athlete_who_has_not_finished_is_not_flagged_for_a_missing_start():
    assert athlete(scored(run(start=None, finish=None)))["flags"] == []


@pytest.mark.parametrize("status_set", ["DQ", "DNF"])
def test_times_are_given_with_any_status_but_printed_for_finishers_only(status_set):
    """Source: R3.8 and R5."""
    fact = {"type": "status_set", "event": "example-2026", "bib": "7", "status": status_set, "reason": "short cut"}
    assert times(scored(run(), fact)) == (4000, 3999, None)


def test_times_are_given_over_the_time_limit():
    definition = half(points=[point("START"), point("FINISH", km=21.0975, cutoff={"gun": "1:00:00"})])
    document = scored(reads(read("S1", "C7", 1), read("F1", "C7", 4000)), definition=definition)
    assert times(document) == (4000, 3999, None)
    assert athlete(document)["status"] == "OTL"


def test_points_are_listed_in_course_order_with_their_instants():
    document = scored(reads(read("F1", "C7", 4000), read("K1", "C7", 2000), read("S1", "C7", 1)))
    assert [point["point"] for point in athlete(document)["points"]] == ["START", "10K", "FINISH"]
    assert [point["at_us"] for point in athlete(document)["points"]] == [
        START_US + us(at_s) for at_s in (1, 2000, 4000)
    ]
    assert passed(document)["10K"] == us(2000)
