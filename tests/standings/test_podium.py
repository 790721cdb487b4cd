"""Which places of a podium can still change: one race, by hand."""

from typing import Any

import pytest

from services.offline.scored_log import Log
from services.standings.podium import LATE_US, RIVALS_MAX, PodiumPlace
from tests.builders import (
    at,
    board,
    course,
    defined,
    definition,
    entries,
    entry,
    fact,
    gun,
    log,
    race,
    read,
    reads,
    run,
    status,
)
from tests.standings.podium_races import Order, standings_now

LATE_S = LATE_US // 1_000_000
SETTLED_S = LATE_S + 30  # the gap that ends a passing, and the time at a mat
FIRST, LAST = 4000, 4000 + SETTLED_S
"""When the winner finishes, and when somebody has to be read at the finish so that it is certain."""


def places(*facts: dict[str, Any], point: str | None = None, name: str = "men") -> list[PodiumPlace]:
    scored = Log()
    for line in log(*facts):
        scored.add(line)
    return standings_now(scored)[Order(name, point)].podium


def facts_of(*bibs: str, **more: Any) -> list[dict[str, Any]]:
    kept = definition(boards=[board("men", rank_by=more.pop("rank_by", "gun"))], races=[race(**more)])
    return [defined(kept), entries(*bibs), gun(0)]


def at_finish(bib: str, at_s: float) -> dict[str, Any]:
    return reads(read("F1", f"C{bib}", at_s))


def test_a_winner_is_open_while_earlier_reads_may_come_and_decided_after_them():
    begun = [*facts_of("7", "8", "9", missing_mat="ignore"), run("7", 1, 2000, FIRST)]
    (early,) = places(*begun)
    assert (early.place, early.bib, early.decided, early.result_open) == (1, "7", False, False)
    assert [(rival.bib, rival.until_us) for rival in early.rivals] == [("8", at(FIRST)), ("9", at(FIRST))]
    assert not places(*begun, run("8", 2, 3000, FIRST + LATE_S - 1))[0].decided
    first, second = places(*begun, run("8", 2, 3000, FIRST + LATE_S))
    assert (first.decided, second.decided) == (True, False)
    assert [rival.bib for rival in second.rivals] == ["9"]


def test_a_rival_who_is_too_far_behind_for_the_limit_of_speed_is_none_at_once():
    least_s = 11.0975 * 1000 / 7.5  # from 10K to the finish
    far, near = FIRST - least_s + 31, FIRST - least_s + 29
    facts = [*facts_of("7", "8"), run("7", 1, 2000, FIRST)]
    assert places(*facts, run("8", 2, round(far), None))[0].decided
    (close,) = places(*facts, run("8", 2, round(near), None))
    assert [rival.bib for rival in close.rivals] == ["8"]


@pytest.mark.parametrize("mode", ["review", "ignore"])
def test_a_point_that_a_finisher_may_lack_rules_nobody_out(mode: str):
    facts = [*facts_of("7", "8", missing_mat=mode), run("7", 1, 2000, FIRST), run("8", 2, 3900, None)]
    assert [rival.bib for rival in places(*facts)[0].rivals] == ["8"]


def test_who_has_not_been_read_at_all_may_still_come_if_nothing_on_the_way_is_needed():
    assert places(*facts_of("7", "8"), run("7", 1, 2000, FIRST))[0].decided  # 10K by now, and too late for FINISH
    facts = [*facts_of("7", "8", missing_mat="ignore"), run("7", 1, 2000, FIRST)]
    assert [rival.bib for rival in places(*facts)[0].rivals] == ["8"]
    assert places(*facts, status("8", "DNS"))[0].decided


def test_by_chip_a_late_start_makes_a_place_open_for_as_long():
    facts = [*facts_of("7", "8", "9", rank_by="chip", official_time="chip"), run("7", 1, 2000, FIRST)]
    late = [run("8", 1700, 3200, None), run("9", 2, 3000, FIRST + 1500)]
    first = places(*facts, *late)[0]
    assert [(rival.bib, rival.until_us) for rival in first.rivals] == [("8", at(1700 + FIRST - 1))]
    assert places(*facts, *late, at_finish("8", 1700 + FIRST + 60))[0].rivals == []


def test_a_wave_without_its_gun_can_be_ruled_out_by_nothing_where_times_count_from_it():
    facts = [
        defined(definition(boards=[board("men")], races=[race(gun_from="wave")])),
        entries(entry("7", wave="A"), entry("8", wave="B")),
        gun(0, wave="A"),
        run("7", 1, 2000, FIRST),
    ]
    (first,) = places(*facts)
    assert [(rival.bib, rival.until_us) for rival in first.rivals] == [("8", None)]
    assert places(*facts, fact("race_closed", race="hm"))[0].decided


def test_an_open_case_leaves_its_athlete_and_all_behind_open():
    facts = [*facts_of("7", "8", missing_mat="review"), run("7", 1, None, FIRST), run("8", 2, 2100, LAST + SETTLED_S)]
    first, second = places(*facts)
    assert (first.result_open, second.result_open) == (True, True)


def test_a_better_time_that_waits_for_the_jury_is_a_rival_until_it_decides():
    facts = [*facts_of("7", "8", "9"), run("7", 1, 2000, FIRST), run("8", 2, None, FIRST - 60)]
    settled = [*facts, run("9", 3, 3000, LAST)]
    assert places(*settled)[0].rivals[0] == ("8", None)
    decided = fact("case_decided", case="missed:8", outcome="dnf", reason="not seen")
    assert places(*settled, decided)[0].decided


def test_whoever_lacks_the_point_before_the_finish_can_get_another_time():
    facts = [*facts_of("7", "9", missing_mat="ignore"), run("7", 1, None, FIRST), run("9", 3, 3000, LAST)]
    first, _ = places(*facts)
    assert (first.decided, first.result_open, first.rivals) == (False, True, [])


def test_a_finish_after_the_close_is_no_rival():
    facts = [*facts_of("7", "8", rank_by="chip"), run("7", 1, 2000, FIRST), run("8", 1700, 3200, None)]
    closed = fact("race_closed", race="hm", at_us=at(4600))  # the way from 10K takes until 4680
    assert [rival.bib for rival in places(*facts)[0].rivals] == ["8"]
    assert places(*facts, closed)[0].rivals == []


def test_a_penalty_counts_in_both_directions():
    facts = [*facts_of("7", "8"), run("7", 1, 2000, FIRST), run("8", 2, 2650, None)]
    assert places(*facts)[0].decided
    early = fact("penalty_set", bib="8", seconds=-300, reason="led astray")
    assert [(rival.bib, rival.until_us) for rival in places(*facts, early)[0].rivals] == [("8", at(FIRST + 300))]
    assert not places(*facts, fact("penalty_set", bib="7", seconds=300, reason="blocked"))[0].decided


def test_a_close_finish_by_the_backup_waits_for_the_main_reads():
    facts = [*facts_of("7", "8"), run("7", 1, 2000, None), run("8", 2, 2001, None)]
    backup = reads(read("FB", "C7", FIRST))
    first, second = places(*facts, backup, at_finish("8", FIRST + 10))
    assert [rival.bib for rival in first.rivals] == ["8"]
    assert second.result_open


def test_where_gun_time_places_some_first_all_who_may_come_among_them_count():
    boards = [board("all", rank_by="gun_then_chip", gun_places=1), board("men", within="all", gender="M")]
    kept = definition(boards=boards, races=[race(missing_mat="ignore")])
    facts = [defined(kept), entries("7", entry("8", gender="F")), gun(0), run("7", 1, 2000, FIRST)]
    (first,) = places(*facts)
    assert (first.decided, first.rivals, first.rivals_left_out) == (False, [], 1)


def test_at_a_point_everybody_counts_who_took_it_and_not_who_cannot_be_there():
    facts = [*facts_of("7", "8"), run("7", 1, 2000, None), status("7", "DQ")]
    first = places(*facts, point="10K")[0]
    assert (first.bib, [rival.bib for rival in first.rivals]) == ("7", ["8"])
    assert places(*facts, run("8", 2, 2000 + SETTLED_S, None), point="10K")[0].decided


def test_on_a_mat_that_is_crossed_twice_a_later_lap_may_turn_out_to_be_the_first():
    laps = [
        {"id": "START", "mat": "start", "km": 0},
        {"id": "L1", "mat": "10k", "km": 5},
        {"id": "L2", "mat": "10k", "km": 10},
        {"id": "FINISH", "mat": "finish", "km": 21.0975},
    ]
    facts = [*facts_of("7", "8", points=laps), reads(read("S1", "C7", 1), read("K1", "C7", 2000))]
    (second_lap,) = places(*facts, point="L2")
    assert second_lap.result_open
    slow = reads(read("K1", "C8", 1000), read("K1", "C8", 1000 + SETTLED_S))
    assert [rival.bib for rival in places(*facts, slow, point="L1")[0].rivals] == ["7"]


def test_few_rivals_are_listed_the_furthest_first_and_the_others_counted():
    bibs = [str(number) for number in range(10, 20)]
    others = [run(bib, 2, 2000 + index, None) for index, bib in enumerate(bibs[1:])]
    facts = [*facts_of("7", *bibs), run("7", 1, 2000, FIRST), *others]
    (first,) = places(*facts)
    assert [rival.bib for rival in first.rivals] == bibs[1 : 1 + RIVALS_MAX]
    assert first.rivals_left_out == len(others) - RIVALS_MAX


def test_nothing_is_said_before_anybody_has_a_place():
    assert places(*facts_of("7", "8"), run("7", 1, 2000, None)) == []
    assert places(*facts_of("7", points=course()), point="10K") == []
