"""Every kind of fact says everything about itself, and is in everything that has to know each kind."""

import re
from pathlib import Path
from random import Random
from typing import get_args

import msgspec
import pytest

from schemas.events import RULING_KINDS, Fact, FactBase, RulingBase
from schemas.topics import ENVELOPE_VERSION
from tests import DATA
from tests.oracle import logs, scorer
from tests.schemas.test_events import FACTS

KINDS: dict[str, type[FactBase]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Fact)}
WITHOUT_STANDING = {
    "entry_hidden",
    "protest_filed",
    "protest_decided",
    "results_published",
    "notice_received",
    "event_archived",
    "event_reopened",
}
"""Kinds that change nothing of what the second scorer works out."""


def test_a_new_kind_comes_with_a_new_version_of_envelopes():
    """Else a scorer of the release before would take the whole record, reads included, for damaged.

    Golden messages hold the kinds that each version brought, and those of a release that is out never change.
    """
    brought: dict[str, int] = {}
    versions = set()
    for path in DATA.glob("envelope-*.msgpack"):
        golden = msgspec.msgpack.decode(path.read_bytes())
        versions.add(golden["v"])
        for fact in golden["facts"]:
            brought[fact["type"]] = min(golden["v"], brought.get(fact["type"], golden["v"]))
    assert brought == {tag: kind.VERSION for tag, kind in KINDS.items()}
    assert versions == set(range(1, ENVELOPE_VERSION + 1))


@pytest.mark.parametrize("tag", sorted(RULING_KINDS))
def test_every_kind_answers_for_itself(tag):
    kind = RULING_KINDS[tag]
    assert issubclass(kind, RulingBase)
    assert {"scopes", "needs", "subjects"} <= vars(kind).keys()
    fact = msgspec.convert({"type": tag, "event": "e", **FACTS[tag][0]}, Fact)
    assert isinstance(fact, RulingBase)
    for answer in (fact.scopes(), fact.needs(), fact.subjects()):
        assert isinstance(answer, tuple)
        hash(answer)


@pytest.mark.parametrize("tag", sorted(RULING_KINDS))
def test_public_fields_are_fields_and_say_nothing_of_officials_or_persons(tag):
    kind = RULING_KINDS[tag]
    assert set(kind.PUBLIC) <= set(kind.__struct_fields__)
    assert not set(kind.PUBLIC) & {"by", "reason", "rule", "text", "entries", "chip"}
    assert not (kind.OFFICIALS_ONLY and kind.PUBLIC)


def test_every_kind_is_among_the_examples_the_random_logs_and_the_golden_messages():
    drawn = {fact["type"] for seed in range(300) for fact in logs.log_of(seed)}
    assert set(FACTS) == set(KINDS)
    assert drawn == set(KINDS)


def test_the_second_scorer_knows_every_kind_that_changes_a_standing():
    named = set(re.findall(r"\"([a-z_]+)\"", Path(scorer.__file__).read_text()))
    assert set(KINDS) - named == WITHOUT_STANDING


def test_the_random_logs_are_the_same_for_the_same_seed():
    assert logs.a_log(Random(5)) == logs.log_of(5)
