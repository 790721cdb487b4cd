"""The definitions that come with Matline: they load, and say what the races' rules say."""

import re
from typing import Any

import pytest

import races
from schemas.course_times import clock_instant_us, start_instant_us
from schemas.definition import Definition
from schemas.definition_parse import definition_from_toml
from schemas.ids import US
from schemas.named import in_language
from schemas.office import TABLES

NAMES = ["hanoi-half-2024", "tien-phong-2024", "vnexpress-hcmc-midnight-2024", "vnexpress-nha-trang-2023"]


def loaded(name: str) -> Definition:
    return definition_from_toml(races.definition_toml(name))


def test_the_four_races_are_there():
    assert races.names() == NAMES


def test_an_unknown_race_is_named_with_those_there_are():
    with pytest.raises(races.UnknownRace, match=r"'tien-phong'.*hanoi-half-2024, tien-phong-2024"):
        races.definition_toml("tien-phong")


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_passes_its_own_checks_and_is_named_like_its_event(name):
    assert loaded(name).event == name


@pytest.mark.parametrize("name", NAMES)
def test_every_mat_has_a_backup_and_serves_a_point(name):
    definition = loaded(name)
    used = {point.mat for race in definition.races for point in race.points}
    assert used == {mat.id for mat in definition.mats}
    assert all(mat.backup_devices for mat in definition.mats)


@pytest.mark.parametrize("name", NAMES)
def test_no_course_crosses_a_mat_twice_but_the_start_line(name):
    for race in loaded(name).races:
        mats = [point.mat for point in race.points[1:]]
        assert len(mats) == len(set(mats))


@pytest.mark.parametrize("name", NAMES)
def test_every_board_and_team_board_has_a_name_for_people(name):
    definition = loaded(name)
    named: list[Any] = [*definition.boards, *definition.team_boards, *definition.delegations]
    assert all(each.name for each in named)


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_says_what_it_assumes(name):
    text = races.definition_toml(name).decode()
    assert "# Source: " in text
    assert len(re.findall("[Aa]ssumed", text)) >= 4


def test_tien_phong_has_its_sixteen_events_and_four_teams():
    definition = loaded("tien-phong-2024")
    boards = {board.id: board for board in definition.boards}
    advanced = ["5k-women-senior", "5k-women-junior", "10k-men-senior", "10k-men-junior"]
    advanced += [f"{race}-{who}-advanced" for race in ("21k", "42k") for who in ("men", "women")]
    mass = [f"{race}-{who}-mass" for race in ("5k", "10k", "21k", "42k") for who in ("men", "women")]
    assert set(advanced + mass) <= set(boards)
    assert {(b.born_from, b.born_to) for b in definition.boards if b.within and b.within.endswith("-mass")} == {
        (1995, 2008),
        (1985, 1994),
        (1975, 1984),
        (1965, 1974),
        (None, 1964),
    }
    assert {boards[f"{race}-{who}"].gun_places for race in ("21k", "42k") for who in ("men", "women")} == {5}
    assert {boards[name].gun_places for name in advanced[:4]} == {3}
    assert all(boards[name].within in ("21k-men", "21k-women", "42k-men", "42k-women") for name in advanced[4:])
    assert {(t.counting, t.max_members, t.score, t.non_finisher) for t in definition.team_boards} == {
        (3, 5, "sum_places", "n_plus_1")
    }
    assert [t.of for t in definition.team_boards] == [
        "10k-men-senior",
        "10k-men-junior",
        "5k-women-senior",
        "5k-women-junior",
    ]
    assert definition.delegations[0].tie == "10k-teams-men-junior"
    assert {race.id: race.points[-1].cutoff.gun for race in definition.races} == {
        "42k": "6:00:00",
        "21k": "3:30:00",
        "10k": "2:30:00",
        "5k": "1:30:00",
    }
    assert {(race.missing_start, race.missing_mat) for race in definition.races} == {("dnf", "dnf")}
    assert definition.protest_window_s == 600


def test_hanoi_has_its_cut_offs_by_the_clock_and_chip_time_printed():
    definition = loaded("hanoi-half-2024")
    limits = {
        (race.id, point.id): point.cutoff.clock
        for race in definition.races
        for point in race.points
        if point.cutoff is not None
    }
    assert limits == {
        ("21k", "10K"): "06:26:00",
        ("21k", "15K"): "07:08:00",
        ("21k", "FINISH"): "08:00:00",
        ("10k", "FINISH"): "06:30:00",
        ("5k", "FINISH"): "07:30:00",
        ("family", "FINISH"): "08:30:00",
        ("walk", "FINISH"): "09:00:00",
    }
    timed = [race for race in definition.races if race.id in ("21k", "10k", "5k")]
    assert {(r.official_time, r.gun_from, r.missing_start, r.missing_mat) for r in timed} == {
        ("chip", "race", "dnf", "dnf")
    }
    assert {b.ranked_by() for b in definition.boards if b.within is None} == {"gun"}
    assert {(t.id, t.score, t.counting) for t in definition.team_boards} == {
        ("21k-teams-men", "sum_times", 5),
        ("21k-teams-women", "sum_times", 5),
        ("10k-teams-men", "sum_times", 5),
        ("10k-teams-women", "sum_times", 5),
        ("families", "last_time", 2),
    }
    assert "walk" not in {board.race for board in definition.boards}
    assert definition.protest_window_s == 86_400


def test_the_midnight_race_starts_on_both_sides_of_midnight_and_its_limits_lie_after_their_start():
    definition = loaded("vnexpress-hcmc-midnight-2024")
    starts = {race.id: race.start[:10] for race in definition.races}
    assert starts["42k"] < definition.date == starts["21k"]
    marathon = definition.races[0]
    start_us = start_instant_us(definition, marathon)
    after_s = [
        (clock_instant_us(definition, marathon, point.cutoff.clock or "none") - start_us) // US
        for point in marathon.points
        if point.cutoff is not None
    ]
    assert after_s == [3 * 3600 + 40 * 60, 5 * 3600 + 5 * 60, 7 * 3600]


@pytest.mark.parametrize("name", NAMES[2:])
def test_vnexpress_ranks_three_by_gun_and_has_boards_by_age_and_nation(name):
    definition = loaded(name)
    top = [board for board in definition.boards if board.within is None]
    assert len(top) == 8
    assert {(b.ranked_by(), b.gun_places) for b in top} == {("gun_then_chip", 3)}
    oldest = int(definition.date[:4]) - 60
    assert sum(b.born_to == oldest for b in definition.boards) == 8
    assert {b.nationality for b in definition.boards if b.within == "42k-men" and b.nationality} >= {"JPN", "KEN"}


def test_at_nha_trang_a_marathon_of_2_36_and_a_half_of_1_41_end_together():
    definition = loaded("vnexpress-nha-trang-2023")
    start = {race.id: start_instant_us(definition, race) // US for race in definition.races}
    assert start["42k"] + 2 * 3600 + 36 * 60 == start["21k"] + 1 * 3600 + 41 * 60


# --- The race office's tables.


def rows(definition: Definition, table: str):
    return {row.id: row for row in getattr(definition, table)}


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_office_quotes_an_article_and_each_athlete_may_enter_once(name):
    definition = loaded(name)
    quoted = [row.article for table in TABLES for row in getattr(definition, table)]
    assert all(quoted)
    assert {article == "assumed" for article in quoted} == {name.startswith("vnexpress")}
    once = [rule for rule in definition.eligibility if rule.once is not None]
    covered = {race for rule in once for race in rule.races or [race.id for race in definition.races]}
    assert covered == {race.id for race in definition.races}


def test_tien_phong_says_who_may_enter():
    asked = rows(loaded("tien-phong-2024"), "eligibility")
    assert (asked["senior-age"].born_to, asked["junior-age"].born_from) == (2008, 2005)
    assert (asked["mass-long-age"].races, asked["mass-long-age"].born_to) == (["42k", "21k"], 2008)
    assert asked["mass-consent"].consent_under == 18
    declared = " ".join(rule.attest for rule in asked.values() if rule.divisions == ["mass"] and rule.attest)
    for words in ("of 2023", "2021, 2022 or 2023", "2021, 2022, 2023 or 2024"):
        assert words in declared


def test_tien_phong_gives_five_overall_and_three_of_each_event_and_group_with_nobody_moved_up():
    definition = loaded("tien-phong-2024")
    prizes = rows(definition, "prizes")
    assert (prizes["overall"].places, prizes["overall"].boards) == (5, ["42k-men", "42k-women", "21k-men", "21k-women"])
    assert all(not prize.passes_over for prize in prizes.values())
    assert {prize.places for name, prize in prizes.items() if name not in ("overall", "delegation-cup")} == {3}
    groups = [board.id for board in definition.boards if board.within and board.within.endswith("-mass")]
    assert sorted(prizes["age-group"].boards) == sorted(groups)
    assert len(prizes["national"].boards) == len(prizes["mass"].boards) == 8
    assert prizes["national"].team_boards == [team.id for team in definition.team_boards]
    assert definition.medals[0].races == []


def test_tien_phong_has_its_names_in_english_and_in_vietnamese_as_its_regulations_do():
    definition = loaded("tien-phong-2024")
    assert in_language(definition.name, None) == "Tien Phong Marathon National Championship 2024"
    assert in_language(definition.name, "vi").startswith("Giải vô địch quốc gia marathon và cự ly dài giải báo Tiền")
    boards = {board.id: board.name or "" for board in definition.boards}
    assert in_language(boards["10k-men-senior"], "vi") == "10 km nam tuyển"
    assert in_language(boards["21k-women-mass-60-plus"], "vi") == "Bán marathon nữ, hệ phong trào, từ 60 tuổi trở lên"
    assert [in_language(team.name or "", "vi") for team in definition.team_boards] == [
        "Đội nam tuyển",
        "Đội nam trẻ",
        "Đội nữ tuyển",
        "Đội nữ trẻ",
    ]
    assert in_language(definition.delegations[0].name or "", "vi") == "Toàn đoàn"


def test_tien_phong_has_the_titles_whose_times_are_public():
    titles = rows(loaded("tien-phong-2024"), "titles")
    assert {name: title.within_s for name, title in titles.items() if "record" not in name} == {
        "master-men": 2 * 3600 + 35 * 60,
        "grade-1-men": 2 * 3600 + 42 * 60,
        "master-women": 2 * 3600 + 55 * 60,
        "grade-1-women": 3 * 3600 + 6 * 60,
    }
    assert {title.nationality for name, title in titles.items() if "record" in name} == {"VIE"}


def test_hanoi_says_who_may_enter_and_what_a_family_is():
    definition = loaded("hanoi-half-2024")
    asked = rows(definition, "eligibility")
    assert (asked["10k-age"].races, asked["10k-age"].born_to) == (["10k"], 2010)
    assert (asked["21k-age"].races, asked["21k-age"].born_to) == (["21k"], 2008)
    assert (asked["elite-men"].standard_s, asked["elite-women"].standard_s) == (90 * 60, 105 * 60)
    parent, child = rows(definition, "compositions")["sports-family"].members
    assert (parent.what, parent.count, child.what, child.count, child.born_from) == ("parent", 1, "child", 1, 2009)
    (runner,) = rows(definition, "compositions")["five"].members
    assert runner.count == 5
    assert definition.waves[0].races == ["21k", "10k", "5k"]


def test_hanoi_gives_no_prizes_in_race_walking():
    definition = loaded("hanoi-half-2024")
    race_of = {board.id: board.race for board in definition.boards}
    assert {race_of[board] for prize in definition.prizes for board in prize.boards} == {"21k", "10k", "5k"}


@pytest.mark.parametrize("name", NAMES[2:])
def test_vnexpress_runs_long_from_the_age_where_its_groups_begin(name):
    definition = loaded(name)
    youngest = max(board.born_to or 0 for board in definition.boards if board.race == "42k")
    assert rows(definition, "eligibility")["long-age"].born_to == youngest
