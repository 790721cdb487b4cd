"""Addresses of pages: what they ask for, and that links lead to what they say."""

from services.live.http.query import OFFSET_MAX
from services.live.web.addresses import PageQuery, address, athlete_address, event_address, page_query


def test_an_address_is_read_as_it_is_written():
    query = PageQuery(
        race="hm", board="men", bib="7", point="10K", search="Nguyễn & con", offset=100, language="vi", key="a/b+c"
    )
    assert page_query(event_address("race-1", query).partition("?")[2]) == query


def test_parameters_that_other_sites_add_and_senseless_values_are_left_out():
    assert page_query("fbclid=x&from=minus&lang=xx&board=men&board=women&q=%00") == PageQuery(board="men")
    assert page_query("from=9999999999999") == PageQuery(offset=OFFSET_MAX)


def test_the_bibs_of_a_form_are_put_together():
    assert page_query("bibs=7&bibs=8,+9").bibs == "7,8, 9"


def test_links_to_athletes_keep_the_language_and_the_key_alone():
    query = PageQuery(board="men", language="en", key="k")
    assert athlete_address("race-1", "A/7 é", query) == "/race-1/athletes/A%2F7%20%C3%A9?lang=en&key=k"
    assert address("/", PageQuery()) == "/"
