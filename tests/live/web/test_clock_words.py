"""Times of day as pages show them."""

from services.live.web.clock_words import scheduled_time


def test_a_scheduled_time_has_seconds_only_where_there_are_any():
    times = ["2026-01-04T05:00:00", "2026-01-04T17:30:15", "2026-01-04T00:00:00"]
    assert [scheduled_time(time) for time in times] == ["5:00", "17:30:15", "0:00"]
