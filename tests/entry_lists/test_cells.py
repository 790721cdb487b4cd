"""Values of cells, as people and spreadsheets write them."""

import pytest

from services.entry_lists.cells import (
    BadCell,
    bib_of,
    birth_year_of,
    chips_of,
    gender_of,
    nationality_of,
    optional_text,
    ranked_of,
    seconds_of,
    text_of,
)


@pytest.mark.parametrize(
    ("cell", "bib"),
    [
        ('="0009"', "0009"),
        ("'0013", "0013"),
        ("11.0", "11"),
        (" 20 ", "20"),
        ("20\u200b", "20"),
        ("a12", "A12"),
        ("1E5", "1E5"),
        ("11.5", "11.5"),
        ("1-2", "1-2"),
    ],
)
def test_a_bib_loses_the_marks_of_a_spreadsheet(cell, bib):
    assert bib_of(cell) == bib


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "is empty"),
        ("5.8E+10", "is rounded"),
        ("1E+05", "is rounded"),
        ("5,8E+10", "is rounded"),
        ("2-Jan", "is a date"),
        ("2026-01-02", "is a date"),
        ("1,234", "separators"),
        ("1.000", "separators"),
        ("1 234", "separators"),
        ("01-Thg2", "is a date"),
        ("1/2/2026", "is a date"),
        ("#REF!", "error of the spreadsheet"),
        ("x" * 33, "at most 32"),
        ("a\0b", "cannot be printed"),
    ],
)
def test_a_bib_that_is_lost_is_refused(cell, reason):
    with pytest.raises(BadCell, match=reason):
        bib_of(cell)


@pytest.mark.parametrize(
    ("cell", "chips", "doubtful"),
    [
        ("A1 A2", ["A1", "A2"], False),
        ("a1;A2|A3", ["A1", "A2", "A3"], False),
        ("A1,A1", ["A1"], False),
        ('="0058001124"', ["0058001124"], False),
        ("58001123.0 '0058", ["58001123", "0058"], False),
        ("", [], False),
        ("-", [], False),
        ("1234 1235", ["1234", "1235"], False),
        ("58E10", ["58E10"], False),
        ("E2 80 11 60", ["E2", "80", "11", "60"], True),
        ("E280 1160 2000", ["E280", "1160", "2000"], True),
    ],
)
def test_chips_are_separated_and_doubted_if_they_may_be_one_chip_in_groups(cell, chips, doubtful):
    read = chips_of(cell)
    assert (read.chips, bool(read.doubt)) == (chips, doubtful)


@pytest.mark.parametrize("cell", ["5.8E+10", "58.001.123", "A1 5.80112E+10", " ".join("ABCDEFGHIJKLMNOPQRSTU")])
def test_chips_that_are_lost_or_too_many_are_refused(cell):
    with pytest.raises(BadCell):
        chips_of(cell)


@pytest.mark.parametrize(
    ("cells", "gender"),
    [
        ("M m Male MALE Man Men Nam nam NAM", "M"),
        ("F f Female female W w Woman Women Nữ nữ NỮ Nu Nu\u031b\u0303", "F"),
        ("X x Other Khác non-binary", "X"),
    ],
)
def test_gender_is_read_as_letter_or_word(cells, gender):
    assert {gender_of(cell) for cell in cells.split()} == {gender}


def test_gender_in_two_languages_is_read_if_both_say_the_same():
    assert (gender_of("Nữ (Female)"), gender_of("Nam/M")) == ("F", "M")
    with pytest.raises(BadCell, match="Nam/Nữ is not known"):
        gender_of("Nam/Nữ")


@pytest.mark.parametrize(
    ("cell", "reason"), [("", "is empty; write M, F or X"), ("Q", "Q is not known; write M, F or X")]
)
def test_a_gender_that_is_not_known_is_refused_with_the_choices(cell, reason):
    with pytest.raises(BadCell) as refused:
        gender_of(cell)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    "cell",
    [
        "1990",
        "1990.0",
        "'1990",
        '="1990"',
        "1990-05-01",
        "1990/5/1",
        "1990-05-01 00:00:00",
        "1990-05-01T00:00:00Z",
        "01/05/1990",
        "1.5.1990",
        "31-12-1990",
        "12/31/1990 12:00 AM",
        "5/1990",
        "1 May 1990",
        "May 1st, 1990",
        "01-May-1990",
        "ngày 5 tháng 1 năm 1990",
        "00/00/1990",
        "19900501",
        "01051990",
    ],
)
def test_the_year_of_a_birth_date_is_read(cell):
    assert birth_year_of(cell, 2026) == (1990, "")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("32994", "perhaps 1990-05-01"),
        ("90", "two digits"),
        ("5", "one digit"),
        ("01/05/90", "two digits"),
        ("2062", "after the event's year, 2026"),
        ("2027", "after the event's year, 2026"),
        ("1899", "before 1900"),
        ("199", "not a year"),
        ("19901301", "not a year"),
        ("1.990", "not a year"),
        ("1990 1991", "not a year or a date"),
        ("45/13/1990", "not a year or a date"),
        ("around 1990", "not a year or a date"),
        ("thirty", "not a year or a date"),
        ("٢٠٠٠", "not a year"),
    ],
)
def test_what_may_be_several_years_is_refused_with_what_to_write(cell, reason):
    with pytest.raises(BadCell, match=reason) as refused:
        birth_year_of(cell, 2026)
    assert "1990" in str(refused.value)


def test_an_unlikely_year_is_taken_with_a_doubt_and_no_year_is_none():
    assert birth_year_of("1900", 2026).doubt
    assert birth_year_of("2025", 2026).doubt
    assert not birth_year_of("2023", 2026).doubt
    assert birth_year_of("", 2026) == birth_year_of("-", 2026) == (None, "")


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("VIE", "VIE"),
        ("vn", "VIE"),
        ("Việt Nam", "VIE"),
        ("DEU", "GER"),
        ("VN - Việt Nam", "VIE"),
        ("Germany (DEU)", "GER"),
        ("", None),
        ("-", None),
    ],
)
def test_a_country_is_read_by_code_or_name(cell, code):
    assert nationality_of(cell) == (code, "")


def test_a_country_that_is_not_known_is_refused_with_the_nearest_and_a_doubtful_one_taken():
    with pytest.raises(BadCell, match="did you mean VIE"):
        nationality_of("Vietnma")
    with pytest.raises(BadCell, match="Wakanda is not known; write"):
        nationality_of("Wakanda")
    read = nationality_of("BRN")
    assert read.code == "BRN"
    assert "BRU" in read.doubt


@pytest.mark.parametrize(("cell", "seconds"), [("", None), ("9193", 9193), ("2:33:13", 9193), ("33:13,5", 1993.5)])
def test_a_personal_best_is_read_in_seconds_or_as_a_time(cell, seconds):
    assert seconds_of(cell) == seconds


@pytest.mark.parametrize("cell", ["0", "fast", "1:2:3:4", "9" * 7])
def test_a_personal_best_that_is_no_time_is_refused(cell):
    with pytest.raises(BadCell, match="not a time"):
        seconds_of(cell)


@pytest.mark.parametrize(("cell", "ranked"), [("", True), ("true", True), ("Yes", True), ("Có", True), ("No", False)])
def test_ranked_is_written_in_several_ways(cell, ranked):
    assert ranked_of(cell) is ranked


def test_a_text_keeps_no_e_mail_address_and_nothing_that_cannot_be_printed():
    assert text_of(" Jo\n Ann\0 ") == "Jo Ann"
    assert (optional_text("-"), optional_text("'t Hooft")) == (None, "'t Hooft")
    with pytest.raises(BadCell, match="e-mail address"):
        text_of("ask jo@example.org")
    with pytest.raises(BadCell, match="at most 200"):
        text_of("x" * 201)
    with pytest.raises(BadCell, match="neither yes nor no"):
        ranked_of("maybe")
