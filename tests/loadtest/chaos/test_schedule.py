"""What chaos does follows from its seed alone, and no supervisor has to give up."""

from collections import Counter

import pytest

from loadtest.chaos.checker import Verdict
from loadtest.chaos.evidence import Acknowledged, Evidence, Shown
from loadtest.chaos.injection import Injected, unreadable_values
from loadtest.chaos.schedule import DISK, ENDING, LINE, PARTS, QUIET_S, WORKER, Fault, schedule
from loadtest.chaos.table import recovery_s, table
from schemas.codec import UnreadableRecord, decode_envelope

EMBEDDED = PARTS["embedded"]


def test_the_same_seed_gives_the_same_faults_and_another_seed_others():
    assert schedule(7, 120.0) == schedule(7, 120.0)
    assert schedule(7, 120.0) != schedule(8, 120.0)


@pytest.mark.parametrize("seed", range(20))
def test_two_minutes_do_everything_to_a_stack_with_everything_embedded(seed):
    faults = schedule(seed, 120.0)
    assert Counter(fault.target for fault in faults if fault.kind in ("kill", "term")) == dict.fromkeys(EMBEDDED, 1)
    assert {fault.target for fault in faults if fault.kind == "stop"} == set(EMBEDDED)
    assert {fault.kind for fault in faults if fault.target == LINE} == {"cut", "slow"}
    assert Counter(fault.target for fault in faults if fault.target in (WORKER, DISK)) == {WORKER: 2, DISK: 1}
    assert {"few files", "little memory"} < {fault.kind for fault in faults}
    assert sum(fault.target == "all" for fault in faults) == 1
    assert {fault.target for fault in faults if fault.kind == "poison"} == {"race-log", "results", "standings"}
    assert all(QUIET_S <= fault.at_s <= 120.0 - QUIET_S for fault in faults)
    lasting = [fault.for_s for fault in faults if fault.kind not in (*ENDING, "poison")]
    assert min(lasting) >= 1
    assert sum(for_s > 10 for for_s in lasting) <= 1
    assert max(lasting) <= 30


def test_a_quarter_of_an_hour_does_everything_several_times_to_a_stack_with_servers_and_for_up_to_a_minute():
    faults = schedule(2, 900.0, "servers")
    done = Counter(fault.name for fault in faults if fault.poison is None)
    for name in (
        "stop clickhouse",
        "stop live",
        "cut line of Kafka",
        "error after answers of ClickHouse",
        "join scoring worker",
        "kill projections beside a second one",
        "stop projections beside a second one",
    ):
        assert done[name] >= 3
    assert all(fault.for_s <= 60 for fault in faults)
    assert DISK not in {fault.target for fault in faults}


def test_what_is_injected_cannot_be_read():
    values = unreadable_values("e")
    assert len(values) == 5
    for value in values:
        with pytest.raises(UnreadableRecord):
            decode_envelope(value)


def test_boards_have_recovered_once_they_show_what_was_acknowledged_after_the_fault():
    evidence = Evidence(
        acknowledged=[Acknowledged(1.0, 5), Acknowledged(4.0, 6)],
        shown=[Shown("board", 3.5, 5), Shown("board", 4.5, 5), Shown("stream", 5.0, 6)],
    )
    assert recovery_s(evidence, 3.0) == 2.0
    assert recovery_s(evidence, 4.5) is None
    faults = [Injected(fault=Fault(at_s=0.0, kind="kill", target="kafka"), over_s=over_s) for over_s in (2.0, 3.0)]
    verdict = Verdict(compared={}, violations=[], lost=1, doubled=7, wrong_boards=0)
    assert table([(verdict, evidence, faults)])[-2:] == [
        "| kill kafka | 2 | 1 | 1 | 0 | 2.0 to 3.0 s |",
        "| all | 2 | 1 | 1 | 0 | 7 reads twice or more on the log |",
    ]
