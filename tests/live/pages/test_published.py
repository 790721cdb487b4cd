"""What holds for published results, without a database."""

import pytest

from schemas.results import Case
from services.live.errors import Refused
from services.live.pages.published import (
    NO_DIFFERENCE,
    Differences,
    held_publication,
    publication_life,
    waits_for_official,
)
from services.standings.publication import Difference
from tests.builders import at, defined, entries, fact, gun
from tests.live.loaded import LoadedEvent
from tests.live.pages.test_team import published

PROVISIONAL = fact("results_published", race="hm", state="provisional", recorded_at_us=at(5000))
LOADED = LoadedEvent(defined(), entries("7"), gun(0), PROVISIONAL)
OPEN = [Case("missed:7", "hm", "7"), Case("missed:8", "other", "8")]


def provisional(state: str = "provisional"):
    return published(state, None, 3)


def test_provisional_results_say_from_when_they_may_be_official_and_what_is_in_the_way():
    life = publication_life(LOADED.event, [provisional()], OPEN, "hm")
    assert (life["publication"]["state"], life["official_from_us"]) == ("provisional", at(5600))
    assert [ground["case"] for ground in life["in_the_way"]] == ["missed:7"]  # the other race's does not count


def test_results_that_do_not_wait_have_nothing_in_the_way():
    life = publication_life(LOADED.event, [], OPEN, "hm")
    assert (life["publication"], life["official_from"], life["in_the_way"]) == (None, None, [])
    assert not waits_for_official(LOADED.event, [], "hm")
    assert waits_for_official(LOADED.event, [provisional()], "hm")


@pytest.mark.parametrize(
    ("publications", "race", "board", "says"),
    [
        ([], "10k", None, "known are hm"),
        ([], "hm", "x", "known are men, women"),
        ([], "hm", "men", "no results of board 'men'"),
        ([provisional("withdrawn")], "hm", None, "the results of race 'hm' are withdrawn"),
    ],
)
def test_what_is_not_served_is_refused_with_the_reason(publications, race, board, says):
    with pytest.raises(Refused, match=says) as refused:
        held_publication(LOADED.event, publications, race, board)
    assert refused.value.status == 404


def test_the_publication_of_the_race_is_served_for_its_boards_too():
    assert held_publication(LOADED.event, [provisional()], "hm", "women") == provisional()


def test_a_race_has_changed_when_any_of_its_boards_has():
    men = Difference([], {"men": [{"bib": "7", "published": {}, "now": None}]}, {}, {})
    differences = Differences({None: NO_DIFFERENCE, "men": men})
    assert (differences.any(), differences.changed("men"), differences.changed("women")) == (True, True, False)
    assert [differences.bibs("men"), differences.bibs("women")] == [{"7"}, frozenset()]
    assert not Differences({}).any()
