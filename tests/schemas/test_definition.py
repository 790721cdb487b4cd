"""Race definitions: what is accepted, with which defaults, and how a refusal reads. Source: R2."""

from typing import Any

import msgspec
import pytest

from schemas.definition import LIST_MAX
from schemas.definition_faults import FAULTS_MAX, DefinitionRefused
from schemas.definition_parse import definition_from_toml, parse_definition, plain_from_toml
from tests.builders import board, course, definition, half, mat, mats, race
from tests.schemas.faults import faults, paths, without

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


def test_the_defaults_are_those_of_the_rules():
    taken = parse_definition(definition())
    (hm,) = taken.races
    assert (taken.rules_version, taken.protest_window_s, taken.passing_gap_s) == (1, 600, 20)
    assert (hm.official_time, hm.gun_from, hm.start_window_s) == ("gun", "race", 1800)
    assert (hm.missing_start, hm.missing_mat, hm.max_speed_mps) == ("gun", "dnf", 7.5)
    assert [point.picked() for point in hm.points] == ["last", "first", "first"]
    assert all(point.mandatory and point.cutoff is None and point.earliest is None for point in hm.points)
    men = taken.boards[0]
    assert (men.ranked_by(), men.gun_places, men.within) == ("gun", 5, None)
    plain = definition(team_boards=[{"id": "t", "of": "men"}], mats=[without(mat, "backup_devices") for mat in mats()])
    taken = parse_definition(plain)
    (team,) = taken.team_boards
    assert (team.score, team.counting, team.max_members, team.non_finisher) == ("sum_places", 3, 5, "n_plus_1")
    assert taken.mats[0].backup_devices == []


def test_values_other_than_the_defaults_are_kept():
    more: dict[str, Any] = {"rules_version": 1, "protest_window_s": 86_400, "passing_gap_s": 12.5}
    words: dict[str, Any] = {"official_time": "chip", "gun_from": "wave", "start_window_s": 600, "missing_start": "dnf"}
    words |= {"missing_mat": "review", "max_speed_mps": 6.9, "points": course(START={"pick": "strongest"})}
    taken = parse_definition(definition(races=[race(**words)], **more))
    assert msgspec.to_builtins(taken.races[0]) == {**race(**words)}
    assert (taken.protest_window_s, taken.passing_gap_s) == (86_400, 12.5)


def test_a_race_needs_no_boards_and_a_definition_may_be_read_from_what_it_was_written_as():
    plain = without(definition(), "boards")
    taken = parse_definition(plain)
    assert parse_definition(msgspec.to_builtins(taken)) == taken


# --- What is refused.


@pytest.mark.parametrize(
    ("data", "reason"), [(b"event = ", r"\$: is not TOML: "), (b"\xff\xfe", r"\$: is not in UTF-8 \(byte 0\)")]
)
def test_a_file_that_is_not_toml_is_refused(data, reason):
    with pytest.raises(DefinitionRefused, match=reason):
        definition_from_toml(data)


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
    boards = [board(f"b{number}", race="5k") for number in range(LIST_MAX)]
    assert len(faults(definition(boards=boards))) == FAULTS_MAX


def test_the_refusal_reads_as_path_and_reason():
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(definition(races=[], boards=[board(race="5k")]))
    assert str(refused.value) == (
        "races: is empty; an event has at least one race; boards[0].race: race '5k' is not defined"
    )


def test_an_empty_table_of_carried_chips_has_defaults_and_without_one_there_is_no_rule():
    assert parse_definition(definition()).together is None
    rule = parse_definition(definition(together={})).together
    assert (rule.within_s, rule.points) == (0.2, 3)
