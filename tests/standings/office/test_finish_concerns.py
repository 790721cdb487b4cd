"""Finishes long after everybody else's, in races that were closed."""

import msgspec
import pytest

from schemas.definition_parse import parse_definition
from schemas.results import EventRow, PointTime
from services.offline.office_command import lists_of
from services.offline.scored_log import Log
from services.standings.office.finish_concerns import late_finishes
from tests import DATA
from tests.builders import EVENT, START_US, at, definition, race, result

DEFINITION = parse_definition(definition())
CLOSED = EventRow(event=EVENT, version=1, closed=["hm"])


def finisher(bib, finish_s, source="main", **more):
    row = result(bib, finish_s, **more)
    return msgspec.structs.replace(row, points=[PointTime("FINISH", at(finish_s), source)], own_gun_us=START_US)


def late(*rows, event=CLOSED, defined=DEFINITION):
    return [concern.bib for concern in late_finishes(defined, event, rows)]


def test_a_finish_an_hour_after_all_others_is_a_concern_once_the_race_is_closed():
    rows = [finisher("7", 4000), finisher("8", 7600)]
    assert late(*rows) == ["8"]
    assert late(*rows[::-1]) == ["8"]
    assert late(finisher("7", 4000), finisher("8", "7599.999999")) == []
    assert late(*rows, event=EventRow(event=EVENT, version=1)) == []
    assert late(*rows, event=EventRow(event=EVENT, version=1, closed=["5k"])) == []


def test_a_close_that_says_when_it_was_opens_cases_instead():
    row = EventRow(event=EVENT, version=1, closed=["hm"], closed_at_us={"hm": at(4000)})
    assert late(finisher("7", 4000), finisher("8", 7600), event=row) == []


def test_in_a_long_race_the_gap_is_a_quarter_of_the_time():
    assert late(finisher("7", 40_000), finisher("8", 50_000)) == ["8"]
    assert late(finisher("7", 40_000), finisher("8", "49999.999999")) == []


def test_everybody_after_the_gap_is_a_concern_but_not_more_than_came_before():
    first = [finisher("1", 4000), finisher("2", 4100)]
    assert late(*first, finisher("8", 9000), finisher("9", 9001)) == ["8", "9"]
    assert late(*first, finisher("8", 9000), finisher("9", 9001), finisher("10", 9002)) == []
    assert late(finisher("8", 9000)) == []


def test_athletes_who_finish_at_the_same_instant_are_both_named():
    assert late(*(finisher(bib, 4000) for bib in "123"), finisher("8", 9000), finisher("9", 9000)) == ["8", "9"]


def test_races_are_compared_each_for_itself():
    two = parse_definition(definition(races=[race(), race("5k")]))
    both = EventRow(event=EVENT, version=1, closed=["5k", "hm"])
    assert late(finisher("7", 1500, race="5k"), finisher("8", 9000), event=both, defined=two) == []


@pytest.mark.parametrize("other", [finisher("8", 9000, "official"), finisher("8", 9000, status="DNF")])
def test_only_finishers_by_a_read_are_a_concern(other):
    assert late(finisher("7", 4000), other) == []


def test_a_chip_read_while_packing_up_is_named_by_the_office():
    log = Log()
    for line in (DATA / "field" / "27b-late-read.jsonl").read_bytes().splitlines():
        log.add(line)
    (concern,) = [listed for listed in lists_of(log)[0].concerns if listed.kind == "late_finish"]
    assert (concern.bib, concern.race, concern.reason) == (
        "2",
        "hm",
        "finished at 11:30:00.000, 4:45:00 after the finishers of hm before; the last of them came at 06:45:00.000",
    )
    assert concern.todo == (
        "if the chip was read while the mats were packed up, close the race again with `at_us`, the instant at which it"
        " ended: a later finish is then DNF, and a case for the jury"
    )
