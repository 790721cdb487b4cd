"""Athletes with splits, ranks and places, built without a database."""

import pytest

from services.live.errors import Refused
from services.live.pages.athlete_page import AthleteData, boards_of, build_athlete, build_search, known_athlete
from tests.builders import board, defined, definition, entries, entry, gun, run, status
from tests.live.loaded import LoadedEvent

OF = definition(boards=[board("men", gender="M"), board("all", rank_by="chip"), board("women", gender="F")])
FACTS = (defined(OF), entries("7", "8", entry("9", gender="F")), gun(0), run("7", 9, 2000, 4000), run("8", 1, 1995))


def build(loaded: LoadedEvent, bib: str) -> dict:
    boards = boards_of(loaded.event, loaded.athletes[bib])
    return build_athlete(
        AthleteData(
            event=loaded.event,
            announced=loaded.announced,
            athlete=loaded.athletes[bib],
            boards=boards,
            rankings={known.id: loaded.ranking(known.id) for known in boards},
            members={known.id: loaded.standings.cells[known.id] for known in boards},
            splits={point: loaded.splits(point) for point in ("10K", "FINISH")},
            versions=[],
            published=[],
            spreads={},
        )
    )


def test_ranks_are_by_the_time_that_ranks_the_board_and_none_at_the_start():
    answer = build(LoadedEvent(*FACTS), "7")
    assert [point["ranks"] for point in answer["points"]] == [
        {},
        {"men": 2, "all": 1},  # 7 is behind 8 by gun and ahead by chip
        {"men": 1, "all": 1},
    ]


def test_places_are_null_without_a_result_but_the_board_says_how_many_have_one():
    loaded = LoadedEvent(*FACTS, status("7", "DQ"))
    (men, everybody) = build(loaded, "7")["boards"]
    assert (men["board"], men["place"], men["place_text"], men["total"]) == ("men", None, None, 1)
    assert everybody["board"] == "all"


def test_an_unknown_bib_and_a_withdrawn_entry_are_refused():
    loaded = LoadedEvent(*FACTS)
    with pytest.raises(Refused, match="has no bib '77' at revision"):
        known_athlete(loaded.event, loaded.announced, "77", None)
    assert known_athlete(loaded.event, loaded.announced, "7", loaded.athletes["7"]) is loaded.athletes["7"]


def test_a_search_lists_its_page_and_counts_all():
    loaded = LoadedEvent(*FACTS)
    answer = build_search(loaded.event, loaded.announced, 12, [loaded.athletes["9"]])
    assert (answer["total"], [athlete["bib"] for athlete in answer["athletes"]]) == (12, ["9"])
