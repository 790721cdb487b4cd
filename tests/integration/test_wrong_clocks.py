"""Services whose clocks are hours, days and years off: the boards are right all the same, and nothing is lost."""

import pytest

from loadtest.chaos.run import Plan, run
from loadtest.chaos.schedule import Fault
from tests.integration.faulty_services import CLOCKS, COMMAND

HOUR_S = 3600


async def test_a_race_ends_in_the_true_boards_although_each_service_has_another_wrong_clock(
    monkeypatch: pytest.MonkeyPatch,
):
    wrong_s = {"scoring": 3 * HOUR_S, "ingest": -8 * 24 * HOUR_S, "projections": 2 * 365 * 24 * HOUR_S}
    monkeypatch.setenv(CLOCKS, ",".join(f"{service}={seconds}" for service, seconds in wrong_s.items()))
    faults = [
        Fault(at_s=3.0, kind="poison", target="results", poison="cut"),  # scoring then sends everything again
        Fault(at_s=5.0, kind="kill", target="projections"),
    ]
    outcome = await run(Plan(seed=3, seconds=12.0, size=80, faults=faults, matline=COMMAND))
    assert outcome.verdict.violations == []
    assert all(outcome.verdict.compared.values())
