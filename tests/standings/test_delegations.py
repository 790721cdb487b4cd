"""Delegations: several team boards added up. Source: R4.7; Tien Phong 2024 regulations, III.A.4.3."""

from schemas.definition import Delegation
from schemas.definition_parse import parse_definition
from services.standings import standings
from services.standings.delegations import delegation
from services.standings.teams import TeamRow
from tests.builders import board, definition, race, result


def team_board(**scores):
    """Rows of a team board from scores; None: without a place. Equal scores share a place."""
    ranked = sorted((score, name) for name, score in scores.items() if score is not None)
    rows = [TeamRow(1 + sum(other < score for other, _ in ranked), name, score, []) for score, name in ranked]
    return rows + [TeamRow(None, name, None, []) for name, score in sorted(scores.items()) if score is None]


def delegations(sums, tie=None, **boards):
    rows = delegation(Delegation(id="overall", sum=sums, tie=tie), boards)
    return [(row.place, row.team, row.score) for row in rows]


def test_scores_of_all_boards_add_up_and_the_lowest_is_first():
    ranking = delegations(["a", "b"], a=team_board(X=10, Y=12), b=team_board(X=9, Y=6))
    assert ranking == [(1, "Y", 18), (2, "X", 19)]


def test_without_a_place_on_one_of_the_boards_there_is_no_place():
    """Y has no place on b and Z is not on it at all; both come last, by name."""
    ranking = delegations(["a", "b"], a=team_board(Z=1, X=10, Y=2), b=team_board(X=9, Y=None, W=3))
    assert ranking == [(1, "X", 19), (None, "W", None), (None, "Y", None), (None, "Z", None)]


def test_a_tie_goes_to_the_better_place_on_the_tie_board():
    """Both 20; the junior men's team of Y is second there, of X third. Source: III.A.4.3."""
    ranking = delegations(
        ["seniors", "juniors"],
        tie="juniors",
        seniors=team_board(X=8, Y=9),
        juniors=team_board(W=1, X=12, Y=11),
    )
    assert ranking[:2] == [(1, "Y", 20), (2, "X", 20)]


def test_teams_that_tie_on_the_tie_board_too_share_a_place_and_the_next_is_skipped():
    ranking = delegations(["a", "b"], tie="b", a=team_board(Y=8, X=8, Z=9), b=team_board(X=5, Y=5, Z=6))
    assert ranking == [(1, "X", 13), (1, "Y", 13), (3, "Z", 15)]


def test_without_a_tie_board_equal_sums_share_a_place():
    ranking = delegations(["a", "b"], a=team_board(X=8, Y=9), b=team_board(X=6, Y=5))
    assert ranking == [(1, "X", 14), (1, "Y", 14)]


def test_a_team_without_a_place_on_the_tie_board_is_last_among_those_who_tie():
    ranking = delegations(["a"], tie="t", a=team_board(W=7, X=7, Y=7, Z=7), t=team_board(Z=99, Y=None, W=98))
    assert ranking == [(1, "W", 7), (2, "Z", 7), (3, "X", 7), (3, "Y", 7)]


def test_a_tie_board_only_decides_ties():
    ranking = delegations(["a", "t"], tie="t", a=team_board(X=1, Y=9), t=team_board(X=6, Y=5))
    assert ranking == [(1, "X", 7), (2, "Y", 14)]


def test_a_delegation_is_part_of_the_standings():
    """Two races, a team board of each with one counting athlete: Hue 1 + 2, Vinh 2 + 1; the second race decides."""
    plain = definition(
        races=[race(), race("5k")],
        boards=[board("hm"), board("5k", race="5k")],
        team_boards=[{"id": "t1", "of": "hm", "counting": 1}, {"id": "t2", "of": "5k", "counting": 1}],
        delegations=[{"id": "overall", "sum": ["t1", "t2"], "tie": "t2"}],
    )
    rows = [result("1", 10, team="Hue"), result("2", 11, team="Vinh")]
    rows += [result("3", 11, race="5k", team="Hue"), result("4", 10, race="5k", team="Vinh")]
    delegation_rows = standings(parse_definition(plain), rows, None).delegations
    assert [(row.place, row.team, row.score) for row in delegation_rows["overall"]] == [(1, "Vinh", 3), (2, "Hue", 3)]
