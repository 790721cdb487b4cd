"""Which codes are one chip: numbers in hexadecimal, and zeros and prefixes that do not count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.chip_codes import bare_code, codes_of
from schemas.definition import ChipCodes
from schemas.ids import LABEL_CHARS

ZEROS = ChipCodes(strip_zeros=True)
PREFIX = ChipCodes(prefixes=["E280", "e2"])
BOTH = ChipCodes(strip_zeros=True, prefixes=["E280"])
HEX = ChipCodes(hex_digits=4)
ALL = ChipCodes(hex_digits=4, strip_zeros=True, prefixes=["E280", "8"])
EPC = ChipCodes(hex_digits=24, strip_zeros=True)


@pytest.mark.parametrize(
    ("codes", "chip", "bare"),
    [
        (None, "009573", "009573"),
        (ZEROS, "009573", "9573"),
        (ZEROS, "9573", "9573"),
        (ZEROS, "000", "0"),
        (ZEROS, "00A0", "A0"),
        (PREFIX, "E280009573", "009573"),
        (PREFIX, "E29573", "9573"),
        (PREFIX, "E280", "80"),
        (PREFIX, "009573", "009573"),
        (BOTH, "E280009573", "9573"),
        (BOTH, "00E2809573", "E2809573"),
        (HEX, "2565", "9573"),
        (HEX, "02A0", "672"),
        (HEX, "9573", "38259"),
        (HEX, "95730", "95730"),
        (HEX, "957G", "957G"),
        (ALL, "20A4", "356"),
        (ALL, "02565", "2565"),
        (EPC, "000000000000000000002565", "9573"),
        (EPC, "0009573", "9573"),
        (ChipCodes(hex_digits=26), "F" * 26, "20282409603651670423947251286015"),
    ],
)
def test_only_what_counts_of_a_code_remains(codes: ChipCodes | None, chip: str, bare: str):
    assert bare_code(codes, chip) == bare


def test_every_code_of_a_chip_can_be_listed():
    assert codes_of(None, "9573") == ("9573",)
    zeros = codes_of(ZEROS, "009573")
    assert zeros[:3] == ("9573", "09573", "009573")
    assert (len(zeros), len(zeros[-1])) == (29, LABEL_CHARS)
    assert {"9573", "E2809573", "E280009573"} <= set(codes_of(BOTH, "9573"))
    assert codes_of(HEX, "95730") == ("95730",)
    assert codes_of(HEX, "672") == codes_of(HEX, "02A0") == ("672", "02A0")
    assert {"9573", "009573", "000000000000000000002565"} <= set(codes_of(EPC, "9573"))


@given(
    st.sampled_from([None, ZEROS, PREFIX, BOTH, HEX, ALL, EPC]),
    st.text("0E28T", min_size=1, max_size=LABEL_CHARS),
    st.text("0E28T", min_size=1, max_size=LABEL_CHARS),
)
def test_two_codes_are_one_chip_exactly_if_each_lists_the_other(codes: ChipCodes | None, chip: str, other: str):
    same = bare_code(codes, chip) == bare_code(codes, other)
    assert same is (other in codes_of(codes, chip)) is (chip in codes_of(codes, other))
    assert chip in codes_of(codes, chip)
