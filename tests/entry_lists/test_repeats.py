"""Codes that are alike in a list; those that are equal are in `test_field_lists.py`."""

from services.entry_lists.entry_list import Conventions
from services.entry_lists.reading import read_entry_list

HEADER = "Bib,Mã chip,sex,name\n"
RACES = {"hm": ("Half",)}


def warnings(*lines):
    data = (HEADER + "\n".join(lines)).encode()
    entry_list = read_entry_list(data, Conventions(races=RACES))
    assert len(entry_list.listed) == len(lines)
    return [str(note) for note in entry_list.warnings[1:]]  # without the one on the only race


def test_bibs_and_chips_that_differ_by_leading_zeros_only_are_taken_with_a_warning():
    assert warnings("7,58,F,Ann X", "8,A1,F,Ann Y", "007,0058,F,Ann Z") == [
        "line 4, Bib: 007 differs from 7 on line 2 by leading zeros only; check both",
        "line 4, Mã chip: 0058 differs from 58 on line 2 by leading zeros only; check both",
    ]


def test_both_chips_of_an_athlete_may_be_alike():
    assert warnings("7,58 0058,F,Ann X", "70,A1,F,Ann Y") == []


def test_many_lines_of_a_bib_name_a_few_others_and_count_the_rest():
    data = (HEADER + "7,,F,Ann X\n" * 8).encode()
    [first, *_] = read_entry_list(data, Conventions(races=RACES)).rejected
    assert first.reason.startswith("bib 7 is also on lines 3, 4, 5, 6, 7 and 2 more; ")
