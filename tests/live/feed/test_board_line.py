"""Texts and numbers of a line, worked out by hand."""

import pytest

from schemas.definition import Board
from services.live.http.query import Moment, board_query
from services.live.ranking import board_order
from services.standings.incremental import Cell
from tests.builders import START_US


@pytest.mark.parametrize(
    "text",
    ["2026-01-03T22:00:00Z", "2026-01-04T05:00:00%2B07:00", "2026-01-04T05:00:00+07:00", "2026-01-04T05:00:00+0700"],
)
def test_an_instant_may_be_written_with_any_zone_and_a_plus_that_became_a_blank(text):
    assert board_query(f"as_of={text}").as_of == Moment(at_us=START_US)


def test_a_board_by_gun_then_chip_shows_the_time_that_ranks(of_kind):
    leader, follower = (
        Cell(5, 4000, 4_000_000_000, 3_990_000_000),
        Cell(1 << 63 | 5, 3950, 4_100_000_000, 3_950_000_000),
    )
    first, second = board_order(of_kind("gun_then_chip"), "chip", {"8": follower, "7": leader, "9": Cell(0, 0, 0, 0)})
    assert (first.bib, first.shown_us, first.ranked_us) == ("7", 4_000_000_000, 4_000_000_000)
    assert (second.bib, second.shown_us, second.place) == ("8", 3_950_000_000, 2)


def test_a_board_by_gun_may_print_chip_times(of_kind):
    (line,) = board_order(of_kind("gun"), "chip", {"7": Cell(5, 3990, 4_000_000_000, 3_990_000_000)})
    assert (line.ranked_us, line.shown_us, line.time_s) == (4_000_000_000, 3_990_000_000, 3990)


@pytest.fixture
def of_kind():
    return lambda kind: Board(id="men", race="hm", rank_by=kind)
