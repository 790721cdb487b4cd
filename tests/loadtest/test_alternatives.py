"""The small job that other stream processors do beside scoring."""

from loadtest.alternatives.job import Board, Points, add
from loadtest.bench.scoring_beside import Throughput


def test_a_mat_keeps_the_first_the_last_and_the_strongest_read_in_any_order():
    points: Points = {}
    for at_us, rssi in ((20, -60.0), (10, -70.0), (30, -50.0), (25, -50.0)):
        add(points, "finish", at_us, rssi)
    assert points == {"finish": [10, 30, 30, -50.0]}


def test_the_board_is_in_the_order_of_finishes_and_moves_a_chip_whose_first_read_came_late():
    board = Board()
    for chip, at_us in (("B", 20), ("A", 30), ("A", 10), ("A", 10)):
        board.put(chip, at_us)
    assert board.rows == [(10, "A"), (20, "B")]


def test_an_alternative_fails_the_goal_that_spends_less_than_twice_what_scoring_spends():
    assert spent(8.0).holds
    assert not spent(7.9).holds


def spent(processor_s: float) -> Throughput:
    return Throughput(
        name="other", reads=1_000_000, seconds=9.0, processor_s=processor_s, scoring_million_s=4.0, least=2.0
    )
