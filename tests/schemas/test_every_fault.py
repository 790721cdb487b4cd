"""Every fault of a definition is named at once, and nothing is called a fault that only follows from another."""

import copy
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.definition import Definition
from schemas.definition_parse import parse_definition
from schemas.definition_shape import TABLES
from tests.builders import board, definition, mat, mats, point, race
from tests.schemas.faults import faults, paths

WHOLE = definition(
    protest_window_s=900,
    passing_gap_s=15,
    mats=mats(mat("gate", "G1", backup=["GB"])),
    races=[
        race(
            official_time="chip",
            start_window_s=600,
            max_speed_mps=7.0,
            points=[
                point("START", "gate"),
                point("10K", km=10, cutoff={"clock": "06:26:00"}, earliest={"gun": "0:20:00"}),
                point("FINISH", "gate", km=21.0975, cutoff={"clock": "08:30:00"}, earliest={"wave": "0:55:00"}),
            ],
        ),
        race("5k", points=[point("START"), point("FINISH", "start", km=5)]),
    ],
    boards=[
        board("all", rank_by="gun_then_chip", gun_places=3),
        board("men", within="all", gender="M", rank_by="gun_then_chip", wave="A"),
        board("young", within="men", born_from=2000, born_to=2010, nationality="VIE", club="HN", division="elite"),
        board("kids", "5k", gender="F", born_from=2012),
    ],
    team_boards=[
        {"id": "teams", "of": "men", "score": "sum_times", "counting": 2, "max_members": 4, "non_finisher": "none"},
        {"id": "schools", "of": "kids", "counting": 2},
    ],
    delegations=[{"id": "overall", "sum": ["teams", "schools"], "tie": "teams", "name": "Overall"}],
    eligibility=[
        {"id": "age", "article": "3", "races": ["hm"], "gender": "M", "born_to": 2008, "consent_under": 18},
        {"id": "elite", "article": "4", "divisions": ["elite"], "standard_s": 4200, "unless": "medal", "once": "race"},
    ],
    prizes=[
        {"id": "first", "article": "5", "what": "Cup", "places": 3, "boards": ["men", "all"]},
        {"id": "next", "article": "5", "what": "Bag", "places": 5, "boards": ["young"], "passes_over": ["first"]},
        {
            "id": "group",
            "article": "6",
            "what": "Flag",
            "places": 1,
            "team_boards": ["teams"],
            "delegations": ["overall"],
        },
    ],
    medals=[{"id": "medal", "article": "7", "what": "Medal", "races": ["hm", "5k"]}],
    titles=[
        {"id": "grand", "article": "8", "name": "Grand", "race": "hm", "within_s": 4200, "by": "chip", "gender": "M"},
        {
            "id": "master",
            "article": "8",
            "name": "Master",
            "race": "hm",
            "within_s": 4500,
            "gender": "M",
            "below": "grand",
        },
    ],
    compositions=[
        {
            "id": "family",
            "article": "9",
            "team_boards": ["teams"],
            "members": [
                {"what": "elder", "count": 1, "gender": "M", "born_to": 1990},
                {"what": "runner", "count": 3, "division": "elite", "born_from": 1980, "born_to": 2005},
            ],
            "required": True,
            "together_s": 10,
        }
    ],
    waves=[{"id": "waves", "article": "10", "races": ["hm"], "order": ["A", "B", "C"]}],
)


def leaves(value, path=""):
    """Yield the path of every value, of lists and tables too."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")


LEAVES = list(leaves(WHOLE))
KEYS = [path for path in LEAVES if not path.endswith("]")]


def within(plain, path):
    """Return the list or table that holds the value at a path, and its index or key there."""
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    for step in steps[:-1]:
        plain = plain[step]
    return plain, steps[-1]


def spoil(plain, path):
    """Put a value at a path that is of no kind that any field takes."""
    holder, step = within(plain, path)
    holder[step] = [[0.5]] if not isinstance(holder[step], list) else 0.5


def test_the_example_has_every_table_and_is_good():
    assert set(TABLES) <= set(WHOLE)
    assert isinstance(parse_definition(WHOLE), Definition)


@pytest.mark.parametrize("path", LEAVES)
def test_a_value_that_cannot_be_read_is_one_fault(path):
    plain = copy.deepcopy(WHOLE)
    spoil(plain, path)
    assert [named.startswith(path) for named in paths(plain)] == [True]


@pytest.mark.parametrize("path", KEYS)
def test_a_misspelt_key_is_one_fault_and_perhaps_a_missing_field(path):
    plain = copy.deepcopy(WHOLE)
    holder, key = within(plain, path)
    holder[f"{key}_"] = holder.pop(key)
    named = faults(plain)
    parent = path.rpartition(".")[0]
    assert named.pop(f"{path}_").startswith("is not a field here; ")
    assert named in ({}, {parent or path: f"needs `{key}`"})


@pytest.mark.parametrize("path", KEYS)
def test_a_key_that_resembles_none_is_one_fault_and_perhaps_a_missing_field(path):
    plain = copy.deepcopy(WHOLE)
    holder, key = within(plain, path)
    holder["zzz"] = holder.pop(key)
    named = faults(plain)
    parent = path.rpartition(".")[0]
    assert named.pop(f"{parent}.zzz" if parent else "zzz").startswith("is not a field here; the fields are ")
    assert named in ({}, {parent or path: f"needs `{key}`"})


CONTRADICTIONS = {
    "rules_version": 2,
    "date": "4 January",
    "timezone": "Nowhere",
    "mats[2].devices": [],
    "mats[1].devices[0]": "S1",
    "races[0].start": "2026-01-04",
    "races[0].points[1].mat": "12k",
    "races[0].points[1].earliest": {},
    "races[0].points[1].cutoff.clock": "25:00",
    "races[1].points[0].id": "GO",
    "boards[0].race": "marathon",
    "boards[2].within": "boys",
    "boards[3].born_to": 2011,
    "boards[1].rank_by": "chip",
    "team_boards[0].of": "everybody",
    "team_boards[1].counting": 9,
    "delegations[0].sum[1]": "clubs",
    "delegations[0].tie": "clubs",
    "eligibility[0].races[0]": "marathon",
    "eligibility[0].born_from": 2010,
    "eligibility[1].id": "age",
    "prizes[0].boards[1]": "women",
    "prizes[1].passes_over[0]": "last",
    "prizes[2].team_boards[0]": "clubs",
    "medals[0].races[1]": "marathon",
    "titles[0].race": "marathon",
    "titles[1].below": "great",
    "compositions[0].team_boards[0]": "clubs",
    "compositions[0].members[1].born_from": 2006,
    "waves[0].races[0]": "marathon",
    "waves[0].order[2]": "A",
}
NAMED_ELSEWHERE = {"races[1].points[0].id": "races[1].points", "boards[3].born_to": "boards[3].born_from"}


def contradict(plain, path):
    """Put a value at a path that contradicts others; return the path under which it is named."""
    holder, step = within(plain, path)
    holder[step] = CONTRADICTIONS[path]
    return NAMED_ELSEWHERE.get(path, path)


def table_of(path):
    return re.split(r"[.\[]", path)[0]


def readable(path):
    """Return whether contradictions in other tables hold without the value: they may need ids and whole tables."""
    return not path.endswith(".id") and not re.fullmatch(r"\w+(\[\d+\])?", path) and path != "timezone"


@given(st.sampled_from([path for path in LEAVES if readable(path)]), st.sampled_from(list(CONTRADICTIONS)))
def test_a_fault_of_shape_and_a_contradiction_elsewhere_are_both_named(spoilt, contradicted):
    if table_of(spoilt) == table_of(contradicted):
        return
    plain = copy.deepcopy(WHOLE)
    expected = contradict(plain, contradicted)
    alone = paths(plain)
    assert expected in alone
    spoil(plain, spoilt)
    shape, *others = paths(plain)
    assert shape.startswith(spoilt)
    assert others == alone


@given(st.sampled_from(list(CONTRADICTIONS)), st.sampled_from(list(CONTRADICTIONS)))
def test_contradictions_in_two_tables_are_both_named(place, other):
    if table_of(place) == table_of(other):
        return
    plain = copy.deepcopy(WHOLE)
    expected = {contradict(plain, place), contradict(plain, other)}
    assert expected <= set(paths(plain))


@given(st.sampled_from(LEAVES), st.sampled_from(LEAVES))
@example("boards[3].id", "team_boards[0].of")
def test_faults_of_shape_in_two_places_are_both_named_and_nothing_else(place, other):
    if place.startswith(other) or other.startswith(place):
        return
    plain = copy.deepcopy(WHOLE)
    spoil(plain, place)
    spoil(plain, other)
    named = paths(plain)
    assert len(named) == 2
    assert all(any(path.startswith(spoilt) for path in named) for spoilt in (place, other))


def test_a_misspelt_table_does_not_make_its_rows_unknown():
    plain = copy.deepcopy(WHOLE)
    plain["board"] = plain.pop("boards")
    assert paths(plain) == ["board"]


def test_a_misspelt_key_does_not_hide_a_wrong_reference():
    plain = copy.deepcopy(WHOLE)
    plain["races"][0]["ofical_time"] = plain["races"][0].pop("official_time")
    plain["boards"][3]["race"] = "6k"
    named = faults(plain)
    assert list(named) == ["races[0].ofical_time", "boards[3].race"]
    assert named["boards[3].race"] == "race '6k' is not defined (defined: hm, 5k)"
