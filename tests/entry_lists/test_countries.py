"""Countries, to the codes of the IOC."""

import pytest

from services.entry_lists.countries import country_of


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (("Vietnam", "Viet Nam", "VIỆT NAM", "VN", "VNM", "VIE", "vietnamese"), "VIE"),
        (("Germany", "Đức", "DE", "DEU", "GER"), "GER"),
        (("Netherlands", "The Netherlands", "Holland", "Hà Lan", "NL", "NLD", "NED"), "NED"),
        (("Switzerland", "Thụy Sĩ", "CHE", "SUI", "CH"), "SUI"),
        (("Áo", "Austria", "AT", "AUT"), "AUT"),
        (("Mỹ", "Hoa Kỳ", "USA", "U.S.A.", "US", "United States of America"), "USA"),
        (("Anh", "UK", "GB", "GBR", "Great Britain", "England"), "GBR"),
        (("Nigeria", "NGA", "NGR"), "NGR"),
        (("Niger", "NER", "NIG"), "NIG"),
        (("Bahrain", "BHR", "BRN"), "BRN"),
        (("Brunei", "BN", "BRU"), "BRU"),
        (("Taiwan", "Chinese Taipei", "TWN", "TPE", "Đài Loan"), "TPE"),
        (("Myanmar", "MMR", "MYA", "Miến Điện"), "MYA"),
        (("Singapore", "SGP", "SIN", "SG"), "SGP"),
        (("Kosovo", "XK", "KOS"), "KOS"),
        (("Hàn Quốc", "South Korea", "KOR"), "KOR"),
        (("DR Congo", "COD", "CD"), "COD"),
        (("Gibraltar", "GIB", "GI"), "GIB"),
    ],
)
def test_a_country_is_known_by_its_codes_and_names(texts, code):
    assert {text: country_of(text).code for text in texts} == dict.fromkeys(texts, code)


@pytest.mark.parametrize("text", ["", "XXX", "Atlantis", "ZZ", "EU", "123"])
def test_a_country_that_does_not_exist_is_not_known(text):
    assert country_of(text) is None


@pytest.mark.parametrize(("text", "code", "also"), [("BRN", "BRN", "BRU"), ("My", "MAS", "USA"), ("MY", "MAS", "")])
def test_letters_that_may_mean_two_countries_name_the_other(text, code, also):
    assert country_of(text) == (code, also)
