"""Columns and feeds, without a database."""

import csv
import io

import msgspec

from services.live.feed.columns import COLUMNS, board_row
from services.live.feed.feed_files import as_csv, as_json, as_xml
from services.live.feed.table import FeedForm, feed_table
from services.live.pages.board import build_board
from tests.builders import defined, entries, entry, fact, gun, half, run, status
from tests.live.loaded import LoadedEvent
from tests.live.pages.test_board import data

FORMULA = "=1+1"
HOSTILE = entry(
    "7", family_name=FORMULA, given_name=FORMULA, team=FORMULA, club=FORMULA, nationality="VIE", birth_year=1990
)
LOADED = LoadedEvent(defined(), entries(HOSTILE, "8"), gun(0), run("7", 1, 2000, 4000), run("8", 1, 1900, 4000))
LINES = build_board(data(LOADED)).lines
FEED_COLUMNS = [column for column in COLUMNS if column.in_feeds]
FEED = feed_table(COLUMNS, LINES, FeedForm())
EMPTY = feed_table(COLUMNS, [], FeedForm())
OURS = {
    "place_text",
    "time",
    "gun_time",
    "chip_time",
    "gap",
    "pace",
    "next_eta",
    "projected_finish",
    "projected_high",
    "projected_low",
    "status",
    "result_state",
    "flags",
    "updated_at",
    "at",
    "rank_gap",
    "missed",
}


def feed_row(line):
    (row,) = msgspec.json.decode(as_json(feed_table(COLUMNS, [line], FeedForm())))
    return row


def test_names_are_declared_once():
    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names))


def test_every_value_has_the_type_of_its_column_or_is_null():
    for line in LINES:
        for column in COLUMNS:
            value = column.value(line)
            assert value is None or type(value) is column.type, column.name
            if column.in_feeds:
                assert type(feed_row(line)[column.name]) is column.type, column.name


def test_rows_are_null_where_feeds_have_an_empty_text_or_zero():
    for line in LINES:
        row, feed = board_row(line), feed_row(line)
        for column in FEED_COLUMNS:
            assert feed[column.name] == (column.type() if row[column.name] is None else row[column.name]), column.name
    last, feed = board_row(LINES[1]), feed_row(LINES[1])
    assert [last[name] for name in ("team", "gap", "age_grade")] == [None, None, None]
    assert [feed[name] for name in ("team", "gap", "age_grade")] == ["", "", 0.0]


def test_flags_name_a_penalty_an_assumed_start_and_an_open_case():
    penalty = fact("penalty_set", bib="8", seconds=-300, reason="led astray")
    loaded = LoadedEvent(defined(), entries("7", "8"), gun(0), run("7", 1), run("8", None), penalty, status("7", "DNF"))
    (line,) = build_board(data(loaded)).lines
    assert (line.athlete.bib, board_row(line)["flags"]) == ("8", "penalty start_assumed")
    review = LoadedEvent(defined(half(missing_mat="review")), entries("7"), gun(0), run("7", 1, None))
    (line,) = build_board(data(review)).lines
    assert feed_row(line)["flags"] == "case review"
    waiver = fact("point_waived", race="hm", point="10K", reason="mat dead")
    waived = LoadedEvent(defined(), entries("7"), gun(0), run("7", 1, None), waiver)
    (line,) = build_board(data(waived)).lines
    assert feed_row(line)["flags"] == "waived"
    assert board_row(LINES[0])["flags"] is None


def test_texts_that_are_declared_ours_are_these_and_no_others():
    assert {column.name for column in COLUMNS if column.ours} == OURS


def test_csv_keeps_spreadsheets_from_reading_texts_from_outside_as_formulas():
    names = {column.name: column for column in FEED_COLUMNS}
    table = list(csv.DictReader(io.StringIO(as_csv(FEED).decode())))
    for text, line in zip(table, LINES, strict=True):
        for name, value in feed_row(line).items():
            hostile = isinstance(value, str) and value.startswith("=") and not names[name].ours
            assert text[name] == (f"'{value}" if hostile else str(value)), name
    assert {name for name, value in table[0].items() if value.startswith("'=")} == {
        "name",
        "name_ascii",
        "family_name",
        "given_name",
        "team",
        "club",
    }
    assert table[0]["place_text"] == "=1"


def test_the_feeds_have_the_same_columns_in_the_same_order():
    names = [column.name for column in FEED_COLUMNS]
    assert [list(row) for row in msgspec.json.decode(as_json(FEED))] == [names, names]
    assert as_csv(FEED).decode().splitlines()[0] == ",".join(names)
    first = as_xml(FEED, "board").decode().split("<row>")[1]
    assert [first.index(f"<{name}>") for name in names] == sorted(first.index(f"<{name}>") for name in names)


def test_feeds_of_an_empty_board_are_a_header_or_nothing():
    assert as_json(EMPTY) == b"[]"
    assert as_csv(EMPTY).decode().count("\n") == 1
    assert as_xml(EMPTY, "board").endswith(b"<board>\n</board>\n")
