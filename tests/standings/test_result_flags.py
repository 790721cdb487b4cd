"""Flags of results in words, and what prizes rest on."""

import json
from pathlib import Path

from msgspec.structs import replace

from schemas.definition_parse import parse_definition
from schemas.results import Case, PointTime
from services.offline.export.lists import prize_tables
from services.standings import standings
from services.standings.office.prizes import medal_list, prize_list, title_list
from services.standings.result_flags import flag_reasons, flag_words, legend, public_flags, waived_points
from tests.builders import board, definition, point, race, result, team
from tests.offline.export.exported import read, rows

FIELD = Path(__file__).parents[1] / "data" / "field"
COURSE = [point("START"), point("5K", km=5), point("10K", km=10), point("FINISH", km=21)]
OF = parse_definition(
    definition(
        mats=[{"id": name, "devices": [name.upper()]} for name in ("start", "5k", "10k", "finish")],
        races=[race(points=COURSE)],
        boards=[board("men")],
        team_boards=[{"id": "teams", "of": "men", "counting": 2, "max_members": 2}],
        delegations=[{"id": "all", "sum": ["teams"]}],
        prizes=[
            {"id": "first", "article": "1", "what": "Cup", "places": 2, "boards": ["men"]},
            {
                "id": "team",
                "article": "2",
                "what": "Cup",
                "places": 1,
                "team_boards": ["teams"],
                "delegations": ["all"],
            },
        ],
        medals=[{"id": "m", "article": "3", "what": "Medal"}],
        titles=[{"id": "t", "article": "4", "name": "Master", "race": "hm", "within_s": 4200}],
    )
)
MISSED = Case("missed:7", "hm", "7")


def flagged(row, *flags, **more):
    return replace(row, flags=list(flags), **more)


def test_only_flags_that_concern_the_public_are_shown_and_an_open_case_is_one():
    row = flagged(result("7", 4000), "lap_ambiguous", "start_assumed", "review", "waived", "penalty", penalty_us=30)
    assert public_flags(row) == ["penalty", "review", "start_assumed", "waived"]
    assert public_flags(replace(row, cases=[replace(MISSED, open=False)])) == public_flags(row)
    assert public_flags(replace(row, cases=[MISSED])) == ["case", *public_flags(row)]


def test_flags_in_words_name_the_penalty():
    late = flagged(result("7", 4000), "penalty", "start_assumed", penalty_us=30_500_000)
    assert flag_words(late) == "penalty +0:00:30.5, start assumed"
    assert flag_words(flagged(result("7", 4000), "penalty", penalty_us=-60_000_000)) == "penalty −0:01:00"
    assert flag_words(result("7", 4000)) == ""


def test_each_flag_has_a_reason_and_an_open_case_says_what_review_would():
    hm = OF.races[0]
    row = flagged(
        result("7", 4000), "penalty", "review", "start_assumed", missed=["5K", "10K"], cases=[MISSED], penalty_us=1
    )
    assert flag_reasons(hm, row) == [
        "missed 5K and 10K, and case missed:7 is open",
        "penalty +0:00:00, by the jury",
        "START has no passing; the own gun replaces it, in the chip time only",
    ]
    assert flag_reasons(race_by_chip(), flagged(result("7", 4000), "start_assumed")) == [
        "START has no passing; the own gun replaces it"
    ]
    contradicted = replace(result("7", status="DNF"), cases=[Case("reads_after:7", "hm", "7")])
    assert flag_reasons(hm, contradicted) == ["was read after the status DNF was set, and case reads_after:7 is open"]
    late = replace(result("7", status="DNF"), cases=[Case("after_close:7", "hm", "7")])
    assert flag_reasons(hm, late) == ["finished after the race was closed, and case after_close:7 is open"]
    gone = replace(result("7", 4000), cases=[MISSED])  # the missed point is no longer one of the course
    assert flag_reasons(hm, gone) == ["case missed:7 is open"]
    shared = replace(result("7", 4000), cases=[Case("together:7:8", "hm", "7")])
    assert flag_reasons(hm, shared) == [
        "the chip crossed the mats together with another athlete's, and case together:7:8 is open"
    ]


def race_by_chip():
    return replace(OF.races[0], official_time="chip")


def test_waived_points_are_those_that_are_lacking_and_not_missed():
    taken = [PointTime("START", 0, "main"), PointTime("FINISH", 9, "main")]
    row = flagged(result("7", 4000), "waived", points=taken, missed=["10K"])
    assert waived_points(OF.races[0], row) == ["5K"]
    assert flag_reasons(OF.races[0], row) == ["5K was not read, and is not required"]
    assert waived_points(OF.races[0], replace(row, flags=[])) == []
    assert waived_points(OF.races[0], replace(row, points=[])) == []
    at_10k = [PointTime("START", 0, "main"), PointTime("10K", 9, "main")]
    assert waived_points(OF.races[0], replace(row, points=at_10k, missed=[])) == ["5K"]
    assert waived_points(OF.races[0], replace(row, points=[PointTime("TURN", 9, "main")])) == []  # of an old course


def test_a_legend_explains_each_flag_that_there_is_once():
    both = [flagged(result(bib, 4000), "start_assumed") for bib in ("7", "8")]
    assert legend(both) == ["start assumed: START has no passing; the own gun replaces it in the chip time"]
    assert legend([result("7", 4000)]) == []


def test_awards_titles_and_medals_say_what_they_rest_on():
    rows = [
        *team("Huế", ("7", 4000), ("8", 4100)),
        *team("Vinh", ("9", 4050), ("10", 4300)),
        *team("Huế", ("11", 5000), first=2),
    ]
    rows[0] = flagged(rows[0], "start_assumed")
    rows[1] = replace(rows[1], cases=[Case("reads_after:8", "hm", "8")])
    ranked = standings(OF, rows, None)
    awards = {(award.on, award.bib or award.team): (award.flags, award.why) for award in prize_list(OF, ranked, rows)}
    assumed = "START has no passing; the own gun replaces it, in the chip time only"
    case = "was read after the status FINISHED was set, and case reads_after:8 is open"
    of_team = ["case team:teams:Huế is open", f"7: {assumed}", f"8: {case}"]
    assert awards == {
        ("men", "7"): (["start_assumed"], [assumed]),
        ("men", "9"): ([], []),
        ("teams", "Huế"): (["case", "start_assumed"], of_team),
        ("all", "Huế"): (["case", "start_assumed"], of_team),
    }
    assert [(title.bib, title.flags) for title in title_list(OF, rows)] == [
        ("7", ["start_assumed"]),
        ("9", []),
        ("8", ["case"]),
    ]
    assert [medal.open_cases for medal in medal_list(OF, rows)] == [["8"]]


def test_a_team_with_too_many_members_has_the_flag_of_its_open_case():
    crowded = [*team("Huế", ("7", 4000), ("8", 4100)), *team("Huế", ("11", 5000), first=2)]
    alone = [*team("Huế", ("7", 4000), ("8", 4100))]
    for members, flags, why in (
        (crowded, ["case"], ["case team:teams:Huế is open"]),
        (alone, [], []),
    ):
        awards = prize_list(OF, standings(OF, members, None), members)
        assert [(award.flags, award.why) for award in awards if award.team] == [(flags, why), (flags, why)]


def test_prizes_on_an_assumed_start_and_an_open_case_are_both_marked_with_why():
    facts = [json.loads(line) for line in (FIELD / "24-prize-to-an-open-case.jsonl").read_bytes().splitlines()]
    prizes, _ = prize_tables(read(*facts)[1])
    assert rows(prizes, "place", "bib", "flags", "why") == [
        (1, "1", "start_assumed", "START has no passing; the own gun replaces it"),
        (2, "2", "case review", "missed 10K and 15K, and case missed:2 is open"),
        (3, "3", None, None),
    ]
