"""The JSON Schemas that `matline schema` prints: well formed, and with the limits of the rules."""

import json
import subprocess
import sys

import msgspec
import pytest

from schemas.events import Fact
from services.offline.json_schema import DIALECT, document, text

SUBJECTS = ["fact", "reads", "read", "entry", "definition", "results", "rejected"]


def names(schema):
    """Every name that a schema refers to."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value
            else:
                yield from names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from names(value)


def required_of(name):
    return set(document()["$defs"][name]["required"])


def test_the_command_prints_the_document():
    printed = subprocess.run([sys.executable, "-m", "services.cli", "schema"], capture_output=True, check=True)
    assert json.loads(printed.stdout) == document()
    assert printed.stdout.decode() == text()
    assert text().endswith("}\n")


def test_each_subject_says_what_it_is_for():
    made = document()
    assert made["$schema"] == DIALECT
    assert list(made["subjects"]) == SUBJECTS
    assert all(subject["description"].endswith(".") for subject in made["subjects"].values())


def test_every_name_that_is_referred_to_is_defined():
    made = document()
    referred = set(names(made))
    assert referred
    assert referred <= {f"#/$defs/{name}" for name in made["$defs"]}


def test_every_type_of_fact_is_there_with_its_tag_and_closed_to_unknown_fields():
    defs = document()["$defs"]
    for kind in Fact.__args__:
        schema = defs[kind.__name__]
        assert schema["properties"]["type"] == {"enum": [kind.__struct_config__.tag]}
        assert schema["additionalProperties"] is False
        assert {"type", "event"} <= set(schema["required"])
        assert schema["description"]


def test_what_is_required_is_said():
    assert required_of("GunFired") == {"type", "event", "race", "at_us"}
    assert required_of("TimeSet") == {"type", "event", "bib", "point", "at_us", "reason"}
    assert required_of("Read") == {"seq", "device", "chip", "at_us"}
    assert required_of("Entry") == {"bib", "chips", "race", "gender", "given_name", "family_name"}
    assert required_of("Definition") == {"event", "name", "date", "timezone"}
    assert required_of("Race") == {"id", "name", "start", "points"}


@pytest.mark.parametrize(
    ("name", "field", "limits"),
    [
        ("Read", "seq", {"minimum": 0, "maximum": 2**63 - 1}),
        ("Read", "at_us", {"minimum": -(2**52), "maximum": 2**52}),
        ("Read", "chip", {"minLength": 1, "maxLength": 64}),
        ("Entry", "gender", {"enum": ["F", "M", "X"]}),
        ("StatusSet", "status", {"enum": ["DNF", "DNS", "DQ", "OK"]}),
        ("Race", "max_speed_mps", {"exclusiveMinimum": 0, "maximum": 100, "default": 7.5}),
    ],
)
def test_limits_are_said(name, field, limits):
    schema = document()["$defs"][name]["properties"][field]
    assert {key: schema[key] for key in limits} == limits


def test_the_pattern_of_an_id_means_the_same_in_ecmascript():
    """No `\\\\Z` and no `$`, which would let a line break pass in one of the two."""
    pattern = document()["$defs"]["GunFired"]["properties"]["race"]["pattern"]
    assert pattern == r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?![\s\S])"


def test_the_schema_itself_is_stable_json():
    assert msgspec.json.decode(text()) == document()
    assert text() == text()
