"""`matline score`: a log in, the standings document out. Source: R5."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.formatting.terminal import clean, printable
from services.offline.read_log import LogLimits, Stopped, read_log
from services.offline.score_command import run
from tests.builders import (
    board,
    day,
    decided,
    defined,
    definition,
    document,
    entries,
    entry,
    fact,
    gun,
    half,
    line,
    read,
    reads,
    status,
)
from tests.builders import run as ran

COMMAND = [sys.executable, "-m", "services.cli", "score"]
HANG_S = 60  # a bound for a hang only


def written(folder, *lines):
    """A log of facts, or of raw lines."""
    path = folder / "race.log"
    path.write_bytes(b"".join(logged if isinstance(logged, bytes) else line(logged) for logged in lines))
    return str(path)


def offset(number, logged):
    """A line as `matline export log` writes it."""
    return line({"offset": number, "fact": logged})


@pytest.fixture
def scored(capfdbinary):
    """Runs the command in this process: exit code, output, standard error."""

    def go(path, until=None, style="json", lenient=False):
        code = run(path, until, style, lenient)
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return go


# --- The document.


def test_a_log_gives_the_document_as_one_line_of_json(tmp_path, scored):
    code, out, err = scored(written(tmp_path, *day(ran())))
    assert (code, err) == (0, "")
    assert out.count(b"\n") == 1
    assert json.loads(out) == document(*day(ran()))


def test_the_document_has_the_fields_of_the_rules_in_their_order(tmp_path, scored):
    of = definition(
        team_boards=[{"id": "teams", "of": "men", "counting": 1}],
        delegations=[{"id": "all", "sum": ["teams"]}],
    )
    facts = day(ran(), ran("8", k10=None), definition=of, bibs=[entry("7", team="Hà Nội"), "8"])
    document = json.loads(scored(written(tmp_path, *facts))[1])
    assert list(document) == [
        "event",
        "revision",
        "athletes",
        "boards",
        "team_boards",
        "delegations",
        "cases",
        "unused_reads",
    ]
    assert document["athletes"][0] == {
        "bib": "7",
        "race": "hm",
        "status": "FINISHED",
        "gun_us": 4000000000,
        "chip_us": 3999000000,
        "time_s": 4000,
        "cut_at": None,
        "missed": [],
        "flags": [],
        "points": [
            {"point": "START", "at_us": 1767477601000000, "source": "main"},
            {"point": "10K", "at_us": 1767479600000000, "source": "main"},
            {"point": "FINISH", "at_us": 1767481600000000, "source": "main"},
        ],
    }
    assert document["boards"] == {
        "men": [{"place": 1, "bib": "7", "time_s": 4000, "gun_us": 4000000000, "chip_us": 3999000000}],
        "women": [],
    }
    row = {"place": 1, "team": "Hà Nội", "score": 1, "members": [{"bib": "7", "score": 1}]}
    assert document["team_boards"] == {"teams": [row]}
    assert document["delegations"] == {"all": [{"place": 1, "team": "Hà Nội", "score": 1}]}
    assert document["cases"] == [{"case": "missed:8", "bib": "8", "race": "hm", "open": True}]
    assert document["unused_reads"] == {}


def test_the_revision_is_the_number_of_lines(tmp_path, scored):
    assert json.loads(scored(written(tmp_path, *day()))[1])["revision"] == 3


def test_with_offsets_the_revision_is_the_last_lines(tmp_path, scored):
    lines = [offset(10 * nth, logged) for nth, logged in enumerate(day(ran()), start=4)]
    _, out, _ = scored(written(tmp_path, *lines))
    assert json.loads(out) == {**document(*day(ran())), "revision": 70}


def test_facts_of_one_record_share_an_offset_and_entries_keep_their_order(tmp_path, scored):
    """Three entries facts in one record; the team may have two members, the first two by log order count."""
    of = definition(team_boards=[{"id": "t", "of": "men", "max_members": 2, "counting": 2}])
    facts = [defined(of), *(entries(entry(bib, team="A")) for bib in ("9", "8", "7")), gun()]
    facts += [ran("7", finish=4000), ran("8", finish=4001), ran("9", finish=4002)]
    document = json.loads(scored(written(tmp_path, *(offset(5, fact) for fact in facts)))[1])
    assert [member["bib"] for member in document["team_boards"]["t"][0]["members"]] == ["8", "9"]


def test_an_empty_log_has_an_empty_document(tmp_path, scored):
    code, out, _ = scored(written(tmp_path))
    assert (code, json.loads(out)) == (
        0,
        {
            "event": "",
            "revision": 0,
            "athletes": [],
            "boards": {},
            "team_boards": {},
            "delegations": {},
            "cases": [],
            "unused_reads": {},
        },
    )


def test_without_a_definition_nothing_is_ranked_and_what_waits_is_said(tmp_path, scored):
    path = written(tmp_path, entries("7"))
    code, out, err = scored(path)
    assert (code, json.loads(out)["athletes"], json.loads(out)["boards"]) == (0, [], {})
    assert err == f"{path}: pending: entry of bib 7: race hm is not defined\n"


# --- Lines that are no facts.


BAD = [
    (b"not json\n", "it is not JSON: invalid character at 'json' (byte 4)"),
    (b'{"type":"gun_fired","event":"example-2026","race":"hm"}\n', "`at_us` is missing"),
    (
        b'{"type":"gun_fired","event":"example-2026","race":"hm","at_us":1,"wav":"A"}\n',
        "`wav` is not a field here; did you mean `wave`?",
    ),
    (
        b'{"offset":-1,"fact":{"type":"race_closed","event":"example-2026","race":"hm"}}\n',
        "`offset`: -1 is not a whole",
    ),
    (b'{"type":"gun_fired","event":"example-2026","race":"hm","at":"05:00"}\n', "`at` is not a field here"),
    (
        b'{"type":"reads_received","event":"example-2026","gateway":"g","session":"s","reads":[{"seq":1}]}\n',
        "`device` of item 1 of `reads` is missing",
    ),
    (b"\n", "is empty; each line must be one fact as JSON"),
    (
        b'{"type":"race_closed","event":"other","race":"hm"}\n',
        "is of event 'other'; the log began with event 'example-2026'",
    ),
    (line(fact("event_defined", definition=definition(boards=[board(race="5k")]))), "boards[0].race: race '5k' is not"),
    (b'{"type":"race_closed","event":"\xff","race":"hm"}\n', "it is not in UTF-8 (byte 31); save it as UTF-8"),
    (b'{"type":"race_closed","event":"example-2026","race":"hm"', "it is not complete JSON: it ends too early"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_line_that_is_not_a_fact_stops_with_its_place_and_the_reason(tmp_path, scored, bad, reason):
    path = written(tmp_path, *day(), bad)
    code, out, err = scored(path)
    assert (code, out) == (2, b"")
    assert err.startswith(f"{path}:4: ")
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("bad", "reason"), BAD[:-1])
def test_lenient_skips_such_lines_and_counts_them(tmp_path, scored, bad, reason):
    path = written(tmp_path, *day(), bad, ran())
    code, out, err = scored(path, lenient=True)
    assert code == 0
    assert json.loads(out) == {**document(*day(ran())), "revision": 5}
    first, counted = err.splitlines()
    assert first.startswith(f"{path}:4: ")
    assert reason in first
    assert counted == f"{path}: skipped 1 of 5 lines"


def test_of_many_skipped_lines_the_first_are_named_and_all_counted(tmp_path, scored):
    path = written(tmp_path, *day(), *([b"?\n"] * 25))
    _, _, err = scored(path, lenient=True)
    assert len(err.splitlines()) == 21
    assert err.splitlines()[-1] == f"{path}: skipped 25 of 28 lines"


def test_a_file_that_cannot_be_opened_is_said(tmp_path, scored):
    path = str(tmp_path / "none.log")
    assert scored(path) == (2, b"", f"{path}: cannot be opened: No such file or directory\n")
    assert scored(str(tmp_path))[0] == 2


def test_a_line_that_is_too_long_is_refused(tmp_path):
    limits = LogLimits(line_max_bytes=2000)
    path = written(tmp_path, *day(), b" " * 2001 + b"\n")
    with pytest.raises(Stopped, match=r"race\.log:4: is longer than 2000 bytes; each line is one fact"):
        read_log(path, None, lenient=True, limits=limits)
    log = read_log(written(tmp_path, *day(), b" " * 1999 + b"\n"), None, lenient=True, limits=limits)
    assert log.lines == 4


def test_a_last_line_without_a_line_break_counts(tmp_path, scored):
    path = written(tmp_path, *day(), line(ran()).rstrip())
    assert json.loads(scored(path)[1])["athletes"][0]["status"] == "FINISHED"


# --- --until.


@pytest.mark.parametrize(("until", "expected"), [(3, "NOT_STARTED"), (4, "FINISHED"), (5, "DQ"), (99, "DQ")])
def test_until_stops_after_that_line(tmp_path, scored, until, expected):
    path = written(tmp_path, *day(ran(), status("7", "DQ")))
    document = json.loads(scored(path, until=until)[1])
    assert document["athletes"][0]["status"] == expected
    assert document["revision"] == min(until, 5)


def test_until_0_reads_nothing(tmp_path, scored):
    document = json.loads(scored(written(tmp_path, b"?\n"), until=0)[1])
    assert (document["revision"], document["athletes"]) == (0, [])


def test_until_reads_no_further(tmp_path, scored):
    """What stands behind may be no fact at all; and a pipe need not be at its end."""
    path = written(tmp_path, *day(), b"not json\n")
    assert scored(path, until=3)[0] == 0
    with subprocess.Popen([*COMMAND, "-", "--until", "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"".join(map(line, day())))
        process.stdin.flush()
        assert json.loads(process.stdout.read())["revision"] == 3  # the pipe is open still
        assert process.wait(HANG_S) == 0


# --- The command itself.


def test_the_command_reads_standard_input_and_prints_json_to_a_pipe():
    data = b"".join(map(line, day(ran())))
    done = subprocess.run([*COMMAND, "-"], input=data, capture_output=True, timeout=HANG_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == document(*day(ran()))


def test_the_command_ends_with_2_and_names_the_line_of_standard_input():
    done = subprocess.run([*COMMAND, "-"], input=b"?\n", capture_output=True, timeout=HANG_S, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"-:1: ")


@pytest.mark.parametrize("wrong", [["--until", "-1"], ["--until", "x"], ["--format", "xml"], []])
def test_wrong_words_are_refused(wrong):
    given = ["-", *wrong] if wrong else []
    done = CliRunner().invoke(app, ["score", *given])
    assert (done.exit_code, done.stdout) == (2, "")


# --- Tables.


def tables(scored, tmp_path, *facts):
    code, out, err = scored(written(tmp_path, *facts), style="text")
    assert (code, err) == (0, "")
    return out.decode()


def rows(text):
    """The cells of each line of the tables."""
    return [
        [cell.strip() for cell in printed.strip("│┃ ").replace("┃", "│").split("│")] for printed in text.splitlines()
    ]


def test_text_shows_boards_as_tables(tmp_path, scored):
    facts = day(ran(start="1.25", finish="4000.9876"), bibs=[entry("7", given_name="Thị", family_name="Nguyễn")])
    text = tables(scored, tmp_path, *facts)
    assert text.startswith("example-2026 at revision 4, 1 athletes\n")
    assert ["1", "7", "Nguyễn Thị", "1:06:41", "1:06:40.987", "1:06:39.737"] in rows(text)


def test_text_shows_teams_delegations_cases_and_who_did_not_finish(tmp_path, scored):
    of = half(points=[*half()["races"][0]["points"][:2], {"id": "FINISH", "mat": "finish", "km": 21.0975,
                      "cutoff": {"gun": "1:30:00"}}])  # fmt: skip
    of |= {
        "team_boards": [{"id": "teams", "of": "men", "counting": 1}, {"id": "pairs", "of": "men", "counting": 2}],
        "delegations": [{"id": "overall", "sum": ["teams"]}],
    }
    came = [ran("7"), ran("8", k10=None), ran("9", finish=5401), reads(read("S1", "C7", -1))]
    bibs = [entry("7", team="Hà Nội"), entry("8"), entry("9"), entry("10")]
    shown = rows(
        tables(scored, tmp_path, *day(*came, decided("missed:8", "dnf"), status("9", "OK"), definition=of, bibs=bibs))
    )
    assert ["1", "Hà Nội", "1", "7 (1)"] in shown
    assert ["-", "Hà Nội", "-", "7 (1)"] in shown
    assert ["1", "Hà Nội", "1"] in shown
    assert ["8", "No 8 Runner", "hm", "DNF", "FINISH", "missed 10K"] in shown
    assert ["9", "No 9 Runner", "hm", "OTL", "FINISH", "cut off at FINISH"] in shown
    assert ["missed:8", "hm", "decided"] in shown
    assert ["Unused reads: 1 before_gun"] in shown
    assert not any(row[0] == "10" for row in shown)  # who has not started is not news


def test_text_hides_who_is_hidden(tmp_path, scored):
    facts = day(ran(), fact("entry_hidden", bib="7", hidden=True))
    shown = rows(tables(scored, tmp_path, *facts))
    assert ["1", "7", "7", "1:06:40", "1:06:40.000", "1:06:39.000"] in shown


@pytest.mark.parametrize("text", ["[/B]", "[bold]", "[red]X[/red]", "\x1b[31mX", "a\\[b]", "[A]"])
def test_nothing_from_outside_is_taken_for_markup_or_reaches_the_terminal_raw(tmp_path, scored, text):
    bib = "".join(c for c in text if c.isprintable()).upper()
    team = entry(bib, ["C7"], given_name=text, family_name="", team=text)
    of = definition(team_boards=[{"id": "teams", "of": "men", "counting": 1, "max_members": 1}])
    shown = tables(scored, tmp_path, *day(ran(), definition=of, bibs=[team, entry("8", team=text)]))
    assert "\x1b" not in shown
    clean = text.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    assert ["1", bib, clean, "1:06:40", "1:06:40.000", "1:06:39.000"] in rows(shown)
    assert ["1", clean, "1", f"{bib} (1)"] in rows(shown)
    assert [f"team:teams:{clean}", "hm", "open"] in rows(shown)


def test_printable_text_is_left_as_it_is():
    assert printable("Nguyễn Thị Oanh") == "Nguyễn Thị Oanh"
    assert clean("a\x00b\u202e") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert printable("[bold]") == "\\[bold]"


def test_a_board_says_in_words_what_results_rest_on_and_what_the_words_mean(scored):
    _, out, _ = scored("tests/data/field/24-prize-to-an-open-case.jsonl", style="text")
    lines = out.decode().splitlines()
    (first,) = [line for line in lines if "Giải1" in line]
    assert first.rstrip("│ ").endswith("start")  # "start assumed", wrapped at 80 columns
    assert "start assumed: START has no passing; the own gun replaces it in the chip time" in lines
    assert "under review: a point was missed, and the jury has not decided" in lines
    assert not any(line.startswith("penalty:") for line in lines)


def test_times_of_a_chip_lent_on_by_the_hour_and_of_a_relay_team_on_one_bib(scored):
    lent = json.loads(scored("tests/data/field/14b-chip-by-hours.jsonl")[1])
    times = {row["bib"]: row["time_s"] for board in lent["boards"].values() for row in board}
    assert (times["501"], times["601"]) == (19 * 60 + 59, 43 * 60 + 19)
    relay = json.loads(scored("tests/data/field/16-relay-team-one-bib.jsonl")[1])
    assert relay["boards"]["relay"][0]["gun_us"] == 3_660_000_000  # 1:01:00
