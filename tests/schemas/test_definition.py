"""Race definitions: what is taken, and that each contradiction is refused by its path. Source: R2."""

import msgspec
import pytest

from schemas.course_times import (
    clock_instant_us,
    clock_of,
    duration_us,
    earliest_after_start_us,
    min_duration_us,
    start_instant_us,
    zone_of,
)
from schemas.definition import LIST_MAX, POINTS_MAX
from schemas.definition_faults import FAULTS_MAX, DefinitionRefused
from schemas.definition_parse import definition_from_toml, parse_definition, plain_from_toml
from tests.builders import START_US, board, course, definition, half, mat, mats, point, race, us

TOML = """
event = "example-2026"
name = "Example Half Marathon"
date = 2026-01-04
timezone = "Asia/Ho_Chi_Minh"

[[mats]]
id = "start"
devices = ["S1"]
backup_devices = ["SB"]

[[mats]]
id = "10k"
devices = ["K1"]
backup_devices = ["KB"]

[[mats]]
id = "finish"
devices = ["F1"]
backup_devices = ["FB"]

[[races]]
id = "hm"
name = "Half marathon"
start = 2026-01-04T05:00:00
points = [
  { id = "START", mat = "start", km = 0 },
  { id = "10K", mat = "10k", km = 10, cutoff = { clock = 06:26:00 } },
  { id = "FINISH", mat = "finish", km = 21.0975 },
]

[[boards]]
id = "men"
race = "hm"
gender = "M"

[[boards]]
id = "women"
race = "hm"
gender = "F"
"""


def faults(plain):
    """Path and reason of each fault of a definition."""
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(plain)
    return {fault.path: fault.reason for fault in refused.value.faults}


def paths(plain):
    return list(faults(plain))


def without(plain, *names):
    return {name: value for name, value in plain.items() if name not in names}


# --- What is taken.


def test_toml_and_json_give_the_same_definition():
    plain = half(points=course(K10={"cutoff": {"clock": "06:26:00"}}))
    from_json = parse_definition(msgspec.json.decode(msgspec.json.encode(plain)))
    assert definition_from_toml(TOML.encode()) == from_json


def test_dates_and_times_of_toml_are_iso_texts():
    """Bare or in quotes, both are taken."""
    plain = plain_from_toml(TOML.encode())
    assert (plain["date"], plain["races"][0]["start"]) == ("2026-01-04", "2026-01-04T05:00:00")
    assert plain["races"][0]["points"][1]["cutoff"] == {"clock": "06:26:00"}
    quoted = TOML.replace("2026-01-04T05:00:00", '"2026-01-04T05:00:00"').replace("06:26:00", '"06:26:00"')
    assert definition_from_toml(quoted.encode()) == definition_from_toml(TOML.encode())


def test_the_defaults_are_those_of_the_contract():
    taken = parse_definition(definition())
    (hm,) = taken.races
    assert (taken.rules_version, taken.protest_window_s, taken.passing_gap_s) == (1, 600, 20)
    assert (hm.official_time, hm.gun_from, hm.start_window_s) == ("gun", "race", 1800)
    assert (hm.missing_start, hm.missing_mat, hm.max_speed_mps) == ("gun", "dnf", 7.5)
    assert [one.picked() for one in hm.points] == ["last", "first", "first"]
    assert all(one.mandatory and one.cutoff is None and one.earliest is None for one in hm.points)
    men = taken.boards[0]
    assert (men.ranked_by(), men.gun_places, men.within) == ("gun", 5, None)
    plain = definition(team_boards=[{"id": "t", "of": "men"}], mats=[without(one, "backup_devices") for one in mats()])
    taken = parse_definition(plain)
    (team,) = taken.team_boards
    assert (team.score, team.counting, team.max_members, team.non_finisher) == ("sum_places", 3, 5, "n_plus_1")
    assert taken.mats[0].backup_devices == []


def test_whatever_is_not_default_is_kept():
    more = {"rules_version": 1, "protest_window_s": 86_400, "passing_gap_s": 12.5}
    words = {"official_time": "chip", "gun_from": "wave", "start_window_s": 600, "missing_start": "dnf"}
    words |= {"missing_mat": "review", "max_speed_mps": 6.9, "points": course(START={"pick": "strongest"})}
    taken = parse_definition(definition(races=[race(**words)], **more))
    assert msgspec.to_builtins(taken.races[0]) == {**race(**words)}
    assert (taken.protest_window_s, taken.passing_gap_s) == (86_400, 12.5)


def test_a_race_needs_no_boards_and_a_definition_may_be_read_from_what_it_was_written_as():
    plain = without(definition(), "boards")
    taken = parse_definition(plain)
    assert parse_definition(msgspec.to_builtins(taken)) == taken


# --- Shape.


@pytest.mark.parametrize("name", ["event", "name", "date", "timezone"])
def test_what_is_required_is_asked_for(name):
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
def test_what_a_table_requires_is_asked_for(plain, path, field):
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
    assert reason.startswith("is unknown here; ")
    assert "nown are " in reason


def test_a_misspelt_field_is_guessed():
    reason = faults(half(points=course(K10={"cutof": {}})))["races[0].points[1].cutof"]
    assert reason == (
        "is unknown here; did you mean `cutoff`? Known are cutoff, earliest, id, km, mandatory, mat, pick"
    )


NO_ID = "does not do; write an id: letters, digits, `.`, `_` and `-`, 64 at most"


@pytest.mark.parametrize(
    ("plain", "path", "reason"),
    [
        (definition(event="-x"), "event", f"'-x' {NO_ID}"),
        (definition(event="a b"), "event", f"'a b' {NO_ID}"),
        (definition(name=""), "name", "expected a text of length >= 1"),
        (definition(protest_window_s=-1), "protest_window_s", "expected a whole number >= 0"),
        (definition(protest_window_s="600"), "protest_window_s", "expected a whole number, got a text"),
        (definition(passing_gap_s=float("nan")), "passing_gap_s", "expected a number >= 0.0"),
        (definition(races={}), "races", "is a list of tables, [[races]] in TOML"),
        (definition(mats=None), "mats", "is a list of tables, [[mats]] in TOML"),
        (definition(boards=["men"]), "boards[0]", "is no table"),
        (half(official_time="net"), "races[0].official_time", "'net' is unknown here; known are gun, chip"),
        (half(missing_mat="dq"), "races[0].missing_mat", "'dq' is unknown here; known are dnf, review, ignore"),
        (half(max_speed_mps=0), "races[0].max_speed_mps", "expected a number > 0.0"),
        (half(start_window_s=1.5), "races[0].start_window_s", "expected a whole number, got a number"),
        (half(points="START"), "races[0].points", "expected a list, got a text"),
        (half(points=course(K10={"km": "10"})), "races[0].points[1].km", "expected a number, got a text"),
        (half(points=course(K10={"km": -1})), "races[0].points[1].km", "expected a number >= 0.0"),
        (half(points=course(K10={"pick": "peek"})), "races[0].points[1].pick", None),
        (
            half(points=course(K10={"mandatory": "no"})),
            "races[0].points[1].mandatory",
            "expected true or false, got a text",
        ),
        (
            half(points=course(K10={"cutoff": "1:00:00"})),
            "races[0].points[1].cutoff",
            "expected a table, got a text",
        ),
        (
            half(points=course(K10={"cutoff": {"gun": 3600}})),
            "races[0].points[1].cutoff.gun",
            "expected a text, got a whole number",
        ),
        (
            definition(mats=[mat("start", "S1", "S1x", ""), *mats()[1:]]),
            "mats[0].devices[2]",
            "expected a text of length >= 1",
        ),
        (definition(boards=[board(gender="W")]), "boards[0].gender", "'W' is unknown here; known are M, F, X"),
        (
            definition(boards=[board(nationality="VN")]),
            "boards[0].nationality",
            "'VN' does not do; write three letters",
        ),
        (definition(boards=[board(born_from=10**30)]), "boards[0].born_from", "expected a whole number <= 9999"),
        (
            definition(boards=[board(rank_by="net")]),
            "boards[0].rank_by",
            "'net' is unknown here; known are gun, chip, gun_then_chip",
        ),
        (
            definition(team_boards=[{"id": "t", "of": "men", "counting": 0}]),
            "team_boards[0].counting",
            "expected a whole number >= 1",
        ),
        (definition(delegations=[{"id": "d", "sum": []}]), "delegations[0].sum", "expected a list of length >= 1"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_its_path(plain, path, reason):
    found = faults(plain)
    assert list(found) == [path]
    assert reason is None or found[path] == reason


def test_more_than_can_be_meant_is_refused():
    many = [point("START"), *(point(f"P{at}", "10k", km=at) for at in range(1, POINTS_MAX)), point("FINISH", km=999)]
    assert faults(half(points=many)) == {"races[0].points": f"expected a list of length <= {POINTS_MAX}"}
    many = [board(f"b{at}") for at in range(LIST_MAX + 1)]
    assert faults(definition(boards=many)) == {"boards": "has 1001 tables; at most 1000 are taken"}


@pytest.mark.parametrize("plain", [[], "x", None, 5])
def test_what_is_no_table_at_all_is_refused(plain):
    assert paths(plain) == ["$"]


def test_what_is_no_toml_is_refused():
    for data in (b"event = ", b"\xff\xfe"):
        with pytest.raises(DefinitionRefused, match=r"\$: is no TOML: "):
            definition_from_toml(data)


# --- Contradictions.

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
        half(points=[point("START"), point("FINISH", "start", km=10)]),
        ["races[0].points[1].mat"],
    ),
    "START's mat again with an earliest within the window": (
        half(points=[point("START"), point("FINISH", "start", km=10, earliest={"wave": "0:30:00"})]),
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
def test_what_only_looks_like_a_contradiction_is_taken(name):
    assert parse_definition(CONSISTENT[name]).event == "example-2026"


def test_every_contradiction_is_named_at_once_in_the_order_of_the_file():
    plain = definition(
        timezone="Nowhere",
        mats=[mat("start"), *mats()[1:]],
        races=[race(start="early", points=course(K10={"mat": "12k", "km": 50}))],
        boards=[board("men", race="5k"), board("men", within="all")],
        team_boards=[{"id": "t", "of": "all"}],
        delegations=[{"id": "d", "sum": ["u"]}],
    )
    assert paths(plain) == [
        "timezone",
        "boards[1].id",
        "mats[0].devices",
        "races[0].start",
        "races[0].points[1].mat",
        "races[0].points[2].km",
        "boards[0].race",
        "boards[1].within",
        "team_boards[0].of",
        "delegations[0].sum[0]",
    ]


def test_every_fault_of_shape_is_named_at_once():
    plain = half(
        official_time="net",
        points=course(K10={"km": "ten", "cutoff": {"clok": "06:26", "gun": 5}}, FINISH={"picks": "first"}),
    )
    assert paths({**without(plain, "name"), "protest_window": 5}) == [
        "protest_window",
        "name",
        "races[0].points[1].km",
        "races[0].points[1].cutoff.clok",
        "races[0].points[1].cutoff.gun",
        "races[0].points[2].picks",
        "races[0].official_time",
    ]


def test_faults_are_bounded():
    boards = [board(f"b{at}", race="5k") for at in range(LIST_MAX)]
    assert len(faults(definition(boards=boards))) == FAULTS_MAX


def test_the_refusal_reads_as_path_and_reason():
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(definition(races=[], boards=[board(race="5k")]))
    assert str(refused.value) == (
        "races: is empty; an event has at least one race; boards[0].race: race '5k' is not among the races"
    )


# --- The reach of the start window.


@pytest.mark.parametrize(("km", "refused"), [(13.5, True), (13.500001, False)])
def test_the_reach_is_the_window_at_the_greatest_speed(km, refused):
    """1,800 s at 7.5 m/s are 13.5 km: at least the distance is refused. Source: R2."""
    plain = half(points=[point("START"), point("FINISH", "start", km=km)])
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
    plain = half(points=[point("START"), point("FINISH", "start", km=10, earliest=earliest)])
    if refused:
        assert paths(plain) == ["races[0].points[1].earliest"]
    else:
        parse_definition(plain)


def test_an_early_earliest_does_not_help_where_the_distance_would():
    """21 km are out of reach by themselves, but whoever writes an earliest is held to it."""
    points = [point("START"), point("FINISH", "start", km=21.0975, earliest={"wave": "0:10:00"})]
    assert paths(half(points=points)) == ["races[0].points[1].earliest"]


# --- Values.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2:08:00", 7680),
        ("0:00:00", 0),
        ("0:00:00.000001", "0.000001"),
        ("1:00:59.5", "3659.5"),
        ("24:00:00", 86_400),
        ("1:5:9", 3909),
        ("9999:59:59", 35_999_999),
    ],
)
def test_durations(text, seconds):
    assert duration_us(text) == us(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "1:00", "1:60:00", "1:00:60", "-1:00:00", "1:00:00.0000001", "1:00:00.", "1:00:.5", "1.5:00:00", "²:00:00",
     " 1:00:00", "1:00:00\n", "10000:00:00", "1:000:00", "one:00:00"],
)  # fmt: skip
def test_what_is_no_duration(text):
    assert duration_us(text) is None


def test_times_of_day():
    assert clock_of("06:26") == clock_of("06:26:00")
    assert clock_of("06:26:00+07:00") is None
    assert clock_of("24:30:00") is None
    assert clock_of("noon") is None


def test_time_zones():
    assert zone_of("Asia/Ho_Chi_Minh") is not None
    assert [zone_of(name) for name in ("", "Asia", "/etc/passwd", "../UTC", "a\0b", "UTC+7")] == [None] * 6


def test_the_start_is_an_instant_by_the_zone():
    taken = parse_definition(definition())
    assert start_instant_us(taken, taken.races[0]) == START_US
    london = parse_definition(definition(timezone="Europe/London"))
    assert start_instant_us(london, london.races[0]) == START_US + 7 * 3600 * 1_000_000


def test_a_time_of_day_is_the_first_after_the_start():
    taken = parse_definition(definition())
    after = [(clock_instant_us(taken, taken.races[0], text) - START_US) // 1_000_000 for text in
             ("05:00:01", "06:26:00", "04:59:59", "05:00:00")]  # fmt: skip
    assert after == [1, 5160, 86_399, 86_400]


def test_a_time_of_day_is_by_the_local_clock_also_when_it_changes():
    """London, 29 March 2026: at 01:00 the clock goes to 02:00, so from 00:30 to 03:00 it is 1.5 hours."""
    taken = parse_definition(definition(timezone="Europe/London", races=[race(start="2026-03-29T00:30:00")]))
    hm = taken.races[0]
    assert clock_instant_us(taken, hm, "03:00:00") - start_instant_us(taken, hm) == us(5400)


def test_how_long_after_the_start_an_earliest_lies():
    earliest = {"clock": "05:20:00", "gun": "0:25:00", "wave": "0:10:00"}
    taken = parse_definition(half(points=course(K10={"earliest": earliest})))
    hm = taken.races[0]
    assert earliest_after_start_us(taken, hm, hm.points[1].earliest) == us(1500)


def test_the_least_duration_of_a_stretch_is_exact_in_decimals():
    assert min_duration_us(0, 10, 7.5) == 1_333_333_334
    assert min_duration_us(10, 21.0975, 7.5) == 1_479_666_667
    assert min_duration_us(0, 13.5, 7.5) == 1_800_000_000
    assert min_duration_us(0.1, 0.3, 0.1) == 2_000_000_000
