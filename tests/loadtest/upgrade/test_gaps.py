"""The gaps of an upgrade, worked out from what senders and viewers noted."""

import pytest

from loadtest.chaos.checker import judge
from loadtest.chaos.evidence import Acknowledged, Evidence, Shown
from loadtest.upgrade.__main__ import SECONDS, SIZE, parse, shown
from loadtest.upgrade.gaps import Step, after_the_race, gaps, longest, table
from loadtest.upgrade.run import Outcome

STEP = Step("projections", 10.0, 20.0)


def going_on(until_s: int = 30) -> Evidence:
    """A race in which each second brings an acknowledgement and a newer board."""
    seconds = range(until_s + 1)
    return Evidence(
        acknowledged=[Acknowledged(float(second), second) for second in seconds],
        shown=[Shown("board", float(second), second) for second in seconds],
    )


@pytest.mark.parametrize(
    ("instants", "seconds"),
    [
        ([5.0, 11.0, 12.0, 19.0, 21.0], 7.0),
        ([5.0, 19.0, 21.0], 14.0),  # it began before the step, which may have cut it short
        ([5.0, 9.0, 11.0, 26.0], 15.0),
        ([11.0], 9.0),
        ([], 10.0),
        ([10.0, 20.0], 10.0),
        ([1.0, 8.0, 10.0, 15.0, 20.0, 29.0], 5.0),  # what was before and after is of no concern
    ],
)
def test_a_gap_is_the_longest_that_touches_the_step(instants, seconds):
    assert longest(STEP, instants) == seconds


def test_each_gap_is_that_of_the_race_that_waited_longest():
    waiting, standing = going_on(), going_on()
    waiting.acknowledged = [done for done in waiting.acknowledged if not 11 < done.at_s < 15]
    standing.shown = [shown._replace(revision=min(shown.revision, 12)) for shown in standing.shown]
    standing.shown[13:16] = []
    of_step = gaps(STEP, [waiting, standing])
    assert (of_step.accepted_s, of_step.answered_s, of_step.moved_s) == (4.0, 4.0, 8.0)


def test_a_board_that_goes_back_does_not_move_until_it_is_newer_than_before():
    run = going_on()
    run.shown = [shown._replace(revision=shown.revision - 5 if 12 <= shown.at_s < 17 else shown.revision)
                 for shown in run.shown]  # fmt: skip
    assert gaps(STEP, [run]).moved_s == 6.0


def test_a_stream_is_no_answer_of_a_board():
    run = going_on()
    run.shown = [shown._replace(viewer="stream") for shown in run.shown]
    assert gaps(STEP, [run]).answered_s == 10.0


def test_a_step_that_is_over_after_the_first_race_is_shows_nothing_and_is_named():
    assert after_the_race([STEP], [going_on(), going_on(25)]) == []
    late = after_the_race([STEP, Step("ingest", 21.0, 26.0)], [going_on(), going_on(25)])
    assert late == ["ingest was over after the race; give it more --seconds"]


def test_the_table_has_a_line_for_each_step():
    assert table([gaps(STEP, [going_on()])])[2:] == ["| projections | 10.0 s | 1.0 s | 1.0 s | 1.0 s |"]


def test_what_is_printed_names_each_violation():
    lost = Evidence(facts=["gun"])
    lines = shown(Outcome(verdicts=[judge(lost)], gaps=[], late=["live was over after the race"]))
    assert "VIOLATED: 1 acknowledged facts are not on the log: gun" in lines
    assert "VIOLATED: live was over after the race" in lines


def test_without_a_revision_the_newest_tag_is_taken():
    assert vars(parse([])) == {"release": None, "size": SIZE, "seconds": SECONDS, "back": False}
    named = vars(parse(["v0.1.0", "--size=50", "--seconds=90", "--back"]))
    assert named == {"release": "v0.1.0", "size": 50, "seconds": 90.0, "back": True}
