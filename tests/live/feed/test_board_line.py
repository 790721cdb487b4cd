"""Lines of a board, without a database."""

from services.live.feed.board_line import point_before, shown_names, shown_point
from tests.builders import defined, entries, entry, fact, gun, run
from tests.live.loaded import LoadedEvent


def loaded(*facts) -> LoadedEvent:
    return LoadedEvent(defined(), entries("7"), gun(0), *facts)


def test_a_line_shows_the_point_that_was_asked_for_or_the_last_that_was_taken():
    event = loaded(run("7", 10, 2010, None))
    race, athlete = event.event.races["hm"], event.athletes["7"]
    assert (shown_point(race, None, athlete), shown_point(race, "START", athlete)) == ("10K", "START")
    assert shown_point(race, None, loaded().athletes["7"]) == "FINISH"


def test_nobody_has_a_place_before_the_first_point_after_the_start():
    athlete = loaded(run("7")).athletes["7"]
    assert [point_before(athlete, point) for point in ("START", "10K", "FINISH")] == [None, None, "10K"]


def test_a_hidden_athlete_has_the_bib_for_every_name():
    named = entries(entry("7", family_name="Đặng", given_name="Thị Ngọc"))
    names = shown_names(loaded(named).athletes["7"])
    assert names == ("Đặng Thị Ngọc", "Dang Thi Ngoc", "Đặng", "Thị Ngọc")
    hidden = loaded(named, fact("entry_hidden", bib="7", hidden=True)).athletes["7"]
    assert shown_names(hidden) == ("7", "7", "7", "")
