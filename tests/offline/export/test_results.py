"""Results, start lists, medals and prizes as tables, by hand."""

from services.offline.export.lists import medal_table, prize_tables, start_lists
from services.offline.export.result_tables import Duration
from services.offline.export.results import UNFINISHED, results_tables
from tests.builders import at, board, day, decided, definition, entry, fact, race, run, status
from tests.offline.export.exported import read, rows

OF = definition(
    boards=[
        board("men", name="Men, overall", gender="M"),
        board("men-40", within="men", born_from=1977, born_to=1986),
        board("women", gender="F"),
    ],
    team_boards=[
        {"id": "teams", "of": "men", "counting": 1},
        {"id": "times", "of": "men", "counting": 1, "score": "sum_times"},
    ],
    delegations=[{"id": "all", "sum": ["teams"]}],
    waves=[{"id": "w", "article": "7", "races": ["hm"], "order": ["elite", "blue"]}],
    medals=[{"id": "m", "article": "B.5", "what": "Finisher medal"}],
    prizes=[
        {"id": "overall", "article": "A.5.2", "what": "Overall prize", "places": 1, "boards": ["men", "women"]},
        {"id": "category", "article": "B.4.1", "what": "Category prize", "places": 1, "boards": ["men-40"]},
        {"id": "team", "article": "A.5.1", "what": "Cup", "places": 1, "team_boards": ["teams"]},
    ],
    titles=[{"id": "t", "article": "C.1", "name": "Master", "race": "hm", "within_s": 4001, "gender": "M"}],
)
BIBS = (
    entry("7", team="Huế", birth_year=1986, nationality="VIE", wave="blue", given_name="Anh", family_name="Lê Văn"),
    entry("8", team="Vinh", birth_year=1990, wave="elite"),
    entry("9", gender="F", wave="zebra"),
    entry("10", club="CLB"),
    entry("11", ranked=False),
)
RAN = (run("7", 2, 2000, "4000.5"), run("8", 1, 1990, 4100), run("9", 1, 2100, 4200), run("10", 1, 2100, None))


def tables(*facts, definition=OF, bibs=BIBS):
    made, scored = read(*day(*RAN, *facts, definition=definition, bibs=bibs))
    return {table.id: table for table in results_tables(made, scored)}


def published(state, at_s, **more):
    return fact("results_published", race="hm", state=state, recorded_at_us=at(at_s), **more)


def test_there_is_a_table_for_each_board_team_board_and_delegation_and_for_the_others():
    assert list(tables()) == ["men", "men-40", "women", "teams", "times", "all", UNFINISHED]


def test_a_boards_row_says_who_how_fast_and_at_which_grade():
    """M40 half marathon: 3,581 s by the table; 358,100 / 4,001 = 89.5026."""
    men = tables()["men"]
    assert men.title == "Men, overall"
    wanted = ("place", "bib", "name", "family_name", "given_name", "nationality", "team", "age_group")
    assert rows(men, *wanted)[0] == (1, "7", "Lê Văn Anh", "Lê Văn", "Anh", "VIE", "Huế", "40-49")
    times = rows(men, "time", "gun_time", "chip_time", "10K")
    assert times[0] == (Duration(4001), Duration(4001), Duration(3999), Duration(2000))
    assert rows(men, "place", "bib") == [(1, "7"), (2, "8")]
    assert rows(men, "age_grade")[0][0] == 89.5


def test_splits_are_by_the_time_that_the_race_is_timed_by():
    by_chip = {**OF, "races": [race(official_time="chip")]}
    assert rows(tables(definition=by_chip)["men"], "time", "10K")[0] == (Duration(3999), Duration(1998))


def test_a_hidden_name_is_the_bib_and_tells_no_age_by_its_grade():
    men = tables(fact("entry_hidden", bib="7", hidden=True))["men"]
    assert rows(men, "bib", "name", "family_name", "given_name", "age_grade")[0] == ("7", "7", "7", None, None)
    assert "7 7" in rows(tables(fact("entry_hidden", bib="7", hidden=True))["teams"], "members")[0]


def test_teams_have_points_or_times_and_their_members_by_name():
    made = tables()
    assert rows(made["teams"], "place", "team", "score", "members")[0] == (1, "Huế", 1, "7 Lê Văn Anh")
    assert rows(made["times"], "team", "score")[0] == ("Huế", Duration(4001))
    assert rows(made["all"], "place", "team", "score") == [(1, "Huế", 1), (2, "Vinh", 2)]


def test_who_did_not_finish_is_listed_with_the_reason():
    unfinished = tables(status("8", "DQ"), status("9", "DNS"))[UNFINISHED]
    assert rows(unfinished, "bib", "status", "last_point", "why") == [
        ("8", "DQ", "FINISH", "disqualified"),
        ("9", "DNS", "FINISH", "did not start"),
        ("10", "ON_COURSE", "10K", None),
        ("11", "NOT_STARTED", None, None),
    ]


def test_rows_say_what_state_they_are_in_and_which_have_changed_since_official():
    official = (published("provisional", 5000), published("official", 5600), status("7", "DQ"))
    made = tables(decided("missed:10", "dnf"), *official)
    assert rows(made["men"], "bib", "result_state") == [("8", "changed_since_official")]
    assert rows(made["women"], "bib", "result_state") == [("9", "official")]
    assert rows(made["teams"], "team", "result_state") == [
        ("Vinh", "changed_since_official"),
        ("Huế", "changed_since_official"),
    ]
    assert rows(made["all"], "result_state") == [("live",), ("live",)]
    assert rows(tables(published("provisional", 5000, boards=["men", "all"]))["men"], "result_state")[0] == (
        "provisional",
    )


def test_flags_are_a_column_of_boards_and_of_those_who_did_not_finish():
    made = tables(fact("penalty_set", bib="8", seconds=30, reason="short cut"))
    assert rows(made["men"], "bib", "flags", "time") == [("7", None, Duration(4001)), ("8", "penalty", Duration(4130))]
    cut = tables(status("10", "DNF", at_s=1000))
    assert ("10", "DNF", "case") in rows(cut[UNFINISHED], "bib", "status", "flags")


# --- Lists.


def test_a_start_list_is_by_wave_as_they_start_then_by_bib():
    (hm,) = start_lists(read(*day(definition=OF, bibs=BIBS))[1])
    assert (hm.id, hm.title) == ("hm", "Half marathon")
    assert rows(hm, "wave", "bib", "ranked") == [
        ("elite", "8", "yes"),
        ("blue", "7", "yes"),
        ("zebra", "9", "yes"),
        (None, "10", "yes"),
        (None, "11", "no"),
    ]


def test_everybody_who_finishes_within_the_limits_is_on_the_medal_list():
    """B.5: a medal for every athlete who completes the race, ranked or not."""
    (medals,) = medal_table(read(*day(*RAN, run("11"), definition=OF, bibs=BIBS))[1])
    assert rows(medals, "race", "medal", "bib", "article") == [
        ("hm", "Finisher medal", bib, "B.5") for bib in ("7", "8", "9", "11")
    ]


def test_prizes_overall_and_of_the_category_go_to_one_athlete_and_nobody_moves_up():
    """A.5.2, B.4.1: an overall winner takes both."""
    prizes, titles = prize_tables(read(*day(*RAN, definition=OF, bibs=BIBS))[1])
    assert rows(prizes, "prize", "list", "place", "shared", "bib", "team", "members") == [
        ("Overall prize", "Men, overall", 1, "no", "7", "Huế", None),
        ("Overall prize", "women", 1, "no", "9", None, None),
        ("Category prize", "men-40", 1, "no", "7", "Huế", None),
        ("Cup", "teams", 1, "no", None, "Huế", "7 Lê Văn Anh"),
    ]
    assert rows(titles, "title", "bib", "time", "within", "article") == [
        ("Master", "7", Duration(4001), Duration(4001), "C.1")
    ]


def test_without_a_definition_there_is_nothing():
    made, scored = read(day()[1])
    assert results_tables(made, scored) == start_lists(scored) == medal_table(scored) == prize_tables(scored) == []


def test_titles_are_in_the_language_asked_for():
    both = {"en": "Men", "vi": "Nam"}
    of = {**OF, "boards": [board("men", name=both, gender="M"), *OF["boards"][1:]], "races": [race(name=both)]}
    made, scored = read(*day(*RAN, definition=of, bibs=BIBS))
    assert [results_tables(made, scored, language)[0].title for language in (None, "vi", "fr")] == ["Men", "Nam", "Men"]
    assert start_lists(scored, "vi")[0].title == "Nam"
    assert rows(medal_table(scored, "vi")[0], "race_name")[0] == ("Nam",)
    assert rows(prize_tables(scored, "vi")[0], "list")[0] == ("Nam",)
