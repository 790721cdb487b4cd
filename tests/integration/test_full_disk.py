"""A disk that is full in the middle of a race: nothing that was acknowledged is lost, and the stack comes back."""

import re

import pytest

from loadtest.chaos.disk import can_mount
from loadtest.chaos.run import Plan, run
from loadtest.chaos.schedule import DISK, Fault


@pytest.mark.skipif(not can_mount(), reason="only root may mount the small disk that is filled")
async def test_a_stack_whose_disk_was_full_loses_nothing_and_goes_on_once_there_is_room():
    faults = [Fault(at_s=4.0, kind="full", target=DISK, for_s=8.0)]
    outcome = await run(Plan(seed=3, seconds=12.0, size=80, faults=faults))
    assert outcome.verdict.violations == []
    assert outcome.verdict.compared["acknowledged reads with the log"] > 1_000
    refused = [line for line in outcome.output.splitlines() if "no reads and no facts are taken" in line]
    assert re.search(r"the disk of \S+/kafka has \d+ MiB free, and 300 MiB have to stay free", refused[0])
