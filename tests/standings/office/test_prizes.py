"""Prizes, medals and titles by hand: ties, nobody moved up, and where an event says otherwise."""

import pytest

from schemas.definition_parse import parse_definition
from services.standings import standings
from services.standings.office.prizes import medal_list, prize_list, title_list
from tests.builders import board, definition, race, result, team

MEN = board("men", gender="M")
OLD = board("men-60", within="men", born_to=1966)


def prize(id, places, **of):
    return {"id": id, "article": "A.5.2", "what": id.capitalize(), "places": places, **of}


def won(rows, *prizes, boards=(MEN, OLD), **more):
    """Prize, list, place and winner of each award; a shared place ends in `=`."""
    made = parse_definition(definition(boards=list(boards), prizes=list(prizes), **more))
    return [
        (one.prize, one.on, f"{one.place}{'=' if one.shared else ''}", one.bib or one.team)
        for one in prize_list(made, standings(made, rows, None))
    ]


OVERALL = prize("overall", 2, boards=["men"])
CATEGORY = prize("category", 1, boards=["men-60"])


def test_prizes_go_by_the_places_of_their_boards():
    rows = [result("1", 4003), result("2", 4001), result("3", 4002), result("4", 4004), result("5", status="DNF")]
    assert won(rows, OVERALL) == [("overall", "men", "1", "2"), ("overall", "men", "2", "3")]


def test_an_athlete_of_the_overall_places_takes_both_prizes_and_nobody_moves_up():
    """Tien Phong 2024, A.5.2 and B.4.1."""
    rows = [result("1", 4001, birth_year=1960), result("2", 4002), result("3", 4003, birth_year=1961)]
    assert won(rows, OVERALL, CATEGORY) == [
        ("overall", "men", "1", "1"),
        ("overall", "men", "2", "2"),
        ("category", "men-60", "1", "1"),
    ]


def test_where_the_event_says_so_the_next_of_the_category_moves_up():
    rows = [result("1", 4001, birth_year=1960), result("2", 4002), result("3", 4003, birth_year=1961)]
    rows += [result("4", 4003, birth_year=1961), result("5", 4004, birth_year=1961)]
    moved = {**CATEGORY, "passes_over": ["overall"], "places": 3}
    assert won(rows, OVERALL, moved)[2:] == [
        ("category", "men-60", "1=", "3"),
        ("category", "men-60", "1=", "4"),
        ("category", "men-60", "3", "5"),
    ]


def test_a_prize_passed_over_twice_counts_those_of_both():
    rows = [result(str(at), 4000 + at, birth_year=1960) for at in range(1, 5)]
    second = prize("second", 1, boards=["men"], passes_over=["first"])
    third = prize("third", 1, boards=["men-60"], passes_over=["first", "second"])
    assert won(rows, prize("first", 1, boards=["men"]), second, third) == [
        ("first", "men", "1", "1"),
        ("second", "men", "1", "2"),
        ("third", "men-60", "1", "3"),
    ]


def test_all_who_tie_for_a_place_win_it_and_the_next_place_is_skipped():
    rows = [result("1", 4001), result("2", 4001), result("3", 4002), result("4", 4003), result("5", 4003)]
    assert won(rows, prize("overall", 4, boards=["men"])) == [
        ("overall", "men", "1=", "1"),
        ("overall", "men", "1=", "2"),
        ("overall", "men", "3", "3"),
        ("overall", "men", "4=", "4"),
        ("overall", "men", "4=", "5"),
    ]
    assert won(rows, OVERALL) == [("overall", "men", "1=", "1"), ("overall", "men", "1=", "2")]


def test_one_prize_goes_by_several_boards_each_for_itself():
    rows = [result("1", 4001), result("2", 4002, birth_year=1960)]
    assert won(rows, prize("first", 1, boards=["men", "men-60"])) == [
        ("first", "men", "1", "1"),
        ("first", "men-60", "1", "2"),
    ]


def test_pacers_win_nothing():
    assert won([result("1", 4001, ranked=False)], OVERALL) == []


TEAMS = {"id": "teams", "of": "men", "counting": 2}


def test_teams_and_delegations_win_by_theirs_and_who_has_no_place_wins_nothing():
    rows = [*team("A", ("1", 4001), ("2", 4004)), *team("B", ("3", 4002), ("4", 4003)), *team("C", ("5", 4005))]
    prizes = [prize("team", 3, team_boards=["teams"]), prize("cup", 1, delegations=["all"])]
    found = won(rows, *prizes, team_boards=[TEAMS], delegations=[{"id": "all", "sum": ["teams"], "tie": "teams"}])
    assert found == [("team", "teams", "1", "B"), ("team", "teams", "2", "A"), ("cup", "all", "1", "B")]


def test_teams_that_tie_share_their_place():
    rows = [*team("A", ("1", 4001), ("2", 4002)), *team("B", ("3", 4001), ("4", 4002))]
    found = won(rows, prize("team", 1, team_boards=["teams"]), team_boards=[TEAMS])
    assert found == [("team", "teams", "1=", "A"), ("team", "teams", "1=", "B")]


def test_a_teams_award_names_the_members_that_made_its_score_and_the_article():
    rows = team("A", ("1", 4001), ("2", 4002), ("3", 4003))
    plain = definition(boards=[MEN], team_boards=[TEAMS], prizes=[prize("team", 1, team_boards=["teams"])])
    made = parse_definition(plain)
    (award,) = prize_list(made, standings(made, rows, None))
    assert (award.members, award.article, award.what) == (["1", "2"], "A.5.2", "Team")


def test_medals_go_to_all_who_finish_within_the_limits_pacers_too():
    rows = [result("10", 4001), result("9", 4002, ranked=False), result("8", 4003, status="OTL")]
    rows += [result("7", status="DNF"), result("6", 900, race="5k"), result("5", 4000, status="DQ")]
    medals = [{"id": "m", "article": "B.4.1", "what": "Finisher medal"}]
    plain = definition(races=[race(), race("5k"), race("1k")], medals=medals)
    found = medal_list(parse_definition(plain), rows)
    assert [(one.medal, one.race, one.bibs) for one in found] == [("m", "hm", ["9", "10"]), ("m", "5k", ["6"])]
    taken = parse_definition({**plain, "medals": [{**medals[0], "races": ["5k"]}]})
    assert [one.race for one in medal_list(taken, rows)] == ["5k"]


def title(id, within_s, **of):
    return {"id": id, "article": "A.5.4", "name": id.capitalize(), "race": "hm", "within_s": within_s, **of}


def earned(rows, *titles, official="gun"):
    made = parse_definition(definition(races=[race(official_time=official)], titles=list(titles)))
    return [(one.title, one.bib, one.time_s) for one in title_list(made, rows)]


@pytest.mark.parametrize(("gun_s", "earns"), [("4200", True), ("4199.000001", True), ("4200.000001", False)])
def test_a_title_goes_by_printed_seconds(gun_s, earns):
    """4199.000001 s print as 4200, which is within; a microsecond over 4200 prints as 4201."""
    assert earned([result("1", gun_s)], title("master", 4200)) == ([("master", "1", 4200)] if earns else [])


def test_a_title_goes_by_the_official_time_unless_it_says_which():
    rows = [result("1", 4210, 4190)]
    assert earned(rows, title("master", 4200)) == []
    assert earned(rows, title("master", 4200), official="chip") == [("master", "1", 4190)]
    assert earned(rows, title("master", 4200, by="gun"), official="chip") == []
    assert earned(rows, title("master", 4200, by="chip")) == [("master", "1", 4190)]


def test_who_earns_the_higher_title_is_not_named_for_those_below():
    rows = [result("1", 4100), result("2", 4250), result("3", 4350), result("4", 4450)]
    titles = [
        title("third", 4400, below="second"),
        title("second", 4300, below="master"),
        title("master", 4200),
    ]
    assert earned(rows, *titles) == [("third", "3", 4350), ("second", "2", 4250), ("master", "1", 4100)]


def test_a_record_stands_beside_a_title():
    titles = [title("master", 4200), title("record", 4150, nationality="vie")]
    rows = [result("1", 4100, nationality="VIE"), result("2", 4050, nationality="KEN"), result("3", 4101)]
    assert earned(rows, *titles) == [
        ("master", "2", 4050),
        ("master", "1", 4100),
        ("master", "3", 4101),
        ("record", "1", 4100),
    ]


def test_titles_are_of_a_gender_and_division_and_for_ranked_finishers():
    rows = [
        result("1", 4100, gender="F", division="advanced"),
        result("2", 4100, gender="M", division="advanced"),
        result("3", 4100, gender="F", division="mass"),
        result("4", 4100, gender="F", division="advanced", ranked=False),
        result("5", 4100, gender="F", division="advanced", status="OTL"),
    ]
    assert earned(rows, title("master", 4200, gender="F", division="advanced")) == [("master", "1", 4100)]
