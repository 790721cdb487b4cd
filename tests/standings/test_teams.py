"""Team standings and their cases. Source: R4.4 to R4.6."""

import pytest

from schemas.definition_parse import parse_definition
from schemas.results import EventRow
from services.standings import standings
from tests.builders import EVENT, board, decided, definition, entry, result, run, scored, team

MEN = board("men", gender="M")


def made(rows, boards=(MEN,), decisions=(), **more):
    """Standings with one team board of the first board."""
    plain = definition(boards=list(boards), team_boards=[{"id": "teams", "of": boards[0]["id"], **more}])
    event = EventRow(event=EVENT, version=0, decided=list(decisions))
    return standings(parse_definition(plain), rows, event)


def teams(rows, **more):
    """Place, team and score, then the members as `bib:score`."""
    standing = made(rows, **more).team_boards["teams"]
    return [(row.place, row.team, row.score, " ".join(f"{m.bib}:{m.score}" for m in row.members)) for row in standing]


def finishers(*, letters="MMM"):
    """Places 1, 2, 3, ... by bib; `letters` names each finisher's team, `-` for none."""
    return [
        result(str(place), 4000 + place, first_entry=place, **({} if letter == "-" else {"team": letter}))
        for place, letter in enumerate(letters, 1)
    ]


# --- sum_places.


def test_the_three_best_places_of_a_team_add_up_and_fewest_points_are_first():
    """A: 1 + 4 + 5 = 10, B: 2 + 3 + 6 = 11, the fourth of each does not count.

    Source: Tien Phong 2024 regulations, III.A.4.2.
    """
    assert teams(finishers(letters="ABBAABAB")) == [(1, "A", 10, "1:1 4:4 5:5"), (2, "B", 11, "2:2 3:3 6:6")]


def test_places_are_those_of_the_board_including_other_athletes():
    """Runners without a team take places 2 and 4."""
    assert teams(finishers(letters="A-A-A")) == [(1, "A", 9, "1:1 3:3 5:5")]


@pytest.mark.parametrize(
    ("counting", "score", "members"), [(1, 1, "1:1"), (2, 3, "1:1 2:2"), (5, 15, "1:1 2:2 3:3 4:4 5:5")]
)
def test_the_definition_says_how_many_count(counting, score, members):
    assert teams(finishers(letters="AAAAA"), counting=counting) == [(1, "A", score, members)]


def test_the_third_athlete_decides_between_equal_sums():
    """A: 1 + 2 + 9 = 12, B: 3 + 4 + 5 = 12; the better third athlete is B's. Source: III.A.4.2."""
    assert [row[:3] for row in teams(finishers(letters="AABBB---A"))] == [(1, "B", 12), (2, "A", 12)]


def test_the_second_athlete_decides_if_the_third_ones_tie():
    """The third athletes of both tie for place 6. A: 1 + 5 + 6, B: 2 + 4 + 6, both 12: the second of B is better."""
    rows = [*team("A", ("1", 1), ("5", 5), ("6", 6)), *team("B", ("2", 2), ("4", 4), ("7", 6)), *team("C", ("3", 3))]
    assert [row[:3] for row in teams(rows)] == [(1, "B", 12), (2, "A", 12), (None, "C", None)]


def test_teams_that_tie_in_everything_share_a_place_and_the_next_is_skipped():
    """A and B tie athlete by athlete: places 1, 1, 3, 3, 5, 5, sums 9 and 9. C: 7 + 8 + 9 = 24 is third."""
    rows = [
        *team("B", ("1", 1), ("3", 3), ("5", 5)),
        *team("A", ("2", 1), ("4", 3), ("6", 5)),
        *team("C", ("7", 7), ("8", 8), ("9", 9)),
    ]
    assert teams(rows) == [
        (1, "A", 9, "2:1 4:3 6:5"),
        (1, "B", 9, "1:1 3:3 5:5"),
        (3, "C", 24, "7:7 8:8 9:9"),
    ]


def test_of_equal_scores_the_counting_ones_are_taken_and_listed_by_bib():
    """Four of A tie for place 1; three count: 9, 10 and 11, shorter bibs first. Source: R4.6."""
    rows = team("A", ("100", 5), ("11", 5), ("9", 5), ("10", 5))
    assert teams(rows) == [(1, "A", 3, "9:1 10:1 11:1")]


# --- N + 1.


def test_a_dnf_scores_one_more_than_the_number_who_competed():
    """Five started: N = 5, the DNF scores 6, and A is ranked with 1 + 2 + 6 = 9. Source: III.A.4.2."""
    rows = [*team("A", ("1", 1), ("2", 2), ("3", None, "DNF")), *team("B", ("4", 4), ("5", 5))]
    assert teams(rows)[0] == (1, "A", 9, "1:1 2:2 3:6")


def test_over_the_limit_counts_as_not_finishing():
    assert teams(team("A", ("1", 1), ("2", 2), ("3", 9999, "OTL"))) == [(1, "A", 1 + 2 + 4, "1:1 2:2 3:4")]


def test_a_disqualified_athlete_counts_as_started_and_scores_nothing():
    """N = 4 with the DQ, so the DNF scores 5; the team has three other scores."""
    rows = team("A", ("1", 1), ("2", 2), ("3", None, "DNF"), ("4", 3, "DQ"))
    assert teams(rows) == [(1, "A", 1 + 2 + 5, "1:1 2:2 3:5")]
    rows = team("A", ("1", 1), ("2", 2), ("4", 3, "DQ"))
    assert teams(rows) == [(None, "A", None, "1:1 2:2")]


@pytest.mark.parametrize(
    ("status", "competed"), [("DNS", 3), ("NOT_STARTED", 3), ("ON_COURSE", 4), ("DQ", 4), ("OTL", 4)]
)
def test_everybody_who_started_counts_as_competing(status, competed):
    """Three others started; this athlete is in no team. Source: R4.4."""
    rows = [*team("A", ("1", 1), ("2", 2), ("3", None, "DNF")), result("9", None, status=status)]
    assert teams(rows) == [(1, "A", 1 + 2 + competed + 1, f"1:1 2:2 3:{competed + 1}")]


def test_only_athletes_of_the_board_and_its_parents_count_as_competing():
    """N counts the ranked men of this race: a woman, a pacer and a runner of another race do not count."""
    rows = [
        *team("A", ("1", 1), ("2", 2), ("3", None, "DNF")),
        result("7", 5, gender="F"),
        result("8", 6, ranked=False),
        result("9", 7, race="5k"),
    ]
    assert teams(rows)[0][2] == 1 + 2 + 4


def test_on_a_board_within_another_n_counts_athletes_who_pass_both_filters():
    """Juniors among the men: the senior and the junior woman do not count, so N = 3."""
    boards = [board("juniors", within="men", born_from=2005), board("men", gender="M")]
    rows = [
        *[result(str(n), n, birth_year=2006, team="A", first_entry=n) for n in (1, 2)],
        result("3", None, status="DNF", birth_year=2006, team="A", first_entry=3),
        result("4", 4, birth_year=1990),
        result("5", 5, gender="F", birth_year=2006),
    ]
    assert teams(rows, boards=boards) == [(1, "A", 1 + 2 + 4, "1:1 2:2 3:4")]


def test_without_n_plus_1_a_dnf_scores_nothing():
    rows = team("A", ("1", 1), ("2", 2), ("3", None, "DNF"))
    assert teams(rows, non_finisher="none") == [(None, "A", None, "1:1 2:2")]


def test_athletes_on_course_or_not_started_have_no_score():
    rows = team("A", ("1", 1), ("2", 2), ("3", None, "ON_COURSE"), ("4", None, "DNS"), ("5", None, "NOT_STARTED"))
    assert teams(rows) == [(None, "A", None, "1:1 2:2")]


def test_every_dnf_scores_n_plus_1():
    rows = team("A", ("1", None, "DNF"), ("2", None, "OTL"), ("3", 1))
    assert teams(rows) == [(1, "A", 1 + 4 + 4, "3:1 1:4 2:4")]


# --- Teams without a place.


def test_a_team_with_too_few_scores_comes_last_by_name_and_lists_the_scores_it_has():
    rows = [*team("Hue", ("1", 1), ("2", 2)), *team("Can Tho", ("3", 3)), *team("Vinh", ("4", 4), ("5", 5), ("6", 6))]
    assert teams(rows) == [
        (1, "Vinh", 15, "4:4 5:5 6:6"),
        (None, "Can Tho", None, "3:3"),
        (None, "Hue", None, "1:1 2:2"),
    ]


def test_a_team_without_any_score_is_listed():
    assert teams(team("A", ("1", None, "DNS"))) == [(None, "A", None, "")]


def test_athletes_without_a_team_are_in_none():
    assert teams([result("1", 1), result("2", 2, team="")]) == []


def test_pacers_are_in_no_team():
    rows = [*team("A", ("1", 1), ("2", 2)), result("3", 3, team="A", ranked=False)]
    assert teams(rows) == [(None, "A", None, "1:1 2:2")]


# --- sum_times and last_time.


TIMES = [
    *team("A", ("1", "4000.1"), ("2", "4100.1"), ("3", "4200.1")),
    *team("B", ("4", 4050), ("5", 4060), ("6", 4190)),
]


def test_the_lowest_printed_times_add_up():
    """Printed seconds, so that everybody can add them up: A 4001 + 4101 + 4201. Source: R4.5."""
    assert teams(TIMES, score="sum_times") == [
        (1, "B", 12300, "4:4050 5:4060 6:4190"),
        (2, "A", 12303, "1:4001 2:4101 3:4201"),
    ]


def test_the_latest_of_the_counting_times_may_be_the_score():
    assert teams(TIMES, score="last_time") == [
        (1, "B", 4190, "4:4050 5:4060 6:4190"),
        (2, "A", 4201, "1:4001 2:4101 3:4201"),
    ]


def test_of_more_times_only_the_lowest_count():
    rows = [*team("A", ("1", 4000), ("2", 4300), ("3", 4100), ("4", 4200))]
    assert teams(rows, score="sum_times", counting=2) == [(1, "A", 8100, "1:4000 3:4100")]
    assert teams(rows, score="last_time", counting=2) == [(1, "A", 4100, "1:4000 3:4100")]


@pytest.mark.parametrize("score", ["sum_times", "last_time"])
def test_by_times_equal_scores_always_share_a_place(score):
    """A 10 + 30, B 20 + 20 in the sum; by the last 30 and 30. Nothing else decides between them."""
    second = {"sum_times": 20, "last_time": 30}[score]
    rows = [*team("A", ("1", 10), ("2", 30)), *team("B", ("3", 20), ("4", second)), *team("C", ("5", 50), ("6", 60))]
    assert [row[:2] for row in teams(rows, score=score, counting=2)] == [(1, "A"), (1, "B"), (3, "C")]


@pytest.mark.parametrize("score", ["sum_times", "last_time"])
def test_by_times_fewer_finishers_than_count_have_no_place_and_n_plus_1_does_not_apply(score):
    rows = team("A", ("1", 10), ("2", 20), ("3", None, "DNF"), ("4", 25, "OTL"), ("5", 27, "DQ"))
    assert teams(rows, score=score) == [(None, "A", None, "1:10 2:20")]


def test_by_times_the_printed_time_of_the_board_counts():
    """On a gun_then_chip board the leader has gun time, the rest chip time: 4000 and 3900."""
    rows = [result("1", 4000, 3999, team="A"), result("2", 4100, 3900, team="A")]
    boards = (board("men", rank_by="gun_then_chip", gun_places=1),)
    assert teams(rows, boards=boards, score="sum_times", counting=2) == [(1, "A", 7900, "2:3900 1:4000")]


def test_the_hanoi_team_total_is_the_time_of_all_five():
    """Five members, the total of all five members' times. Source: Hanoi half marathon 2024 regulations."""
    rows = [
        *team("Club", *((str(n), 5000 + n) for n in range(1, 6))),
        *team("Four", *((str(n), n) for n in range(6, 10))),
    ]
    placed = teams(rows, score="sum_times", counting=5, max_members=5)
    assert [row[:3] for row in placed] == [(1, "Club", 25_015), (None, "Four", None)]


def test_a_sports_family_has_the_time_of_its_last_member():
    """Parent and child must both finish. Source: Hanoi half marathon 2024 regulations, sports family."""
    rows = [*team("Sao", ("1", 500), ("2", 520)), *team("Bien", ("3", 400), ("4", 530)), *team("Gio", ("5", 300))]
    placed = teams(rows, score="last_time", counting=2, max_members=2)
    assert [row[:3] for row in placed] == [(1, "Sao", 520), (2, "Bien", 530), (None, "Gio", None)]


# --- Too many members. Section 4.6.


SIX = [("1", 6), ("2", 5), ("3", 4), ("4", 3), ("5", 2), ("6", 1)]


def test_of_too_many_members_the_first_by_log_order_count():
    """Six of A: 6, the best of all, was entered last and does not count. The places are 6, 5, 4, 3, 2."""
    standing = made(team("A", *SIX))
    assert [(m.bib, m.score) for m in standing.team_boards["teams"][0].members] == [("5", 2), ("4", 3), ("3", 4)]


def test_more_than_max_members_open_a_case_and_five_do_not():
    assert [(case.case, case.bib, case.race, case.open) for case in made(team("A", *SIX)).cases] == [
        ("team:teams:A", None, "hm", True)
    ]
    assert made(team("A", *SIX[:5])).cases == []


def test_deciding_the_case_only_closes_it():
    standing = made(team("A", *SIX), decisions=["team:teams:A"])
    assert [(case.case, case.open) for case in standing.cases] == [("team:teams:A", False)]
    assert standing.team_boards == made(team("A", *SIX)).team_boards


def test_an_athlete_who_did_not_start_still_counts_as_a_member():
    """Six entries, one of them DNS: a case, and the sixth does not count."""
    rows = team("A", ("1", None, "DNS"), *SIX[1:5], ("6", 1))
    standing = made(rows)
    assert [case.case for case in standing.cases] == ["team:teams:A"]
    assert "6" not in [member.bib for member in standing.team_boards["teams"][0].members]


def test_members_are_in_order_of_first_entry_not_of_results():
    rows = team("A", *SIX)
    assert made(list(reversed(rows))).team_boards == made(rows).team_boards


def test_entries_of_another_board_do_not_count_towards_it():
    rows = [*team("A", *SIX[:5]), result("7", 7, gender="F", team="A"), result("8", 8, ranked=False, team="A")]
    assert made(rows).cases == []


def test_each_too_large_team_has_its_own_case_by_name():
    rows = [*team("B", *((f"2{n}", n) for n in range(6))), *team("A", *((f"1{n}", n) for n in range(6)))]
    assert [case.case for case in made(rows).cases] == ["team:teams:A", "team:teams:B"]


def test_in_a_log_the_case_is_listed_after_athletes_cases_and_a_decision_closes_it():
    plain = definition(team_boards=[{"id": "teams", "of": "men", "max_members": 2, "counting": 1}])
    bibs = [entry(bib, team="Ha Noi") for bib in ("7", "8", "9")]
    document = scored(run("8", k10=None), definition=plain, bibs=bibs)
    assert document["cases"] == [
        {"case": "missed:8", "bib": "8", "race": "hm", "open": True},
        {"case": "team:teams:Ha Noi", "bib": None, "race": "hm", "open": True},
    ]
    document = scored(decided(" team:teams:Ha Noi", "accept"), definition=plain, bibs=bibs)
    assert [case["open"] for case in document["cases"]] == [False]


def test_a_replaced_entry_keeps_its_place_among_the_members():
    """7 was entered first and replaced last: 7 is still among the first two."""
    plain = definition(team_boards=[{"id": "teams", "of": "men", "max_members": 2, "counting": 2}])
    first = [entry("7", team="A"), entry("8", team="A"), entry("9", team="A")]
    again = {"type": "entries_added", "event": EVENT, "entries": [entry("7", team="A", club="new")]}
    document = scored(run("7"), run("8", finish=4001), run("9", finish=4002), again, definition=plain, bibs=first)
    assert document["team_boards"]["teams"] == [
        {"place": 1, "team": "A", "score": 3, "members": [{"bib": "7", "score": 1}, {"bib": "8", "score": 2}]}
    ]
