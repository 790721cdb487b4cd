"""Chips that are carried together: R4.10 by example, and against a plain comparison of everybody with everybody."""

from itertools import combinations
from random import Random

import msgspec
import pytest

from schemas.definition import Together
from schemas.definition_parse import parse_definition
from schemas.ids import bib_order
from schemas.results import AthleteRow, Case, EventRow, PointTime
from services.standings.incremental import EventStandings
from services.standings.together import (
    TogetherIndex,
    crossings_of,
    pairs_together,
    side_by_side,
    together_cases,
    with_shared_cases,
)
from tests.builders import definition, mats, point, race

US = 1_000_000
COURSE = [point("START"), point("5K", "5k", 5), point("10K", "10k", 10), point("FINISH", km=21.0975)]
LAPS = [point("START"), point("L1", "lap", 5), point("L2", "lap", 10), point("L3", "lap", 15), point("FINISH", km=20)]
SHORT = [point("START"), point("L1", "lap", 5), point("FINISH", km=10)]


def event(together=None, **courses):
    """A definition with races of these courses, by default one; `together` is the table."""
    on_the_way = [{"id": name, "devices": [name.upper()]} for name in ("5k", "lap")]
    races = [race(id, points=points) for id, points in (courses or {"hm": COURSE}).items()]
    more = {} if together is None else {"together": together}
    return parse_definition(definition(mats=mats(*on_the_way), races=races, boards=[], **more))


def ran(bib, race="hm", gone=False, source="main", **instants):
    """An athlete's row; instants in seconds by point, a leading `P` left out where a name begins with a digit."""
    points = [PointTime(name.lstrip("P"), round(at_s * US), source) for name, at_s in instants.items()]
    return AthleteRow(event="e", bib=bib, version=1, race=race, points=points, gone=gone)


def pairs(rows, together=None, **courses):
    return pairs_together(event({} if together is None else together, **courses), rows)


def test_two_who_pass_three_points_within_a_fifth_of_a_second_make_a_pair():
    rows = [ran("12", P5K=1.5, P10K=20.01, FINISH=30.25), ran("7", P5K=1.7, P10K=20.0, FINISH=30.05)]
    assert pairs(rows) == [("7", "12")]


def test_a_microsecond_more_at_any_point_makes_none():
    rows = [ran("7", P5K=1.5, P10K=20.01, FINISH=30.25), ran("12", P5K=1.700001, P10K=20.01, FINISH=30.25)]
    assert pairs(rows) == []


def test_too_few_points_make_none():
    rows = [ran("7", P5K=1.5, P10K=20.01), ran("12", P5K=1.5, P10K=20.01)]
    assert pairs(rows) == []
    assert pairs(rows, {"points": 2}) == [("7", "12")]


def test_one_point_apart_stands_against_any_number_of_points_together():
    together = {"P5K": 1.5, "P10K": 20.01}
    rows = [ran("7", **together, FINISH=30.5), ran("12", **together, FINISH=40.5)]
    assert pairs(rows, {"points": 2}) == []


def test_two_whole_seconds_tell_nothing_for_or_against():
    near = [ran("7", P5K=1, P10K=20, FINISH=30), ran("12", P5K=1, P10K=20, FINISH=30)]
    assert pairs(near) == []
    assert pairs(near, {"points": 1}) == []
    far = [ran("7", P5K=1, P10K=20.5, FINISH=30.5), ran("12", P5K=900, P10K=20.5, FINISH=30.5)]
    assert pairs(far, {"points": 2}) == [("7", "12")]


def test_one_whole_second_of_two_counts():
    rows = [ran("7", P5K=1, P10K=20, FINISH=30), ran("12", P5K=1.1, P10K=19.9, FINISH=30.2)]
    assert pairs(rows) == [("7", "12")]
    assert pairs([ran("7", P5K=1, FINISH=30), ran("12", P5K=2.1, FINISH=30.2)], {"points": 1}) == []


def test_start_is_not_compared():
    rows = [ran("7", START=0.5, P5K=1.5, P10K=20.1), ran("12", START=0.5, P5K=1.5, P10K=20.1)]
    assert pairs(rows) == []
    apart = [ran("7", START=0.5, P5K=1.5), ran("12", START=9.5, P5K=1.5)]
    assert pairs(apart, {"points": 1}) == [("7", "12")]


def test_an_officials_time_counts_neither_way():
    set_at = PointTime("FINISH", 30 * US + 1, "official")
    seven = ran("7", P5K=1.5, P10K=20.5)
    rows = [
        AthleteRow(event="e", bib="7", version=1, race="hm", points=[*seven.points, set_at]),
        ran("12", P5K=1.5, P10K=20.5, FINISH=99.5),
    ]
    assert pairs(rows, {"points": 2}) == [("7", "12")]
    assert pairs(rows, {"points": 3}) == []


def test_backup_reads_count():
    rows = [ran("7", source="backup", FINISH=30.5), ran("12", FINISH=30.5)]
    assert pairs(rows, {"points": 1}) == [("7", "12")]


def test_within_zero_means_equal_instants():
    rows = [ran("7", FINISH=30.5), ran("12", FINISH=30.5), ran("13", FINISH=30.500001)]
    assert pairs(rows, {"points": 1, "within_s": 0}) == [("7", "12")]


@pytest.mark.parametrize("table", [None, {"points": 0}])
def test_without_the_table_or_points_nothing_is_looked_for(table):
    rows = [ran("7", P5K=1.5, P10K=20.5, FINISH=30.5), ran("12", P5K=1.5, P10K=20.5, FINISH=30.5)]
    assert pairs_together(event(table), rows) == []


def test_athletes_of_two_races_meet_at_the_mats_that_their_courses_share():
    rows = [ran("7", "laps", L1=1.5, FINISH=30.5), ran("12", "short", L1=1.5, FINISH=30.5)]
    assert pairs(rows, {"points": 2}, laps=LAPS, short=SHORT) == [("7", "12")]


def test_a_lap_is_the_same_lap_whether_or_not_an_earlier_one_was_read():
    """Bib 12 was not read in the first lap; the second laps pair."""
    rows = [ran("7", "laps", L1=1.5, L2=20.5), ran("12", "laps", L2=20.5)]
    assert pairs(rows, {"points": 1}, laps=LAPS) == [("7", "12")]
    rows = [ran("7", "laps", L1=20.5), ran("12", "laps", L2=20.5)]
    assert pairs(rows, {"points": 1}, laps=LAPS) == []


def test_start_does_not_count_among_the_points_of_its_mat():
    out_and_back = [point("START", "finish"), point("5K", "5k", 5), point("FINISH", km=21.0975)]
    rows = [ran("7", "back", FINISH=30.5), ran("12", FINISH=30.5)]
    assert pairs(rows, {"points": 1}, hm=COURSE, back=out_and_back) == [("7", "12")]


def test_an_athlete_whose_entry_is_gone_is_in_no_pair():
    assert pairs([ran("7", gone=True, FINISH=30.5), ran("12", FINISH=30.5)], {"points": 1}) == []


def test_a_limit_counts_as_the_decimal_that_the_file_spells():
    assert Together(within_s=0.2).within_us == 200_000
    assert Together(within_s=0.0000019).within_us == 1
    assert Together(within_s=1.1).within_us == 1_100_000


def test_three_chips_in_one_hand_are_three_pairs():
    rows = [ran(bib, FINISH=30.5) for bib in ("9", "10", "8")]
    assert pairs(rows, {"points": 1}) == [("8", "9"), ("8", "10"), ("9", "10")]


def test_a_case_is_named_by_both_bibs_and_concerns_both_races():
    cases = together_cases([("7", "12")], {"7": "hm", "12": "10k"}, ["together:7:12"])
    assert [(case.case, case.bib, case.race, case.open) for case in cases] == [("together:7:12", "7", "hm", False)]
    assert cases[0].races() == ("hm", "10k")
    (alone,) = together_cases([("7", "12")], {"7": "hm", "12": "hm"}, [])
    assert alone.open
    assert alone.races() == ("hm",)


def test_a_case_of_two_is_shown_with_the_cases_of_each():
    own = Case("missed:7", "hm", "7")
    rows = [AthleteRow(event="e", bib=bib, version=1, race="hm", cases=[own] if bib == "7" else []) for bib in "789"]
    (case,) = together_cases([("7", "8")], {"7": "hm", "8": "hm"}, [])
    shown = {row.bib: row.cases for row in with_shared_cases(rows, [case])}
    assert shown == {"7": [own, case], "8": [case], "9": []}


def test_the_evidence_shows_the_instants_of_both_side_by_side():
    first = ran("7", "laps", START=0.5, L1=1, L2=20.5, FINISH=30.5)
    second = ran("12", "short", START=0.7, L1=1, FINISH=30.75)
    shown = side_by_side(event(laps=LAPS, short=SHORT), first, second)
    assert [(seen.point, seen.other_point, seen.apart_us, seen.counts) for seen in shown] == [
        ("L1", "L1", 0, False),
        ("FINISH", "FINISH", 250_000, True),
    ]


# --- Kept up as results change.

PLAIN = {"mats": mats({"id": "5k", "devices": ["5K"]}, {"id": "lap", "devices": ["LAP"]}), "boards": []}
RACES = [race("hm", points=COURSE), race("10k", points=COURSE)]
SEVEN = ran("7", P5K=1.7, P10K=20.0, FINISH=30.05)
TWELVE = ran("12", P5K=1.5, P10K=20.01, FINISH=30.25)
APART = ran("99", P5K=500.5, P10K=600.5, FINISH=700.5)
PAIR = ("7", "12")


def ruled(version, *decided, **more):
    """An event's row; `more` are tables of its definition."""
    return EventRow(event="e", version=version, definition=definition(races=RACES, **PLAIN, **more), decided=[*decided])


def later(row, version=2, **fields):
    return msgspec.structs.replace(row, version=version, **fields)


def with_pair():
    kept = EventStandings()
    changes = kept.apply([TWELVE, SEVEN, APART], ruled(1, together={}))
    return kept, changes


def shown(cases):
    """The pairs with whether their case is open; None of a pair that went."""
    return {pair: None if case is None else case.open for pair, case in cases.items()}


def test_a_pair_is_a_change_when_it_comes_and_when_it_goes_and_not_between():
    kept, changes = with_pair()
    assert shown(changes.together) == shown(kept.together) == {PAIR: True}
    assert (kept.together[PAIR].race, kept.together[PAIR].other_race) == ("hm", "hm")
    assert kept.apply([later(APART), later(SEVEN)]).together == {}
    parted = msgspec.structs.replace(ran("7", P5K=1.7, P10K=20.0, FINISH=31.05), version=3)
    assert shown(kept.apply([parted]).together) == {PAIR: None}
    assert kept.together == {}
    assert shown(kept.apply([later(SEVEN, 4)]).together) == {PAIR: True}


def test_a_decision_closes_a_pair_without_any_new_result():
    kept, _ = with_pair()
    assert kept.apply([], ruled(2, "missed:7", together={})).together == {}
    assert shown(kept.apply([], ruled(3, "together:7:12", together={})).together) == {PAIR: False}
    assert kept.apply([later(SEVEN)]).together == {}
    assert shown(kept.apply([], ruled(4, together={})).together) == {PAIR: True}
    assert shown(kept.together) == {PAIR: True}


def test_a_pair_knows_the_race_into_which_one_of_them_was_moved():
    kept, _ = with_pair()
    changes = kept.apply([later(TWELVE, race="10k")])
    assert changes.together[PAIR] == kept.together[PAIR]
    assert (kept.together[PAIR].race, kept.together[PAIR].other_race) == ("hm", "10k")


def test_another_definition_has_its_own_pairs():
    kept, _ = with_pair()
    assert shown(kept.apply([], ruled(2, together={"within_s": 0.1})).together) == {PAIR: None}
    assert shown(kept.apply([], ruled(3, together={"within_s": 0.3})).together) == {PAIR: True}
    assert shown(kept.apply([], ruled(4)).together) == {PAIR: None}
    assert kept.apply([later(SEVEN)]).together == kept.together == {}


def test_without_a_definition_there_are_no_pairs():
    kept, _ = with_pair()
    assert shown(kept.apply([], EventRow(event="e", version=2)).together) == {PAIR: None}
    assert kept.apply([later(SEVEN)], EventRow(event="e", version=3)).together == {}


# --- Against everybody compared with everybody.


def plainly(definition, rows):
    """All pairs, by comparing everybody with everybody."""
    rule = definition.together
    held = sorted((row for row in rows if not row.gone), key=lambda row: bib_order(row.bib))
    pairs = []
    for row, other in combinations(held, 2):
        counted_apart_us = [seen.apart_us for seen in side_by_side(definition, row, other) if seen.counts]
        if len(counted_apart_us) >= rule.points and all(apart_us <= rule.within_us for apart_us in counted_apart_us):
            pairs.append((row.bib, other.bib))
    return sorted(pairs, key=lambda pair: (bib_order(pair[0]), bib_order(pair[1])))


def drawn(rng, definition, bib):
    """A row with instants from a coarse grid, so that many are equal, near, or whole seconds."""
    course = rng.choice(definition.races)
    points = []
    for place in course.points:
        if rng.random() < 0.8:
            at_us = rng.randrange(3) * US + rng.choice([0, 0, 1, 100_000, 200_000, 200_001, 500_000])
            points.append(PointTime(place.id, at_us, rng.choice(["main", "main", "main", "backup", "official"])))
    return AthleteRow(event="e", bib=bib, version=1, race=course.id, points=points, gone=rng.random() < 0.05)


@pytest.mark.parametrize("seed", range(40))
def test_results_in_any_order_and_number_give_the_pairs_of_everybody_compared_with_everybody(seed):
    rng = Random(seed)
    rule = {"within_s": rng.choice([0, 0.000001, 0.2, 1, 2.5]), "points": rng.randint(1, 4)}
    defined = event(rule, hm=COURSE, laps=LAPS, short=SHORT)
    index = TogetherIndex(defined.together, crossings_of(defined))
    latest, changed = {}, set()
    for _ in range(30):
        rows = [drawn(rng, defined, str(bib)) for bib in rng.sample(range(30), rng.choice([1, 1, 2, 12]))]
        latest.update((row.bib, row) for row in rows)
        changed ^= index.put(rows)
        expected = plainly(defined, latest.values())
        assert index.pairs() == expected
        assert changed == set(expected)
        assert {pair for pair in combinations(sorted(latest, key=bib_order), 2) if index.has(pair)} == set(expected)
    shuffled = rng.sample(list(latest.values()), k=len(latest))
    assert pairs_together(defined, shuffled) == index.pairs()
