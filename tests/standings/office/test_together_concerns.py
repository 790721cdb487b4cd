"""Chips that may be carried together, as the race office reads of them."""

import json

from services.offline.office_command import lists_of, run
from services.offline.scored_log import Log
from tests.builders import at, day, decided, definition, line
from tests.builders import run as ran

PRIZE = {"id": "first", "article": "5", "what": "Cup", "places": 3, "boards": ["men"]}
PAIR = day(
    ran("7", 1, "2000.5", "4000.25"),
    ran("12", 2, "2000.4", "4000.35"),
    ran("8", 2, "2000.4", "4100.35"),
    bibs=["7", "8", "12"],
    definition={**definition(prizes=[PRIZE]), "together": {"points": 2}},
)


def lists(*facts):
    log = Log()
    for fact in facts:
        log.add(line(fact))
    return lists_of(log)[0]


def test_the_office_reads_of_an_open_case_with_the_instants_of_both():
    (concern,) = [concern for concern in lists(*PAIR).concerns if concern.kind == "together"]
    assert (concern.bib, concern.race, concern.others, concern.case) == ("7", "hm", ["12"], "together:7:12")
    assert concern.reason == (
        "passed 2 points within 0.2 s of bib 12, 0.1 s apart at most: 10K 05:33:20.500 and 05:33:20.400;"
        " FINISH 06:06:40.250 and 06:06:40.350"
    )
    assert [(seen.at_us, seen.other_at_us) for seen in concern.side_by_side] == [
        (at("2000.5"), at("2000.4")),
        (at("4000.25"), at("4000.35")),
    ]


def test_a_decided_case_is_no_concern():
    concerns = lists(*PAIR, decided("together:7:12", "accept")).concerns
    assert [concern for concern in concerns if concern.kind == "together"] == []


def test_a_prize_rests_on_the_case_of_its_winner_whichever_of_the_two_it_is():
    flags = {award.bib: award.flags for award in lists(*PAIR).prizes}
    assert flags == {"7": ["case"], "12": ["case"], "8": []}


def test_the_command_prints_the_case_and_lists_it_for_programs(tmp_path, capfd):
    path = tmp_path / "race.log"
    path.write_bytes(b"".join(map(line, PAIR)))
    assert run(str(path), None, "text", lenient=False) == 0
    assert "Chips that may be carried together" in capfd.readouterr().out
    assert run(str(path), None, "json", lenient=False) == 0
    concerns = json.loads(capfd.readouterr().out)["concerns"]
    (listed,) = [concern for concern in concerns if concern["kind"] == "together"]
    assert [seen["apart_us"] for seen in listed["side_by_side"]] == [100_000, 100_000]
