"""How the benchmark of boards measures: from when a read was due, to the first revision that holds it."""

from array import array

from loadtest.bench.read_to_board import Shown, waits_s
from loadtest.viewers.connections import Arrivals


def test_a_read_waits_from_when_it_was_due_until_the_first_revision_that_is_not_below_its_own():
    arrivals = Arrivals(
        revisions=array("q", [10, 15]), before=array("q", [5, 10]), at_us=array("q", [3_000_000, 4_000_000])
    )
    sent = [Shown(2_900_000, 7), Shown(2_950_000, 10), Shown(2_950_000, 11)]
    assert waits_s(sent, arrivals) == [0.1, 0.05, 1.05]
