"""Prizes, medals and titles: ties, nobody moved up, and events that do otherwise."""

import pytest

from schemas.definition_parse import parse_definition
from schemas.results import JudgesOrder
from services.standings import standings
from services.standings.office.prizes import medal_list, prize_list, title_list
from tests.builders import board, definition, race, result, team

MEN = board("men", gender="M")
OLD = board("men-60", within="men", born_to=1966)


def prize(id, places, **more):
    return {"id": id, "article": "A.5.2", "what": id.capitalize(), "places": places, **more}


def won(rows, *prizes, boards=(MEN, OLD), **more):
    """Prize, list, place and winner of each award; a shared place ends in `=`."""
    made = parse_definition(definition(boards=list(boards), prizes=list(prizes), **more))
    return [
        (award.prize, award.on, f"{award.place}{'=' if award.shared else ''}", award.bib or award.team)
        for award in prize_list(made, standings(made, rows, None), rows)
    ]


OVERALL = prize("overall", 2, boards=["men"])
CATEGORY = prize("category", 1, boards=["men-60"])


def test_prizes_go_by_the_places_of_their_boards():
    rows = [result("1", 4003), result("2", 4001), result("3", 4002), result("4", 4004), result("5", status="DNF")]
    assert won(rows, OVERALL) == [("overall", "men", "1", "2"), ("overall", "men", "2", "3")]


def test_an_overall_winner_takes_both_prizes_and_nobody_moves_up():
    """Tien Phong 2024, A.5.2 and B.4.1."""
    rows = [result("1", 4001, birth_year=1960), result("2", 4002), result("3", 4003, birth_year=1961)]
    assert won(rows, OVERALL, CATEGORY) == [
        ("overall", "men", "1", "1"),
        ("overall", "men", "2", "2"),
        ("category", "men-60", "1", "1"),
    ]


def test_the_next_athlete_of_the_category_moves_up_if_the_event_says_so():
    rows = [result("1", 4001, birth_year=1960), result("2", 4002), result("3", 4003, birth_year=1961)]
    rows += [result("4", 4003, birth_year=1961), result("5", 4004, birth_year=1961)]
    moved = {**CATEGORY, "passes_over": ["overall"], "places": 3}
    assert won(rows, OVERALL, moved)[2:] == [
        ("category", "men-60", "1=", "3"),
        ("category", "men-60", "1=", "4"),
        ("category", "men-60", "3", "5"),
    ]


def test_a_prize_may_pass_over_the_winners_of_two_others():
    rows = [result(str(number), 4000 + number, birth_year=1960) for number in range(1, 5)]
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


def test_one_prize_is_given_for_each_of_several_boards():
    rows = [result("1", 4001), result("2", 4002, birth_year=1960)]
    assert won(rows, prize("first", 1, boards=["men", "men-60"])) == [
        ("first", "men", "1", "1"),
        ("first", "men-60", "1", "2"),
    ]


def test_pacers_win_nothing():
    assert won([result("1", 4001, ranked=False)], OVERALL) == []


TEAMS = {"id": "teams", "of": "men", "counting": 2}


def test_teams_and_delegations_win_prizes_and_those_without_a_place_do_not():
    rows = [*team("A", ("1", 4001), ("2", 4004)), *team("B", ("3", 4002), ("4", 4003)), *team("C", ("5", 4005))]
    prizes = [prize("team", 3, team_boards=["teams"]), prize("cup", 1, delegations=["all"])]
    awards = won(rows, *prizes, team_boards=[TEAMS], delegations=[{"id": "all", "sum": ["teams"], "tie": "teams"}])
    assert awards == [("team", "teams", "1", "B"), ("team", "teams", "2", "A"), ("cup", "all", "1", "B")]


def test_teams_that_tie_share_their_place():
    rows = [*team("A", ("1", 4001), ("2", 4002)), *team("B", ("3", 4001), ("4", 4002))]
    awards = won(rows, prize("team", 1, team_boards=["teams"]), team_boards=[TEAMS])
    assert awards == [("team", "teams", "1=", "A"), ("team", "teams", "1=", "B")]


def test_a_teams_award_names_the_members_that_made_its_score_and_the_article():
    rows = team("A", ("1", 4001), ("2", 4002), ("3", 4003))
    plain = definition(boards=[MEN], team_boards=[TEAMS], prizes=[prize("team", 1, team_boards=["teams"])])
    made = parse_definition(plain)
    (award,) = prize_list(made, standings(made, rows, None), rows)
    assert (award.members, award.article, award.what) == (["1", "2"], "A.5.2", "Team")


def test_everybody_who_finishes_within_the_limits_gets_a_medal_even_pacers():
    rows = [result("10", 4001), result("9", 4002, ranked=False), result("8", 4003, status="OTL")]
    rows += [result("7", status="DNF"), result("6", 900, race="5k"), result("5", 4000, status="DQ")]
    medals = [{"id": "m", "article": "B.4.1", "what": "Finisher medal"}]
    plain = definition(races=[race(), race("5k"), race("1k")], medals=medals)
    medals_won = medal_list(parse_definition(plain), rows)
    assert [(medal.medal, medal.race, medal.bibs) for medal in medals_won] == [
        ("m", "hm", ["9", "10"]),
        ("m", "5k", ["6"]),
    ]
    changed = parse_definition({**plain, "medals": [{**medals[0], "races": ["5k"]}]})
    assert [medal.race for medal in medal_list(changed, rows)] == ["5k"]


def title(id, within_s, **more):
    return {"id": id, "article": "A.5.4", "name": id.capitalize(), "race": "hm", "within_s": within_s, **more}


def earned(rows, *titles, official="gun"):
    made = parse_definition(definition(races=[race(official_time=official)], titles=list(titles)))
    return [(title.title, title.bib, title.time_s) for title in title_list(made, rows)]


@pytest.mark.parametrize(("gun_s", "earns"), [("4200", True), ("4199.000001", True), ("4200.000001", False)])
def test_a_title_goes_by_printed_seconds(gun_s, earns):
    """4199.000001 s print as 4200, which is within; a microsecond over 4200 prints as 4201."""
    assert earned([result("1", gun_s)], title("master", 4200)) == ([("master", "1", 4200)] if earns else [])


def test_a_title_is_by_the_official_time_unless_it_names_another():
    rows = [result("1", 4210, 4190)]
    assert earned(rows, title("master", 4200)) == []
    assert earned(rows, title("master", 4200), official="chip") == [("master", "1", 4190)]
    assert earned(rows, title("master", 4200, by="gun"), official="chip") == []
    assert earned(rows, title("master", 4200, by="chip")) == [("master", "1", 4190)]


def test_an_athlete_with_a_higher_title_is_not_listed_for_lower_ones():
    rows = [result("1", 4100), result("2", 4250), result("3", 4350), result("4", 4450)]
    titles = [
        title("third", 4400, below="second"),
        title("second", 4300, below="master"),
        title("master", 4200),
    ]
    assert earned(rows, *titles) == [("third", "3", 4350), ("second", "2", 4250), ("master", "1", 4100)]


def test_a_record_is_listed_beside_a_title():
    titles = [title("master", 4200), title("record", 4150, nationality="vie")]
    rows = [result("1", 4100, nationality="VIE"), result("2", 4050, nationality="KEN"), result("3", 4101)]
    assert earned(rows, *titles) == [
        ("master", "2", 4050),
        ("master", "1", 4100),
        ("master", "3", 4101),
        ("record", "1", 4100),
    ]


def test_titles_have_a_gender_and_division_and_go_to_ranked_finishers():
    rows = [
        result("1", 4100, gender="F", division="advanced"),
        result("2", 4100, gender="M", division="advanced"),
        result("3", 4100, gender="F", division="mass"),
        result("4", 4100, gender="F", division="advanced", ranked=False),
        result("5", 4100, gender="F", division="advanced", status="OTL"),
    ]
    assert earned(rows, title("master", 4200, gender="F", division="advanced")) == [("master", "1", 4100)]


def by_place(rows, *titles, boards=(), orders=(), official="gun"):
    made = parse_definition(
        definition(
            races=[race(official_time=official)],
            boards=[MEN, *boards],
            titles=[
                {"id": f"t{number}", "article": "A.5.4", "name": "Grade", "race": "hm", **row}
                for number, row in enumerate(titles)
            ],
        )
    )
    return [(title.title, title.bib, title.place, title.within_s) for title in title_list(made, rows, orders)]


def test_a_title_by_place_counts_among_those_who_pass_its_conditions():
    rows = [result("1", 4001, gender="F"), result("2", 4002), result("3", 4003), result("4", 4004), result("5", 4005)]
    rows += [result("6", 4000, ranked=False), result("7", 4000, status="OTL")]
    assert by_place(rows, {"places": [2, 3], "gender": "M"}) == [("t0", "3", 2, None), ("t0", "4", 3, None)]


def test_all_who_tie_for_a_place_earn_its_title_unless_the_judges_order_them():
    rows = [result("1", 4001), result("2", 4001), result("3", 4002)]
    assert by_place(rows, {"places": [1, 1]}) == [("t0", "1", 1, None), ("t0", "2", 1, None)]
    assert by_place(rows, {"places": [2, 2]}) == []
    orders = [JudgesOrder("hm", ["2", "1"])]
    assert by_place(rows, {"places": [1, 1]}, orders=orders) == [("t0", "2", 1, None)]


def test_a_title_by_place_has_the_order_of_the_board_of_the_same_athletes():
    first = {"places": [1, 1], "division": "advanced"}
    rows = [result(bib, *s, division="advanced") for bib, s in {"1": (4010, 4001), "2": (4002, 4002)}.items()]
    inner = board("adv", within="men", division="advanced")
    assert by_place(rows, first | {"gender": "M"}, boards=[inner], official="chip")[0][1] == "2"  # as `men`, by gun
    assert by_place(rows, first | {"gender": "M"}, official="chip")[0][1] == "1"  # no such board, so by official time
    assert by_place(rows, first | {"gender": "M", "by": "chip"}, boards=[inner])[0][1] == "1"


def test_a_champion_is_not_listed_for_the_title_below():
    rows = [result("1", 4001), result("2", 4002), result("3", 4003)]
    titles = ({"places": [1, 1]}, {"places": [1, 2], "below": "t0"})
    assert by_place(rows, *titles) == [("t0", "1", 1, None), ("t1", "2", 2, None)]


def test_a_title_by_place_says_the_place_and_the_printed_time():
    made = parse_definition(
        definition(titles=[{"id": "t", "article": "5", "name": "Grade", "race": "hm", "places": [2, 2]}])
    )
    (title,) = title_list(made, [result("1", 4001), result("2", "4001.5")])
    assert (title.bib, title.place, title.time_s, title.within_s) == ("2", 2, 4002, None)


@pytest.mark.parametrize(("of_title", "of_board"), [("vie", "VIE"), ("VIE", "vie")])
def test_a_title_for_a_nationality_has_the_order_of_the_board_for_it(of_title, of_board):
    rows = [result(bib, *s, nationality="VIE") for bib, s in {"1": (4010, 4001), "2": (4002, 4002)}.items()]
    rows.append(result("3", 4000, 4000, nationality="KEN"))
    first = {"places": [1, 1], "nationality": of_title}
    assert by_place(rows, first, boards=[board("vie", nationality=of_board)], official="chip") == [("t0", "2", 1, None)]
    assert by_place(rows, first, boards=[board("ken", nationality="KEN")], official="chip") == [("t0", "1", 1, None)]
    assert by_place(rows, {"places": [1, 1], "gender": "M"}, official="chip") == [("t0", "3", 1, None)]
