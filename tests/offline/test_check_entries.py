"""`matline check ENTRIES --for RACE`: what ingest would answer for a list, without a stack."""

from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from services.cli import app
from services.offline.check_entries import EntriesLimits, run

FIELD = Path(__file__).parents[1] / "data" / "field"
RACE = str(FIELD / "csv-definition.toml")
HEADER = "bib,chips,race,gender,given_name,family_name"


@pytest.fixture
def checked(tmp_path, capsys):
    """Checks a list: exit code, and lines with the folder cut off."""

    def go(content, name="entries.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code = run([str(path)], RACE, **options)
        out, err = capsys.readouterr()
        return code, out.replace(f"{tmp_path}/", "").splitlines(), err.replace(f"{tmp_path}/", "").splitlines()

    return go


def test_a_good_list_is_summed_up_by_races(checked):
    assert checked(f"{HEADER}\n7,A1,hm,M,Jo,X\n8,A2,Half,F,Jo,Y\n") == (0, ["entries.csv: good: 2 entries: 2 hm"], [])


def test_faults_are_named_by_line_column_and_reason_and_doubts_are_notes(checked):
    code, out, err = checked(f"{HEADER}\n7,A1,hm,NAN,Jo,X\n8,E2 80 11,hm,F,Jo,Y\n")
    assert code == 2
    assert err == ["entries.csv:2: gender: NAN is not known; write M, F or X"]
    assert out == [
        "entries.csv:3: chips: E2 80 11 is read as the chips E2, 80, 11; if it is a single chip, write E28011"
        " (a note, not a fault)",
        "entries.csv: 1 line refused; 1 entry: 1 hm would be taken",
    ]


def test_a_file_that_cannot_be_read_is_named_by_its_line(checked):
    code, out, [fault] = checked((FIELD / "18c-one-open-quote.csv").read_bytes())
    assert (code, out) == (2, [])
    assert fault.startswith('entries.csv:3: a quote (") opens here')


def test_the_last_of_repeated_lines_is_taken_on_request(checked):
    data = (FIELD / "19-duplicate-bib.csv").read_bytes()
    assert checked(data)[1] == ["entries.csv: 6 lines refused; 0 entries would be taken"]
    assert checked(data, repeat="last")[1] == ["entries.csv: 4 lines refused; 2 entries: 2 hm would be taken"]


def test_a_list_in_json_and_a_workbook_are_checked(checked, tmp_path):
    assert checked('[{"bib": 7}]', "entries.json")[2][0] == "entries.json:1: bib: 7 is not a text"
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    book.active.append([7, "A1", "hm", "M", "Jo", "X"])
    book.save(tmp_path / "made.xlsx")
    assert checked((tmp_path / "made.xlsx").read_bytes(), "entries.xlsx")[1] == ["entries.xlsx: good: 1 entry: 1 hm"]


def test_no_more_notes_are_printed_than_help(checked):
    _, _, err = checked(f"{HEADER}\n" + "7,,hm,Q,Jo,X\n" * 5, limits=EntriesLimits(notes_max=3))
    assert err[3:] == ["entries.csv: 7 more are not shown; correct these first"]


def test_what_is_no_entry_list_or_too_long_or_missing_is_refused(checked, capsys):
    assert checked("", "entries.csv")[2][0].startswith("entries.csv: the list is empty")
    assert "cannot be an entry list" in checked("x" * 99, limits=EntriesLimits(file_max_bytes=98))[2][0]
    assert run(["nowhere.csv"], RACE) == run([], "nowhere.toml") == 2
    assert capsys.readouterr().err.splitlines() == [
        "nowhere.csv: cannot be opened: No such file or directory",
        "nowhere.toml: cannot be opened: No such file or directory",
    ]


def test_a_fault_prints_no_escape_sequence(checked):
    [fault] = checked(f"{HEADER}\n7,A1,hm,\x1b[31mQ,Jo,X\n")[2]
    assert "\x1b" not in fault


def test_the_command_checks_lists_for_a_race_and_says_so_without_one():
    path = str(FIELD / "09i-english-headers.csv")
    ran = CliRunner().invoke(app, ["check", path, "--for", RACE])
    assert (ran.exit_code, ran.output) == (0, f"{path}: good: 1 entry: 1 hm\n")
    ran = CliRunner().invoke(app, ["check", path])
    assert ran.exit_code == 2
    assert f"matline check {path} --for RACE.toml" in ran.output
