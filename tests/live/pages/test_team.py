"""Team boards and delegations, built without a database."""

from typing import Any

import pytest

from services.live.http.query import Page
from services.live.pages.team import DelegationData, TeamData, build_delegation, build_team_board, official_delegation
from services.live.table_rows import TeamLine
from services.standings.publication import Published
from tests.builders import board, defined, definition, entries, entry
from tests.live.loaded import LoadedEvent

OF = definition(
    boards=[board("men", gender="M"), board("women", gender="F")],
    team_boards=[
        {"id": "places", "of": "men", "counting": 1},
        {"id": "times", "of": "women", "counting": 1, "score": "sum_times"},
    ],
    delegations=[{"id": "both", "sum": ["places", "times"]}],
)
LOADED = LoadedEvent(defined(OF), entries(entry("7", team="Hue"), entry("9", gender="F", team="Hue")))


def published(state: Any, boards: list[str] | None, offset: int = 5) -> Published:
    return Published(
        race="hm",
        state=state,
        offset=offset,
        revision=offset,
        boards=boards,
        recorded_at_us=0,
        sha256="",
        void=[],
    )


def team_board(name: str, *lines: TeamLine) -> dict[str, Any]:
    return build_team_board(
        TeamData(
            event=LOADED.event,
            announced=LOADED.announced,
            team_board=LOADED.event.team_boards[name],
            lines=lines,
            athletes=LOADED.athletes,
            published=[],
            changed=False,
        ),
        Page(),
    )


def delegation(*published: Published) -> dict[str, Any]:
    return build_delegation(
        DelegationData(
            event=LOADED.event,
            announced=LOADED.announced,
            delegation=LOADED.event.delegations["both"],
            lines=[TeamLine(1, "Hue", 5, [])],
            published=published,
            changed=False,
        ),
        Page(),
    )


def test_teams_that_tie_say_so_and_teams_without_a_place_have_no_texts():
    answer = team_board("places", TeamLine(1, "Hue", 5, []), TeamLine(1, "Vinh", 5, []), TeamLine(None, "Da", None, []))
    assert [(row["place_text"], row["score_text"]) for row in answer["rows"]] == [
        ("=1", "5"),
        ("=1", "5"),
        (None, None),
    ]


def test_members_are_named_and_one_who_is_not_known_is_its_bib():
    (row,) = team_board("times", TeamLine(1, "Hue", 4000, [{"bib": "9", "score": 4000}, {"bib": "x", "score": 1}]))[
        "rows"
    ]
    assert row["score_text"] == "1:06:40"
    assert [(member["name"], member["score_text"]) for member in row["members"]] == [
        ("No 9 Runner", "1:06:40"),
        ("x", "0:00:01"),
    ]


@pytest.mark.parametrize(
    ("publications", "state"),
    [
        ([], "live"),
        ([published("provisional", ["places"])], "live"),  # its team boards differ
        ([published("provisional", ["places", "times"])], "provisional"),
        ([published("provisional", ["places", "times"]), published("official", ["both"], 6)], "official"),
    ],
)
def test_a_delegation_has_its_own_state_or_the_one_in_which_its_team_boards_agree(publications, state):
    assert delegation(*publications)["state"] == state


def test_only_an_official_delegation_can_have_changed_since():
    assert official_delegation([], "both") is None
    assert official_delegation([published("provisional", ["both"])], "both") is None
    official = published("official", ["both"])
    assert official_delegation([official], "both") == official


def test_a_delegation_of_places_and_times_prints_scores_as_numbers():
    assert delegation()["rows"][0]["score_text"] == "5"
