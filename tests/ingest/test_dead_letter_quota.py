"""A sender that causes too many dead letters is halted with a warning and admitted again later; others go on."""

from typing import Any

import pytest

from schemas.rejected import Rejection
from services.ingest.dead_letter_quota import REJECTION_BYTES, WARN_EVERY_S, DeadLetterQuota, QuotaLimits
from services.ingest.errors import Overloaded


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> DeadLetterQuota:
    return DeadLetterQuota(clock)


def rejections(count: int, size: int = 0, **more: object) -> list[Rejection]:
    fields: dict[str, Any] = {"v": 1, "event": "e", "source": "http", "reason": "no JSON", "gateway": "tent", **more}
    return [Rejection(raw=b"x" * size, size=size, **fields)] * count


LIMITS = QuotaLimits()
FULL = int(LIMITS.at_once_bytes // REJECTION_BYTES)


def test_a_sender_is_halted_once_its_quota_is_used_up(quota, caplog):
    quota.take(rejections(FULL))
    with pytest.raises(Overloaded, match="no JSON"):
        quota.take(rejections(1))
    assert "tent" in caplog.text
    assert "HALTED" in caplog.text


def test_bytes_count_too(quota):
    for _ in range(FULL // 2):
        quota.take(rejections(1, size=REJECTION_BYTES))
    with pytest.raises(Overloaded):
        quota.take(rejections(1))


@pytest.mark.parametrize("more", [{"gateway": "bridge"}, {"event": "f"}, {"source": "mylaps"}, {"gateway": None}])
def test_others_are_not_halted(quota, more):
    quota.take(rejections(FULL))
    quota.take(rejections(FULL, **more))


def test_the_quota_recovers_with_time_up_to_its_limit(quota, clock):
    quota.take(rejections(FULL))
    clock.now_s += 2 * REJECTION_BYTES / LIMITS.bytes_a_second
    quota.take(rejections(2))
    with pytest.raises(Overloaded):
        quota.take(rejections(1))
    clock.now_s += 10 * LIMITS.at_once_bytes / LIMITS.bytes_a_second
    quota.take(rejections(FULL))
    with pytest.raises(Overloaded):
        quota.take(rejections(1))


def test_a_sender_that_was_quiet_may_exceed_the_limit_once(quota):
    quota.take(rejections(2 * FULL))
    with pytest.raises(Overloaded):
        quota.take(rejections(1))


def test_a_halted_sender_is_logged_once_a_minute(quota, clock, caplog):
    quota.take(rejections(FULL))
    for _ in range(3):
        with pytest.raises(Overloaded):
            quota.take(rejections(10_000))
    assert caplog.text.count("HALTED") == 1
    clock.now_s += WARN_EVERY_S
    with pytest.raises(Overloaded):
        quota.take(rejections(10_000))
    assert caplog.text.count("HALTED") == 2


def test_no_rejections_use_no_quota(quota):
    quota.take([])


def test_the_number_of_senders_is_limited(clock):
    quota = DeadLetterQuota(clock, QuotaLimits(senders_max=2))
    for gateway in ("a", "b", "a", "c"):
        quota.take(rejections(FULL if gateway == "b" else 1, gateway=gateway))
    quota.take(rejections(1, gateway="b"))  # forgotten, so it begins again
