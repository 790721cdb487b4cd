"""Entry lists as race offices sent them, and what each must give."""

from pathlib import Path

import pytest

from schemas.definition_parse import parse_definition, plain_from_toml
from services.entry_lists.entry_list import Conventions, conventions_for
from services.entry_lists.errors import UnreadableFile
from services.entry_lists.reading import read_entry_list
from tests.builders import definition, race

FIELD = Path(__file__).parents[1] / "data" / "field"
DEFINITION = parse_definition(plain_from_toml((FIELD / "csv-definition.toml").read_bytes()))


def read(name, **changes):
    return read_entry_list((FIELD / name).read_bytes(), conventions_for(DEFINITION, **changes))


def bibs(entry_list):
    return [entry.bib for entry in entry_list.entries()]


def texts(notes):
    return [str(note) for note in notes]


def test_marks_of_spreadsheets_are_undone_where_certain_and_otherwise_refused():
    entry_list = read("03-excel-mangled.csv")
    assert [(entry.bib, entry.chips) for entry in entry_list.entries()] == [
        ("8", ["58001123"]),
        ("0009", ["0058001124"]),
        ("11", ["E20034120"]),
        ("12", ["0X1A2B"]),
        ("0013", ["0058001126"]),
        ("14", ["E2", "80", "11", "60"]),
    ]
    assert texts(entry_list.rejected) == [
        "line 4, chips: 5.8E+10 is rounded by the spreadsheet; format the column as text and fill it in again"
    ]
    assert texts(entry_list.warnings) == [
        "line 8, chips: E2 80 11 60 is read as the chips E2, 80, 11, 60; if it is a single chip, write E2801160"
    ]


def test_gender_is_read_as_a_word_and_an_empty_one_refused_with_its_line_and_column():
    entry_list = read("04-gender-words.csv")
    assert [entry.gender for entry in entry_list.entries()] == list("MFMFMMFFFXF")
    assert texts(entry_list.rejected) == ["line 11, gender: is empty; write M, F or X"]


@pytest.mark.parametrize("name", ["09f-sep-line.csv", "09g-title-line-above.csv"])
def test_lines_above_the_header_are_passed_over(name):
    entry_list = read(name)
    assert bibs(entry_list) == ["0101", "0102", "0103"]
    assert entry_list.rejected == entry_list.warnings == []


def test_a_vietnamese_list_is_read_by_the_name_of_its_race():
    data = (FIELD / "09h-vietnamese-headers.csv").read_bytes()
    entry_list = read_entry_list(data, Conventions(races={"hm": ("21 KM",), "fm": ("42km",)}, born_last=2026))
    [entry] = entry_list.entries()
    assert (entry.bib, entry.family_name, entry.given_name) == ("101", "Nguyễn", "Ánh Tuyết")
    assert (entry.gender, entry.birth_year, entry.race, entry.club) == ("F", 1990, "hm", "Hà Nội Runners")
    assert entry.chips == []
    assert [note.reason for note in entry_list.warnings] == [
        "the list has no column of chips, so no reads will count for its athletes until they have chips"
    ]


def test_a_race_that_the_definition_does_not_have_is_refused_naming_those_there_are():
    assert texts(read("09h-vietnamese-headers.csv").rejected) == [
        "line 2, Cự ly: 21km is not a race of this event; the only race is hm (Half)"
    ]


def test_an_english_list_is_read():
    [entry] = read("09i-english-headers.csv").entries()
    assert (entry.family_name, entry.given_name, entry.nationality) == ("Nguyen", "Tuyet", "VIE")
    assert (entry.birth_year, entry.club) == (1990, "Runners")


def test_birth_dates_become_years_and_what_may_be_several_years_is_refused():
    entry_list = read("09j-birth-dates.csv")
    assert [(entry.bib, entry.birth_year) for entry in entry_list.entries()] == [
        ("1", 1990),
        ("2", 1990),
        ("5", 1990),
        ("7", 1900),
    ]
    assert [(note.line, note.column, note.value) for note in entry_list.rejected] == [
        (4, "birth_year", "32994"),
        (5, "birth_year", "90"),
        (7, "birth_year", "2062"),
    ]
    assert "perhaps 1990-05-01" in entry_list.rejected[0].reason
    assert all("1990" in note.reason for note in entry_list.rejected)
    assert texts(entry_list.warnings) == ["line 8, birth_year: 1900 is taken, but unlikely; check it"]


def test_a_quote_left_open_refuses_the_file_and_names_its_line():
    with pytest.raises(UnreadableFile, match="line 3: a quote") as refused:
        read("18c-one-open-quote.csv")
    assert refused.value.line == 3


def test_rows_with_the_same_bib_or_chip_are_refused_each_naming_the_others():
    entry_list = read("19-duplicate-bib.csv")
    assert entry_list.listed == []
    repeated = {note.line: note.reason for note in entry_list.rejected}
    assert "bib 20 is also on lines 4 and 7" in repeated[2]
    assert "chip C21 is also on line 5" in repeated[3]
    assert "bib 20 is also on lines 2 and 7" in repeated[4]
    assert "chip C21 is also on line 3" in repeated[5]
    assert repeated[6] == "42km is not a race of this event; the only race is hm (Half)"
    assert "bib 20 is also on lines 2 and 4" in repeated[7]


def test_the_last_of_repeated_rows_is_taken_on_request():
    entry_list = read("19-duplicate-bib.csv", repeat="last")
    assert [(line, entry.bib, entry.chips) for line, entry in entry_list.listed] == [
        (5, "23", ["C21"]),
        (7, "20", ["C25"]),
    ]
    assert [note.line for note in entry_list.rejected] == [2, 3, 4, 6]
    assert "line 7, which is taken instead" in entry_list.rejected[0].reason


@pytest.mark.parametrize("race_name", ["hm", "Bán Marathon", "ban marathon", "HALF MARATHON"])
def test_a_race_is_known_by_its_name_in_each_language(race_name):
    hm = race(name={"vi": "Bán marathon", "en": "Half marathon"})
    conventions = conventions_for(parse_definition(definition(races=[hm])))
    data = f"bib,race,gender,family_name,given_name\n7,{race_name},M,Lê,An\n".encode()
    assert [entry.race for entry in read_entry_list(data, conventions).entries()] == ["hm"]
