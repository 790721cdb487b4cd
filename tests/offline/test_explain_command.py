"""`matline explain`: why the athlete with a bib has their result, from a log."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.offline.explain_command import run
from services.standings.explanation import bibs_near
from tests.builders import (
    at,
    athlete,
    day,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    excluded,
    fact,
    line,
    order,
    race,
    read,
    reads,
    status,
)
from tests.builders import run as ran


@pytest.fixture
def explained(tmp_path, capfdbinary):
    """Runs the command in this process on a log of facts: exit code, output, standard error."""

    def go(facts, bib="7", until=None, style="json", lenient=False):
        path = tmp_path / "race.log"
        path.write_bytes(b"".join(fact if isinstance(fact, bytes) else line(fact) for fact in facts))
        code = run(str(path), bib, until, style, lenient)
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode().replace(str(path), "LOG")

    return go


DAY = day(
    ran(),
    ran("8", 3, 2100, 4000),
    reads(read("K1", "C7", 2500, rssi=-61.5)),
    excluded("K1", "C7", 2500, by="ann", recorded_at_us=1_767_490_000_000_000),
    order("8", "7", by="bob"),
    bibs=["7", "8", "10", "12", "701"],
)


def test_the_document_says_what_the_standings_say(explained):
    code, out, err = explained(DAY)
    assert (code, err) == (0, "")
    parsed = json.loads(out)
    standings = document(*DAY)
    for name, value in athlete(standings).items():
        if name == "points":
            value = [split["at_us"] for split in value]
            assert [point["at_us"] for point in parsed["points"]] == value
        else:
            assert parsed[name] == value
    assert (parsed["revision"], parsed["places"][0]["place"]) == (standings["revision"], 2)
    assert parsed["unused"] == standings["unused_reads"]
    assert [(fact["by"], fact["reason"]) for fact in parsed["facts"] if fact["by"]] == [
        ("ann", "chip of another"),
        ("bob", "photo finish"),
    ]


def test_the_document_begins_with_what_is_asked_first(explained):
    assert list(json.loads(explained(DAY)[1])) == [
        *("event", "bib", "revision", "name", "hidden", "race", "version", "gone", "status", "gun_us", "chip_us"),
        *("time_s", "cut_at", "missed", "flags", "why", "times", "points", "cases", "places"),
        *("passings", "unused", "reads", "reads_left_out", "chips", "facts"),
    ]


def test_the_page_tells_a_person(explained):
    code, out, _ = explained(DAY, style="text")
    assert code == 0
    for said in (
        "Bib 7",
        "FINISHED, printed time 1:06:40, gun time 1:06:40.000, chip time 1:06:39.000",
        "> finished",
        "gun time 06:06:40.000 − 05:00:00.000 = 1:06:40.000",
        "races[0].official_time = gun",
        "2 of 2",
        "judges ordered the athletes who tie: 8, 7",
        "the first read of passing 2",
        "an official excluded it",
        "K1 at 10k, chip C7, -61.5 dBm",
        "ann",
        "(chip of another)",
        "Unused: 1 excluded",
    ):
        assert said in out, said
    assert "\x1b" not in out


def test_the_page_of_one_without_a_result_says_why(explained):
    facts = day(
        fact("entries_added", entries=[entry("9")], id="e"), fact("fact_withdrawn", fact="e", reason="paid twice")
    )
    out = explained(facts, "9", style="text")[1]
    assert "No result: every entry of bib 9 was withdrawn" in out
    assert "paid twice" in out


def test_text_from_outside_means_nothing_to_a_terminal(explained):
    facts = day(status("7", "DQ", reason="[bold]\x1b[31mred"))
    out = explained(facts, style="text")[1]
    assert "\x1b" not in out
    assert "[bold]" in out


def test_a_bib_is_taken_as_the_log_holds_it(explained):
    assert json.loads(explained(day(ran("A7"), bibs=["A7"]), " a7 ")[1])["bib"] == "A7"


def test_an_unknown_bib_is_answered_with_similar_ones(explained):
    code, out, err = explained(DAY, "11")
    assert (code, out) == (2, "")
    assert err == "LOG: there is no entry with bib 11; similar bibs are 12, 10, 8, 7\n"
    assert explained(DAY, "99999")[2] == (
        "LOG: there is no entry with bib 99999; none is similar; the bibs are from 7 to 701\n"
    )
    assert explained(day(bibs=[]), "11")[2] == "LOG: there is no entry with bib 11; there are no entries\n"
    assert (
        explained([], "11")[2] == "LOG: has no facts, so it has no entry with bib 11; check that it is the right log\n"
    )
    assert explained(DAY, "x" * 40)[0] == 2


def test_near_bibs_are_those_that_look_alike_then_those_of_near_numbers():
    assert bibs_near("702", ["1", "70", "701", "699", "A1", "7020"], 4) == ["7020", "70", "701", "699"]
    assert bibs_near("b1", ["A1", "C9"], 4) == ["A1"]
    assert bibs_near("5", [], 4) == []
    assert bibs_near("99999", ["1", "70", "701"], 4) == []


def test_until_explains_the_result_as_of_that_line(explained):
    assert json.loads(explained(DAY, until=3)[1])["status"] == "NOT_STARTED"


def test_a_line_that_is_not_a_fact_stops_or_is_skipped(explained):
    assert explained([*DAY, b"x\n"])[0] == 2
    code, out, err = explained([*DAY, b"x\n"], lenient=True)
    assert (code, json.loads(out)["status"]) == (0, "FINISHED")
    assert err.endswith("LOG: skipped 1 of 9 lines\n")


def test_the_command_takes_log_and_bib(tmp_path):
    path = tmp_path / "race.log"
    path.write_bytes(b"".join(map(line, DAY)))
    invoked = CliRunner().invoke(app, ["explain", str(path), "8", "--format", "text"])
    assert invoked.exit_code == 0
    assert "1 of 2" in invoked.output


def test_a_start_after_the_window_is_unused_and_the_sentence_names_the_window(explained):
    facts = [
        json.loads(text)
        for text in Path("tests/data/field/15b-late-start-gun-stands-in.jsonl").read_text().splitlines()
    ]
    (bib,) = [entry["bib"] for fact in facts for entry in fact.get("entries", ())]
    (read, *_) = json.loads(explained(facts, bib)[1])["reads"]
    window_s = facts[0]["definition"]["races"][0]["start_window_s"]
    assert read["reason"] == "outside_start_window"
    assert read["says"].startswith(f"START takes reads up to {window_s} s after the athlete's own gun; ")
    assert read["rule"] == "races[0].start_window_s"


def test_on_a_day_whose_offset_changes_every_time_of_day_has_its_offset(explained):
    """The clocks of Berlin go back from 03:00 to 02:00 on 2026-10-25: 02:30 comes twice."""
    of = definition(
        date="2026-10-25", timezone="Europe/Berlin", races=[race(start="2026-10-25T01:30:00", max_speed_mps=7.5)]
    )
    gun_us = 1_792_884_600_000_000  # 01:30 UTC+02:00
    facts = [
        defined(of),
        entries("7"),
        fact("gun_fired", race="hm", at_us=gun_us),
        *(
            fact(
                "reads_received",
                gateway="g",
                session=device,
                reads=[{"seq": 1, "device": device, "chip": "C7", "at_us": gun_us + after_s * 1_000_000}],
            )
            for device, after_s in (("S1", 1), ("K1", 3600), ("F1", 7200))
        ),
    ]
    _, out, _ = explained(facts, style="text")
    assert "02:30:00.000 UTC+02:00" in out  # 10K, an hour after the gun
    assert "gun time 02:30:00.000 UTC+01:00 − 01:30:00.000 UTC+02:00 = 2:00:00.000" in out


PAIR = [
    *day(
        ran("7", 1, 2000, "4000.25"),
        ran("12", 2, 2000, "4000.35"),
        bibs=["7", "8", "12"],
        definition={**definition(), "together": {"points": 1}},
    )
]


def test_a_case_that_two_athletes_share_is_explained_for_both_with_their_instants(explained):
    seven, twelve = (json.loads(explained(PAIR, bib)[1])["cases"] for bib in ("7", "12"))
    assert [case["case"] for case in seven + twelve] == ["together:7:12"] * 2
    assert (seven[0]["open"], seven[0]["outcome"], seven[0]["other"]) == (True, None, "12")
    assert seven[0]["says"] == "passed 1 point within 0.2 s of bib 12, 0.1 s apart at most"
    shown = [(seen["point"], seen["at_us"], seen["apart_us"], seen["counts"]) for seen in twelve[0]["side_by_side"]]
    assert shown == [("10K", at(2000), 0, False), ("FINISH", at("4000.35"), 100_000, True)]
    assert json.loads(explained(PAIR, "8")[1])["cases"] == []


def test_a_decided_case_of_two_is_explained_with_its_outcome(explained):
    (case,) = json.loads(explained([*PAIR, decided("together:7:12", "accept")])[1])["cases"]
    assert (case["open"], case["outcome"]) == (False, "accept")


def test_the_page_shows_the_instants_of_two_side_by_side(explained):
    code, out, _ = explained(PAIR, style="text")
    assert code == 0
    assert "together:7:12, open: passed 1 point within 0.2 s of bib 12" in out
    assert "Side by side with bib 12" in out
    assert "06:06:40.250" in out
    assert "nothing: two whole seconds" in out


def test_of_several_shared_cases_an_athlete_sees_their_own(explained):
    others = [ran("8", 1, 2000, "5000.25"), ran("13", 2, 2000, "5000.35")]
    of = {**definition(), "together": {"points": 1}}
    facts = day(
        *others, ran("7", 1, 2000, "4000.25"), ran("12", 2, 2000, "4000.35"), bibs=["7", "8", "12", "13"], definition=of
    )
    assert [case["case"] for case in json.loads(explained(facts, "13")[1])["cases"]] == ["together:8:13"]
