"""`matline check`: every fault of a definition at once, by its line in the file; and what is in a good one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.definition_parse import parse_definition
from services.cli import app
from services.offline.check_command import (
    DEFAULT_LIMITS,
    CheckLimits,
    Faulty,
    check,
    line_of,
    lines_of,
    run,
    summary,
)
from services.offline.definition_notes import clock_cutoffs, notes
from tests.builders import board, course, definition, half, mat, mats, point, race
from tests.schemas.test_definition import TOML

RACES = Path(__file__).parents[2] / "races"


@pytest.fixture
def checked(tmp_path, capsys):
    """Checks a file of that text: exit code, and lines with the folder cut off."""

    def go(text, name="race.toml", limits=DEFAULT_LIMITS):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = run([str(path)], limits)
        out, err = capsys.readouterr()
        return code, out.replace(f"{tmp_path}/", "").splitlines(), err.replace(f"{tmp_path}/", "").splitlines()

    return go


# --- A file of readers.

READERS = """[[sources]]
protocol = "mylaps"
event = "example-2026"
gateway = "tent"
zone = "Asia/Dubai"

[[sources]]
protocol = "ultra"
event = "example-2026"
gateway = "bridge"
zone = "+04:00"
address = "192.168.7.4:23"
"""


@pytest.mark.parametrize("name", ["readers.toml", "matline.toml"])
def test_a_file_of_readers_with_a_mistyped_table_is_no_race(checked, name):
    code, _, err = checked('[[source]]\nprotocol = "mylaps"\n', name)
    assert code == 2
    assert "source: is not a field here; did you mean `sources`?" in err[0]


def test_an_empty_file_is_said_to_be_empty(checked):
    code, _, err = checked("\n")
    assert (code, err) == (
        2,
        ["race.toml: is empty; a race definition begins with `event = ...`, a file of readers with [[sources]]"],
    )


def test_a_byte_order_mark_before_a_definition_changes_nothing(checked):
    assert checked(b"\xef\xbb\xbf" + TOML.encode()) == checked(TOML)


def test_readers_are_checked_against_the_race_that_is_checked_with_them(tmp_path, capsys):
    race_file, readers_file = tmp_path / "race.json", tmp_path / "matline.toml"
    race_file.write_text(json.dumps(definition()))
    one, other = READERS.split("\n\n")
    bad = one.replace("Asia/Dubai", "Asia/Ho_Chi_Minh") + '\ndevices = { "Start" = "S1", "Ziel" = "F-1" }\n\n'
    readers_file.write_text(bad + other.replace("example-2026", "example-2025"))
    assert run([str(readers_file), str(race_file)]) == 2
    devices, event = [line.rpartition("/")[2] for line in capsys.readouterr().err.splitlines()]
    assert devices.startswith(
        "matline.toml:6: sources[0].devices.Ziel: device 'F-1' is not defined; did you mean 'F1'?"
    )
    assert event == (
        "matline.toml:10: sources[1].event: event 'example-2025' is not defined; did you mean 'example-2026'?"
        " (defined: example-2026)"
    )
    every = ", ".join(f'"{device}" = "{device}"' for one_mat in mats()[1:] for device in one_mat["devices"])
    readers_file.write_text(f"{one}\ndevices = {{ {every} }}\n")
    assert run([str(race_file), str(readers_file)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert any(
        "sources[0].zone: the race is in Asia/Ho_Chi_Minh" in line or "zone: the race is in" in line for line in out
    )
    assert any("no reader gives device S1 of mat start" in line for line in out)
    assert "good: 1 reader" in out[-1]


def test_a_good_file_of_readers_is_summed_up(checked):
    assert checked(READERS, "matline.toml") == (
        0,
        ["matline.toml: good: 2 readers: mylaps tent of example-2026, ultra bridge of example-2026"],
        [],
    )
    assert checked("sources = []") == (0, ["race.toml: good: 0 readers"], [])


def test_every_fault_of_a_file_of_readers_has_its_line_and_its_path(checked):
    text = READERS.replace("Asia/Dubai", "Asia/Nowhere").replace('address = "192', 'secert = "x"\nadress = "192')
    code, out, errors = checked(text, "matline.toml")
    assert (code, out) == (2, [])
    assert [error.partition(": is")[0].partition(": needs")[0].partition(": '")[0] for error in errors] == [
        "matline.toml:5: sources[0].zone",
        "matline.toml:12: sources[1].secert",
        "matline.toml:13: sources[1].adress",
        "matline.toml:7: sources[1]",
    ]
    assert "needs `address`" in errors[3]


# --- Faults.


def test_a_good_definition_is_summed_up(checked):
    assert checked(TOML) == (
        0,
        [
            "race.toml:28: races[0].points[1].cutoff.clock: 10K closes on 2026-01-04 at 06:26:00, the morning of the"
            " start, 1:26:00 after the start",
            "race.toml: good: event example-2026; 1 race: hm (3 points); 3 mats; 2 boards",
        ],
        [],
    )


def test_every_fault_has_its_line_and_its_path(checked):
    """Lines count from 1, the first of this text is empty."""
    text = TOML.replace('devices = ["K1"]', "devices = []").replace(
        'race = "hm"\ngender = "F"', 'race = "5k"\nsex = "F"'
    )
    assert checked(text) == (
        2,
        [],
        [
            "race.toml:40: boards[1].sex: is not a field here; the fields are born_from, born_to, club, division,"
            " gender, gun_places, id, name, nationality, race, rank_by, wave, within",
            "race.toml:14: mats[1].devices: is empty; mat '10k' needs a device that reads there",
            "race.toml:39: boards[1].race: race '5k' is not defined (defined: hm)",
        ],
    )


def test_what_is_missing_is_said_at_the_table_that_misses_it_or_of_the_file(checked):
    text = TOML.replace('name = "Half marathon"\n', "").replace('name = "Example Half Marathon"\n', "")
    assert checked(text)[2] == ["race.toml: name: needs `name`", "race.toml:21: races[0]: needs `name`"]


def test_a_file_that_is_no_toml_is_refused_with_the_parsers_line(checked):
    code, out, (error,) = checked("a = 1\nb = \n")
    assert (code, out) == (2, [])
    assert error.startswith("race.toml:2: is not TOML: ")
    assert checked(b"a = 1\nb = '\xff'")[2] == ["race.toml:2: is not in UTF-8 (byte 11); save it as UTF-8"]


def test_json_is_checked_alike(checked):
    plain = half(points=course(K10={"mat": "12k"}))
    text = json.dumps(plain, indent=1)
    line = 1 + text[: text.index('"12k"')].count("\n")
    assert checked(text, "race.json") == (
        2,
        [],
        [
            f"race.json:{line}: races[0].points[1].mat: mat '12k' is not defined; did you mean '10k'?"
            " (defined: start, 10k, finish)"
        ],
    )
    assert checked(json.dumps(definition()), "race.json")[0] == 0
    assert checked("[]", "race.json")[2] == [
        "race.json: is not a table; a definition has fields such as event, name and races"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{\n "event": }', "race.json:2: is not JSON: invalid character at '}' (byte 12)"),
        ('{"a": 1\n"line 7": 2}', "race.json:2: is not JSON: expected ',' or '}' at '\"line 7\": 2}' (byte 8)"),
        (b'{\n "a": "\xff"}', "race.json:2: is not in UTF-8 (byte 9); save it as UTF-8"),
        ('\ufeff{"a": 1}', "race.json: begins with a byte order mark; save it as UTF-8 without one"),
        ('{"a": 1', "race.json: is not complete JSON: it ends too early"),
        ('{"a": 1e999}', "race.json: is not JSON: it holds a number that is too large"),
        ("", "race.json: is empty"),
    ],
)
def test_a_file_that_is_no_json_is_refused_with_its_line_and_in_the_same_words_as_elsewhere(checked, text, error):
    assert checked(text, "race.json") == (2, [], [error])


@pytest.mark.parametrize(
    ("name", "text"), [("race.toml", "a = " + "[" * 5000 + "]" * 5000), ("race.json", "[" * 50_000)]
)
def test_what_is_nested_without_end_is_refused(checked, name, text):
    code, _, (error,) = checked(text, name)
    assert code == 2
    assert error == f"{name}: is nested more deeply than any definition"


def test_what_is_nested_deeply_within_a_definition_is_a_fault_like_any_other(checked):
    deep = "[" * 200 + "]" * 200
    code, _, (error,) = checked(TOML.replace('timezone = "Asia/Ho_Chi_Minh"', f"timezone = {deep}"))
    assert (code, error) == (2, "race.toml:5: timezone: a list is not a text")


def test_a_file_that_cannot_be_opened_is_reported(tmp_path, capsys):
    assert run([str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/none.toml: cannot be opened: No such file or directory\n"


def test_a_file_that_is_too_long_is_refused(checked):
    assert checked("#" * 101, limits=CheckLimits(file_max_bytes=100))[2] == [
        "race.toml: is longer than 100 bytes, so it cannot be a definition"
    ]


def test_several_files_are_checked_and_one_fault_is_enough(tmp_path, capsys):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(TOML)
    bad.write_text(TOML.replace("start = ", "begin = "))
    assert run([str(bad), str(good)]) == 2
    out, err = capsys.readouterr()
    assert (out.count("good: event"), err.count("\n")) == (1, 2)


def test_the_definitions_that_come_along_are_good():
    files = sorted(map(str, RACES.glob("*.toml")))
    done = subprocess.run([sys.executable, "-m", "services.cli", "check", *files], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b": good: event ") == len(files) >= 4
    assert b"(a note" not in done.stdout
    assert b"the early morning of the day after the start, 3:40:00 after the start" in done.stdout


def test_without_a_file_the_command_says_what_it_wants():
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 2
    assert "Missing argument" in done.stderr


def test_a_refusal_carries_lines_and_faults():
    with pytest.raises(Faulty, match=r"races: is empty") as faulty:
        check(b'event = "e"\nname = "n"\ndate = 2026-01-04\ntimezone = "UTC"\nraces = []\n', is_json=False)
    assert [(line, fault.path) for line, fault in faulty.value.faults] == [(5, "races")]


# --- Summary and notes.


def test_a_summary_counts():
    of = definition(
        races=[race(), race("5k")],
        boards=[board("men")],
        team_boards=[{"id": "t", "of": "men"}, {"id": "u", "of": "men"}],
        delegations=[{"id": "d", "sum": ["t"]}],
    )
    assert summary(parse_definition(of)) == (
        "good: event example-2026; 2 races: hm (3 points), 5k (3 points); 3 mats; 1 board; 2 team boards; 1 delegation"
    )


def test_a_summary_counts_what_the_race_office_goes_by():
    rule = {"article": "5", "once": "event"}
    of = definition(
        eligibility=[{"id": "a", **rule}, {"id": "b", **rule}],
        waves=[{"id": "w", "article": "4.5", "races": ["hm"], "order": ["A", "B"]}],
        prizes=[{"id": "p", "article": "6", "what": "Cup", "places": 3, "boards": ["men"]}],
    )
    assert summary(parse_definition(of)).endswith("; 2 boards; 2 eligibility rules; 1 wave order; 1 prize")


def test_a_mat_that_no_race_passes_is_noted():
    of = parse_definition(definition(mats=mats(mat("spare", "X1"))))
    assert [note.path for note in notes(of)] == ["mats[3].id"]


@pytest.mark.parametrize(
    ("limit", "noted"),
    [
        ({"gun": "0:22:13"}, ["gun"]),  # 1,333 s; 10 km at 7.5 m/s take 1,333.33
        ({"gun": "0:22:14"}, []),
        ({"wave": "0:22:13"}, ["wave"]),
        ({"clock": "05:22:13"}, ["clock"]),
        ({"clock": "05:47:36"}, ["clock"]),  # 2,856 s: 10 km at more than 3.5 m/s
        ({"clock": "05:47:38"}, []),
        ({"clock": "04:59:59"}, ["clock"]),  # on the next day, almost 24 h after the start
        ({"clock": "05:10:00", "gun": "0:10:00"}, ["clock", "gun"]),
    ],
)
def test_a_cutoff_that_nobody_can_make_is_noted(limit, noted):
    of = parse_definition(half(points=course(K10={"cutoff": limit})))
    assert [note.path for note in notes(of)] == [f"races[0].points[1].cutoff.{kind}" for kind in noted]


@pytest.mark.parametrize(
    ("km", "clock", "noted"), [(44, "09:30:00", False), (46, "10:00:00", True), (46, "10:10:00", False)]
)
def test_from_an_ultra_a_slower_pace_is_fast(km, clock, noted):
    """46 km by 10:00 are 9.2 km/h, for which 5 h after the start are too few; 44 km by 9:30 are 9.8 km/h."""
    points = [point("START"), point("10K", km=km, cutoff={"clock": clock}), point("FINISH", km=100)]
    of = parse_definition(half(points=points))
    assert [note.path for note in notes(of)] == (["races[0].points[1].cutoff.clock"] if noted else [])


def test_a_cutoff_of_start_is_no_matter_of_speed():
    assert list(notes(parse_definition(half(points=course(START={"cutoff": {"gun": "0:00:10"}}))))) == []


@pytest.mark.parametrize(("points", "noted"), [(0, []), (2, []), (3, ["together.points"])])
def test_a_rule_for_carried_chips_that_no_course_is_long_enough_for_is_noted(points, noted):
    of = parse_definition({**definition(), "together": {"points": points}})
    assert [note.path for note in notes(of)] == noted


def test_a_note_is_printed_with_its_line_and_is_not_a_fault(checked):
    code, out, err = checked(TOML.replace("clock = 06:26:00", "clock = 05:06:00"))
    assert (code, err) == (0, [])
    assert out[0] == (
        "race.toml:28: races[0].points[1].cutoff.clock: 10K closes on 2026-01-04 at 05:06:00, the morning of the start,"
        " 0:06:00 after the start"
    )
    assert out[1] == (
        "race.toml:28: races[0].points[1].cutoff.clock: nobody can be at 10K by 05:06:00: at max_speed_mps = 7.5"
        " it takes 1334 s; 05:06:00 is only 0:06:00 after the start, 100.0 km/h to 10K; if the next day is meant,"
        ' write gun = "24:06:00" (a note, not a fault)'
    )
    assert out[2].startswith("race.toml: good: ")


def test_a_clock_limit_that_means_the_next_day_is_said_with_its_day_and_the_gun_form():
    path = "tests/data/field/11-cutoff-next-day.toml"
    done = CliRunner().invoke(app, ["check", path])
    hut, finish, said, said_too, good = done.output.splitlines()
    assert hut == (
        f"{path}:18: races[0].points[1].cutoff.clock: HUT closes on 2026-03-06 at 20:00:00, the evening of the start,"
        " 2:00:00 after the start"
    )
    assert "FINISH closes on 2026-03-06 at 23:59:00, the night of the start, 5:59:00 after the start" in finish
    assert said.endswith('if the next day is meant, write gun = "26:00:00" (a note, not a fault)')
    assert said_too.endswith('if the next day is meant, write gun = "29:59:00" (a note, not a fault)')
    assert good.startswith(f"{path}: good: ")


@pytest.mark.parametrize(
    ("start", "clock", "day", "after"),
    [
        (
            "2026-03-28T23:30:00",
            "06:30:00",
            "2026-03-29 at 06:30:00 UTC+02:00, the morning of the day after",
            "6:00:00",
        ),
        ("2026-03-28T12:00:00", "12:00:00", "2026-03-29 at 12:00:00 UTC+02:00, noon of the day after", "23:00:00"),
        ("2026-03-27T22:00:00", "02:30:00", "2026-03-28 at 02:30:00, the early morning of the day after", "4:30:00"),
    ],
)
def test_the_day_of_a_clock_limit_counts_the_hour_that_the_clocks_skip(start, clock, day, after):
    of = parse_definition(
        definition(
            date="2026-03-28",
            timezone="Europe/Berlin",
            races=[race(start=start, points=course(FINISH={"cutoff": {"clock": clock}}))],
        )
    )
    (falls,) = clock_cutoffs(of)
    assert falls.reason == f"FINISH closes on {day} the start, {after} after the start"


# --- Lines.


def test_lines_of_headers_keys_inline_tables_and_lists():
    text = '''# a comment with [[brackets]] and "quotes"
a = 1
"b c".d = 'x # no comment'
[[races]]  # the first
id = "1"
points = [
  { id = "START", cutoff = { clock = 05:00:00 } }, # here
  { id = "FINISH" },
]
[[races.marks]]
id = "m"
[[races]]
id = """
long ""quoted"" text""""
next = 2024-01-01 05:00:00
[[races.marks]]
id = \'\'\'
raw\'\'\'
[[races.marks]]
[other.table]
key = ["x", [1,
  2]]
'''
    lines = lines_of(text, is_json=False)
    expected = {
        "a": 2,
        "b c.d": 3,
        "races[0]": 4,
        "races[0].id": 5,
        "races[0].points": 6,
        "races[0].points[0]": 7,
        "races[0].points[0].cutoff.clock": 7,
        "races[0].points[1].id": 8,
        "races[0].marks[0].id": 11,
        "races[1]": 12,
        "races[1].id": 13,
        "races[1].next": 15,
        "races[1].marks[0]": 16,
        "races[1].marks[0].id": 17,
        "races[1].marks[1]": 19,
        "other.table": 20,
        "other.table.key": 21,
        "other.table.key[0]": 21,
        "other.table.key[1][0]": 21,
        "other.table.key[1][1]": 22,
    }
    assert {path: lines.get(path) for path in expected} == expected


def test_the_line_of_what_is_not_there_is_that_of_what_is_around_it():
    lines = {"races[0]": 4, "races[0].points[1]": 9}
    assert line_of(lines, "races[0].points[1].cutoff.clock") == 9
    assert line_of(lines, "races[0].points[1]") == 9
    assert line_of(lines, "races[0].points[2].km") == 4
    assert line_of(lines, "races[0].name") == 4
    assert line_of(lines, "timezone") is None
    assert line_of(lines, "boards[0].race") is None


def test_every_value_of_the_definitions_that_come_along_has_a_line():
    """The line holds the key, or the item, that the path ends in."""
    for path in sorted(RACES.glob("*.toml")):
        data = path.read_bytes()
        _, lines = check(data, is_json=False)
        texts = data.decode().split("\n")
        for where, line in lines.items():
            key = where.rpartition(".")[2].partition("[")[0]
            assert key in texts[line - 1] or where.endswith("]"), where
