"""Places and times of rankings, worked out by hand."""

from typing import Any

from schemas.definition import Board
from services.live.ranking import board_order, point_order, rank_at_point, ranking_of
from services.live.table_rows import Split
from services.standings.incremental import Cell


def board(kind: Any) -> Board:
    return Board(id="men", race="hm", rank_by=kind)


def split(gun_s: int, chip_s: int) -> Split:
    return Split(gun_s * 1_000_000, chip_s * 1_000_000, 0)


def test_a_board_by_gun_then_chip_shows_the_time_that_ranks():
    leader, follower = (
        Cell(5, 4000, 4_000_000_000, 3_990_000_000),
        Cell(1 << 63 | 5, 3950, 4_100_000_000, 3_950_000_000),
    )
    first, second = board_order(board("gun_then_chip"), "chip", {"8": follower, "7": leader, "9": Cell(0, 0, 0, 0)})
    assert (first.bib, first.shown_us, first.ranked_us) == ("7", 4_000_000_000, 4_000_000_000)
    assert (second.bib, second.shown_us, second.place) == ("8", 3_950_000_000, 2)


def test_a_board_by_gun_may_print_chip_times():
    (line,) = board_order(board("gun"), "chip", {"7": Cell(5, 3990, 4_000_000_000, 3_990_000_000)})
    assert (line.ranked_us, line.shown_us, line.time_s) == (4_000_000_000, 3_990_000_000, 3990)


def test_equal_times_share_a_place_and_are_listed_by_bib():
    lines = board_order(board("gun"), "gun", {"10": Cell(5), "9": Cell(5), "8": Cell(7), "7": Cell(4)})
    assert [(line.place, line.tied, line.bib) for line in lines] == [
        (1, False, "7"),
        (2, True, "9"),
        (2, True, "10"),
        (4, False, "8"),
    ]


def test_a_bib_without_a_place_has_no_line():
    ranking = ranking_of(board_order(board("gun"), "gun", {"7": Cell(4), "8": Cell(0)}))
    assert (ranking.line("7").place, ranking.line("8")) == (1, None)


def test_the_rank_at_a_point_is_the_place_in_its_order():
    members = {"7": Cell(0), "8": Cell(0), "9": Cell(0)}
    splits = {"7": split(100, 90), "8": split(95, 95), "9": split(100, 80), "10": split(1, 1)}  # 10 is on another board
    for kind in ("gun", "chip"):
        ranking = ranking_of(point_order(board(kind), members, splits))
        for bib in members:
            assert rank_at_point(board(kind), members, splits, bib) == ranking.line(bib).place
    assert rank_at_point(board("gun"), members, splits, "11") is None
