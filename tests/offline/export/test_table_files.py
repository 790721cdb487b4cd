"""Tables as CSV and XLSX: numbers and times are such, and no text from outside becomes a formula."""

import csv
import io
from datetime import timedelta

import openpyxl
import pytest

from services.offline.export.result_tables import Duration, table
from services.offline.export.table_files import csv_text, sheet_titles, xlsx_bytes

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", "＝1+1", '=HYPERLINK("http://x","y")']


def sheet(*rows, columns=("a", "b")):
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([table("t", "T", columns, rows)])))
    return book["T"]


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula_in_csv(text):
    ((cell,),) = list(csv.reader(io.StringIO(csv_text(table("t", "T", ["a"], [[text]]))), strict=True))[1:]
    assert cell == f"'{text}"


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula_in_a_workbook_and_it_stays_as_it_was_written(text):
    cell = sheet([text], columns=["a"])["A2"]
    assert cell.data_type == "s"
    assert cell.value == text.replace("\r", "\n")  # as XML has it
    assert cell.quotePrefix


def test_plain_text_is_left_alone_in_both():
    for text in ("Nguyễn Thị Oanh", "007", "a=b", "1:06:40"):
        assert csv_text(table("t", "T", ["a"], [[text]])) == f"a\r\n{text}\r\n"
        cell = sheet([text], columns=["a"])["A2"]
        assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", False)


def test_headers_are_no_formulas_either():
    assert sheet([1], columns=["=a"])["A1"].data_type == "s"


def test_times_are_times_to_be_reckoned_with_and_numbers_numbers():
    made = sheet([Duration(4000), 97.38], [Duration(100_000), 3], [Duration(0), None])
    assert [made[f"A{row}"].value for row in (2, 3)] == [timedelta(seconds=4000), timedelta(seconds=100_000)]
    assert {made[f"A{row}"].number_format for row in (2, 3, 4)} == {"[h]:mm:ss"}
    assert [(made[f"B{row}"].value, made[f"B{row}"].data_type) for row in (2, 3)] == [(97.38, "n"), (3, "n")]
    assert made["B4"].value is None


def test_in_csv_times_are_as_printed_and_nothing_is_empty():
    text = csv_text(table("t", "T", ["a", "b"], [[Duration(4000), 97.5], [None, 3]]))
    assert text == "a,b\r\n1:06:40,97.5\r\n,3\r\n"


def test_headers_stay_in_view_and_columns_are_as_wide_as_what_is_in_them():
    made = sheet(["x" * 20, "y"], ["z", "w" * 300])
    assert made.freeze_panes == "A2"
    assert made["A1"].font.bold
    assert (made.column_dimensions["A"].width, made.column_dimensions["B"].width) == (22, 40)


def test_what_xml_cannot_hold_does_not_break_a_workbook():
    assert sheet(["a\x00b\x0b\ufffe", "x" * 40_000])["A2"].value == "a\ufffdb\ufffd\ufffd"


def test_sheet_titles_are_as_excel_takes_them_and_no_two_alike():
    long = "Marathon men, mass system, 16 to 29"
    assert sheet_titles(["5/10 km [men]: *", "History", long, long.upper(), "'x'", "", "\t"]) == [
        "5 10 km  men",
        "History (2)",
        "Marathon men, mass system, 16 t",
        "MARATHON MEN, MASS SYSTEM, (2)",
        "x",
        "Sheet",
        "Sheet (2)",
    ]


def test_a_workbook_has_a_sheet_for_each_table_in_order():
    tables = [table(name, name, ["a"], []) for name in ("women", "men", "Men")]
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(tables)))
    assert book.sheetnames == ["women", "men", "Men (2)"]


def test_a_row_of_another_length_is_a_fault_of_ours():
    with pytest.raises(AssertionError, match="whose length is not"):
        table("t", "T", ["a", "b"], [[1]])
