"""The health of events as metrics: counts by point and device."""

import random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from schemas.results import Frame, UnknownChip, UnknownChips
from services.health.counts import count_points
from services.health.health_document import Health
from services.projections.batch import Results
from services.projections.board_lag import BoardLag
from services.projections.device_reads import DeviceTallies
from services.projections.health_metrics import (
    CHANGED_WITHIN_US,
    DEVICES_SHOWN_MAX,
    EVENTS_SHOWN_MAX,
    HealthCollector,
)
from tests.builders import AT_FINISH, EVENT, at, day, defined, fact, read, reads, run
from tests.oracle.logs import log_of
from tests.projections.results_writer import ResultsWriter

NOW_US = 10 * CHANGED_WITHIN_US


def results_of(*facts: Any) -> Results:
    results = Results()
    for frame in ResultsWriter().frames(*facts)[1]:
        results.add(frame)
    results.take()
    return results


def samples(
    results: Results,
    tallies: DeviceTallies | None = None,
    changed_us: dict[str, int] | None = None,
    board_lag: BoardLag | None = None,
) -> dict[tuple[str, ...], float]:
    """The samples, each by its name and the values of its labels."""
    collector = HealthCollector(results, tallies or DeviceTallies(), board_lag or BoardLag(), lambda: NOW_US)
    for event, at_us in (changed_us or {EVENT: NOW_US}).items():
        collector.note(event, at_us)
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        (sample.name.removeprefix("matline_projections_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


@pytest.mark.parametrize("seed", range(30))
def test_counts_of_points_kept_up_by_changed_rows_are_those_of_all_rows(seed: int) -> None:
    rng = random.Random(seed)
    writer, results = ResultsWriter(rows_a_frame=3), Results()
    for plain in log_of(seed):
        for frame in writer.frames(plain)[1]:
            results.add(frame)
        if rng.random() < 0.4:
            results.take()
    results.take()
    defined = {name: standings for name, standings in results.events.items() if standings.definition is not None}
    assert results.points.keys() == defined.keys()
    for name, standings in defined.items():
        assert standings.definition is not None
        expected = count_points(standings.definition.races, standings.rows.values()).points()
        assert list(results.points[name].points()) == list(expected)


def test_a_mat_that_misses_shows_in_expected_seen_missed_and_waived() -> None:
    missed = run("8", k10=None)
    waiver = fact("point_waived", race="hm", point="10K", reason="the mat was dead")
    shown = samples(results_of(*day(bibs=["7", "8"]), run("7"), missed))
    assert [shown[f"point_{name}", EVENT, "hm", "10K"] for name in ("expected", "missed", "waived")] == [2, 1, 0]
    assert [shown["point_seen", EVENT, "hm", "10K", source] for source in ("main", "backup", "official")] == [1, 0, 0]
    shown = samples(results_of(*day(bibs=["7", "8"]), run("7"), missed, waiver))
    assert [shown[f"point_{name}", EVENT, "hm", "10K"] for name in ("expected", "missed", "waived")] == [2, 0, 1]


def test_a_device_shows_its_mat_its_reads_and_when_the_last_one_was_accepted() -> None:
    tallies = DeviceTallies()
    tallies.add([EVENT] * 3, ["S1", "K1", "S1"], [1_000_000, 2_000_000, 3_500_000], [5, 5, 6])
    tallies.put(EVENT, "X9", 4, 0)
    shown = samples(results_of(defined()), tallies)
    assert shown["device_reads", EVENT, "start", "S1"] == 2
    assert shown["device_last_read_timestamp_seconds", EVENT, "start", "S1"] == 3.5
    assert shown["device_reads", EVENT, "", "X9"] == 4
    assert shown["device_reads", EVENT, "finish", "F1"] == 0
    assert ("device_last_read_timestamp_seconds", EVENT, "finish", "F1") not in shown


def test_chips_of_nobody_are_counted_with_those_left_out() -> None:
    results = results_of(*day(), reads(read("F1", "W900", AT_FINISH)))
    chips = UnknownChips(event=EVENT, version=7, chips=[UnknownChip("W900", 1, 1, 1, ["F1"], 1)], left_out=2)
    results.add(Frame(v=1, partition=0, from_offset=7, through_offset=7, last=True, unknown_chips=[chips]))
    assert samples(results)["unknown_chips", EVENT] == 3


def test_events_that_did_not_change_for_a_day_are_not_shown_nor_more_than_twenty() -> None:
    results = results_of(*day())
    assert samples(results, changed_us={EVENT: NOW_US - CHANGED_WITHIN_US})
    assert not samples(results, changed_us={EVENT: NOW_US - CHANGED_WITHIN_US - 1})
    assert ("unknown_chips", "e9") in samples(results, changed_us={f"e{nth}": NOW_US - nth for nth in range(10)})
    many = samples(results, changed_us={f"e{nth}": NOW_US - nth for nth in range(EVENTS_SHOWN_MAX + 5)})
    assert {key[1] for key in many if key[0] == "unknown_chips"} == {f"e{nth}" for nth in range(EVENTS_SHOWN_MAX)}


def test_made_up_devices_do_not_push_out_those_of_the_definition() -> None:
    tallies = DeviceTallies()
    for nth in range(2 * DEVICES_SHOWN_MAX):
        tallies.put(EVENT, f"X{nth}", 1_000, 1)
    shown = [key for key in samples(results_of(defined()), tallies) if key[0] == "device_reads"]
    assert len(shown) == DEVICES_SHOWN_MAX
    assert ("device_reads", EVENT, "finish", "F1") in shown


def test_athletes_are_counted_by_status_cases_by_race_and_races_show_gun_and_close() -> None:
    facts = [*day(bibs=["7", "8", "9"]), run("7"), run("8", k10=None)]
    shown = samples(results_of(*facts))
    counted = {key[3]: value for key, value in shown.items() if key[0] == "athletes"}
    assert counted == {"FINISHED": 1, "NOT_STARTED": 1, "DNF": 1, "ON_COURSE": 0, "DNS": 0, "DQ": 0, "OTL": 0}
    assert shown["open_cases", EVENT, "hm"] == 1
    assert shown["race_closed", EVENT, "hm"] == 0
    assert shown["race_gun_timestamp_seconds", EVENT, "hm"] == at(0) / 1e6
    decided = fact("case_decided", case="missed:8", outcome="accept", reason="seen by the camera")
    shown = samples(results_of(*facts, decided, fact("race_closed", race="hm")))
    assert shown["athletes", EVENT, "hm", "DNS"] == 1
    assert shown["open_cases", EVENT, "hm"] == 0
    assert shown["race_closed", EVENT, "hm"] == 1


def test_an_event_shows_how_long_its_facts_have_waited_and_when_its_boards_changed() -> None:
    board_lag = BoardLag()
    board_lag.accepted(0, 5, EVENT, NOW_US - 2_000_000)
    shown = samples(results_of(*day()), board_lag=board_lag)
    assert shown["event_lag_seconds", EVENT] == 2
    assert shown["event_changed_timestamp_seconds", EVENT] == NOW_US / 1e6
    board_lag.shown(0, 5)
    assert samples(results_of(*day()), board_lag=board_lag)["event_lag_seconds", EVENT] == 0


def test_findings_of_an_examination_that_an_archive_overtook_are_not_those_of_the_event_once_it_is_open_again() -> None:
    results = results_of(*day())
    collector = HealthCollector(results, DeviceTallies(), BoardLag(), lambda: NOW_US)
    shown = []
    for archived in (False, True):
        if archived:
            results.leave(EVENT, 1)
            collector.forget(EVENT)
        collector.show(Health(event=EVENT))
        results.archived.discard(EVENT)
        collector.note(EVENT, NOW_US)
        shown.append(any(family.samples for family in collector.collect() if family.name.endswith("findings")))
    assert shown == [True, False]
