"""Entry lists in JSON and in the CSV files that spreadsheets write: each line is checked on its own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Entry
from services.ingest.http import entries
from services.ingest.http.entries import ENTRIES_MAX, TooManyEntries, entries_from_csv, entries_from_json

HEADER = "bib,chips,race,gender,given_name,family_name"


def entry(**changes: object) -> dict[str, object]:
    return {
        "bib": "7",
        "chips": ["A1"],
        "race": "hm",
        "gender": "F",
        "given_name": "Ann",
        "family_name": "Example",
        **changes,
    }


def from_json(*entries: object, limit: int = ENTRIES_MAX):
    return entries_from_json(msgspec.json.encode(entries), limit)


def from_csv(*lines: str, limit: int = ENTRIES_MAX):
    return entries_from_csv("\n".join(lines).encode(), limit)


# --- JSON


def test_entries_of_a_json_list_are_taken_in_order():
    listing = from_json(entry(), entry(bib="8", birth_year=1990, nationality="vie", ranked=False))
    assert listing.bad == []
    assert [entry.bib for entry in listing.entries] == ["7", "8"]
    assert listing.entries[1] == msgspec.convert(
        entry(bib="8", birth_year=1990, nationality="VIE", ranked=False), Entry
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"bib": ""},
        {"bib": 7},
        {"gender": "W"},
        {"chips": "A1"},
        {"chips": [""]},
        {"race": "h m"},
        {"birth_year": 90},
        {"birth_year": "1990-01-01"},
        {"birth_date": "1990-01-01"},
        {"nationality": "Vietnam"},
        {"personal_best_s": 0},
        {"email": "ann@example.org"},
        {"club": "ask ann@example.org"},
    ],
)
def test_a_bad_entry_of_a_json_list_is_named_by_its_number_and_the_others_are_taken(changes):
    listing = from_json(entry(), entry(**changes), entry(bib="9"))
    assert [entry.bib for entry in listing.entries] == ["7", "9"]
    assert [bad.line for bad in listing.bad] == [2]


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"null", b'"x"'])
def test_a_body_that_is_no_json_list_is_refused(data):
    with pytest.raises(msgspec.DecodeError):
        entries_from_json(data)


def test_an_entry_nested_without_end_is_bad_and_no_crash():
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        entries_from_json(b'[{"bib":' + deep + b"}]")


# --- CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_files_of_various_programs_are_read(delimiter, bom, end):
    lines = [HEADER.replace(",", delimiter), delimiter.join(("7", "A1 A2", "hm", "f", "Ánh", "Nguyễn"))]
    listing = entries_from_csv((bom + end.join(lines) + end).encode())
    assert listing.bad == []
    assert listing.entries == [
        Entry(bib="7", chips=["A1", "A2"], race="hm", gender="F", given_name="Ánh", family_name="Nguyễn")
    ]


def test_headers_may_differ_in_case_and_spacing():
    listing = from_csv("Bib,Chip,Race,Gender,Given Name,Family Name,Birth Year", "007,A1,hm,m,Jo,X,1990")
    [only] = listing.entries
    assert (only.bib, only.chips, only.birth_year) == ("007", ["A1"], 1990)


@pytest.mark.parametrize("cell", ["A1 A2", "A1;A2", "A1|A2", " A1 ; A2 ", '"A1,A2"'])
def test_several_chips_stand_in_one_cell(cell):
    assert from_csv(HEADER, f"7,{cell},hm,M,Jo,X").entries[0].chips == ["A1", "A2"]


def test_an_empty_cell_is_a_missing_value_and_a_missing_chip_is_no_fault():
    listing = from_csv(HEADER + ",birth_year,team,ranked", "7,,hm,M,,X,,,")
    [only] = listing.entries
    assert (only.chips, only.birth_year, only.team, only.ranked, only.given_name) == ([], None, None, True, "")


@pytest.mark.parametrize(("cell", "ranked"), [("true", True), ("Yes", True), ("1", True), ("no", False), ("0", False)])
def test_ranked_is_written_in_several_ways(cell, ranked):
    assert from_csv(HEADER + ",ranked", f"7,A1,hm,M,Jo,X,{cell}").entries[0].ranked is ranked


def test_bad_lines_are_named_by_their_line_in_the_file():
    listing = from_csv(
        HEADER, "7,A1,hm,M,Jo,X", "", "8,A2,hm,W,Jo,X", '9,A3,hm,M,"Jo', 'Ann",X', "10,A4,hm,M,Jo,X,more"
    )
    assert [entry.bib for entry in listing.entries] == ["7", "9"]
    assert [bad.line for bad in listing.bad] == [4, 7]


def test_an_e_mail_address_never_gets_onto_the_log():
    listing = from_csv(HEADER + ",club", "7,A1,hm,M,Jo,X,jo@example.org")
    assert listing.entries == []
    assert "e-mail" in listing.bad[0].reason


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (HEADER + ",e-mail", "e-mail"),
        (HEADER + ",birth_date", "birth_date"),
        (HEADER + ",bib", "bib"),
        ("bib,chips,race,gender,given_name", "family_name"),
        ("", "bib"),
    ],
)
def test_an_invalid_header_is_refused_with_the_column(header, named):
    with pytest.raises(ValueError, match=named):
        from_csv(header, "7,A1,hm,M,Jo,X")


def test_a_file_that_is_not_utf8_is_refused():
    with pytest.raises(ValueError, match="UTF-8"):
        entries_from_csv((HEADER + "\n7,A1,hm,M,Jörg,X").encode("latin-1"))


def test_an_unterminated_cell_is_a_bad_line():
    listing = from_csv(HEADER, "7,A1,hm,M,Jo," + "x" * 200_000, "8,A2,hm,M,Jo,X")
    assert [bad.line for bad in listing.bad] == [2]
    assert [entry.bib for entry in listing.entries] == ["8"]


def test_there_is_a_limit_on_entries_good_or_bad():
    assert len(from_json(entry(), 0, limit=2).bad) == 1
    with pytest.raises(TooManyEntries):
        from_json(entry(), 0, 0, limit=2)
    with pytest.raises(TooManyEntries):
        from_csv(HEADER, "7,A1,hm,M,Jo,X", "x", "y", limit=2)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(data):
    for read in (entries_from_json, entries_from_csv):
        try:
            listing = read(data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
        assert listing.entries == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HEADER.encode() + b"," * entries.HEADER_MAX_CHARS, "so it is not a header"),
        (b'bib,"' + b"a\n" * 100_000, "cannot be read"),
        (b"a," * 1_000 + b"a", "unknown column"),
    ],
)
def test_a_line_that_is_no_header_is_refused(data, reason):
    with pytest.raises(ValueError, match=reason):
        entries_from_csv(data)
