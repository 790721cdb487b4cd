"""Reads and facts are copied to ClickHouse from whatever Kafka holds."""

from services.projections.audit import Gathered


def test_records_that_are_no_envelopes_add_nothing():
    gathered = Gathered()
    for offset, value in enumerate((None, b"", b"\x83\xa1v\x02\xa5event")):
        gathered.add(offset, value)
    assert gathered.count() == 0
