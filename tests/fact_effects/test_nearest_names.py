"""What an official probably meant."""

import time

from services.fact_effects.nearest_names import nearest_names

MANY = {str(bib) for bib in range(1, 60_001)}


def test_case_and_leading_zeros_are_what_people_confuse():
    assert nearest_names("m10", ["M10", "M15", "m1"]) == ["M10"]
    assert nearest_names("007", ["7", "70", "17"]) == ["7"]
    assert nearest_names("7", ["007", "8"]) == ["007"]


def test_among_few_names_those_most_alike_are_found():
    assert nearest_names("10KM", ["START", "5K", "10K", "15K", "FINISH"]) == ["10K", "15K"]
    assert nearest_names("hm2", ["hm", "10k"]) == ["hm"]
    assert nearest_names("zzz", ["hm", "10k"]) == []


def test_among_many_names_one_slip_of_a_finger_is_found():
    assert nearest_names("60001", MANY)[0] == "6001"
    assert "5500" in nearest_names("5500L", MANY)
    assert nearest_names("0042", MANY)[0] == "42"
    assert nearest_names("nobody", MANY) == []


def test_among_many_names_looking_takes_no_time():
    began_s = time.process_time()
    for _ in range(20):
        nearest_names("E2801160600002", MANY)
    assert time.process_time() - began_s < 1.0
