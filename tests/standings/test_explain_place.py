"""Why an athlete has a place: checked by hand, and always the place that the board itself has."""

import pytest

from schemas.definition_parse import parse_definition
from schemas.results import JudgesOrder
from services.offline.scored_log import scored
from services.standings.boards import board as rows_of
from services.standings.explain_place import place_why
from services.standings.explanation import places
from tests.builders import board, definition, result
from tests.oracle.folding import at_once
from tests.oracle.logs import log_of

OF = definition(
    boards=[
        board("men", gender="M", rank_by="gun_then_chip", gun_places=2),
        board("vie", within="men", nationality="VIE"),
        board("young-vie", within="vie", born_from=2000, club="Runners"),
        board("all"),
    ]
)
FIELD = [
    result("1", 4000, 3990),
    result("2", 4010, 3900),
    result("3", 4010, 3980, nationality="VIE"),
    result("4", 4100, 3800, nationality="VIE", birth_year=2001, club="Runners"),
    result("5", 4200, 3850, nationality="VIE", birth_year=1990),
    result("6", 4300, 3850),
    result("7", status="DNF"),
    result("8", 4400, ranked=False),
    result("9", 4050, gender="F"),
]


def why(bib, name="men", orders=(), definition=OF, field=FIELD):
    parsed = parse_definition(definition)
    roots = {"men": "men", "vie": "men", "young-vie": "men", "all": "all", "chip": "chip"}
    judged = [JudgesOrder("hm", list(order)) for order in orders]
    rows = {board_id: rows_of(parsed, board_id, field, judged) for board_id in {name, roots[name]}}
    athlete = next(row for row in field if row.bib == bib)
    return place_why(parsed, name, athlete, rows[name], rows[roots[name]], judged)


def test_leaders_and_all_who_tie_with_the_last_are_placed_by_gun_time():
    assert [(why(bib).place, why(bib).part, why(bib).tied) for bib in "123"] == [
        (1, "gun", []),
        (2, "gun", ["3"]),
        (2, "gun", ["2"]),
    ]
    assert why("1").says == "among the first 2 by gun time, so ranked by gun time"
    assert why("1").rules == {"boards[0].rank_by": "gun_then_chip", "boards[0].gun_places": "2"}
    assert why("2").says.endswith("; ties with 1 other")


def test_the_others_are_placed_behind_the_leaders_by_chip_time():
    four = why("4")
    assert (four.place, four.part, four.time_s, four.total) == (4, "chip", 3800, 6)
    assert four.says == "after the first 2 by gun time, so ranked by chip time"
    assert (why("5").place, why("5").tied) == (5, ["6"])


def test_judges_separate_a_tie_only_if_they_name_all_of_it():
    parted = why("2", orders=[("3", "2")])
    assert (parted.place, parted.judges_order, parted.tied) == (3, ["3", "2"], ["3"])
    assert parted.says.endswith("; judges ordered the athletes who tie")
    assert why("5", orders=[("5", "4")]).judges_order is None


def test_a_board_within_another_keeps_its_order():
    five = why("5", "vie")
    assert (five.place, five.total, five.part, five.tied) == (3, 3, "chip", ["6"])
    assert five.says.endswith("; the order is that of board men, the places are the board's own")
    assert five.rules == {
        "boards[0].rank_by": "gun_then_chip",
        "boards[0].gun_places": "2",
        "boards[1].within": "men",
    }


def test_every_filter_that_the_entry_does_not_match_is_named():
    nine = why("9", "young-vie")
    assert nine.place is None
    assert nine.says == ("the board is only for entries with born_from 2000, club Runners, nationality VIE, gender M")
    assert nine.rules == {
        "boards[0].gender": "M",
        "boards[1].nationality": "VIE",
        "boards[2].born_from": "2000",
        "boards[2].club": "Runners",
    }


def test_an_athlete_who_did_not_finish_or_is_unranked_gets_that_reason():
    assert why("7").says == "only athletes with the status FINISHED have a place; this one's is DNF"
    assert why("8").says == "the entry is not ranked"
    assert (why("7").place, why("8").rules) == (None, {})


@pytest.mark.parametrize("rank_by", ["gun", "chip"])
def test_one_time_ranks_all(rank_by):
    plain = definition(boards=[board("chip", rank_by=rank_by)])
    two = why("2", "chip", definition=plain)
    assert (two.part, two.says.startswith(f"ranked by {rank_by} time")) == (rank_by, True)
    assert two.tied == (["3"] if rank_by == "gun" else [])


def test_explained_places_of_random_logs_equal_those_of_the_boards():
    seen = 0
    for seed in range(150):
        made = scored(at_once(log_of(seed)))
        if made.definition is None:
            continue
        for athlete in made.athletes:
            for place_of in places(made, athlete):
                rows = made.standings.boards[place_of.board]
                own = [row for row in rows if row.bib == athlete.bib]
                places_there: list[int | None] = [row.place for row in own]
                assert [place_of.place] == (places_there or [None])
                if own:
                    seen += 1
                    sharing = [row.bib for row in rows if row.place == place_of.place and row.bib != athlete.bib]
                    if place_of.judges_order is None:
                        assert set(sharing) <= set(place_of.tied)
                    else:
                        assert sharing == []
                    time_us = own[0].gun_us if place_of.part == "gun" else own[0].chip_us
                    others = {row.bib: (row.gun_us, row.chip_us) for row in rows}
                    assert all(time_us in others[bib] for bib in place_of.tied if bib in others)
                else:
                    assert place_of.rules or not athlete.entry.ranked or athlete.status != "FINISHED"
    assert seen > 150
