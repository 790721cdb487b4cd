"""`matline export`: what is written where, and what is said instead."""

import csv
import io
import json

import openpyxl
import pytest
from typer.testing import CliRunner

from services.cli import app
from tests.builders import at, board, day, definition, document, entry, fact, line, point, race, read, reads, run

OF = definition(
    boards=[board("men", gender="M"), board("women", gender="F")],
    medals=[{"id": "m", "article": "B.5", "what": "Medal"}],
    prizes=[{"id": "p", "article": "A.5", "what": "Prize", "places": 3, "boards": ["men"]}],
)
DAY = day(run("7"), run("8", 1, 2000, 4100), definition=OF, bibs=["7", "8"])


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "race.jsonl"
    path.write_bytes(b"".join(map(line, DAY)))

    def call(what, *words, log=str(path)):
        return CliRunner().invoke(app, ["export", what, *([log] if log else []), *map(str, words)])

    return call


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_workbook_holds_every_board(export, tmp_path):
    done = export("results", "--out", tmp_path / "r.xlsx")
    assert (done.exit_code, done.stdout) == (0, "")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["men", "women", "Not finished"]
    assert [cell.value for cell in book["men"]["B"]] == ["bib", "7", "8"]


def test_a_folder_holds_a_csv_file_of_each_board(export, tmp_path):
    assert export("results", "--out", tmp_path / "boards").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "boards").iterdir()) == [
        "_not-finished.csv",
        "men.csv",
        "women.csv",
    ]
    assert [row["bib"] for row in table((tmp_path / "boards" / "men.csv").read_text())] == ["7", "8"]


def test_one_board_is_printed_and_several_are_not(export):
    exported = export("results", "--only", "men")
    assert [(row["place"], row["bib"], row["time"]) for row in table(exported.stdout)] == [
        ("1", "7", "1:06:40"),
        ("2", "8", "1:08:20"),
    ]
    all_of_them = export("results")
    assert (all_of_them.exit_code, all_of_them.stdout) == (2, "")
    assert "--only" in all_of_them.stderr


def test_lists_are_printed(export):
    assert [row["bib"] for row in table(export("start-list").stdout)] == ["7", "8"]
    assert [row["medal"] for row in table(export("medals").stdout)] == ["Medal", "Medal"]
    assert [row["place"] for row in table(export("prizes", "--only", "prizes").stdout)] == ["1", "2"]


def test_standings_are_the_document_of_score(export, tmp_path):
    assert json.loads(export("standings").stdout) == document(*DAY)
    assert export("standings", "--out", tmp_path / "s.json").exit_code == 0
    assert json.loads((tmp_path / "s.json").read_text()) == document(*DAY)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["results", "--only", "children"], "the tables are men, women"),
        (["results", "--format", "xlsx"], "--out FILE.xlsx"),
        (["results", "--out", "all.csv"], "3 tables"),
        (["results", "--only", "men", "--out", "/nowhere/men.csv"], "/nowhere/men.csv: No such file or directory"),
        (["wanda"], "no race over 42.195 km"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(export, words, said):
    done = export(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_log_that_cannot_be_read_is_said_with_its_line(export, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(line(DAY[0]) + b"{}\n" + line(DAY[1]))
    assert f"{bad}:2: " in export("medals", log=str(bad)).stderr
    assert export("medals", log=str(bad)).exit_code == 2
    lenient = export("start-list", "--lenient", log=str(bad))
    assert (lenient.exit_code, len(table(lenient.stdout))) == (0, 2)
    assert "skipped 1 of 3 lines" in lenient.stderr
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(line(DAY[1]))
    assert "no race definition" in export("results", log=str(empty)).stderr


# --- Wanda, over files.


@pytest.fixture
def marathons(tmp_path):
    """Two logs, the first with official results."""
    courses = [race("fm", points=[point("START"), point("FINISH", km=42.195)])]
    for event, finish in (("a", 12000), ("b", 11000)):
        of = definition(event=event, races=courses, boards=[board("all", "fm")])
        plain = [
            fact("event_defined", definition=of),
            fact("entries_added", entries=[entry("7", race="fm", birth_year=1980)]),
            fact("gun_fired", race="fm", at_us=at(0)),
            reads(read("S1", "C7", 0), read("F1", "C7", finish)),
        ]
        if event == "a":
            states = (("provisional", 13000), ("official", 13600))
            plain += [
                fact("results_published", race="fm", state=state, recorded_at_us=at(at_s)) for state, at_s in states
            ]
        (tmp_path / f"{event}.jsonl").write_bytes(b"".join(line({**item, "event": event}) for item in plain))
    return [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]


def test_wanda_joins_logs_and_contacts_and_says_what_is_missing(export, marathons, tmp_path):
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("event,bib,email\nb,7,seven@example.org\n")
    done = export("wanda", *marathons, "--contacts", contacts, log=None)
    assert [(row["start_num"], row["finish_time"], row["email"]) for row in table(done.stdout)] == [
        ("7", "3:03:20", "seven@example.org")
    ]
    assert done.stderr.splitlines() == [
        f"{marathons[1]}: the results of race fm are live, not official",
        "1 athletes with 2 finishes; 0 without an e-mail address",
    ]


def test_wanda_refuses_the_same_event_twice_and_contacts_that_do_not_do(export, marathons, tmp_path):
    twice = export("wanda", marathons[0], marathons[0], log=None)
    assert (twice.exit_code, "and so is an earlier log" in twice.stderr) == (2, True)
    contacts = tmp_path / "contacts.csv"
    contacts.write_text("bib\n7\n")
    refused = export("wanda", *marathons, "--contacts", contacts, log=None)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{contacts}:2: has a bib" in refused.stderr
    contacts.write_bytes(b"bib\n\xff\n")
    assert "is not UTF-8" in export("wanda", *marathons, "--contacts", contacts, log=None).stderr
    assert "missing.csv: No such file" in export("wanda", *marathons, "--contacts", "missing.csv", log=None).stderr
