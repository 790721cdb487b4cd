"""Columns by the names that registration systems give them."""

import pytest

from services.entry_lists.entry_list import Conventions
from services.entry_lists.errors import UnreadableFile
from services.entry_lists.list_columns import columns_of, is_known
from services.entry_lists.reading import read_entry_list

COMPLETE = "bib,chips,race,gender,given_name,family_name"


def fields(*header, needs_race=False):
    return [column.field for column in columns_of([*header, "Bib", "Sex", "Full name"], 1, needs_race).used[:-3]]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Mã chip", "chips"),
        ("MÃ CHIP", "chips"),
        ("chip", "chips"),
        ("Cự ly", "race"),
        ("Cự  Ly *", "race"),
        ("Distance", "race"),
        ("Ngày sinh", "birth_date"),
        ("Ngày sinh (dd/mm/yyyy)", "birth_date"),
        ("Ngày, tháng, năm sinh", "birth_date"),
        ("Date of Birth", "birth_date"),
        ("DOB", "birth_date"),
        ("Năm sinh", "birth_year"),
        ("YOB", "birth_year"),
        ("Quốc tịch", "nationality"),
        ("Nationality / Quốc tịch", "nationality"),
        ("Cự ly (km)", "race"),
        ("Country", "country"),
        ("CLB", "club"),
        ("Câu lạc bộ", "club"),
        ("Team", "team"),
        ("Họ", "family_name"),
        ("Tên", "given_name"),
        ("First Name", "given_name"),
        ("Surname", "family_name"),
        ("Last_name", "family_name"),
        ("Wave", "wave"),
        ("personal_best_s", "personal_best_s"),
    ],
)
def test_a_column_is_known_by_its_usual_names(name, field):
    assert fields(name) == [field]


@pytest.mark.parametrize("name", ["STT", "Email", "E-mail", "Số điện thoại", "T-Shirt Size", "Size áo", "CCCD/CMND"])
def test_columns_that_no_entry_needs_are_left_out_in_silence(name):
    assert is_known(name)
    assert fields(name) == []
    assert columns_of([name, *COMPLETE.split(",")], 1, True).unforeseen == []


@pytest.mark.parametrize("name", ["Contact / Name", "Guardian (Full name)"])
def test_a_column_about_somebody_else_is_not_taken_for_the_athletes(name):
    assert fields(name) == []


def test_a_column_that_nobody_foresaw_is_left_out_with_a_warning():
    data = f"{COMPLETE},Favourite song\n7,A1,hm,F,Ann,X,Ode\n".encode()
    entry_list = read_entry_list(data, Conventions(races={"hm": ()}))
    assert len(entry_list.listed) == 1
    assert [(note.line, note.column) for note in entry_list.warnings] == [(1, "Favourite song")]


@pytest.mark.parametrize(
    ("slip", "meant"), [("wawe", "wave"), ("birth_yaer", "birth_year"), ("Natonality", "nationality")]
)
def test_a_column_that_is_probably_misspelt_refuses_the_file(slip, meant):
    with pytest.raises(UnreadableFile, match=f"line 4: column '{slip}' is not known; did you mean {meant}"):
        columns_of([*COMPLETE.split(","), slip], 4, True)


def test_a_column_like_one_that_is_there_is_no_slip():
    assert columns_of([*COMPLETE.split(","), "Genders"], 1, True).unforeseen == ["Genders"]


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("chips,race,gender,given_name,family_name", "bib"),
        ("bib,chips,gender,given_name,family_name", "race"),
        ("bib,race,given_name,family_name", "gender"),
        ("bib,race,gender,given_name", "family_name"),
        ("bib,race,gender,family_name", "given_name"),
    ],
)
def test_a_column_that_is_missing_is_named(header, missing):
    with pytest.raises(UnreadableFile, match=f"the header lacks a column {missing}"):
        columns_of(header.split(","), 1, True)


def test_a_column_that_is_missing_may_be_one_that_is_not_known():
    with pytest.raises(UnreadableFile, match="rename the column that it is; those not known are 'gendre', 'shoes'"):
        columns_of(["bib", "race", "gendre", "shoes", "full name"], 1, True)


def test_two_columns_of_the_same_meaning_are_refused():
    with pytest.raises(UnreadableFile, match="columns 'bib' and 'Số BIB' both mean bib"):
        columns_of([*COMPLETE.split(","), "Số BIB"], 1, True)


def test_a_list_of_the_only_race_needs_no_column_of_races():
    data = b"bib,chips,gender,full name\n7,A1,F,Ann X\n"
    entry_list = read_entry_list(data, Conventions(races={"hm": ("Half",)}))
    assert [entry.race for entry in entry_list.entries()] == ["hm"]
    assert "everybody is entered for hm" in entry_list.warnings[0].reason


def test_chips_come_from_several_columns_and_the_year_from_the_one_that_has_it():
    data = b"bib,chip 1,chip 2,sex,name,year of birth,date of birth\n7,A1,A2,F,Ann X,,01/05/1990\n"
    [entry] = read_entry_list(data, Conventions(races={"hm": ()})).entries()
    assert (entry.chips, entry.birth_year) == (["A1", "A2"], 1990)


@pytest.mark.parametrize(
    ("header", "cells", "family", "given"),
    [
        ("Họ và tên đệm,Tên", "Nguyễn Ánh,Tuyết", "Nguyễn", "Ánh Tuyết"),
        ("Họ,Tên đệm,Tên", "Nguyễn,Ánh,Tuyết", "Nguyễn", "Ánh Tuyết"),
        ("First Name,Last Name", "Ann,van der Berg", "van der Berg", "Ann"),
        ("Full name,First Name,Last Name", "Ignored Here,Ann,Example", "Example", "Ann"),
        ("Full name,First Name,Last Name", "Ann Example,,", "Example", "Ann"),
        ("Name", "Ann Example", "Example", "Ann"),
        ("Họ và tên,Tên", "Nguyễn Ánh Tuyết,Tuyết", "Nguyễn", "Ánh Tuyết"),
        ("Họ và tên", "Tuyết Lan Ngọc", "Tuyết", "Lan Ngọc"),
    ],
)
def test_names_come_in_whatever_columns_there_are(header, cells, family, given):
    data = f"bib,sex,{header}\n7,F,{cells}\n".encode()
    [entry] = read_entry_list(data, Conventions(races={"hm": ()})).entries()
    assert (entry.family_name, entry.given_name) == (family, given)
