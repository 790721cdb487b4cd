"""The waiver that health proposes for a mat that missed many: sent as it is, it mends all that the mat did."""

import json
from pathlib import Path

import msgspec
import pytest

from services.offline.health_tables import health_of
from services.offline.office_command import run as office
from services.offline.score_command import run as score
from services.offline.scored_log import Log, document_of

FIELD = Path(__file__).parents[1] / "data" / "field"
SPLIT_MAT_DEAD = FIELD / "01-split-mat-dead.jsonl"
LET_OFF = ["101", "102", "104", "105", "107", "108"]


def read(*more, path=SPLIT_MAT_DEAD, without=()):
    """A log with further facts, without some reads (device and chip)."""
    log = Log()
    for line in path.read_bytes().splitlines():
        fact = json.loads(line)
        if "reads" in fact:
            fact["reads"] = [read for read in fact["reads"] if (read["device"], read["chip"]) not in without]
        log.add(json.dumps(fact).encode())
    for fact in more:
        log.add(json.dumps(fact).encode())
    return log


def proposed(log):
    """The only fact that the only finding proposes."""
    (finding,) = health_of(log).findings
    assert finding.proposal is not None
    (waiver,) = finding.proposal
    return waiver


def point(report, name):
    return next(counts for counts in report.points if counts.point == name)


def test_with_the_proposal_there_are_ten_finishers_and_no_case():
    before = read()
    assert len(document_of(before)["cases"]) == 6
    waiver = proposed(before)
    made = document_of(read(waiver))
    assert [(row["status"], row["missed"]) for row in made["athletes"]] == [("FINISHED", [])] * 10
    assert made["cases"] == []
    assert [row["bib"] for row in made["athletes"] if row["flags"] == ["waived"]] == LET_OFF
    assert sum(len(rows) for rows in made["boards"].values()) == 10


def test_with_the_proposal_the_point_is_counted_as_waived_and_nothing_is_left_to_find():
    split = read()
    before = health_of(split)
    assert (point(before, "15K").expected, point(before, "15K").seen) == (10, 4)
    assert (point(before, "15K").missed, point(before, "15K").waived) == (6, 0)
    after = health_of(read(proposed(split)))
    assert (point(after, "15K").missed, point(after, "15K").waived) == (0, 6)
    assert [(counts.point, counts.waived) for counts in after.points if counts.waived] == [("15K", 6)]
    assert after.findings == []


def test_an_athlete_who_lacks_a_second_point_keeps_the_case():
    lacking = [("M10", "C1")]
    waiver = proposed(read(without=lacking))
    made = document_of(read(waiver, without=lacking))
    assert [(case["case"], case["open"]) for case in made["cases"]] == [("missed:101", True)]
    row = next(row for row in made["athletes"] if row["bib"] == "101")
    assert (row["status"], row["missed"], row["flags"]) == ("DNF", ["10K"], ["waived"])


def test_matline_score_takes_the_line_that_office_prints(tmp_path, capfdbinary):
    assert office(str(SPLIT_MAT_DEAD), None, "text", False) == 0
    out = capfdbinary.readouterr().out.decode()
    (line,) = [text.strip() for text in out.splitlines() if text.strip().startswith('{"type":"point_waived"')]
    mended = tmp_path / "mended.jsonl"
    mended.write_bytes(SPLIT_MAT_DEAD.read_bytes().rstrip() + b"\n" + line.encode() + b"\n")
    assert score(str(mended), None, "json", False) == 0
    made = json.loads(capfdbinary.readouterr().out)
    assert {row["status"] for row in made["athletes"]} == {"FINISHED"}
    assert made["cases"] == []


@pytest.mark.parametrize("name", ["START", "FINISH"])
def test_matline_score_refuses_a_waiver_of_start_or_finish_by_its_line(name, tmp_path, capfdbinary):
    waiver = proposed(read())
    path = tmp_path / "race.jsonl"
    path.write_bytes(SPLIT_MAT_DEAD.read_bytes().rstrip() + b"\n" + msgspec.json.encode(waiver | {"point": name}))
    assert score(str(path), None, "json", False) == 2
    err = capfdbinary.readouterr().err.decode()
    lines = len(SPLIT_MAT_DEAD.read_bytes().splitlines())
    assert err.startswith(f"{path}:{lines + 1}: point '{name}' cannot be waived")
