"""The race office's tables: what is taken, and that each contradiction is refused by its path."""

import msgspec
import pytest

from schemas.definition import Definition
from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from schemas.office import TABLES
from services.offline.json_schema import document
from tests.builders import board, definition, race

TEAM = {"id": "teams", "of": "men"}


def table(name, *rows, **more):
    """The example's definition with such a table; each row gets an id and an article."""
    return definition(
        **{name: [{"id": f"row{number}", "article": "5", **row} for number, row in enumerate(rows)]}, **more
    )


def rule(**words):
    return table("eligibility", words)


def prize(*rows, **more):
    return table("prizes", *({"what": "Cup", "places": 3, **row} for row in rows), **more)


def title(*rows):
    return table("titles", *({"name": "Master", "race": "hm", "within_s": 4200, **row} for row in rows))


def composition(*rows, team=TEAM, boards=None):
    more = {} if boards is None else {"boards": boards}
    default = {"team_boards": ["teams"], "members": [{"what": "member", "count": 4}]}
    return table("compositions", *({**default, **row} for row in rows), team_boards=[team], **more)


def waves(*rows, **more):
    return table("waves", *({"races": ["hm"], "order": ["A", "B"], **row} for row in rows), **more)


CONTRADICTIONS = {
    "a rule of an unknown race": (rule(races=["hm", "5k"], born_to=2008), ["eligibility[0].races[1]"]),
    "a rule that names a race twice": (rule(races=["hm", "hm"], born_to=2008), ["eligibility[0].races[1]"]),
    "a rule that asks for nothing": (rule(races=["hm"]), ["eligibility[0]"]),
    "years the wrong way round": (rule(born_from=2008, born_to=1995), ["eligibility[0].born_from"]),
    "something else in the place of no standard": (
        rule(born_to=2008, unless="members of the national team"),
        ["eligibility[0].unless"],
    ),
    "a rule for a division that no board knows": (
        table("eligibility", {"divisions": ["elite", "elit"], "once": "race"}, boards=[board(division="elite")]),
        ["eligibility[0].divisions[1]"],
    ),
    "a rule for a division of another race": (
        table(
            "eligibility",
            {"divisions": ["kids"], "races": ["hm"], "once": "race"},
            races=[race(), race("1k")],
            boards=[board(division="elite"), board("k", "1k", division="kids")],
        ),
        ["eligibility[0].divisions[0]"],
    ),
    "a rule that names a division twice": (rule(divisions=["a", "a"], once="race"), ["eligibility[0].divisions[1]"]),
    "a rule twice": (
        definition(eligibility=[{"id": "a", "article": "5", "once": "race"}] * 2),
        ["eligibility[1].id"],
    ),
    "a prize for nobody": (prize({}), ["prizes[0]"]),
    "a prize by lists that are not there": (
        prize({"boards": ["men", "all"], "team_boards": ["men"], "delegations": ["men"]}),
        ["prizes[0].boards[1]", "prizes[0].team_boards[0]", "prizes[0].delegations[0]"],
    ),
    "a prize by one board twice": (prize({"boards": ["men", "men"]}), ["prizes[0].boards[1]"]),
    "a prize that passes over itself": (
        prize({"boards": ["men"], "passes_over": ["row0"]}),
        ["prizes[0].passes_over[0]"],
    ),
    "a prize that passes over a later one": (
        prize({"boards": ["men"], "passes_over": ["row1"]}, {"boards": ["men"]}),
        ["prizes[0].passes_over[0]"],
    ),
    "a prize of athletes that passes over teams": (
        prize({"team_boards": ["teams"]}, {"boards": ["men"], "passes_over": ["row0"]}, team_boards=[TEAM]),
        ["prizes[1].passes_over[0]"],
    ),
    "a prize of teams that passes over athletes": (
        prize({"boards": ["men"]}, {"team_boards": ["teams"], "passes_over": ["row0"]}, team_boards=[TEAM]),
        ["prizes[1].passes_over"],
    ),
    "a medal of an unknown race": (table("medals", {"what": "Medal", "races": ["5k"]}), ["medals[0].races[0]"]),
    "a title of a division that no board knows": (
        table("titles", {"name": "Master", "race": "hm", "within_s": 9, "division": "x"}, boards=[board(division="y")]),
        ["titles[0].division"],
    ),
    "a title in an unknown race": (title({"race": "5k"}), ["titles[0].race"]),
    "a title below an unknown one": (title({"below": "grand"}), ["titles[0].below"]),
    "a title below one of women": (
        title({"gender": "F"}, {"gender": "M", "within_s": 4300, "below": "row0"}),
        ["titles[1].below"],
    ),
    "a title below one that is no harder": (title({}, {"below": "row0"}), ["titles[1].below"]),
    "titles below each other": (
        title({"below": "row1"}, {"within_s": 4300, "below": "row0"}),
        ["titles[0].below"],
    ),
    "a title neither by time nor by place": (title({"within_s": None}), ["titles[0]"]),
    "a title both by time and by place": (title({"places": [1, 3]}), ["titles[0]"]),
    "places the wrong way round": (title({"within_s": None, "places": [3, 1]}), ["titles[0].places"]),
    "a title by place below one that is no harder": (
        title({"within_s": None, "places": [1, 3]}, {"within_s": None, "places": [1, 3], "below": "row0"}),
        ["titles[1].below"],
    ),
    "a title by place below one by time": (
        title({}, {"within_s": None, "places": [1, 3], "below": "row0"}),
        ["titles[1].below"],
    ),
    "a composition of unknown teams": (composition({"team_boards": ["women"]}), ["compositions[0].team_boards[0]"]),
    "two compositions of one team board": (composition({}, {}), ["compositions[1].team_boards[0]"]),
    "a team board twice in one": (composition({"team_boards": ["teams", "teams"]}), ["compositions[0].team_boards[1]"]),
    "more members than count": (
        composition({"members": [{"what": "member", "count": 6}]}),
        ["compositions[0].members"],
    ),
    "fewer members than it takes": (
        composition({"members": [{"what": "parent"}, {"what": "child"}]}),
        ["compositions[0].members"],
    ),
    "a woman on a team of men": (
        composition({"members": [{"what": "runner", "count": 3}, {"what": "woman", "gender": "F"}]}),
        ["compositions[0].members[1].gender"],
    ),
    "an open runner on a team of the elite": (
        composition(
            {"members": [{"what": "runner", "count": 3, "division": "open"}]}, boards=[board(division="elite")]
        ),
        ["compositions[0].members[0].division"],
    ),
    "a member of a division that no board knows": (
        composition(
            {"members": [{"what": "runner", "count": 3, "division": "open"}]},
            boards=[board(), board("e", within="men", division="elite")],
        ),
        ["compositions[0].members[0].division"],
    ),
    "a member of years the wrong way round": (
        composition({"members": [{"what": "runner", "count": 3, "born_from": 2009, "born_to": 2008}]}),
        ["compositions[0].members[0].born_from"],
    ),
    "waves of an unknown race": (waves({"races": ["5k"]}), ["waves[0].races[0]"]),
    "waves of a race in two tables": (waves({}, {}), ["waves[1].races[0]"]),
    "a wave twice": (waves({"order": ["A", "B", "A"]}), ["waves[0].order[2]"]),
    "a board of a wave that is not there": (waves({}, boards=[board(wave="C")]), ["waves[0].order"]),
}


def paths(plain):
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(plain)
    return [fault.path for fault in refused.value.faults]


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_by_its_path(name):
    plain, expected = CONTRADICTIONS[name]
    assert paths(plain) == expected


CONSISTENT = {
    "one birth year": rule(born_from=2005, born_to=2005),
    "a division where no board is by division": rule(divisions=["open"], once="event"),
    "a prize that passes over an earlier one": prize({"boards": ["men"]}, {"boards": ["men"], "passes_over": ["row0"]}),
    "a title below a harder one": title({"gender": "M"}, {"gender": "M", "within_s": 4201, "below": "row0"}),
    "a title by place below a harder one": title(
        {"within_s": None, "places": [1, 1]}, {"within_s": None, "places": [1, 3], "below": "row0"}
    ),
    "as many members as count at most": composition(
        {"members": [{"what": "a", "count": 2}, {"what": "b", "count": 3}]}
    ),
    "a mixed team on a board of all": composition(
        {"members": [{"what": "man", "count": 2, "gender": "M"}, {"what": "woman", "count": 2, "gender": "F"}]},
        boards=[board()],
    ),
    "a board of one of the waves": waves({}, boards=[board(wave="B")]),
}


@pytest.mark.parametrize("name", CONSISTENT)
def test_what_only_looks_like_a_contradiction_is_taken(name):
    assert parse_definition(CONSISTENT[name]).event == "example-2026"


@pytest.mark.parametrize(
    ("plain", "path"),
    [
        (rule(born_before=2008), "eligibility[0].born_before"),
        (rule(gender="W", once="race"), "eligibility[0].gender"),
        (rule(once="day"), "eligibility[0].once"),
        (rule(consent_under=0), "eligibility[0].consent_under"),
        (rule(standard_s="1:30:00"), "eligibility[0].standard_s"),
        (definition(eligibility=[{"id": "a", "once": "race"}]), "eligibility[0]"),
        (prize({"boards": ["men"], "places": 0}), "prizes[0].places"),
        (composition({"members": []}), "compositions[0].members"),
        (composition({"members": [{"what": "man", "cuont": 2}]}), "compositions[0].members[0].cuont"),
        (waves({"order": ["A"]}), "waves[0].order"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_its_path(plain, path):
    assert paths(plain) == [path]


def test_a_definition_without_these_tables_is_written_as_it_was_before_there_were_any():
    written = msgspec.to_builtins(parse_definition(definition()))
    assert set(written).isdisjoint(TABLES)
    assert list(written) == ["event", "name", "date", "timezone", "mats", "races", "boards"]


def test_a_definition_with_them_may_be_read_from_what_it_was_written_as():
    taken = parse_definition(composition({"required": True, "together_s": 5}))
    assert parse_definition(msgspec.to_builtins(taken)) == taken


def test_the_json_schema_has_every_table():
    defs = document()["$defs"]
    assert {name: defs["Definition"]["properties"][name]["items"] for name in TABLES} == {
        name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in TABLES.items()
    }
    assert set(TABLES) <= set(Definition.__struct_fields__)
