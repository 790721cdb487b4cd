"""Alerts as they are worked out from looks: the rules of Prometheus, each raised by its trouble alone."""

from pathlib import Path

import pytest
import yaml

from services.watch.alerts import COUNTED, NOT_EVALUATED, RULES, Looks, alerts
from services.watch.watched_service import Look, together
from tests.watch.showing import NOW_S, look, service

DEPLOY = Path(__file__).parents[2] / "deploy"
RACE = """
    matline_projections_event_changed_timestamp_seconds{event="e"} 1.7999999e9
    matline_projections_open_cases{event="e",race="hm"} 0
    matline_projections_race_closed{event="e",race="hm"} 0
    matline_projections_athletes{event="e",race="hm",status="ON_COURSE"} 90
    matline_projections_athletes{event="e",race="hm",status="FINISHED"} 10
    matline_projections_unknown_chips{event="e"} 1
    matline_projections_event_lag_seconds{event="e"} 0.2
    matline_projections_database_up 1
    matline_projections_active 1
    matline_projections_lag_records{topic="results",partition="0"} 0
"""
GUN = 'matline_projections_race_gun_timestamp_seconds{event="e",race="hm"} '
LAST_READ = 'matline_projections_device_last_read_timestamp_seconds{event="e",mat="5k",device="D1"} '
FINDING = 'matline_projections_findings{event="e",kind="%s"} 1'
SCORING = 'matline_scoring_partitions 1\nmatline_scoring_kafka_up 1\nmatline_scoring_event_lag_seconds{partition="0"} 0'
INGEST = """
    matline_ingest_kafka_up 1
    matline_ingest_follower_up 1
    matline_ingest_waiting_bytes 10
    matline_ingest_waiting_limit_bytes 1000
    matline_ingest_kafka_replicas{topic="race-log",partition="0"} 3
    matline_ingest_kafka_in_sync_replicas{topic="race-log",partition="0"} 3
"""
RUNNING = {
    "ingest": INGEST,
    "scoring": SCORING,
    "projections": f"{RACE}{GUN}{NOW_S - 3600}\n{LAST_READ}{NOW_S - 5}",
    "live": "matline_live_kafka_up 1\nmatline_live_clickhouse_up 1",
}
TROUBLES = {
    "ServiceDown": {"away": "live"},
    "NoReads": {"projections": f"{LAST_READ}{NOW_S - 700}"},
    "ReadsMissing": {"ingest": 'matline_ingest_gateway_missing_reads{event="e",gateway="g",source="http"} 3'},
    "ConfigFaulty": {"ingest": "matline_ingest_config_faulty 1"},
    "EffectsUnknown": {"ingest": "matline_ingest_follower_up 0"},
    "MatSilent": {"projections": FINDING % "point_missing"},
    "ClockOff": {"ingest": 'matline_ingest_clock_offset_seconds{event="e",gateway="g",device="D1"} -11'},
    "GunSuspect": {"projections": FINDING % "gun_suspect"},
    "ChipsUnknown": {"projections": 'matline_projections_unknown_chips{event="f"} 12'},
    "ChipsStay": {"projections": FINDING % "chips_stay"},
    "KafkaDown": {"live": "matline_live_kafka_up 0"},
    "ReplicasMissing": {"ingest": 'matline_ingest_kafka_in_sync_replicas{topic="race-log",partition="0"} 2'},
    "CertificateExpires": {
        "ingest": f'matline_certificate_expires_timestamp_seconds{{variable="MATLINE_TLS_CERT"}} {NOW_S + 86_400}'
    },
    "DiskFull": {"projections": "matline_projections_clickhouse_free_bytes 9e8"},
    "IngestFull": {"ingest": "matline_ingest_waiting_bytes 801"},
    "DatabaseDown": {"live": "matline_live_clickhouse_up 0"},
    "ScoringBehind": {"scoring": 'matline_scoring_event_lag_seconds{partition="0"} 6'},
    "PartitionUnscored": {"projections": 'matline_projections_lag_records{topic="results",partition="1"} 0'},
    "SnapshotOld": {"scoring": 'matline_scoring_snapshot_age_seconds{partition="0"} 901'},
    "BoardsBehind": {"projections": 'matline_projections_event_lag_seconds{event="f"} 10.5'},
    "BoardsUnwritten": {"projections": "matline_projections_active 0"},
    "LoopLate": {"projections": "matline_projections_loop_late_seconds 0.6"},
}
RISES = {
    "ReaderAway": ("ingest", 'matline_ingest_connections{event="e",gateway="g"}', 1, 0),
    "ReaderFails": ("ingest", 'matline_ingest_reader_failures_total{event="e",gateway="g"}', 2, 3),
    "WrongZone": ("ingest", 'matline_ingest_utc_differs_total{event="e",gateway="g"}', 0, 1),
    "SenderHalted": ("ingest", 'matline_ingest_halted_total{source="http"}', 4, 5),
    "ManyRejected": ("ingest", 'matline_ingest_gateway_rejected_total{event="e",gateway="g",source="http"}', 0, 9),
    "TokenRefused": ("ingest", "matline_ingest_unauthorized_total", 10, 20),
    "LogRejected": ("scoring", 'matline_scoring_rejected_total{reason="decode"}', 0, 20),
    "ResultsUnreadable": ("projections", "matline_projections_unreadable_total", 0, 1),
    "BoardsSlow": ("projections", 'matline_projections_read_to_board_seconds_bucket{le="2"}', 0, 9),
}


def raised(looks: Looks) -> set[str]:
    found, _ = alerts(looks, {})
    return {alert.name for alert in found}


def troubled(shown: dict[str, str]) -> Look:
    """A look at a race without trouble but for these samples, which take the places of the usual ones."""
    lines = dict(RUNNING)
    for name in RUNNING.keys() & shown.keys():
        replaced = {sample_of(line) for line in shown[name].splitlines()}
        usual = [line for line in RUNNING[name].splitlines() if sample_of(line) not in replaced]
        lines[name] = "\n".join([*usual, shown[name]])
    return look(NOW_S, shown.get("away"), **lines)


def sample_of(line: str) -> str:
    return line.strip().rpartition(" ")[0]


def test_a_race_without_trouble_raises_nothing():
    assert raised(Looks(look(NOW_S, None, **RUNNING), [])) == set()


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_raises_its_alert_alone(name):
    assert raised(Looks(troubled(TROUBLES[name]), [])) == {name}


@pytest.mark.parametrize("name", RISES)
def test_a_rise_is_seen_from_the_second_look_on(name):
    service, sample, before, now = RISES[name]
    first = troubled({service: f"{sample} {before}"})._replace(at_s=NOW_S - 60)
    second = troubled({service: f"{sample} {now}"})
    assert raised(Looks(first, [])) == set()
    assert raised(Looks(second, [first])) == {name}


def test_every_alert_is_tried_and_only_counted_metrics_are_compared_with_earlier_looks():
    assert {*TROUBLES, *RISES} == RULES.keys()
    assert {sample.partition("{")[0] for _, sample, *_ in RISES.values()} <= COUNTED


def test_names_severities_and_times_are_those_of_prometheus():
    (group,) = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert rules.keys() == RULES.keys() | NOT_EVALUATED
    for name, rule in RULES.items():
        assert rules[name]["labels"]["severity"] == rule.severity, name
        assert seconds(rules[name].get("for", "0s")) == rule.for_s, name


@pytest.mark.parametrize(
    ("counts", "slow"),
    [
        ({"0.5": 100, "1": 100, "2": 100, "+Inf": 100}, set()),
        ({"0.5": 90, "1": 98, "2": 100, "+Inf": 100}, {"BoardsSlow"}),  # 1.5 s
        ({"0.5": 0, "1": 100, "2": 100, "+Inf": 100}, set()),  # 0.995 s
        ({"0.5": 0, "1": 0, "2": 0, "+Inf": 0}, set()),
    ],
)
def test_boards_are_slow_by_the_reads_of_the_last_two_minutes_alone(counts, slow):
    def shown(added):
        name = "matline_projections_read_to_board_seconds_bucket"
        return {"projections": "\n".join(f'{name}{{le="{le}"}} {500 + added * count}' for le, count in counts.items())}

    first, second = troubled(shown(0))._replace(at_s=NOW_S - 60), troubled(shown(1))
    assert raised(Looks(second, [first])) == slow
    assert raised(Looks(second, [troubled(shown(0))._replace(at_s=NOW_S - 130)])) == set()


def test_a_loop_of_scoring_is_late_by_its_histogram_and_that_of_the_projections_by_an_earlier_look():
    name = "matline_scoring_loop_late_seconds_bucket"
    first = troubled({"scoring": f'{name}{{le="0.5"}} 7\n{name}{{le="1"}} 7'})._replace(at_s=NOW_S - 60)
    second = troubled({"scoring": f'{name}{{le="0.5"}} 8\n{name}{{le="1"}} 17'})
    (alert,), _ = alerts(Looks(second, [first]), {})
    assert (alert.name, alert.labels) == ("LoopLate", {"service": "scoring"})
    late = troubled(TROUBLES["LoopLate"])
    for ago_s, found in ((119, {"LoopLate"}), (121, set())):
        assert raised(Looks(troubled({}), [late._replace(at_s=NOW_S - ago_s)])) == found


def test_what_several_processes_count_is_their_sum():
    """Each of them shows the same labels, so that one would else be compared with another."""
    rejected = 'matline_scoring_rejected_total{reason="decode"} %d'

    def seen(at_s, count):
        shown = look(at_s, None, **RUNNING)
        workers = together([service("scoring", rejected % count), service("scoring", rejected % 0)])
        return shown._replace(services={**shown.services, "scoring": workers})

    before = seen(NOW_S - 60, 100)
    assert "LogRejected" not in raised(Looks(seen(NOW_S, 100), [before]))
    assert "LogRejected" in raised(Looks(seen(NOW_S, 140), [before]))


def seconds(lasting: str) -> int:
    return int(lasting[:-1]) * {"s": 1, "m": 60}[lasting[-1]]


def test_an_alert_fires_once_it_has_lasted_as_long_as_its_rule_says():
    behind = TROUBLES["BoardsBehind"]
    (pending,), since = alerts(Looks(troubled(behind), []), {})
    assert (pending.firing, pending.needs_somebody) == (False, False)
    (firing,), _ = alerts(Looks(troubled(behind)._replace(at_s=NOW_S + 30), []), since)
    assert (firing.firing, firing.needs_somebody, firing.since_us) == (True, True, pending.since_us)
    _, gone = alerts(Looks(look(NOW_S, None, **RUNNING), []), since)
    assert gone == {}
