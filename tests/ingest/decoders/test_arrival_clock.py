"""Clock offsets from arrival times: measured on live crossings, not while stored reads arrive."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.decoders.arrival_clock import DEVICES_MAX, ArrivalClocks
from services.ingest.decoders.messages import DecodedRead, Notice, Now

WALL_US = 1_767_477_600_000_000
HOUR_S = 3600.0


def now(second: float) -> Now:
    return Now(WALL_US + int(second * 1e6), 100.0 + second)


def crossed(
    clocks: ArrivalClocks, offsets_s: list[float], begin: float = 0.0, every_s: float = 1.0, where: str = "F"
) -> list[Notice]:
    """Feed one read every turn and a half, each ahead of our clock by an offset; return the notices."""
    notices = []
    for nth, offset_s in enumerate(offsets_s):
        arrived_us = now(begin + nth * every_s)
        seen = DecodedRead("s", nth, where, "C1", arrived_us.wall_us + int(offset_s * 1e6))
        notices += clocks.heard([seen], arrived_us)
    return notices


def test_a_correct_clock_is_measured_by_the_least_delay_without_a_notice():
    clocks = ArrivalClocks()
    assert crossed(clocks, [-0.4, -2.0, -0.2, -0.3, -1.0, -0.25, -0.5]) == []
    assert clocks.offsets_us == {"F": -200_000}


def test_a_zone_that_is_wrong_is_noticed_once_and_named():
    clocks = ArrivalClocks()
    notices = crossed(clocks, [7 * HOUR_S - 0.3] * 20)
    [notice] = notices
    assert (notice.where, notice.kind) == ("F", "clock_off")
    assert "off by +7 h, as if in a zone +7 h away; it showed 2026-01-04T05:00:0" in notice.text
    assert clocks.offsets_us == {"F": 25_199_700_000}


def test_a_wrong_date_is_noticed_as_such():
    [notice] = crossed(ArrivalClocks(), [-400 * 24 * HOUR_S] * 8)
    assert "off by -400 days, so its date is wrong;" in notice.text


def test_a_clock_some_minutes_off_is_noticed_without_a_guess():
    [notice] = crossed(ArrivalClocks(), [-400.0] * 8)
    assert "off by -400 s; it showed" in notice.text


def test_a_jump_is_noticed_with_its_size():
    clocks = ArrivalClocks()
    assert crossed(clocks, [-0.3] * 10) == []
    [forward] = crossed(clocks, [29.7] * 10, begin=10)
    assert forward.kind == "clock_jump"
    assert "jumped by +30 s" in forward.text
    notices = crossed(clocks, [-0.3] * 30, begin=20)
    assert [(notice.kind, "jumped by -30 s" in notice.text) for notice in notices] == [("clock_jump", True)]


def test_a_line_that_has_become_slow_is_no_jump():
    clocks = ArrivalClocks()
    assert crossed(clocks, [-0.3] * 10) == []
    assert crossed(clocks, [-6.0] * 30, begin=10) == []


@given(st.floats(2.0, 1000.0), st.floats(60.0, 50_000.0))
def test_stored_reads_that_arrive_faster_than_they_happened_are_ignored(times_faster, behind_s):
    clocks = ArrivalClocks()
    assert crossed(clocks, [nth * (times_faster - 1) - behind_s for nth in range(40)]) == []
    assert clocks.offsets_us == {}


def test_a_few_wrong_reads_cause_no_notice():
    assert crossed(ArrivalClocks(), [7 * HOUR_S] * 50, every_s=0.05) == []


def test_live_reads_among_stored_ones_still_show_the_clock():
    clocks = ArrivalClocks()
    for second in range(12):
        arrived_us = now(second)
        stored = DecodedRead("s", second, "F", "C1", arrived_us.wall_us - 3_600_000_000 + second * 100_000_000)
        clocks.heard([stored, DecodedRead("s", 100 + second, "F", "C2", arrived_us.wall_us - 100_000)], arrived_us)
    assert clocks.offsets_us == {"F": -100_000}


def test_devices_are_distinguished_and_bounded():
    clocks = ArrivalClocks()
    for nth in range(DEVICES_MAX + 5):
        crossed(clocks, [-0.1] * 8, where=f"D{nth}")
    assert len(clocks.offsets_us) == DEVICES_MAX


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 2**45)), max_size=60))
def test_no_reads_raise_or_cause_unlimited_notices(steps):
    clocks, second, notices = ArrivalClocks(), 0.0, []
    for step_s, at_us in steps:
        second += step_s
        notices += clocks.heard([DecodedRead("s", 0, "F", "C", at_us * 100)], now(second))
    assert len(notices) <= 2 * len(steps)
