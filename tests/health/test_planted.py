"""Faults planted in simulated days are found in time, and clean days have none.

A few days of 500 in every run. `MATLINE_HEALTH_SEEDS`, `MATLINE_HEALTH_CLEAN` and `MATLINE_HEALTH_SIZE` set how many
days have each fault, how many have none, and how many athletes are in them. A failure names fault, event and seed.
"""

import os
from random import Random

import msgspec
import pytest

from loadtest.simulation import Timed
from schemas.codec import fact_from_json
from schemas.events import ReadsReceived
from tests.health.planted import FAULTS, NAMES, clean_day, health_at, health_of, raw_reads

SEEDS = int(os.environ.get("MATLINE_HEALTH_SEEDS", "1"))
CLEAN = int(os.environ.get("MATLINE_HEALTH_CLEAN", "4"))
SIZE = int(os.environ.get("MATLINE_HEALTH_SIZE", "500"))
LATE_US = 1 << 50  # after everything


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_within_a_minute_after_200_athletes_and_nothing_else_is(kind, seed):
    name = NAMES[(seed + list(FAULTS).index(kind)) % len(NAMES)]
    day = FAULTS[kind](clean_day(name, SIZE, seed), Random(f"{kind} {seed}"))
    findings = health_at(day, day.due_us).findings
    assert any(map(day.is_it, findings)), (kind, name, seed, findings)
    assert all(map(day.is_it, findings)), (kind, name, seed, findings)


MENDED = [
    ("antenna dead, backup too", "point_missing"),
    ("chips with zeros", "chips_unknown"),
    ("clock 90 s ahead", "clock_off"),
    ("clock an hour behind", "clock_off"),
    ("clock jumps", "clock_off"),
    ("gun two minutes late", "gun_suspect"),
    ("mat dead", "point_missing"),
    ("mat an hour ahead", "clock_off"),
]


@pytest.mark.parametrize(("fault", "kind"), MENDED)
def test_once_the_proposed_facts_are_on_the_log_nothing_is_left_to_find(fault, kind):
    day = FAULTS[fault](clean_day(NAMES[1], SIZE, 3), Random(f"{fault} 3"))
    findings = health_at(day, None).findings
    assert kind in {finding.kind for finding in findings}
    proposed = [fact for finding in findings for fact in finding.proposal or ()]
    read = [fact_from_json(msgspec.json.encode(fact)) for fact in proposed]
    facts = [Timed(LATE_US, fact) for fact in read if not isinstance(fact, ReadsReceived)]
    assert facts
    assert len(facts) == len(proposed)
    left = health_of(day.simulation, [*day.facts, *facts], day.reads, None).findings
    assert [finding for finding in left if finding.proposal is not None or finding.kind == kind] == []


@pytest.mark.parametrize("seed", range(CLEAN))
def test_a_clean_day_has_no_finding_neither_on_the_way_nor_afterwards(seed):
    name = NAMES[seed % len(NAMES)]
    simulation = clean_day(name, SIZE, seed)
    reads = raw_reads(simulation)
    first_us, last_us = min(timed.due_us for timed in simulation.guns), reads[-1][0]
    for until_us in (None, first_us + (last_us - first_us) // 5, first_us + (last_us - first_us) // 2):
        assert health_of(simulation, simulation.facts, reads, until_us).findings == [], (name, seed, until_us)


def test_a_mat_behind_which_only_the_quickest_have_come_yet_has_no_wrong_clock():
    """The 10 km of 11,000 athletes an hour and a half after its first wave: a jump of the clock at 5K was seen once."""
    simulation = clean_day("vnexpress-hcmc-midnight-2024", 11_000, 2)
    chips = {chip for entry in simulation.entries if entry.race == "10k" for chip in entry.chips}
    reads = [timed_read for timed_read in raw_reads(simulation) if timed_read[1].chip in chips]
    assert health_of(simulation, simulation.facts, reads, 1_709_408_605_149_000).findings == []
