"""Settings from the environment."""

from pathlib import Path

import pytest

from services.runtime.environment import folder, number, text
from services.runtime.faults import StartFault


@pytest.mark.parametrize(
    ("given", "value"), [({}, 8700), ({"P": ""}, 8700), ({"P": " 0 "}, 0), ({"P": "65535"}, 65535), ({"P": "007"}, 7)]
)
def test_a_number_is_whole_and_empty_is_not_given(given, value):
    assert number(given, "P", 8700) == value


@pytest.mark.parametrize("given", ["65536", "-1", "8700.0", "1e3", "٣", "0x10", "8 700", "1" * 10_000])
def test_a_value_that_is_no_number_is_refused_with_its_variable(given):
    with pytest.raises(StartFault, match=r"^P=.* is not a whole number from 0 to 65535$"):
        number({"P": given}, "P", 8700)


def test_a_bound_may_be_another():
    assert number({"P": "86400"}, "P", 60, 86_400) == 86_400
    with pytest.raises(StartFault, match="from 0 to 86400"):
        number({"P": "86401"}, "P", 60, 86_400)


def test_texts_are_stripped_and_folders_may_begin_at_home():
    assert text({"H": " 0.0.0.0\n"}, "H", "127.0.0.1") == "0.0.0.0"
    assert text({"H": "  "}, "H", "127.0.0.1") == "127.0.0.1"
    assert folder({"D": "~/race"}, "D", ".") == Path.home() / "race"
    assert folder({}, "D", ".matline") == Path(".matline")
