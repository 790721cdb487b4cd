"""Full names in two parts."""

import pytest

from services.entry_lists.names import split_name


@pytest.mark.parametrize(
    ("text", "order", "is_vietnamese", "family", "given"),
    [
        ("Nguyễn Ánh Tuyết", None, True, "Nguyễn", "Ánh Tuyết"),
        ("Nguyễn Ánh Tuyết", None, False, "Nguyễn", "Ánh Tuyết"),
        ("Tuyết Nguyễn", None, False, "Nguyễn", "Tuyết"),
        ("Tuyết Nguyễn", "given_first", True, "Nguyễn", "Tuyết"),
        ("Ann Example", None, False, "Example", "Ann"),
        ("Ann Example", "family_first", False, "Ann", "Example"),
        ("Example, Ann Mary", None, False, "Example", "Ann Mary"),
        ("EXAMPLE Ann", None, False, "EXAMPLE", "Ann"),
        ("Ann VAN EXAMPLE", "family_first", False, "VAN EXAMPLE", "Ann"),
        ("J.R. Example", None, False, "Example", "J.R."),
        ("Jan van der Berg", None, False, "van der Berg", "Jan"),
        ("ANN EXAMPLE", None, False, "EXAMPLE", "ANN"),
        ("Tuyết", None, True, "", "Tuyết"),
        ("", None, False, "", ""),
        (",", None, False, "", ""),
    ],
)
def test_a_full_name_is_split_by_custom(text, order, is_vietnamese, family, given):
    assert split_name(text, order, is_vietnamese) == (family, given)
