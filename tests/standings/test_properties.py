"""Properties of any standings: places follow the order, boards keep their parents' order, scores are sums."""

import os
from itertools import pairwise
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.ids import bib_order
from schemas.results import printed_s
from services.offline.scored_log import scored
from services.scoring.core.event import EventState
from services.standings import standings
from services.standings.boards import root_of
from services.standings.incremental import EventStandings
from tests.oracle.folding import TAKE_ALL, at_once, typed
from tests.oracle.logs import logs

thorough = settings(max_examples=int(os.environ.get("MATLINE_PROPERTY_LOGS", "100")), deadline=None)
rngs = st.integers(0, 2**32 - 1).map(Random)


def standing(log):
    """The standings of a log; a log without a definition has none."""
    assume(any(fact["type"] == "event_defined" for fact in log))
    document = scored(at_once(log))
    assume(document.definition is not None)
    return document


def one_of(tables, name):
    return next(table for table in tables if table.id == name)


@thorough
@given(logs(), rngs)
def test_the_order_of_results_does_not_change_the_standings(log, rng):
    made = standing(log)
    shuffled = rng.sample(made.athletes, k=len(made.athletes))
    assert standings(made.definition, shuffled, made.event) == made.standings


@thorough
@given(logs(), rngs)
def test_results_applied_one_by_one_in_any_order_give_the_standings_of_all(log, rng):
    state, rows, events = EventState("e"), [], []
    for offset, fact in enumerate(typed(log)):
        state.fold(offset, 0, fact)
        rows += state.take(TAKE_ALL)
        event = state.take_event()
        events += [] if event is None else [event]
    made = standing(log)
    rng.shuffle(rows)  # during a rebalance older rows may come after newer ones
    running = EventStandings()
    while rows or events:
        if events and rng.random() < 0.3:
            running.apply([], events.pop(0))
        else:
            taken = rng.randint(1, 4)
            running.apply(rows[:taken])
            rows = rows[taken:]
    assert {name: running.board(name) for name in running.cells} == made.standings.boards
    assert {name: team.rows for name, team in running.teams.items()} == made.standings.team_boards
    assert running.delegations == made.standings.delegations
    assert [running.together[case.bib, case.other] for case in made.standings.together] == made.standings.together
    assert len(running.together) == len(made.standings.together)


@thorough
@given(logs())
def test_a_place_is_one_more_than_the_athletes_ahead_and_is_shared_only_for_equal_times(log):
    made = standing(log)
    orders = [set(order.bibs) for order in made.event.orders]
    for name, rows in made.standings.boards.items():
        times = ranking_times(made, root_of(made.definition, one_of(made.definition.boards, name)))
        for index, row in enumerate(rows):
            assert row.place == index + 1 or row.place == rows[index - 1].place
        for before, row in pairwise(rows):
            assert times[before.bib] <= times[row.bib]
            if before.place == row.place:
                assert times[before.bib] == times[row.bib]
                assert bib_order(before.bib) < bib_order(row.bib)
            elif times[before.bib] == times[row.bib]:  # judges have set their order
                assert any({before.bib, row.bib} <= order for order in orders)


def ranking_times(made, root):
    """The ranking key of each athlete of a root board: 0 for a leader and 1 for others, then a time."""
    rows = made.standings.boards[root.id]
    if root.ranked_by() != "gun_then_chip":
        return {row.bib: (0, row.gun_us if root.ranked_by() == "gun" else row.chip_us) for row in rows}
    leaders = sorted(row.gun_us for row in rows)[: root.gun_places]
    lead = {row.bib for row in rows if leaders and row.gun_us <= leaders[-1]}
    return {row.bib: (0, row.gun_us) if row.bib in lead else (1, row.chip_us) for row in rows}


@thorough
@given(logs())
def test_the_printed_time_is_the_ranking_one_or_the_official_one(log):
    made = standing(log)
    athletes = {row.bib: row for row in made.athletes}
    for name, rows in made.standings.boards.items():
        root = root_of(made.definition, one_of(made.definition.boards, name))
        times = ranking_times(made, root)
        for row in rows:
            mixed = root.ranked_by() == "gun_then_chip"
            assert row.time_s == (printed_s(times[row.bib][1]) if mixed else athletes[row.bib].time_s)
            assert (row.gun_us, row.chip_us) == (athletes[row.bib].gun_us, athletes[row.bib].chip_us)


@thorough
@given(logs())
def test_a_board_within_another_keeps_its_order_and_its_ties(log):
    made = standing(log)
    for board in made.definition.boards:
        if board.within is None:
            continue
        outer = {row.bib: (index, row.place) for index, row in enumerate(made.standings.boards[board.within])}
        rows = made.standings.boards[board.id]
        assert {row.bib for row in rows} <= outer.keys()
        for before, row in pairwise(rows):
            assert outer[before.bib][0] < outer[row.bib][0]
            assert (before.place == row.place) == (outer[before.bib][1] == outer[row.bib][1])


@thorough
@given(logs())
def test_athletes_who_have_not_finished_move_nobody_on_a_board(log):
    made = standing(log)
    finishers = [row for row in made.athletes if row.status == "FINISHED"]
    assert standings(made.definition, finishers, made.event).boards == made.standings.boards


@thorough
@given(logs())
def test_a_teams_score_is_that_of_its_counting_members(log):
    made = standing(log)
    for board in made.definition.team_boards:
        rows = made.standings.team_boards[board.id]
        for row in rows:
            scores = [member.score for member in row.members]
            assert scores == sorted(scores)
            assert (row.place is None) == (row.score is None) == (len(scores) < board.counting)
            if row.place is not None:
                assert len(scores) == board.counting
                assert row.score == (scores[-1] if board.score == "last_time" else sum(scores))
        placed = [row for row in rows if row.place is not None]
        assert rows == placed + sorted((row for row in rows if row.place is None), key=lambda row: row.team)
        for index, row in enumerate(placed):
            keys = [team_key(board, other) for other in placed]
            assert row.place == 1 + sum(key < keys[index] for key in keys)


def team_key(board, row):
    """The ranking key of a team: its score, then for places those of the counting athletes from last to first."""
    return row.score, [m.score for m in reversed(row.members)] if board.score == "sum_places" else []


@thorough
@given(logs())
def test_a_delegations_score_is_the_sum_over_all_its_boards(log):
    made = standing(log)
    for delegation in made.definition.delegations:
        boards = [{row.team: row.score for row in made.standings.team_boards[name]} for name in delegation.sum]
        rows = made.standings.delegations[delegation.id]
        assert {row.team for row in rows} == set().union(*boards)
        for row in rows:
            scores = [board.get(row.team) for board in boards]
            assert row.score == (None if None in scores else sum(score for score in scores if score is not None))
            assert (row.place is None) == (row.score is None)
        placed = [row for row in rows if row.place is not None]
        assert [row.place for row in placed] == sorted(row.place for row in placed)
        for before, row in pairwise(placed):
            assert before.score <= row.score
            if before.score < row.score or delegation.tie is None:
                assert (before.place == row.place) == (before.score == row.score)
