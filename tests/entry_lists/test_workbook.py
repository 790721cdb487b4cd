"""Tables in XLSX workbooks: cells as a person sees them, and archives that would fill the memory."""

import datetime
import io
import zipfile

import openpyxl
import pytest

from services.entry_lists import workbook
from services.entry_lists.entry_list import Conventions
from services.entry_lists.errors import TooManyEntries, UnreadableFile
from services.entry_lists.list_columns import is_known
from services.entry_lists.reading import read_entry_list
from services.entry_lists.workbook import xlsx_table

HEADER = ["Số BIB", "Mã chip", "Race", "Giới tính", "Họ và tên", "Ngày sinh"]


def book(*rows, formats=None, before=()):
    made = openpyxl.Workbook()
    for title in before:
        made.create_sheet(title, 0).append(["Ghi chú"])
    sheet = made.worksheets[-1]
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    saved = io.BytesIO()
    made.save(saved)
    return saved.getvalue()


def test_cells_are_read_as_a_person_sees_them():
    data = book(
        ["Danh sách vận động viên"],
        [],
        HEADER,
        [7, 58001123, "hm", "Nữ", "Nguyễn Ánh Tuyết", datetime.datetime(1990, 5, 1)],
        [8.0, "0058", "hm", "Nam", " Trần Văn Ba ", 1990],
        [9, 12, "hm", "Nam", "Lê Tư", "01/05/1991"],
        formats={"A4": "0000", "B6": '"A"000'},
    )
    entry_list = read_entry_list(data, Conventions(races={"hm": ("Half",)}, born_last=2026))
    assert entry_list.rejected == []
    assert [
        (line, entry.bib, entry.chips, entry.given_name, entry.birth_year) for line, entry in entry_list.listed
    ] == [
        (4, "0007", ["58001123"], "Ánh Tuyết", 1990),
        (5, "8", ["0058"], "Văn Ba", 1990),
        (6, "9", ["A012"], "Tư", 1991),
    ]


def sheets(**rows_of):
    """A workbook with these sheets; those whose name begins with `hidden` are."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in rows_of.items():
        sheet = made.create_sheet(title)
        if title.startswith("hidden"):
            sheet.sheet_state = "hidden"
        for row in rows:
            sheet.append(row)
    saved = io.BytesIO()
    made.save(saved)
    return saved.getvalue()


def athlete(bib):
    return [bib, f"C{bib}", "hm", "Nữ", "Lê Tư", 1990]


def test_a_second_sheet_with_entries_is_named_and_not_lost_in_silence():
    data = sheets(HM=[HEADER, athlete(1)], Total=[["Total", 2]], Empty=[HEADER], **{"10K": [["x"], HEADER, athlete(2)]})
    entry_list = read_entry_list(data, Conventions())
    assert [entry.bib for entry in entry_list.entries()] == ["1"]
    [note] = entry_list.warnings
    assert note.reason.startswith("the sheet '10K' has columns of a list too, but only the sheet 'HM' is read;")


def test_a_hidden_sheet_is_read_only_where_no_other_has_entries():
    hidden = [[*HEADER, "Team"], [*athlete(1), "T"]]
    shown = read_entry_list(sheets(hidden=hidden, Shown=[HEADER, athlete(2)]), Conventions())
    assert ([entry.bib for entry in shown.entries()], shown.warnings) == (["2"], [])
    alone = read_entry_list(sheets(Notes=[["x"]], hidden=hidden), Conventions())
    assert [entry.bib for entry in alone.entries()] == ["1"]


@pytest.mark.parametrize("data", [b"", b" \r\n"])
def test_an_empty_list_is_refused_as_such(data):
    with pytest.raises(UnreadableFile, match="the list is empty"):
        read_entry_list(data, Conventions())


def test_a_number_longer_than_a_spreadsheet_keeps_is_refused():
    data = book(
        HEADER, [7, 5800112300000000000, "hm", "Nữ", "Lê Tư", 1990], [8, 580011230000000, "hm", "Nữ", "Lê Tư", 1990]
    )
    entry_list = read_entry_list(data, Conventions())
    assert [entry.chips for entry in entry_list.entries()] == [["580011230000000"]]
    assert [note.reason.partition(";")[0] for note in entry_list.rejected] == [
        "5.80011E+18 is rounded by the spreadsheet"
    ]


def test_a_bib_that_became_a_date_is_refused():
    data = book(HEADER, [datetime.datetime(2026, 1, 2), "A1", "hm", "Nữ", "Lê Tư", 1990])
    [note] = read_entry_list(data, Conventions()).rejected
    assert (note.line, note.column) == (2, "Số BIB")
    assert "2026-01-02 is a date that the spreadsheet made of it" in note.reason


def test_an_error_of_a_formula_is_refused():
    data = book(HEADER, [7, "#N/A", "hm", "Nữ", "Lê Tư", 1990])
    [note] = read_entry_list(data, Conventions()).rejected
    assert "#N/A, an error of the spreadsheet" in note.reason


def test_the_sheet_with_the_header_is_taken():
    assert xlsx_table(book(HEADER, [7], before=("Ghi chú", "Tổng hợp")), is_known).rows[0].cells == ["7"]


def test_a_workbook_without_a_header_is_refused():
    with pytest.raises(UnreadableFile, match="no row of column names"):
        xlsx_table(book(["a", "b"]), is_known)


def test_there_is_a_limit_on_rows():
    with pytest.raises(TooManyEntries):
        xlsx_table(book(HEADER, [1], [2], [3]), is_known, limit=2)


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100])
def test_a_damaged_workbook_is_refused(data):
    with pytest.raises(UnreadableFile, match="save it as"):
        xlsx_table(data, is_known)


def test_an_archive_that_is_no_workbook_is_refused():
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(UnreadableFile, match="damaged"):
        xlsx_table(saved.getvalue(), is_known)


def test_a_workbook_that_becomes_huge_is_refused_before_it_is_decompressed():
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.xml", "w") as file:
        for _ in range(workbook.WORKBOOK_MAX_BYTES // 2**20 + 1):
            file.write(bytes(2**20))
    with pytest.raises(UnreadableFile, match="decompressed"):
        xlsx_table(saved.getvalue(), is_known)


def test_a_cell_far_away_costs_nothing():
    made = openpyxl.Workbook()
    made.active.append(HEADER)
    made.active.cell(1_048_576, 16_384, "x")
    saved = io.BytesIO()
    made.save(saved)
    assert xlsx_table(saved.getvalue(), is_known).rows == []
