"""Mistakes that people who time races have made, as logs, and what health says of each."""

import json
from pathlib import Path

import pytest

from services.formatting.times import LocalClock
from services.health.finding_words import describe
from services.offline.health_tables import health_of
from services.offline.office_command import run
from services.offline.scored_log import Log, document_of

FIELD = Path(__file__).parents[1] / "data" / "field"
GUN_US = 1_772_316_000_000_000  # 05:00:00 on the day of all these logs
HOUR_US = 3_600_000_000


def read(name, *more):
    log = Log()
    for line in [*(FIELD / name).read_bytes().splitlines(), *(json.dumps(fact).encode() for fact in more)]:
        log.add(line)
    return log


def only_finding(name):
    log = read(name)
    report = health_of(log)
    assert [finding.kind for finding in report.findings] == [report.findings[0].kind]
    return report.findings[0], describe(report.findings[0], LocalClock(log.state.rulings.definition))


def test_a_mat_that_read_4_of_10_is_one_finding_with_a_waiver():
    finding, text = only_finding("01-split-mat-dead.jsonl")
    assert finding.kind == "point_missing"
    assert finding.subject == {"mat": "m15", "points": [{"race": "hm", "point": "15K"}]}
    assert (finding.evidence["read"], finding.evidence["passed"]) == (4, 10)
    assert "15K (mat m15; hm) read 4 of the 10 that passed" in text.seen
    missed = ["101", "102", "104", "105", "107", "108"]
    assert finding.evidence["cases"] == [f"missed:{bib}" for bib in missed]
    (waiver,) = finding.proposal
    assert (waiver["type"], waiver["race"], waiver["point"]) == ("point_waived", "hm", "15K")
    points = {
        row["bib"]: {split["point"]: split["at_us"] for split in row["points"]}
        for row in document_of(read("01-split-mat-dead.jsonl"))["athletes"]
    }
    for bib in missed:  # the waiver reaches everybody's stretch over the point
        assert points[bib]["10K"] < waiver["until_us"]
        assert points[bib]["FINISH"] > waiver["from_us"]


def test_who_lacks_a_second_point_keeps_the_case():
    log = Log()
    for line in (FIELD / "01-split-mat-dead.jsonl").read_bytes().splitlines():
        fact = json.loads(line)
        reads = fact.get("reads", [])
        fact |= {"reads": [read for read in reads if (read["device"], read["chip"]) != ("M10", "C1")]} if reads else {}
        log.add(json.dumps(fact).encode())
    (finding,) = health_of(log).findings
    assert finding.evidence["cases"] == [f"missed:{bib}" for bib in ("102", "104", "105", "107", "108")]


def test_a_clock_an_hour_ahead_is_one_finding_whose_correction_mends_all():
    finding, text = only_finding("07-one-reader-an-hour-ahead.jsonl")
    assert (finding.kind, finding.subject) == ("clock_off", {"device": "M10", "mat": "m10"})
    assert finding.proposal == [{"type": "clock_corrected", "event": "c07", "device": "M10", "offset_us": -HOUR_US}]
    assert "M10 at mat m10 is 1:00:00 ahead" in text.seen
    mended = read("07-one-reader-an-hour-ahead.jsonl", *finding.proposal)
    assert [row["time_s"] for row in document_of(mended)["athletes"]] == [5064, 5169, 5275, 5380]
    assert health_of(mended).findings == []


def test_the_clock_that_is_ahead_is_listed_so_and_the_others_are_not():
    devices = {
        device.device: device.offset_us for device in health_of(read("07-one-reader-an-hour-ahead.jsonl")).devices
    }
    assert devices.pop("M10") == HOUR_US
    assert set(devices.values()) <= {None, 0}


@pytest.mark.parametrize(
    ("name", "how"),
    [("08c-gun-typed-as-utc.jsonl", "typed in UTC"), ("08d-gun-of-yesterday.jsonl", "wrong day")],
)
def test_a_gun_typed_wrong_is_one_finding_with_the_likely_instant(name, how):
    finding, text = only_finding(name)
    assert (finding.kind, finding.subject) == ("gun_suspect", {"race": "hm"})
    assert finding.proposal == [{"type": "gun_fired", "event": "c08", "race": "hm", "at_us": GUN_US}]
    assert how in text.seen
    assert "The likely gun is 05:00:00" in text.seen
    assert health_of(read(name, *finding.proposal)).findings == []


def test_chips_of_walk_ups_are_listed_with_count_first_last_and_devices():
    report = health_of(read("12-walk-up-not-yet-entered.jsonl"))
    assert [(chip.chip, chip.reads, chip.first_us, chip.last_us) for chip in report.chips] == [
        ("W900", 5, GUN_US + 2_000_000, GUN_US + 4_221_500_000),
        ("W901", 5, GUN_US + 2_000_000, GUN_US + 4_326_987_500),
    ]
    assert report.chips[0].devices == ["LINE", "M5", "M10", "M15"]
    (finding,) = report.findings
    assert (finding.kind, finding.subject, finding.proposal) == ("chips_unknown", {"chips": ["W900", "W901"]}, None)


def test_office_prints_findings_in_words_and_proposals_as_lines_to_send(capsys):
    assert run(str(FIELD / "07-one-reader-an-hour-ahead.jsonl"), None, "text", False) == 0
    out = capsys.readouterr().out
    assert "A clock is wrong: M10 at mat m10 is 1:00:00 ahead" in out
    assert '  {"type":"clock_corrected","event":"c07","device":"M10","offset_us":-3600000000}\n' in out
    for title in ("Read at each point", "Devices"):
        assert title in out


def test_office_as_json_has_the_whole_health(capsysbinary):
    assert run(str(FIELD / "12-walk-up-not-yet-entered.jsonl"), None, "json", False) == 0
    report = json.loads(capsysbinary.readouterr().out)["health"]
    assert list(report) == ["event", "points", "devices", "chips", "chips_left_out", "findings"]
    assert report["points"][0] == {
        "race": "hm", "point": "START", "expected": 1, "seen": 1, "main": 1, "backup": 0, "official": 0, "missed": 0,
        "waived": 0,
    }  # fmt: skip
    assert report["devices"][0]["device"] == "LINE"
    assert report["findings"][0]["kind"] == "chips_unknown"


def test_an_offset_that_paces_tell_too_roughly_is_said_and_not_corrected():
    """The mat at 10K is 50 minutes ahead by the paces of four athletes, give or take two: no whole half hours."""
    log = Log()
    for line in (FIELD / "07-one-reader-an-hour-ahead.jsonl").read_bytes().splitlines():
        fact = json.loads(line)
        for read_of in fact.get("reads", ()):
            read_of["at_us"] -= 600_000_000 if read_of["device"] == "M10" else 0
        log.add(json.dumps(fact).encode())
    (finding,) = health_of(log).findings
    assert (finding.kind, finding.evidence["sure"], finding.proposal) == ("clock_off", False, None)
    text = describe(finding, LocalClock(log.state.rulings.definition))
    assert text.seen.startswith("M10 at mat m10 seems to be about 0:50:")
    assert "send clock_corrected with what you find" in text.todo
