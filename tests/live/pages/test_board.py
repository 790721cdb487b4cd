"""Pages of a board, built without a database."""

import pytest

from services.live.errors import Refused
from services.live.feed.columns import board_row
from services.live.http.query import BoardQuery
from services.live.pages.board import (
    BoardData,
    ShownLine,
    board_document,
    build_board,
    check_point,
    points_before,
    select_lines,
)
from tests.builders import defined, entries, gun, run
from tests.live.loaded import LoadedEvent

FACTS = (
    defined(),
    entries("7", "8", "9"),
    gun(0),
    run("7", 1, 2000, 4000),
    run("8", 2, 1900, 4100),
    run("9", 3, 2100, 4050),
)


EVERYTHING = BoardQuery()


def data(loaded: LoadedEvent, query: BoardQuery = EVERYTHING, **more) -> BoardData:
    ranking = loaded.ranking("men")
    total, lines = select_lines(ranking, [], query, None)
    given = {
        "event": loaded.event,
        "announced": loaded.announced,
        "board": loaded.event.boards["men"],
        "point": None,
        "rankings": {None: ranking},
        "total": total,
        "lines": lines,
        "athletes": loaded.athletes,
        "earlier": {"10K": loaded.at_point("men", "10K")},
        "state": "live",
        "changed": False,
        "changed_bibs": frozenset(),
        "spreads": {},
        "first_with": {row.version: loaded.announced for row in loaded.athletes.values()},
        "podium": [],
        "rivals": {},
    }
    return BoardData(**{**given, **more})


def rows(data: BoardData) -> list[dict]:
    return list(map(board_row, build_board(data).lines))


def test_a_later_page_still_measures_gaps_from_the_leader():
    loaded = LoadedEvent(*FACTS)
    page = data(loaded, BoardQuery(offset=1, limit=1))
    (row,) = rows(page)
    assert (page.total, row["bib"], row["gap"], row["gap_ms"]) == (3, "9", "+0:50", 50_000)
    assert rows(data(loaded, BoardQuery(offset=2)))[0]["gap"] == "+1:40"


def test_places_gained_are_known_only_where_the_ranking_before_is_loaded():
    loaded = LoadedEvent(*FACTS)
    assert [(row["bib"], row["move"]) for row in rows(data(loaded))] == [("7", 1), ("9", 1), ("8", -2)]
    assert [row["move"] for row in rows(data(loaded, earlier={}))] == [None, None, None]


def test_lines_whose_athletes_are_not_known_are_left_out():
    loaded = LoadedEvent(*FACTS)
    page = build_board(data(loaded, athletes={"7": loaded.athletes["7"]}))
    assert ([line.athlete.bib for line in page.lines], page.total) == (["7"], 3)


def test_rows_that_are_not_as_they_were_official_say_so():
    loaded = LoadedEvent(*FACTS)
    changed = data(loaded, state="official", changed=True, changed_bibs=frozenset({"9"}))
    states = {row["bib"]: row["result_state"] for row in rows(changed)}
    assert states == {"7": "official", "8": "official", "9": "changed_since_official"}
    document = board_document(changed, build_board(changed), 0)
    assert (document["state"], document["changed_since_official"]) == ("official", True)


def test_a_search_counts_its_matches_and_keeps_their_places():
    ranking = LoadedEvent(*FACTS).ranking("men")
    total, lines = select_lines(ranking, [], BoardQuery(offset=1), {"7", "8"})
    assert (total, [(line.placed.bib, line.placed.place) for line in lines]) == (2, [("8", 3)])


def test_places_are_compared_with_the_point_before_the_one_that_is_shown():
    loaded = LoadedEvent(*FACTS)
    race = loaded.event.races["hm"]
    placed = loaded.ranking("men").lines
    assert points_before(race, [ShownLine(None, line) for line in placed], loaded.athletes) == ["10K"]
    at_10k = [ShownLine("10K", line) for line in placed]
    assert points_before(race, at_10k, loaded.athletes) == []  # START gives no places


def test_those_on_the_course_follow_the_ranked_across_pages():
    ranking = LoadedEvent(*FACTS).ranking("men")
    on_course = [("10K", ranking.lines[0]), ("10K", ranking.lines[1])]
    wanted = BoardQuery(offset=2, limit=2, on_course=True)
    total, lines = select_lines(ranking, on_course, wanted, None)
    assert (total, [line.point for line in lines]) == (5, [None, "10K"])
    assert [line.point for line in select_lines(ranking, on_course, BoardQuery(offset=4), None)[1]] == ["10K"]


def test_a_point_that_the_race_does_not_have_is_refused_with_those_it_has():
    race = LoadedEvent(*FACTS).event.races["hm"]
    check_point(race, None)
    check_point(race, "10K")
    with pytest.raises(Refused, match="has no point '5K'; it has START, 10K, FINISH"):
        check_point(race, "5K")
