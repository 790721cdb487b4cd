"""Contradictions in a race definition: each is refused by its path. Source: R2."""

import pytest

from schemas.definition_parse import parse_definition
from tests.builders import board, course, definition, half, mat, mats, point, race
from tests.schemas.faults import paths

LOOPED = half(points=[point("START"), point("10K", km=10), point("FINISH", "start", km=21.0975)], start_window_s=600)

CONTRADICTIONS = {
    "no race": (definition(races=[], boards=[]), ["races"]),
    "another release's rules": (definition(rules_version=2), ["rules_version"]),
    "no date": (definition(date="4 January"), ["date"]),
    "a date with a time": (definition(date="2026-01-04T00:00:00"), ["date"]),
    "a week for a date": (definition(date="2026-W01-1"), ["date"]),
    "no time zone": (definition(timezone="Asia/Tuy_Hoa"), ["timezone"]),
    "a folder for a time zone": (definition(timezone="Asia"), ["timezone"]),
    "a path for a time zone": (definition(timezone="../../etc/passwd"), ["timezone"]),
    "a start with a zone": (half(start="2026-01-04T05:00:00Z"), ["races[0].start"]),
    "a start without a time": (half(start="2026-01-04"), ["races[0].start"]),
    "a start in no time": (half(start="9999-12-31T23:00:00"), ["races[0].start"]),
    "a mat twice": (definition(mats=[*mats(), mat("start", "S9")]), ["mats[3].id"]),
    "a race twice": (definition(races=[race(), race()]), ["races[1].id"]),
    "a board twice": (definition(boards=[board("men"), board("men")]), ["boards[1].id"]),
    "a team board twice": (definition(team_boards=[{"id": "t", "of": "men"}] * 2), ["team_boards[1].id"]),
    "a delegation twice": (
        definition(team_boards=[{"id": "t", "of": "men"}], delegations=[{"id": "d", "sum": ["t"]}] * 2),
        ["delegations[1].id"],
    ),
    "a mat without a device": (definition(mats=[mat("start"), *mats()[1:]]), ["mats[0].devices"]),
    "a device at two mats": (definition(mats=mats(mat("other", "S1"))), ["mats[3].devices[0]"]),
    "a device as main and as backup": (
        definition(mats=[mat("start", "S1", backup=["S1"]), *mats()[1:]]),
        ["mats[0].backup_devices[0]"],
    ),
    "a device twice at one mat": (definition(mats=[mat("start", "S1", "S1"), *mats()[1:]]), ["mats[0].devices[1]"]),
    "no START": (half(points=course()[1:]), ["races[0].points"]),
    "no FINISH": (half(points=course()[:2]), ["races[0].points"]),
    "a START alone": (half(points=course()[:1]), ["races[0].points"]),
    "no points": (half(points=[]), ["races[0].points"]),
    "FINISH on the way": (
        half(points=[point("START"), point("FINISH", km=10), point("10K", km=21)]),
        ["races[0].points"],
    ),
    "a point twice": (
        half(points=[point("START"), point("10K", km=5), point("10K", km=10), point("FINISH", km=21)]),
        ["races[0].points[2].id"],
    ),
    "a point at an unknown mat": (half(points=course(K10={"mat": "12k"})), ["races[0].points[1].mat"]),
    "a point before the one before": (half(points=course(K10={"km": 22})), ["races[0].points[2].km"]),
    "a point at the place of the one before": (half(points=course(K10={"km": 0})), ["races[0].points[1].km"]),
    "an empty cut-off": (half(points=course(K10={"cutoff": {}})), ["races[0].points[1].cutoff"]),
    "an empty earliest": (half(points=course(K10={"earliest": {}})), ["races[0].points[1].earliest"]),
    "no time of day": (half(points=course(K10={"cutoff": {"clock": "25:00:00"}})), ["races[0].points[1].cutoff.clock"]),
    "a time of day with a zone": (
        half(points=course(K10={"cutoff": {"clock": "06:26:00Z"}})),
        ["races[0].points[1].cutoff.clock"],
    ),
    "no duration": (half(points=course(K10={"cutoff": {"gun": "2 h"}})), ["races[0].points[1].cutoff.gun"]),
    "no duration for an earliest": (
        half(points=course(K10={"earliest": {"wave": "61:00"}})),
        ["races[0].points[1].earliest.wave"],
    ),
    "a gun cut-off before an earlier one": (
        half(points=course(K10={"cutoff": {"gun": "2:00:00"}}, FINISH={"cutoff": {"gun": "1:59:59"}})),
        ["races[0].points[2].cutoff.gun"],
    ),
    "a wave cut-off before an earlier one": (
        half(points=course(K10={"cutoff": {"wave": "2:00:00"}}, FINISH={"cutoff": {"wave": "1:59:59"}})),
        ["races[0].points[2].cutoff.wave"],
    ),
    "a time of day before an earlier one": (
        half(points=course(K10={"cutoff": {"clock": "07:00:00"}}, FINISH={"cutoff": {"clock": "06:59:59"}})),
        ["races[0].points[2].cutoff.clock"],
    ),
    "an earliest after the point's own cut-off": (
        half(points=course(K10={"cutoff": {"gun": "1:00:00"}, "earliest": {"gun": "1:00:01"}})),
        ["races[0].points[1].earliest.gun"],
    ),
    "an earliest after a later point's cut-off": (
        half(points=course(K10={"earliest": {"clock": "07:00:01"}}, FINISH={"cutoff": {"clock": "07:00:00"}})),
        ["races[0].points[1].earliest.clock"],
    ),
    "an earliest of START after its window": (
        half(points=course(START={"earliest": {"wave": "0:30:01"}})),
        ["races[0].points[0].earliest.wave"],
    ),
    "START's mat again within reach of the window": (
        half(points=[point("START"), point("FINISH", "start", km=10)], start_window_s=1800),
        ["races[0].points[1].mat"],
    ),
    "START's mat again with an earliest within the window": (
        half(
            points=[point("START"), point("FINISH", "start", km=10, earliest={"wave": "0:30:00"})], start_window_s=1800
        ),
        ["races[0].points[1].earliest"],
    ),
    "a board of an unknown race": (definition(boards=[board(race="5k")]), ["boards[0].race"]),
    "years of birth the wrong way round": (
        definition(boards=[board(born_from=2008, born_to=1995)]),
        ["boards[0].born_from"],
    ),
    "a board within an unknown board": (definition(boards=[board(within="all")]), ["boards[0].within"]),
    "a board within another race's": (
        definition(races=[race(), race("5k")], boards=[board("men"), board("kids", "5k", within="men")]),
        ["boards[1].within"],
    ),
    "a board within itself": (definition(boards=[board(within="men")]), ["boards[0].within"]),
    "boards within each other": (
        definition(boards=[board("a", within="b"), board("b", within="a")]),
        ["boards[0].within", "boards[1].within"],
    ),
    "a board that ranks otherwise than the one around it": (
        definition(boards=[board("men"), board("young", within="men", rank_by="chip")]),
        ["boards[1].rank_by"],
    ),
    "a board of women within one of men": (
        definition(boards=[board("men", gender="M"), board("w", within="men", gender="F")]),
        ["boards[1].gender"],
    ),
    "filters that exclude each other two boards apart": (
        definition(
            boards=[
                board("vie", nationality="VIE"),
                board("young", within="vie", born_from=2000),
                board("j", within="young", nationality="JPN"),
            ]
        ),
        ["boards[2].nationality"],
    ),
    "years that exclude those of the board around": (
        definition(
            boards=[
                board("30s", born_from=1985, born_to=1994),
                board("20s", within="30s", born_from=1995),
                board("40s", within="30s", born_to=1984),
            ]
        ),
        ["boards[1].born_from", "boards[2].born_to"],
    ),
    "a team board of an unknown board": (definition(team_boards=[{"id": "t", "of": "all"}]), ["team_boards[0].of"]),
    "more counting than members": (
        definition(team_boards=[{"id": "t", "of": "men", "counting": 6}]),
        ["team_boards[0].counting"],
    ),
    "a delegation of an unknown team board": (
        definition(team_boards=[{"id": "t", "of": "men"}], delegations=[{"id": "d", "sum": ["t", "u"], "tie": "v"}]),
        ["delegations[0].sum[1]", "delegations[0].tie"],
    ),
    "a delegation that counts a team board twice": (
        definition(team_boards=[{"id": "t", "of": "men"}], delegations=[{"id": "d", "sum": ["t", "t"]}]),
        ["delegations[0].sum[1]"],
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_by_its_path(name):
    plain, expected = CONTRADICTIONS[name]
    assert paths(plain) == expected


CONSISTENT = {
    "equal cut-offs": half(points=course(K10={"cutoff": {"gun": "2:00:00"}}, FINISH={"cutoff": {"gun": "2:00:00"}})),
    "cut-offs of different kinds in any order": half(
        points=course(K10={"cutoff": {"gun": "2:00:00"}}, FINISH={"cutoff": {"wave": "1:30:00"}})
    ),
    "cut-offs on both sides of midnight": definition(
        races=[
            race(
                start="2026-01-03T22:00:00",
                points=course(K10={"cutoff": {"clock": "23:30:00"}}, FINISH={"cutoff": {"clock": "01:00:00"}}),
            )
        ]
    ),
    "an earliest equal to the cut-off": half(
        points=course(K10={"cutoff": {"gun": "1:00:00"}, "earliest": {"gun": "1:00:00"}})
    ),
    "an earliest after an earlier point's cut-off": half(
        points=course(K10={"cutoff": {"gun": "1:00:00"}}, FINISH={"earliest": {"gun": "1:30:00"}})
    ),
    "an earliest and a cut-off of different kinds": half(
        points=course(K10={"cutoff": {"gun": "1:00:00"}, "earliest": {"wave": "1:30:00"}})
    ),
    "an earliest of START at the end of its window": half(points=course(START={"earliest": {"wave": "0:30:00"}})),
    "START's mat again out of reach": LOOPED,
    "START's mat again with an earliest beyond the window": half(
        points=[point("START"), point("FINISH", "start", km=10, earliest={"wave": "0:30:01"})]
    ),
    "two races on one course": definition(races=[race(), race("again")]),
    "one birth year": definition(boards=[board(born_from=2005, born_to=2005)]),
    "a board within another that says the same": definition(
        boards=[board("a", rank_by="gun", nationality="VIE"), board("b", within="a", rank_by="gun", nationality="vie")]
    ),
    "years within those of the board around": definition(
        boards=[board("a", born_from=1985, born_to=1994), board("b", within="a", born_from=1994)]
    ),
    "as many counting as members": definition(team_boards=[{"id": "t", "of": "men", "counting": 5}]),
    "a tie board that is not summed": definition(
        team_boards=[{"id": "t", "of": "men"}, {"id": "u", "of": "women"}],
        delegations=[{"id": "d", "sum": ["t"], "tie": "u"}],
    ),
    "one id in different lists": definition(
        boards=[board("hm")], team_boards=[{"id": "hm", "of": "hm"}], delegations=[{"id": "hm", "sum": ["hm"]}]
    ),
    "a mat without a point": definition(mats=mats(mat("spare", "X1"))),
}


@pytest.mark.parametrize("name", CONSISTENT)
def test_a_definition_that_only_seems_to_contradict_itself_is_accepted(name):
    assert parse_definition(CONSISTENT[name]).event == "example-2026"


# --- The reach of the start window.


@pytest.mark.parametrize(("km", "refused"), [(13.5, True), (13.500001, False)])
def test_the_reach_is_the_window_at_the_greatest_speed(km, refused):
    """1,800 s at 7.5 m/s are 13.5 km: at least the distance is refused. Source: R2."""
    plain = half(points=[point("START"), point("FINISH", "start", km=km)], start_window_s=1800)
    if refused:
        assert paths(plain) == ["races[0].points[1].mat"]
    else:
        parse_definition(plain)


@pytest.mark.parametrize(
    ("earliest", "refused"),
    [
        ({"clock": "05:30:00"}, True),
        ({"clock": "05:30:01"}, False),
        ({"gun": "0:30:00"}, True),
        ({"gun": "0:30:00.000001"}, False),
        ({"wave": "0:20:00", "clock": "05:30:01"}, False),  # of several kinds the latest
        ({"wave": "0:20:00", "gun": "0:25:00", "clock": "05:30:00"}, True),
    ],
)
def test_an_earliest_has_to_lie_beyond_the_window(earliest, refused):
    """`clock` and `gun` are taken from the scheduled start, 05:00:00. Source: R2."""
    plain = half(points=[point("START"), point("FINISH", "start", km=10, earliest=earliest)], start_window_s=1800)
    if refused:
        assert paths(plain) == ["races[0].points[1].earliest"]
    else:
        parse_definition(plain)


def test_an_early_earliest_does_not_help_where_the_distance_would():
    """21 km are out of reach by themselves, but an earliest that is given decides."""
    points = [point("START"), point("FINISH", "start", km=21.0975, earliest={"wave": "0:10:00"})]
    assert paths(half(points=points, start_window_s=1800)) == ["races[0].points[1].earliest"]
