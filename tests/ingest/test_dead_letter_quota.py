"""A sender of whom too much is put aside is halted, loudly, and let in again; others are not."""

import pytest

from schemas.rejected import Rejection
from services.ingest import dead_letter_quota as aside_allowance
from services.ingest.dead_letter_quota import (
    AT_ONCE_BYTES,
    BACK_BYTES_A_SECOND,
    SAY_EVERY_S,
    THING_BYTES,
    DeadLetterQuota,
)
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
def allowance(clock: Clock) -> DeadLetterQuota:
    return DeadLetterQuota(clock)


def things(count: int, size: int = 0, **more: object) -> list[Rejection]:
    fields = {"v": 1, "event": "e", "source": "http", "reason": "no JSON", "gateway": "tent", **more}
    return [Rejection(raw=b"x" * size, size=size, **fields)] * count


FULL = AT_ONCE_BYTES // THING_BYTES


def test_a_sender_has_so_much_at_once_and_is_then_halted(allowance, caplog):
    allowance.take(things(FULL))
    with pytest.raises(Overloaded, match="no JSON"):
        allowance.take(things(1))
    assert "tent" in caplog.text
    assert "HALTED" in caplog.text


def test_bytes_count_too(allowance):
    for _ in range(FULL // 2):
        allowance.take(things(1, size=THING_BYTES))
    with pytest.raises(Overloaded):
        allowance.take(things(1))


@pytest.mark.parametrize("more", [{"gateway": "bridge"}, {"event": "f"}, {"source": "mylaps"}, {"gateway": None}])
def test_others_are_not_halted(allowance, more):
    allowance.take(things(FULL))
    allowance.take(things(FULL, **more))


def test_it_comes_back_with_time_and_never_grows_beyond_its_bound(allowance, clock):
    allowance.take(things(FULL))
    clock.now_s += 2 * THING_BYTES / BACK_BYTES_A_SECOND
    allowance.take(things(2))
    with pytest.raises(Overloaded):
        allowance.take(things(1))
    clock.now_s += 10 * AT_ONCE_BYTES / BACK_BYTES_A_SECOND
    allowance.take(things(FULL))
    with pytest.raises(Overloaded):
        allowance.take(things(1))


def test_more_than_the_bound_at_once_is_taken_from_who_was_quiet(allowance):
    allowance.take(things(2 * FULL))
    with pytest.raises(Overloaded):
        allowance.take(things(1))


def test_being_halted_is_said_once_a_minute(allowance, clock, caplog):
    allowance.take(things(FULL))
    for _ in range(3):
        with pytest.raises(Overloaded):
            allowance.take(things(10_000))
    assert caplog.text.count("HALTED") == 1
    clock.now_s += SAY_EVERY_S
    with pytest.raises(Overloaded):
        allowance.take(things(10_000))
    assert caplog.text.count("HALTED") == 2


def test_nothing_costs_nothing(allowance):
    allowance.take([])


def test_senders_are_bounded(allowance, monkeypatch):
    monkeypatch.setattr(aside_allowance, "SENDERS_MAX", 2)
    for gateway in ("a", "b", "a", "c"):
        allowance.take(things(FULL if gateway == "b" else 1, gateway=gateway))
    allowance.take(things(1, gateway="b"))  # forgotten, so it begins anew
