"""Boards: who is on one, in what order, at which place. Source: R4.1 to R4.3."""

from typing import Any

import msgspec
import pytest

from schemas.definition import Board
from schemas.definition_parse import parse_definition
from schemas.results import EventRow, JudgesOrder
from services.standings import standings
from services.standings.boards import filtered_by, passes
from tests.builders import (
    EVENT,
    board,
    definition,
    entry,
    half,
    order,
    places,
    race,
    result,
    run,
    scored,
    status,
    us,
    withdrawn,
)


def made(boards, rows, orders=(), **more):
    """Standings of boards over results; `orders` are the judges', in log order."""
    event = EventRow(event=EVENT, version=0, orders=[JudgesOrder("hm", list(bibs)) for bibs in orders])
    return standings(parse_definition(definition(boards=boards, **more)), rows, event)


def ranked(ranking_board, rows, orders=(), **more):
    """Places and bibs of a single board."""
    (rows_of_board,) = made([ranking_board], rows, orders, **more).boards.values()
    return [(row.place, row.bib) for row in rows_of_board]


EVERYBODY = board("all")


# --- Places. Section 4.1.


def test_finishers_are_ranked_by_gun_time():
    assert ranked(EVERYBODY, [result("7", 4002), result("8", 4000), result("9", 4001)]) == [
        (1, "8"),
        (2, "9"),
        (3, "7"),
    ]


def test_equal_exact_times_share_a_place_and_the_next_is_skipped():
    """1, 2, 2, 4."""
    rows = [result("1", 4000), result("3", 4001), result("2", 4001), result("4", 4002)]
    assert ranked(EVERYBODY, rows) == [(1, "1"), (2, "2"), (2, "3"), (4, "4")]


def test_a_microsecond_decides_between_equal_printed_times():
    rows = made([EVERYBODY], [result("1", "4000.000002"), result("2", "4000.000001")]).boards["all"]
    assert [(row.place, row.bib, row.time_s) for row in rows] == [(1, "2", 4001), (2, "1", 4001)]


def test_among_equals_shorter_bibs_are_listed_first_then_by_text():
    rows = [result(bib, 4000) for bib in ("10", "A", "9", "100", "B1")]
    assert ranked(EVERYBODY, rows) == [(1, "9"), (1, "A"), (1, "10"), (1, "B1"), (1, "100")]


@pytest.mark.parametrize("other", ["NOT_STARTED", "ON_COURSE", "OTL", "DNF", "DNS", "DQ"])
def test_only_finishers_are_ranked(other):
    assert ranked(EVERYBODY, [result("1", 4000, status=other), result("2", 4001)]) == [(1, "2")]


def test_pacers_and_walkers_are_on_no_board_and_take_no_place():
    assert ranked(EVERYBODY, [result("1", 4000, ranked=False), result("2", 4001)]) == [(1, "2")]


def test_a_board_is_of_one_race():
    rows = [result("1", 4000, race="5k"), result("2", 4001)]
    assert ranked(EVERYBODY, rows, races=[race(), race("5k")]) == [(1, "2")]


def test_the_row_of_a_board_shows_both_exact_times():
    """The example of R5.4."""
    (row,) = made([EVERYBODY], [result("7", "3902.12", 3901)]).boards["all"]
    assert (row.place, row.bib, row.time_s, row.gun_us, row.chip_us) == (1, "7", 3903, 3902120000, 3901000000)


@pytest.mark.parametrize(("missing", "times"), [("gun", (None, None)), ("chip", (4000, None))])
def test_a_finisher_without_a_time_is_a_broken_invariant_that_names_the_bib(missing, times):
    """Scoring gives both times to every athlete who is FINISHED; a board of wrong places would be worse than none."""
    gun_s, chip_s = times
    broken = msgspec.structs.replace(result("7", gun_s, chip_s), chip_us=None)
    with pytest.raises(AssertionError, match=f"finisher 7 has no {missing} time"):
        made([EVERYBODY], [broken])


def test_a_board_without_finishers_is_empty_and_not_missing():
    assert made([EVERYBODY], []).boards == {"all": []}


# --- Judges' order.


def dead_heat():
    return [result("1", 4000), result("2", 4001), result("3", 4001), result("4", 4001), result("5", 4002)]


def test_a_judges_order_that_names_all_who_tie_separates_them():
    assert ranked(EVERYBODY, dead_heat(), [["4", "2", "3"]]) == [(1, "1"), (2, "4"), (3, "2"), (4, "3"), (5, "5")]


def test_a_judges_order_that_leaves_one_out_has_no_effect():
    assert ranked(EVERYBODY, dead_heat(), [["4", "2"]]) == [(1, "1"), (2, "2"), (2, "3"), (2, "4"), (5, "5")]


def test_a_judges_order_may_name_more_than_those_who_tie():
    """It affects only ties: 5, named first, was slower."""
    placed = ranked(EVERYBODY, dead_heat(), [["5", "3", "1", "2", "4"]])
    assert placed == [(1, "1"), (2, "3"), (3, "2"), (4, "4"), (5, "5")]


def test_for_a_tie_the_latest_order_that_names_all_of_it_applies():
    """Source: R1, `order_set`. The last one leaves 3 out."""
    orders = [["2", "3", "4"], ["4", "3", "2"], ["2", "4"]]
    assert ranked(EVERYBODY, dead_heat(), orders)[1:4] == [(2, "4"), (3, "3"), (4, "2")]


def test_a_bib_named_twice_counts_at_its_first_place():
    assert ranked(EVERYBODY, dead_heat(), [["4", "2", "3", "4"]])[1:4] == [(2, "4"), (3, "2"), (4, "3")]


def test_another_races_order_has_no_effect():
    event = EventRow(event=EVENT, version=0, orders=[JudgesOrder("5k", ["3", "2"])])
    plain = definition(boards=[EVERYBODY], races=[race(), race("5k")])
    rows = standings(parse_definition(plain), [result("2", 4001), result("3", 4001)], event).boards["all"]
    assert [row.place for row in rows] == [1, 1]


def test_without_an_events_row_there_are_no_orders():
    rows = standings(parse_definition(definition(boards=[EVERYBODY])), dead_heat(), None).boards["all"]
    assert [row.place for row in rows] == [1, 2, 2, 2, 5]


def test_judges_separate_a_dead_heat_in_a_log_until_their_order_is_withdrawn():
    heat = [run("7"), run("8"), run("9", finish=4001)]
    bibs = ["7", "8", "9"]
    assert places(scored(*heat, bibs=bibs)) == [(1, "7"), (1, "8"), (3, "9")]
    assert places(scored(*heat, order("8", "7"), bibs=bibs)) == [(1, "8"), (2, "7"), (3, "9")]
    taken_back = scored(*heat, order("8", "7", id="o"), withdrawn("o"), bibs=bibs)
    assert places(taken_back) == [(1, "7"), (1, "8"), (3, "9")]


def test_a_disqualification_moves_up_the_athletes_behind():
    document = scored(run("7"), run("8", finish=4001), status("7", "DQ"), bibs=["7", "8"])
    assert places(document) == [(1, "8")]


# --- Filters.


FIELD = [
    result("1", 1, gender="M", birth_year=1994, nationality="VIE", club="Sao", division="mass", wave="A"),
    result("2", 2, gender="F", birth_year=1995, nationality="JPN", club="Sao", division="advanced", wave="B"),
    result("3", 3, gender="M", birth_year=2008, nationality="VIE", club="Bien", division="mass", wave="B"),
    result("4", 4, gender="X", birth_year=2009, nationality="KEN"),
    result("5", 5, gender="M"),
]


@pytest.mark.parametrize(
    ("filters", "bibs"),
    [
        ({}, "12345"),
        ({"gender": "M"}, "135"),
        ({"gender": "F"}, "2"),
        ({"gender": "X"}, "4"),
        ({"born_from": 1995}, "234"),
        ({"born_to": 2008}, "123"),
        ({"born_from": 1995, "born_to": 2008}, "23"),  # 16-29 years in 2024; 1995 and 2008 are in
        ({"born_from": 2009, "born_to": 2009}, "4"),
        ({"nationality": "VIE"}, "13"),
        ({"nationality": "vie"}, "13"),
        ({"nationality": "JPN"}, "2"),
        ({"club": "Sao"}, "12"),
        ({"club": "sao"}, ""),
        ({"division": "mass"}, "13"),
        ({"wave": "B"}, "23"),
        ({"gender": "M", "nationality": "VIE", "wave": "B"}, "3"),
    ],
)
def test_a_board_ranks_the_athletes_who_pass_all_its_filters(filters, bibs):
    """An athlete without a birth year passes no limit of years. Source: R2."""
    assert "".join(bib for _, bib in ranked(board("all", **filters), FIELD)) == bibs


NOT_FILTERS = {"id", "race", "name", "within", "rank_by", "gun_places"}


@pytest.mark.parametrize("name", sorted(set(Board.__struct_fields__) - NOT_FILTERS))
def test_athletes_whom_a_filter_tells_apart_differ_in_what_boards_look_at(name):
    values: dict[str, Any] = {
        "born_from": 1995,
        "born_to": 1995,
        "gender": "M",
        "nationality": "VIE",
        "club": "Sao",
        "wave": "A",
    }
    filtering = board("all", **{name: values.get(name, "mass")})
    event = parse_definition(definition(boards=[filtering]))
    check = passes(event, event.boards[0])
    field: dict[str, Any] = {
        "birth_year": 1995,
        "gender": "M",
        "nationality": "VIE",
        "club": "Sao",
        "wave": "A",
        "division": "mass",
    }
    other: dict[str, Any] = {
        "birth_year": 1996,
        "gender": "F",
        "nationality": "JPN",
        "club": "Bien",
        "wave": "B",
        "division": "elite",
    }
    entry_field = "birth_year" if name.startswith("born_") else name
    if name == "born_from":
        other["birth_year"] = 1994
    inside, outside = result("1", 1, **field), result("1", 1, **{**field, entry_field: other[entry_field]})
    assert (check(inside), check(outside)) == (True, False)
    assert filtered_by(inside) != filtered_by(outside)


def test_the_nationality_of_an_entry_may_be_lower_case():
    assert ranked(board("all", nationality="VIE"), [result("1", 1, nationality="vie")]) == [(1, "1")]


# --- The times that a board ranks by and prints.


BY_CHIP = [result("1", 4000, 3999), result("2", 4001, 3900), result("3", 4002, 3950)]


def test_a_board_may_rank_by_chip_time():
    assert ranked(board("all", rank_by="chip"), BY_CHIP) == [(1, "2"), (2, "3"), (3, "1")]


@pytest.mark.parametrize(
    ("official", "rank_by", "expected"),
    [
        ("gun", "gun", [("1", 4000), ("2", 4001), ("3", 4002)]),
        ("chip", "gun", [("1", 3999), ("2", 3900), ("3", 3950)]),
        ("gun", "chip", [("2", 4001), ("3", 4002), ("1", 4000)]),
        ("chip", "chip", [("2", 3900), ("3", 3950), ("1", 3999)]),
    ],
)
def test_the_printed_time_is_the_races_official_one_whatever_the_board_ranks_by(official, rank_by, expected):
    """Places by crossing the line, so by gun, and printed time by chip. Source: races/hanoi-half-2024.toml."""
    rows = made([board("all", rank_by=rank_by)], BY_CHIP, races=[race(official_time=official)]).boards["all"]
    assert [(row.bib, row.time_s) for row in rows] == expected


def test_athletes_who_tie_by_chip_share_a_place_on_a_chip_board_despite_their_gun_times():
    rows = [result("1", 4000, 3900), result("2", 4005, 3900)]
    assert ranked(board("all", rank_by="chip"), rows) == [(1, "1"), (1, "2")]
    assert ranked(board("all", rank_by="chip"), rows, [["2", "1"]]) == [(1, "2"), (2, "1")]


# --- gun_then_chip. Section 4.2.


def mixed(gun_places, **more):
    return board("all", rank_by="gun_then_chip", gun_places=gun_places, **more)


def test_the_first_places_are_by_gun_time_and_the_rest_by_chip_time():
    """Two by gun; 4 has a better chip time than both leaders but is still placed behind them.

    Source: R4.2; Tien Phong 2024 regulations, III.B.3.3.
    """
    rows = [result("1", 4000, 3995), result("2", 4001, 4000), result("3", 4100, 4050), result("4", 4200, 3900)]
    placed = made([mixed(2)], rows).boards["all"]
    assert [(row.place, row.bib, row.time_s) for row in placed] == [
        (1, "1", 4000),
        (2, "2", 4001),
        (3, "4", 3900),
        (4, "3", 4050),
    ]


@pytest.mark.parametrize("official", ["gun", "chip"])
def test_leaders_show_gun_time_and_the_rest_chip_time_whatever_the_races_official_time(official):
    rows = [result("1", 4000, 3995), result("2", 4100, 4050)]
    placed = made([mixed(1)], rows, races=[race(official_time=official)]).boards["all"]
    assert [row.time_s for row in placed] == [4000, 4050]


def test_all_who_tie_with_the_last_leader_lead_too():
    """Three places by gun, and two athletes tie for the third: four lead, and place 5 is by chip time."""
    rows = [
        result("1", 4000, 4000),
        result("2", 4001, 4001),
        result("3", 4002, 4002),
        result("4", 4002, 3000),
        result("5", 4003, 2900),
    ]
    assert ranked(mixed(3), rows) == [(1, "1"), (2, "2"), (3, "3"), (3, "4"), (5, "5")]


def test_a_judges_order_separates_leaders_and_moves_nobody_out_of_the_lead():
    """Source: R4.2: "whatever order_set says". 4 is fourth by the judges and keeps that gun time."""
    rows = [result("1", 4000), result("2", 4001), result("3", 4002, 4002), result("4", 4002, 3000), result("5", 4003)]
    placed = made([mixed(3)], rows, [["3", "4"]]).boards["all"]
    assert [(row.place, row.bib, row.time_s) for row in placed] == [
        (1, "1", 4000),
        (2, "2", 4001),
        (3, "3", 4002),
        (4, "4", 4002),
        (5, "5", 4003),
    ]


def test_athletes_who_tie_by_chip_behind_the_leaders_share_a_place():
    rows = [result("1", 4000), result("2", 4101, 4050), result("3", 4100, 4050), result("4", 4102, 4051)]
    assert ranked(mixed(1), rows) == [(1, "1"), (2, "2"), (2, "3"), (4, "4")]


def test_fewer_finishers_than_gun_places_are_all_by_gun_time():
    rows = [result("1", 4000, 3999), result("2", 4001, 3000)]
    assert ranked(mixed(5), rows) == [(1, "1"), (2, "2")]
    assert ranked(mixed(2), rows) == [(1, "1"), (2, "2")]


def test_with_no_gun_places_all_are_by_chip_time():
    assert ranked(mixed(0), [result("1", 4000, 3999), result("2", 4001, 3000)]) == [(1, "2"), (2, "1")]


def test_five_places_are_by_gun_by_default():
    rows = [result(str(n), 4000 + n, 3000 - n) for n in range(1, 8)]
    placed = [bib for _, bib in ranked(board("all", rank_by="gun_then_chip"), rows)]
    assert placed == ["1", "2", "3", "4", "5", "7", "6"]


def test_the_leaders_are_those_of_the_board_and_not_of_the_race():
    """The women's board leads with its own first by gun, although men crossed before her."""
    rows = [result("1", 4000), result("2", 4010, 4009, gender="F"), result("3", 4020, 3900, gender="F")]
    assert ranked(mixed(1, gender="F"), rows) == [(1, "2"), (2, "3")]


def test_an_unranked_athlete_takes_no_leaders_place():
    rows = [result("P", 3999, ranked=False), result("1", 4000, 4000), result("2", 4001, 3000), result("3", 4002, 2900)]
    assert ranked(mixed(2), rows) == [(1, "1"), (2, "2"), (3, "3")]


# --- Boards within boards. Section 4.3.


def within(**more):
    return board("part", within="all", **more)


def test_a_board_within_another_keeps_its_order_and_counts_its_own_places():
    rows = [
        result("1", 4000, birth_year=1990),
        result("2", 4001, birth_year=2000),
        result("3", 4002, birth_year=1990),
        result("4", 4003, birth_year=2001),
    ]
    placed = made([EVERYBODY, within(born_from=1995, born_to=2008)], rows).boards["part"]
    assert [(row.place, row.bib) for row in placed] == [(1, "2"), (2, "4")]


def test_within_gun_then_chip_the_parents_leaders_stay_before_the_rest():
    """One place by gun overall. In the age group 3 has the best chip time, but 1 leads overall by gun and so also here.

    Each keeps the printed time of the overall board.
    """
    rows = [
        result("1", 4000, 3990, birth_year=2000),
        result("2", 4001, 3960, birth_year=1980),
        result("3", 4002, 3900, birth_year=2000),
        result("4", 4003, 3950, birth_year=2000),
    ]
    placed = made([mixed(1), within(born_from=1995)], rows).boards["part"]
    assert [(row.place, row.bib, row.time_s) for row in placed] == [(1, "1", 4000), (2, "3", 3900), (3, "4", 3950)]


def test_a_group_without_an_overall_leader_is_by_chip_time_alone():
    rows = [result("1", 4000), result("2", 4001, 3990, birth_year=2000), result("3", 4002, 3900, birth_year=2000)]
    placed = made([mixed(1), within(born_from=1995)], rows).boards["part"]
    assert [(row.place, row.bib, row.time_s) for row in placed] == [(1, "3", 3900), (2, "2", 3990)]


def test_athletes_who_tie_in_the_parent_tie_in_the_board():
    rows = [
        result("1", 4000, club="A"),
        result("2", 4000, club="B"),
        result("3", 4000, club="A"),
        result("4", 4001, club="A"),
    ]
    placed = made([EVERYBODY, within(club="A")], rows).boards["part"]
    assert [(row.place, row.bib) for row in placed] == [(1, "1"), (1, "3"), (3, "4")]


def test_a_tie_that_judges_separated_in_the_parent_is_separated_in_the_board():
    rows = [result("1", 4000, club="A"), result("2", 4000, club="B"), result("3", 4000, club="A")]
    placed = made([EVERYBODY, within(club="A")], rows, [["3", "2", "1"]]).boards["part"]
    assert [(row.place, row.bib) for row in placed] == [(1, "3"), (2, "1")]


def test_an_order_of_only_the_group_has_no_effect_on_a_larger_tie():
    """It names two of the three who tie in the parent, so they tie there and in the group."""
    rows = [result("1", 4000, club="A"), result("2", 4000, club="B"), result("3", 4000, club="A")]
    placed = made([EVERYBODY, within(club="A")], rows, [["3", "1"]]).boards["part"]
    assert [(row.place, row.bib) for row in placed] == [(1, "1"), (1, "3")]


def test_the_filters_of_all_parents_apply():
    """Women, then the Vietnamese among them, then the young among those."""
    boards = [
        board("women", gender="F"),
        board("vie", within="women", nationality="VIE"),
        board("young", within="vie", born_from=2000),
    ]
    rows = [
        result("1", 4000, gender="M", nationality="VIE", birth_year=2001),
        result("2", 4001, gender="F", nationality="JPN", birth_year=2001),
        result("3", 4002, gender="F", nationality="VIE", birth_year=1990),
        result("4", 4003, gender="F", nationality="VIE", birth_year=2001),
    ]
    standing = made(boards, rows).boards
    assert [[row.bib for row in standing[name]] for name in ("women", "vie", "young")] == [
        ["2", "3", "4"],
        ["3", "4"],
        ["4"],
    ]


def test_a_board_may_be_defined_before_its_parent():
    placed = made([within(gender="F"), EVERYBODY], [result("1", 4000), result("2", 4001, gender="F")]).boards
    assert [row.bib for row in placed["part"]] == ["2"]
    assert list(placed) == ["part", "all"]


def test_the_championship_ranks_within_the_overall_board_by_division():
    """Advanced and mass together by gun for places 1 to 5, then chip; each system by that order.

    Source: Tien Phong 2024 regulations, III.B.3.3; races/tien-phong-2024.toml. Here two places by gun, for brevity.
    """
    rows = [
        result("1", 9000, 8999, division="advanced"),
        result("2", 9010, 9005, division="mass"),
        result("3", 9020, 8800, division="advanced"),
        result("4", 9030, 8700, division="mass"),
    ]
    boards = [
        mixed(2),
        board("national", within="all", division="advanced"),
        board("mass", within="all", division="mass"),
    ]
    standing = made(boards, rows).boards
    assert [(row.place, row.bib) for row in standing["all"]] == [(1, "1"), (2, "2"), (3, "4"), (4, "3")]
    assert [(row.place, row.bib) for row in standing["national"]] == [(1, "1"), (2, "3")]
    assert [(row.place, row.bib) for row in standing["mass"]] == [(1, "2"), (2, "4")]


# --- From a log.


def test_boards_are_in_the_definitions_order_with_printed_times():
    document = scored(
        run("7", 10, 2000, "4000.2"),
        run("8", 100, 2000, "4001.5"),
        definition=half(official_time="chip") | {"boards": [board("women", gender="F"), board("men", gender="M")]},
        bibs=["7", entry("8", gender="F")],
    )
    assert list(document["boards"]) == ["women", "men"]
    (seven,) = document["boards"]["men"]
    assert seven == {"place": 1, "bib": "7", "time_s": 3991, "gun_us": us("4000.2"), "chip_us": us("3990.2")}
