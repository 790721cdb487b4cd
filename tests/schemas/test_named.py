"""Names by language: what is shown, and how a language is matched. Source: R2.10."""

import pytest

from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import definition_from_toml, parse_definition
from schemas.named import in_all_languages, in_language, match_language
from tests.builders import board, course, definition, race

BOTH = {"vi": "Bán marathon", "en": "Half marathon", "pt-BR": "Meia maratona"}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, "Bán marathon"),
        ("vi", "Bán marathon"),
        ("en", "Half marathon"),
        ("EN", "Half marathon"),
        ("en-GB", "Half marathon"),
        ("pt", "Meia maratona"),
        ("pt-PT", "Meia maratona"),
        ("fr", "Bán marathon"),
    ],
)
def test_a_name_is_shown_in_the_language_asked_for_or_in_its_first(asked, shown):
    assert in_language(BOTH, asked) == shown


def test_a_text_is_shown_whatever_is_asked():
    assert in_language("Marathon", "vi") == "Marathon"


def test_a_name_is_known_in_all_of_its_languages():
    assert in_all_languages(BOTH) == ["Bán marathon", "Half marathon", "Meia maratona"]
    assert in_all_languages("Marathon") == ["Marathon"]


def test_the_same_language_goes_before_one_of_the_same_main_language():
    assert match_language(["en-US", "en"], "en") == "en"
    assert match_language(["en-US", "en-GB"], "en-gb") == "en-GB"
    assert match_language(["en-US", "en-GB"], "en") == "en-US"
    assert match_language([], "en") is None


def test_every_named_row_takes_a_table_by_language_in_its_order():
    of = parse_definition(
        definition(
            name=BOTH,
            races=[race(name=BOTH, points=course(K10={"name": {"vi": "Mốc 10 km", "en": "10 km"}}))],
            boards=[board("men", name={"en": "Men", "vi": "Nam"})],
            team_boards=[{"id": "teams", "of": "men", "name": BOTH}],
            delegations=[{"id": "all", "sum": ["teams"], "name": BOTH}],
        )
    )
    assert list(of.name) == ["vi", "en", "pt-BR"]
    assert of.races[0].points[1].name == {"vi": "Mốc 10 km", "en": "10 km"}
    assert list(of.boards[0].name or ()) == ["en", "vi"]
    assert of.races[0].points[0].name is None


def test_toml_keeps_the_order_of_languages():
    text = b"""event = "e"
name = { vi = "a", en = "b" }
date = 2026-01-04
timezone = "UTC"
[[mats]]
id = "line"
devices = ["L"]
[[races]]
id = "r"
name.en = "Race"
name.vi = "Cu ly"
start = 2026-01-04T05:00:00
points = [{ id = "START", mat = "line", km = 0 }, { id = "FINISH", mat = "line", km = 10 }]
"""
    of = definition_from_toml(text)
    assert (in_language(of.name, None), in_language(of.races[0].name, None)) == ("a", "Race")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ({}, "name: is empty; write at least 1 language"),
        (5, "name: 5 is not a text or a table of texts by language"),
        ([], "name: a list is not a text or a table of texts by language"),
        ({"x y": "a"}, "name.x y: 'x y' is not a language; write a code such as vi, en or en-GB"),
        ({"vi": ""}, "name.vi: is empty; write at least 1 character"),
        ({"vi": 5, "en": "a"}, "name.vi: 5 is not a text"),
        ({"en": "b" * 201}, "name.en: has 201 characters; at most 200 are allowed"),
        ({f"a{chr(97 + n)}": "x" for n in range(21)}, "name: has 21 languages; at most 20 are allowed"),
    ],
)
def test_a_faulty_name_is_refused_by_its_language(name, fault):
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(definition(name=name))
    assert [str(fault_of) for fault_of in refused.value.faults] == [fault]
    with pytest.raises(DefinitionRefused) as refused:
        parse_definition(definition(boards=[board("men", name=name)]))
    assert [str(fault_of) for fault_of in refused.value.faults] == [f"boards[0].{fault}"]
