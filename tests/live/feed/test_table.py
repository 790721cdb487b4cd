"""Feeds of chosen, renamed and numbered columns, without a server."""

import csv
import io
import xml.etree.ElementTree as ET

import msgspec
import pytest

from services.live.errors import Refused
from services.live.feed.feed_files import as_csv, as_json, as_xml
from services.live.feed.table import COLUMNS_MAX, Column, FeedForm, chosen_columns, feed_table

COLUMNS: tuple[Column[tuple], ...] = (
    Column("place", int, lambda line: line[0]),
    Column("place_text", str, lambda line: f"={line[0]}", ours=True),
    Column("name", str, lambda line: line[1]),
    Column("gap", str, lambda line: line[2], ours=True),
    Column("exact", int, lambda line: 7, in_feeds=False),
)
LINES = [(1, "Ann", None), (1, "=Bo", "-0:10")]


def table(cols: str = "", wide: int = 0):
    return feed_table(COLUMNS, LINES, FeedForm(chosen_columns(cols), wide))


def decoded(made) -> list[dict]:
    return msgspec.json.decode(as_json(made))


def test_columns_are_all_that_are_in_feeds_unless_some_are_chosen():
    assert [list(row) for row in decoded(table())] == [["place", "place_text", "name", "gap"]] * 2
    assert decoded(table("gap,place")) == [{"gap": "", "place": 1}, {"gap": "-0:10", "place": 1}]


def test_a_column_may_have_a_label_and_be_there_twice():
    assert decoded(table("Pos:place, Tên VĐV:name ,Rank:place"))[0] == {"Pos": 1, "Tên VĐV": "Ann", "Rank": 1}


def test_blanks_of_a_label_are_underscores_in_xml():
    root = ET.fromstring(as_xml(table("Họ tên:name"), "board"))
    assert [[cell.tag for cell in row] for row in root] == [["Họ_tên"], ["Họ_tên"]]


@pytest.mark.parametrize(
    ("cols", "status", "said"),
    [
        ("name,place,name", 400, "'name' twice"),
        ("a:name,a:place", 400, "label of its own, as `label:place`"),
        ("<b>:name", 400, "letters, digits"),
        ("1st:name", 400, "a letter first"),
        (":name", 400, "label ''"),
        ("x" * 41 + ":name", 400, "1 to 40"),
        (",".join(f"c{number}:name" for number in range(COLUMNS_MAX + 1)), 422, "200 at most"),
        ("nam", 400, "the columns are place, place_text, name, gap"),
        ("exact", 400, "names 'exact'"),
        ("Bib:nam", 400, "names 'nam'"),
    ],
)
def test_an_unusable_choice_of_columns_is_refused_with_what_there_is(cols, status, said):
    with pytest.raises(Refused) as refused:
        table(cols)
    assert (refused.value.status, said in str(refused.value)) == (status, True)


def test_a_wide_feed_is_one_row_with_as_many_columns_whoever_is_there():
    assert decoded(table("place,name", 3)) == [
        {"place_1": 1, "name_1": "Ann", "place_2": 1, "name_2": "=Bo", "place_3": 0, "name_3": ""}
    ]
    assert decoded(table("name", 1)) == [{"name_1": "Ann"}]
    nobody = feed_table(COLUMNS, [], FeedForm((), 1))
    assert decoded(nobody) == [{"place_1": 0, "place_text_1": "", "name_1": "", "gap_1": ""}]


def test_csv_for_a_spreadsheet_has_a_byte_order_mark_and_no_text_that_begins_a_formula():
    plain = as_csv(table()).decode()
    assert list(csv.DictReader(io.StringIO(plain)))[1] == {
        "place": "1",
        "place_text": "=1",
        "name": "'=Bo",
        "gap": "-0:10",
    }
    shown = as_csv(table(), spreadsheet=True)
    assert shown.startswith(b"\xef\xbb\xbf")
    assert list(csv.DictReader(io.StringIO(shown.decode("utf-8-sig"))))[1] == {
        "place": "1",
        "place_text": "1=",
        "name": "'=Bo",
        "gap": "−0:10",
    }
