"""The shape of a race definition: every field of the wrong kind is refused by its path, in words for a person."""

import pytest

from schemas.definition import LIST_MAX, POINTS_MAX
from tests.builders import board, course, definition, half, mat, mats, point, race
from tests.schemas.faults import faults, paths, without


@pytest.mark.parametrize("name", ["event", "name", "date", "timezone"])
def test_a_missing_field_is_asked_for(name):
    assert faults(without(definition(), name)) == {name: f"needs `{name}`"}


@pytest.mark.parametrize(
    ("plain", "path", "field"),
    [
        (definition(mats=[without(mat("start", "S1"), "id"), *mats()[1:]]), "mats[0]", "id"),
        (definition(mats=[without(mat("start", "S1"), "devices"), *mats()[1:]]), "mats[0]", "devices"),
        (half() | {"races": [without(race(), "name")]}, "races[0]", "name"),
        (half() | {"races": [without(race(), "start")]}, "races[0]", "start"),
        (half() | {"races": [without(race(), "points")]}, "races[0]", "points"),
        (half(points=[*course()[:2], {"id": "FINISH", "mat": "finish"}]), "races[0].points[2]", "km"),
        (definition(boards=[{"id": "men"}]), "boards[0]", "race"),
        (definition(team_boards=[{"id": "t"}]), "team_boards[0]", "of"),
        (definition(delegations=[{"id": "d"}]), "delegations[0]", "sum"),
    ],
)
def test_a_missing_field_of_a_table_is_asked_for(plain, path, field):
    assert faults(plain) == {path: f"needs `{field}`"}


@pytest.mark.parametrize(
    ("plain", "path"),
    [
        (definition(zone="x"), "zone"),
        (definition(mats=[{**mats()[0], "reader": "x"}, *mats()[1:]]), "mats[0].reader"),
        (half(max_speed=7), "races[0].max_speed"),
        (half(points=course(K10={"cutof": {}})), "races[0].points[1].cutof"),
        (half(points=course(K10={"cutoff": {"clok": "06:26:00"}})), "races[0].points[1].cutoff.clok"),
        (definition(boards=[board(sex="M")]), "boards[0].sex"),
    ],
)
def test_an_unknown_field_is_refused_by_its_path(plain, path):
    reason = faults(plain)[path]
    assert reason.startswith("is not a field here; ")
    assert "he fields are " in reason


def test_a_misspelt_field_is_guessed():
    reason = faults(half(points=course(K10={"cutof": {}})))["races[0].points[1].cutof"]
    assert reason == (
        "is not a field here; did you mean `cutoff`? The fields are"
        " cutoff, earliest, id, km, mandatory, mat, name, pick"
    )


NO_ID = "is not an id; it takes 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a letter or digit"


@pytest.mark.parametrize(
    ("plain", "path", "reason"),
    [
        (definition(event="-x"), "event", f"'-x' {NO_ID}"),
        (definition(event="a b"), "event", f"'a b' {NO_ID}"),
        (definition(name=""), "name", "is empty; write at least 1 character"),
        (definition(protest_window_s=-1), "protest_window_s", "-1 is not a whole number of at least 0"),
        (definition(protest_window_s="600"), "protest_window_s", "'600' is not a whole number"),
        (definition(passing_gap_s=float("nan")), "passing_gap_s", "nan is not a number of at least 0"),
        (definition(races={}), "races", "must be a list of tables; in TOML write [[races]]"),
        (definition(mats=None), "mats", "must be a list of tables; in TOML write [[mats]]"),
        (definition(boards=["men"]), "boards[0]", "is not a table"),
        (half(official_time="net"), "races[0].official_time", "'net' is not one of gun, chip"),
        (half(missing_mat="dq"), "races[0].missing_mat", "'dq' is not one of dnf, review, ignore"),
        (half(max_speed_mps=0), "races[0].max_speed_mps", "0 is not a number above 0"),
        (definition(together={"within_s": -0.1}), "together.within_s", "-0.1 is not a number of at least 0"),
        (definition(together={"within_s": 61}), "together.within_s", "61 is not a number of at most 60"),
        (definition(together={"within_s": "0.2"}), "together.within_s", "'0.2' is not a number"),
        (definition(together={"points": -1}), "together.points", "-1 is not a whole number of at least 0"),
        (definition(together={"points": 2.5}), "together.points", "2.5 is not a whole number"),
        (definition(together={"points": 201}), "together.points", "201 is not a whole number of at most 200"),
        (definition(together=3), "together", "3 is not a table"),
        (half(start_window_s=1.5), "races[0].start_window_s", "1.5 is not a whole number"),
        (half(points="START"), "races[0].points", "'START' is not a list"),
        (half(points=course(K10={"km": "10"})), "races[0].points[1].km", "'10' is not a number"),
        (half(points=course(K10={"km": -1})), "races[0].points[1].km", "-1 is not a number of at least 0"),
        (half(points=course(K10={"pick": "peek"})), "races[0].points[1].pick", None),
        (
            half(points=course(K10={"mandatory": "no"})),
            "races[0].points[1].mandatory",
            "'no' is not true or false",
        ),
        (
            half(points=course(K10={"cutoff": "1:00:00"})),
            "races[0].points[1].cutoff",
            "'1:00:00' is not a table",
        ),
        (
            half(points=course(K10={"cutoff": {"gun": 3600}})),
            "races[0].points[1].cutoff.gun",
            "3600 is not a text",
        ),
        (
            definition(mats=[mat("start", "S1", "S1x", ""), *mats()[1:]]),
            "mats[0].devices[2]",
            "is empty; write at least 1 character",
        ),
        (definition(boards=[board(gender="W")]), "boards[0].gender", "'W' is not one of M, F, X"),
        (
            definition(boards=[board(nationality="VN")]),
            "boards[0].nationality",
            "'VN' is not a code of three letters",
        ),
        (
            definition(boards=[board(born_from=10**30)]),
            "boards[0].born_from",
            "1000000000000000000000000000000 is not a whole number of at most 9999",
        ),
        (
            definition(boards=[board(rank_by="net")]),
            "boards[0].rank_by",
            "'net' is not one of gun, chip, gun_then_chip",
        ),
        (
            definition(team_boards=[{"id": "t", "of": "men", "counting": 0}]),
            "team_boards[0].counting",
            "0 is not a whole number of at least 1",
        ),
        (definition(delegations=[{"id": "d", "sum": []}]), "delegations[0].sum", "is empty; write at least 1 entry"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_its_path(plain, path, reason):
    named = faults(plain)
    assert list(named) == [path]
    assert reason is None or named[path] == reason


def test_too_long_lists_are_refused():
    many = [
        point("START"),
        *(point(f"P{number}", "10k", km=number) for number in range(1, POINTS_MAX)),
        point("FINISH", km=999),
    ]
    assert faults(half(points=many)) == {
        "races[0].points": f"has {POINTS_MAX + 1} entries; at most {POINTS_MAX} are allowed"
    }
    many = [board(f"b{number}") for number in range(LIST_MAX + 1)]
    assert faults(definition(boards=many)) == {"boards": "has 1001 tables; at most 1000 are allowed"}


@pytest.mark.parametrize("plain", [[], "x", None, 5])
def test_anything_but_a_table_is_refused(plain):
    assert paths(plain) == ["$"]
