"""Chips of one bib that were not carried together, in `matline office`."""

import json
from pathlib import Path

from services.offline.office_command import lists_of
from services.offline.scored_log import Log
from tests.builders import chip, day, entry, line, read, reads

FIELD = Path(__file__).parents[1] / "data" / "field"
BOTH = [entry("7", ["A", "B"])]


def log_of(*facts):
    log = Log()
    for fact in facts:
        log.add(fact if isinstance(fact, bytes) else line(fact))
    return log


def concerns(*facts, bibs=BOTH):
    return [(concern.bib, concern.kind) for concern in lists_of(log_of(*day(*facts, bibs=bibs)))[0].concerns]


def at(chip_name, **times):
    devices = {"start": "S1", "k10": "K1", "finish": "F1"}
    return reads(*(read(devices[name], chip_name, at_s) for name, at_s in times.items()), session=chip_name)


def test_two_chips_on_the_shoes_of_an_athlete_are_together_though_each_was_missed_once():
    assert concerns(at("A", start=1, k10=2000, finish=4000), at("B", start=2, k10=2001, finish=4001)) == []
    assert concerns(at("A", start=1, k10=2000), at("B", start=2, k10=2001, finish=4001)) == []
    assert concerns(at("A", start=1, k10=2000, finish=4000)) == []
    assert concerns(at("A", start=1), at("B", k10=2000, finish=4000)) != []


def test_a_chip_that_somebody_else_wears_is_a_concern():
    apart = (at("A", start=1, k10=2000, finish=4000), at("B", start=2, k10=2400, finish=4900))
    assert concerns(*apart) == [("7", "chips_apart")]


def test_a_relay_of_two_that_hands_over_at_the_mat_is_a_concern():
    assert concerns(at("A", start=1, k10=2000), at("B", k10=2003, finish=4900)) == [("7", "chips_apart")]


def test_reads_count_while_the_bib_wears_the_chip():
    apart = (at("A", start=1, k10=2000, finish=4000), at("B", start=2, k10=2400, finish=4900))
    lent = chip("B", "8", from_s=1000)
    assert concerns(*apart, lent, bibs=[*BOTH, entry("8", [])]) == []


def test_a_relay_team_on_one_bib_is_named_with_where_each_chip_was_read():
    log = log_of(*(FIELD / "16-relay-team-one-bib.jsonl").read_bytes().splitlines())
    lists, _ = lists_of(log)
    assert [concern.reason for concern in lists.concerns if concern.kind == "chips_apart"] == [
        "has chips read at different mats and times: R1A at line 05:00:02 and ex 05:20:00; R1B at ex 05:16:00 and ex"
        " 05:40:00; R1C at ex 05:36:00 and line 06:01:00"
    ]


def test_a_chip_lent_on_by_the_hour_is_not_said_to_be_all_the_later_entrys():
    log = log_of(*(FIELD / "14b-chip-by-hours.jsonl").read_bytes().splitlines())
    lists, _ = lists_of(log)
    assert [(concern.bib, concern.reason) for concern in lists.concerns] == [
        (
            "501",
            "chip X9 is also on the later entry of bib 601; by chip_assigned its reads are for bib 501 until"
            " 07:30:00.000, otherwise bib 601",
        )
    ]
    assert "all of its reads" not in json.dumps([concern.reason for concern in lists.concerns])
