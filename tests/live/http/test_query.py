"""Queries of requests, without a server."""

import pytest

from services.live.http.query import Moment, board_query
from tests.builders import START_US


@pytest.mark.parametrize(
    "text",
    ["2026-01-03T22:00:00Z", "2026-01-04T05:00:00%2B07:00", "2026-01-04T05:00:00+07:00", "2026-01-04T05:00:00+0700"],
)
def test_an_instant_may_be_written_with_any_zone_and_a_plus_that_became_a_blank(text):
    assert board_query(f"as_of={text}").as_of == Moment(at_us=START_US)
