"""Tables in CSV files: encodings, delimiters, headers, and quotes that are left open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.entry_lists.entry_list import Conventions
from services.entry_lists.errors import EntryListError, TooManyEntries, UnreadableFile
from services.entry_lists.list_columns import is_known
from services.entry_lists.reading import read_entry_list
from services.entry_lists.table import csv_table

HEADER = "bib,chips,race,gender,given_name,family_name"


def table(*lines, encoding="utf-8", **options):
    return csv_table("\n".join(lines).encode(encoding), is_known, **options)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_files_of_various_programs_are_read(delimiter, end, encoding):
    lines = [HEADER.replace(",", delimiter), delimiter.join(("7", "A1", "hm", "F", "Ánh", "Nguyễn"))]
    read = csv_table((end.join(lines) + end).encode(encoding), is_known)
    assert (read.header_line, read.header) == (1, HEADER.split(","))
    assert [(row.line, row.cells) for row in read.rows] == [(2, ["7", "A1", "hm", "F", "Ánh", "Nguyễn"])]


def test_rows_are_numbered_as_in_the_file_and_empty_ones_left_out():
    read = table("Danh sách", "", HEADER, "7,A1,hm,M,Jo,X", ",,,,,", "", "8,A2,hm,M,Jo,X")
    assert read.header_line == 3
    assert [row.line for row in read.rows] == [4, 7]


@pytest.mark.parametrize("encoding", ["cp1258", "cp1252", "latin-1"])
def test_a_file_in_an_old_encoding_is_refused_with_what_to_do(encoding):
    with pytest.raises(UnreadableFile, match=r"^line 2: .*save the list as CSV UTF-8 or as \.xlsx"):
        table(HEADER, "7,A1,hm,M,Jörg,X", encoding=encoding)


def test_a_workbook_of_the_old_kind_is_refused_with_what_to_do():
    with pytest.raises(UnreadableFile, match=r"save it as \.xlsx"):
        csv_table(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", is_known)


@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"7,A1,hm,M,Jo,X", b"\0" * 100, HEADER.encode() + b"," * 10_000])
def test_a_file_without_a_header_is_refused(data):
    with pytest.raises(UnreadableFile, match="no row of column names"):
        csv_table(data, is_known)


def test_a_header_of_several_lines_is_read():
    read = table("Danh sách", '"Số\nBIB",Chip,Race,Sex,"Họ\nvà tên"', "7,A1,hm,M,Jo")
    assert (read.header_line, read.header[0]) == (4, "Số\nBIB")
    assert [row.line for row in read.rows] == [5]


@pytest.mark.parametrize("title", ['Danh sách "VIP"', '"Danh sách', '"A" B'])
def test_a_quote_in_a_title_does_not_hide_the_header(title):
    assert table(title, HEADER, "7,A1,hm,M,Jo,X").header_line == 2


def test_a_quote_left_open_in_the_header_is_named():
    with pytest.raises(UnreadableFile, match=r"^line 2: a quote"):
        table("Danh sách", HEADER.replace("race", '"race'), "7,A1,hm,M,Jo,X")


def test_a_cell_of_several_lines_is_read():
    read = table(HEADER, '7,A1,hm,M,"Jo', 'Ann, called ""J""",X', "8,A2,hm,M,Jo,X")
    assert [(row.line, row.cells[4]) for row in read.rows] == [(2, 'Jo\nAnn, called "J"'), (4, "Jo")]


@pytest.mark.parametrize(
    "lines",
    [
        ('7,A1,hm,M,"Jo,X', "8,A2,hm,M,Jo,X", "9,A3,hm,M,Jo,X"),
        ('7,A1,hm,M,"Jo,X', '8,A2,hm,M,"Jo",X', "9,A3,hm,M,Jo,X"),
        ('7,A1,hm,M,"Jo,X', '8,A2,hm,M,Jo",X', "9,A3,hm,M,Jo,X"),
        ('7,A1,hm,M,"Jo,X', "8,A2,hm,M,Jo,X", '9,A3,hm,M,Jo",X'),
        ('7,A1,hm,M,"Jo,X', '"8","A2","hm","M","Jo","X"'),
        ('7,A1,hm,M,Jo,"X', '8,A2,hm,M,5",X'),
        ('7,A1,hm,M,"Jo,X', *(f"{bib},C{bib},hm,M,Jo,X" for bib in range(10_000))),
    ],
)
def test_a_quote_left_open_refuses_the_file_with_the_line_where_it_opens(lines):
    with pytest.raises(UnreadableFile, match=r"^line 3: a quote"):
        table(HEADER, "6,A0,hm,M,Jo,X", *lines)


def test_the_line_of_a_quote_is_not_that_of_a_cell_of_several_lines_before_it():
    with pytest.raises(UnreadableFile, match=r"^line 3: a quote"):
        table(HEADER, '7,A1,hm,M,"Jo', 'Ann","X', "8,A2,hm,M,Jo,X")


def test_a_quote_in_the_middle_of_a_cell_is_a_fault_of_its_row_alone():
    read = table(HEADER, '7,A1,hm,M,"Jo" Ann,X', "8,A2,hm,M,Jo,X", '9,A3,hm,M,5" Jo,X')
    assert [(row.line, row.fault is None) for row in read.rows] == [(2, False), (3, True), (4, True)]
    assert "quote" in read.rows[0].fault


def test_a_cell_beyond_all_bounds_is_a_fault_of_its_row_alone():
    read = table(HEADER, "7,A1,hm,M,Jo," + "x" * 200_000, "8,A2,hm,M,Jo,X")
    assert [(row.line, row.fault is None) for row in read.rows] == [(2, False), (3, True)]


def test_there_is_a_limit_on_rows():
    assert len(table(HEADER, "x", "y", limit=2).rows) == 2
    with pytest.raises(TooManyEntries):
        table(HEADER, "x", "y", "z", limit=2)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(data):
    for head in (b"", HEADER.encode() + b"\n", b"PK\x03\x04"):
        try:
            entry_list = read_entry_list(head + data, Conventions())
        except EntryListError:
            continue
        assert all(note.reason for note in entry_list.rejected)
