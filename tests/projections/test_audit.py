"""Reads and facts are copied to ClickHouse from whatever Kafka holds."""

import pytest

from services.projections.audit import REST_MOST_S, Gathered, rest_s


def test_records_that_are_no_envelopes_add_nothing():
    gathered = Gathered()
    for offset, value in enumerate((None, b"", b"\x83\xa1v\x02\xa5event")):
        gathered.add(offset, value)
    assert gathered.count() == 0


def test_a_rest_is_as_long_as_several_writes_but_not_as_several_outages_of_clickhouse():
    assert rest_s(0.015) == pytest.approx(0.045)
    assert rest_s(600.0) == REST_MOST_S
