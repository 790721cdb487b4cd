"""Services that break a promise on purpose, on a running stack under chaos: the checker finds each of them."""

import pytest

from loadtest.chaos.run import Plan, run
from loadtest.chaos.schedule import Fault
from tests.integration.faulty_services import CHOSEN, COMMAND

SECONDS = 15.0  # of the race
HEALED_S = 10.0  # a stack that is wrong does not get well, so there is little to wait for


async def violations(monkeypatch: pytest.MonkeyPatch, planted: str, faults: list[Fault]) -> list[str]:
    """Return what the checker finds after a race on services with the planted faults."""
    monkeypatch.setenv(CHOSEN, planted)
    plan = Plan(seed=3, seconds=SECONDS, size=80, faults=faults, healed_s=HEALED_S, matline=COMMAND)
    return (await run(plan)).verdict.violations


def found(violations: list[str], *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in violations)


async def test_reads_acknowledged_before_they_are_published_and_a_position_stored_before_its_rows_are_found(
    monkeypatch: pytest.MonkeyPatch,
):
    faults = [Fault(at_s=1.0, kind="stop", target="kafka", for_s=3.0), Fault(at_s=3.0, kind="kill", target="ingest")]
    wrong = await violations(monkeypatch, "acknowledge-before-publish,store-position-before-rows", faults)
    assert found(wrong, "acknowledged reads are not on the log"), wrong
    assert found(wrong, "athletes are served other than the log gives")


async def test_a_gap_that_is_not_filled_and_notices_that_are_dropped_are_found(monkeypatch: pytest.MonkeyPatch):
    faults = [Fault(at_s=7.0, kind="kill", target="scoring")]
    wrong = await violations(monkeypatch, "skip-a-fill,drop-notices", faults)
    assert not found(wrong, "not on the log")
    assert found(wrong, "athletes are served other than the log gives")
    assert found(wrong, "viewer stream was last shown revision")
