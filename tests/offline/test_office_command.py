"""`matline office`: a log in, the race office's lists out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import races
from loadtest.simulation import simulate
from schemas.definition_parse import definition_from_toml
from services.offline.office_command import lists_of, run
from services.offline.read_log import read_log
from services.offline.scored_log import Log, document_of, scored
from services.offline.waivers_table import BIBS_SHOWN
from services.standings.office.eligibility import entries_of
from services.standings.office.report import office_lists
from tests.builders import board, day, definition, entries, entry, line, race, waived
from tests.builders import run as ran
from tests.loadtest.scored import NAMES

COMMAND = [sys.executable, "-m", "services.cli", "office"]
HANG_S = 60  # a bound for a hang only

OF = definition(
    races=[race(official_time="chip")],
    boards=[board("men", gender="M")],
    team_boards=[{"id": "teams", "of": "men", "counting": 2, "max_members": 2}],
    eligibility=[
        {"id": "age", "article": "5", "born_to": 2008},
        {"id": "fit", "article": "8.3", "attest": "is fit to run"},
    ],
    prizes=[{"id": "first", "article": "6.1", "what": "Cup", "places": 1, "boards": ["men"], "team_boards": ["teams"]}],
    medals=[{"id": "finisher", "article": "6.2", "what": "Finisher medal"}],
    titles=[{"id": "master", "article": "7", "name": "Master", "race": "hm", "within_s": 3999}],
)
BIBS = [entry("7", team="A", birth_year=1990), entry("8", team="A", birth_year=2009, given_name="Thị Hồng")]


def written(folder, *facts):
    path = folder / "race.log"
    path.write_bytes(b"".join(fact if isinstance(fact, bytes) else line(fact) for fact in facts))
    return str(path)


@pytest.fixture
def listed(tmp_path, capfdbinary):
    """Runs the command in this process: exit code, output, standard error."""

    def go(*facts, style="json", **words):
        code = run(written(tmp_path, *facts), words.get("until"), style, words.get("lenient", False))
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return go


def test_before_the_race_it_lists_concerns_and_declarations(listed):
    code, out, err = listed(*day(definition=OF, bibs=BIBS))
    lists = json.loads(out)
    assert (code, err, list(lists)) == (
        0,
        "",
        [
            *("event", "revision", "entries", "concerns", "attestations", "prizes", "titles", "medals"),
            *("waivers", "health", "open_cases", "waiting"),
        ],
    )
    assert (lists["event"], lists["revision"], lists["entries"]) == ("example-2026", 3, 2)
    assert lists["concerns"] == [
        {
            "bib": "8",
            "race": "hm",
            "kind": "age",
            "reason": "was born in 2009; the rule is for athletes born in 2008 or before",
            "todo": lists["concerns"][0]["todo"],
            "row": "eligibility age",
            "article": "5",
            "team": None,
            "others": [],
            "case": None,
            "side_by_side": [],
        }
    ]
    fit = {"row": "eligibility fit", "article": "8.3", "text": "is fit to run", "bibs": ["7", "8"]}
    assert lists["attestations"] == [fit]
    assert (lists["prizes"], lists["titles"], lists["medals"]) == ([], [], [])


WAIVER = waived("10K", 1000, 2000, id="w1", by="Lan", reason="the reader had no power")


def test_waivers_in_force_are_listed_with_those_whom_they_let_off(listed):
    more = waived("10K", 3000, reason="the same again")
    facts = day(ran(k10=None), ran("8"), WAIVER, more, definition=OF, bibs=BIBS)
    lists = json.loads(listed(*facts)[1])
    assert lists["waivers"] == [
        {
            "id": "w1",
            "race": "hm",
            "point": "10K",
            "from_us": WAIVER["from_us"],
            "until_us": WAIVER["until_us"],
            "reason": "the reader had no power",
            "by": "Lan",
            "bibs": ["7"],
        },
        {
            **dict.fromkeys(("id", "until_us", "by")),
            **{name: more[name] for name in ("race", "point", "from_us", "reason")},
            "bibs": ["7"],
        },
    ]


def test_the_table_of_waivers_says_when_and_whom_and_counts_the_bibs_that_it_leaves_out(listed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    bibs = [str(number) for number in range(1, BIBS_SHOWN + 3)]
    facts = day(*(ran(bib, k10=None) for bib in bibs), WAIVER, waived("10K"), definition=OF, bibs=bibs)
    out = listed(*facts, style="text")[1]
    assert "Waivers in force" in out
    assert "05:16:40" in out
    assert "05:33:20" in out
    assert f"{len(bibs)}" in out
    assert "and 2 more" in " ".join(out.replace("│", " ").split())
    assert "fact_withdrawn takes a waiver back by its id" in out


def test_without_waivers_there_is_no_table_of_them(listed):
    assert "Waivers" not in listed(*day(ran(k10=None), definition=OF, bibs=BIBS), style="text")[1]


def test_after_it_prizes_titles_and_medals(listed):
    facts = day(ran(), ran("8", finish=4005), definition=OF, bibs=BIBS)
    lists = json.loads(listed(*facts)[1])
    assert [(prize["what"], prize["on"], prize["place"], prize["bib"], prize["team"]) for prize in lists["prizes"]] == [
        ("Cup", "men", 1, "7", None),
        ("Cup", "teams", 1, None, "A"),
    ]
    assert lists["prizes"][1]["members"] == ["7", "8"]
    assert [(title["name"], title["bib"], title["time_s"]) for title in lists["titles"]] == [("Master", "7", 3999)]
    assert [(medal["what"], medal["race"], medal["bibs"]) for medal in lists["medals"]] == [
        ("Finisher medal", "hm", ["7", "8"])
    ]


def test_entries_of_races_that_are_not_defined_are_listed_and_replaced_ones_are_not(listed):
    facts = day(entries(entry("9", race="5k"), entry("8", birth_year=1991)), definition=OF, bibs=BIBS)
    lists = json.loads(listed(*facts)[1])
    assert [(concern["bib"], concern["kind"]) for concern in lists["concerns"]] == [("9", "race"), ("9", "birth_year")]
    assert lists["entries"] == 3


def test_without_a_definition_and_without_a_line_the_lists_are_empty(listed):
    assert json.loads(listed(entries("7"))[1])["concerns"] == []
    assert json.loads(listed(entries("7"))[1])["event"] == "example-2026"
    lists = json.loads(listed()[1])
    assert (lists["event"], lists["revision"], lists["entries"]) == ("", 0, 0)


def test_text_shows_the_lists_as_tables(listed):
    facts = day(ran(), ran("8", finish=4005), definition=OF, bibs=BIBS)
    _, out, _ = listed(*facts, style="text")
    assert out.startswith("example-2026 at revision 5: 2 entries, 1 to look into\n")
    for title in (
        "Age: eligibility age (5)",
        "1 to do: check the year",
        "Declarations to collect",
        "Prizes",
        "Titles",
        "Medals",
    ):
        assert title in out


def test_a_prize_says_what_it_rests_on(listed):
    facts = [
        json.loads(fact) for fact in Path("tests/data/field/24-prize-to-an-open-case.jsonl").read_text().splitlines()
    ]
    prizes = json.loads(listed(*facts)[1])["prizes"]
    assert [(prize["bib"], prize["flags"]) for prize in prizes] == [
        ("1", ["start_assumed"]),
        ("2", ["case", "review"]),
        ("3", []),
    ]
    assert [prize["why"] for prize in prizes] == [
        ["START has no passing; the own gun replaces it"],
        ["missed 10K and 15K, and case missed:2 is open"],
        [],
    ]
    out = listed(*facts, style="text")[1]
    assert "Rests on" in out
    assert "missed:2 is open" in out


def test_text_takes_nothing_from_outside_for_markup(listed):
    bad = entry("7", team="[/B]", birth_year=2010, given_name="\x1b[31mX", family_name="[bold]")
    of = OF | {"eligibility": [{"id": "age", "article": "[/B]", "born_to": 2008, "attest": "[/B]"}]}
    code, out, _ = listed(*day(definition=of, bibs=[bad]), style="text")
    assert code == 0
    assert "eligibility age ([/B])" in out
    assert "\x1b" not in out
    assert "[bold]" in out


def test_a_refused_line_ends_it_with_2_and_lenient_skips_it(listed):
    code, out, err = listed(*day(definition=OF, bibs=BIBS), b"?\n")
    assert (code, out) == (2, "")
    assert ":4: " in err
    code, out, err = listed(*day(definition=OF, bibs=BIBS), b"?\n", lenient=True)
    assert (code, json.loads(out)["entries"]) == (0, 2)
    assert err.splitlines()[-1].endswith("skipped 1 of 4 lines")


def test_until_reads_no_further(listed):
    assert json.loads(listed(*day(ran(), definition=OF, bibs=BIBS), until=3)[1])["medals"] == []


def test_the_command_reads_standard_input_and_prints_json_to_a_pipe():
    data = b"".join(map(line, day(definition=OF, bibs=BIBS)))
    done = subprocess.run([*COMMAND, "-"], input=data, capture_output=True, timeout=HANG_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["event"] == "example-2026"


@pytest.mark.parametrize("name", NAMES)
def test_of_a_simulated_day_the_prizes_are_those_of_the_boards(name, tmp_path):
    """Each prize by its board's places, nobody moved up; medals to all finishers; families together."""
    definition = definition_from_toml(races.definition_toml(name))
    path = tmp_path / "day.log"
    path.write_bytes(b"".join(log_line + b"\n" for log_line in simulate(definition, 400, 4).log_lines()))
    log = read_log(str(path), None, lenient=False)
    lists, names = lists_of(log)
    assert len(names) == lists.entries
    assert {concern.kind for concern in lists.concerns} <= {"consent", "standard", "no_chip"}
    document = document_of(log)
    awards = {(prize.prize, prize.on, prize.bib) for prize in lists.prizes if prize.bib is not None}
    assert awards == {
        (prize.id, board, row["bib"])
        for prize in definition.prizes
        for board in prize.boards
        for row in document["boards"][board]
        if row["place"] <= prize.places
    }
    assert awards
    teams = {(prize.prize, prize.on, prize.team) for prize in lists.prizes if prize.team is not None}
    placed = document["team_boards"] | document["delegations"]
    assert teams == {
        (prize.id, on, row["team"])
        for prize in definition.prizes
        for on in [*prize.team_boards, *prize.delegations]
        for row in placed[on]
        if row["place"] is not None and row["place"] <= prize.places
    }
    finished = {athlete["bib"] for athlete in document["athletes"] if athlete["status"] == "FINISHED"}
    if definition.medals:
        assert {bib for medal in lists.medals for bib in medal.bibs} == finished


def test_results_alone_give_the_same_lists():
    """As a service has them, without the log."""
    log = Log()
    for log_line in map(line, day(ran(), ran("8", finish=4005), definition=OF, bibs=BIBS)):
        log.add(log_line)
    made = scored(log.state)
    assert made.definition is not None
    assert made.event is not None
    lists = office_lists(
        made.definition, made.event, log.revision, entries_of(made.athletes), made.athletes, made.standings
    )
    assert lists == lists_of(log)[0]
