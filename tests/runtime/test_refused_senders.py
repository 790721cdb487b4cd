"""Requests without a valid token in the log."""

from services.runtime.refused_senders import ADDRESSES_MAX, RefusedSenders


def test_the_first_request_of_an_address_and_each_hundredth_are_logged_with_the_address(caplog):
    senders = RefusedSenders()
    for _ in range(200):
        senders.note("192.0.2.7", "e", "the token is not known here")
    senders.note(None, "e", "the token is missing")
    assert [(record.__dict__["address"], record.__dict__["event"]) for record in caplog.records] == [
        *[("192.0.2.7", "e")] * 3,
        ("unknown", "e"),
    ]
    assert "the token is not known here" in caplog.text


def test_the_number_of_addresses_is_bounded(caplog):
    senders = RefusedSenders()
    for nth in range(ADDRESSES_MAX + 1):
        senders.note(f"192.0.2.{nth}", "e", "the token is missing")
    senders.note("192.0.2.1", "e", "the token is missing")
    assert len(caplog.records) == ADDRESSES_MAX + 1
    senders.note("192.0.2.0", "e", "the token is missing")
    assert len(caplog.records) == ADDRESSES_MAX + 2
