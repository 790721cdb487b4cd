"""Start signals that readers reported: offered to officials as the gun of the start that they fit."""

import json

import pytest

from services.formatting.times import LocalClock
from services.health.finding_words import describe, heading
from services.offline.health_tables import health_of
from services.offline.office_command import run
from services.offline.scored_log import Log
from tests.builders import EVENT, at, closed, defined, definition, entries, entry, fact, gun, log, race, withdrawn

TWO_RACES = definition(
    races=[race(), race("10k", start="2026-01-04T05:00:00"), race("5k", start="2026-01-04T06:00:00")], boards=[]
)


def signal(at_s="0.123", device="BOX", **more):
    return fact("notice_received", gateway="van", device=device, kind="gunshot", at_us=at(at_s), **more)


def made(*facts, plain=None):
    whole_log = Log()
    for line in log(defined(plain), *facts):
        whole_log.add(line)
    return whole_log


def signal_findings(*facts, plain=None):
    return [found for found in health_of(made(*facts, plain=plain)).findings if found.kind == "start_signal"]


def guns(*facts, plain=None):
    """What is proposed: race, wave and instant."""
    return [
        (proposed["race"], proposed.get("wave"), proposed["at_us"])
        for finding in signal_findings(*facts, plain=plain)
        for proposed in finding.proposal
    ]


def test_a_signal_at_the_start_of_a_race_is_offered_as_its_gun():
    facts = entries("7"), signal(id="n1")
    (finding,) = signal_findings(*facts)
    assert finding.subject == {"devices": ["BOX"], "starts": [{"race": "hm"}]}
    assert finding.proposal == [{"type": "gun_fired", "event": EVENT, "race": "hm", "at_us": at("0.123")}]
    assert heading(finding) == "A start signal has no matching gun: hm, by BOX"
    text = describe(finding, LocalClock(made(*facts).state.rulings.definition))
    assert text.seen == "BOX reports a start signal at 05:00:00.123 (gunshot). The gun of hm has not been sent."
    assert text.todo == (
        "Ask the starter. If it was this start, send the gun below; if it was none, withdraw the notice n1 with"
        " fact_withdrawn."
    )


@pytest.mark.parametrize(
    "settled",
    [
        pytest.param([gun("0.123")], id="the gun was sent"),
        pytest.param([gun(1)], id="a gun was typed within a second"),
        pytest.param([withdrawn("n1")], id="the notice was withdrawn"),
        pytest.param([gun(-60)], id="the race has a gun of another time"),
        pytest.param([closed()], id="the race was closed without a gun"),
    ],
)
def test_a_signal_is_settled_by_a_gun_or_by_withdrawing_the_notice(settled):
    assert guns(entries("7"), signal(id="n1"), *settled) == []


@pytest.mark.parametrize(("at_s", "offered"), [(-301, False), (-300, True), (7200, True), (7201, False)])
def test_a_signal_far_from_every_scheduled_start_is_none(at_s, offered):
    assert bool(guns(entries("7"), signal(at_s))) is offered


def test_a_gun_typed_some_seconds_off_is_offered_with_the_time_that_the_reader_measured():
    (finding,) = signal_findings(entries("7"), gun(3), signal())
    assert finding.evidence["gun_us"] == at(3)
    assert finding.proposal == [{"type": "gun_fired", "event": EVENT, "race": "hm", "at_us": at("0.123")}]
    assert "The gun of hm is at 05:00:03." in describe(finding, LocalClock(made().state.rulings.definition)).seen


@pytest.mark.parametrize("seconds", ["1.5", "5.1"])
def test_a_gun_as_a_reader_measured_it_is_not_corrected_by_another_signal(seconds):
    """An echo of the trigger, or another box whose clock is off."""
    assert guns(entries("7"), signal(), signal(seconds, "BOX2"), gun("0.123")) == []


def test_a_wave_some_seconds_after_a_measured_gun_is_offered_as_its_own():
    facts = [entries(entry("7", wave="A"), entry("8", wave="B")), signal(), gun("0.123", wave="A"), signal(8)]
    assert guns(*facts) == [("hm", "B", at(8))]


def test_reports_of_one_gun_by_two_readers_are_one_finding_of_the_earliest():
    (finding,) = signal_findings(entries("7"), signal("0.4", "BOX2"), signal("0.1", "BOX1"))
    assert finding.subject["devices"] == ["BOX1", "BOX2"]
    assert [proposed["at_us"] for proposed in finding.proposal] == [at("0.1")]


def test_one_gun_starts_all_races_of_its_time_and_a_later_one_the_next():
    facts = entries("7", entry("8", race="10k"), entry("9", race="5k"))
    assert guns(facts, signal(), plain=TWO_RACES) == [("hm", None, at("0.123")), ("10k", None, at("0.123"))]
    assert guns(facts, signal(), gun("0.123"), plain=TWO_RACES) == [("10k", None, at("0.123"))]
    later = [gun(0), gun(0, "10k"), signal(3630)]
    assert guns(facts, *later, plain=TWO_RACES) == [("5k", None, at(3630))]


def test_the_gun_of_a_race_with_waves_is_offered_for_the_first_that_waits_for_one():
    facts = [entries(entry("7", wave="A"), entry("8", wave="B"), entry("9", wave="C"))]
    assert guns(*facts, signal()) == [("hm", "A", at("0.123"))]
    facts += [signal(), gun("0.123", wave="A"), signal(120)]
    (finding,) = signal_findings(*facts)
    assert finding.proposal == [{"type": "gun_fired", "event": EVENT, "race": "hm", "wave": "B", "at_us": at(120)}]
    text = describe(finding, LocalClock(made().state.rulings.definition))
    assert text.todo.endswith(" It may also be the gun of hm, wave C.")


def test_office_prints_a_signal_before_anybody_was_read(tmp_path, capsys):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(log(defined(), entries("7"), signal())))
    assert run(str(path), None, "text", False) == 0
    offered = {"type": "gun_fired", "event": EVENT, "race": "hm", "at_us": at("0.123")}
    assert json.dumps(offered, separators=(",", ":")) in capsys.readouterr().out
