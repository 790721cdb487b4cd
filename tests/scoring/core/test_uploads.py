"""Entries that came in one upload are taken back by one withdrawal. Source: R1.fact_withdrawn."""

from tests.builders import defined, entries, entry, withdrawn
from tests.oracle.folding import at_once


def part(number, *plain, upload="u"):
    return {**entries(*plain), "id": f"{upload}.{number}", "part_of": upload}


PARTS = (part(0, entry("7", club="Sao"), entry("8")), part(1, entry("9")))


def clubs(*facts):
    return {bib: state.rulings.entry_of(bib).entry.club for state in [at_once(facts)] for bib in state.rulings.bibs()}


def test_a_withdrawal_of_the_upload_takes_back_all_parts_and_restores_what_they_replaced():
    before = [defined(), entries(entry("7", club="Trăng"))]
    assert clubs(*before, *PARTS) == {"7": "Sao", "8": None, "9": None}
    assert clubs(*before, *PARTS, withdrawn("u")) == {"7": "Trăng"}


def test_a_withdrawal_that_comes_before_the_upload_holds_and_does_not_wait_once_it_came():
    state = at_once([defined(), withdrawn("u"), PARTS[0]])
    assert list(state.rulings.bibs()) == []
    assert state.event_row().pending == []
    assert at_once([defined(), withdrawn("u")]).event_row().pending == ["fact_withdrawn: no fact has the id u"]


def test_a_part_may_be_withdrawn_by_itself_and_a_withdrawal_withdrawn():
    assert clubs(defined(), *PARTS, withdrawn("u.0")) == {"9": None}
    back = [{**withdrawn("u"), "id": "w"}, withdrawn("w")]
    assert clubs(defined(), *PARTS, *back) == clubs(defined(), *PARTS)


def test_the_id_of_an_upload_is_in_use_but_not_by_its_own_parts():
    later = {**entries(entry("10")), "id": "u"}
    assert set(clubs(defined(), *PARTS, later)) == {"7", "8", "9"}
    assert set(clubs(defined(), later, *PARTS)) == {"7", "8", "9", "10"}
