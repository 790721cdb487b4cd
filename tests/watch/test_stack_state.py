"""The state of a stack by two looks at what its services show."""

from services.watch.stack_state import (
    EVENTS_SHOWN,
    GATEWAYS_SHOWN,
    DeviceState,
    Flow,
    RaceState,
    events_known,
    stack_state,
)
from services.watch.watched_service import together
from tests.watch.showing import NOW_S, look, service

EVENT = """
    matline_projections_event_changed_timestamp_seconds{event="%(event)s"} %(changed)d
    matline_projections_event_lag_seconds{event="%(event)s"} 0.5
    matline_projections_unknown_chips{event="%(event)s"} 2
    matline_projections_findings{event="%(event)s",kind="clock_off"} 1
    matline_projections_findings{event="%(event)s",kind="gun_suspect"} 0
    matline_projections_open_cases{event="%(event)s",race="hm"} 3
    matline_projections_race_closed{event="%(event)s",race="hm"} 0
    matline_projections_race_gun_timestamp_seconds{event="%(event)s",race="hm"} 1799990000
    matline_projections_athletes{event="%(event)s",race="hm",status="ON_COURSE"} 40
"""


def event(name: str, changed_s: float) -> str:
    return EVENT % {"event": name, "changed": changed_s}


def reads(device: str, mat: str, count: int) -> str:
    return f'matline_projections_device_reads{{event="e",mat="{mat}",device="{device}"}} {count}\n'


def test_rates_are_between_the_two_looks_and_none_after_a_restart():
    before = look(
        NOW_S - 5,
        ingest='matline_ingest_reads_total{source="http"} 100',
        scoring="matline_scoring_rows_total 900",
        live='matline_live_requests_total{route="board",status="200"} 10\nmatline_live_viewers 7',
    )
    now = look(
        ingest='matline_ingest_reads_total{source="http"} 150\nmatline_ingest_rejected_total{source="http"} 4',
        scoring='matline_scoring_rows_total 3\nmatline_scoring_event_lag_seconds{partition="0"} 1.5',
        live='matline_live_requests_total{route="board",status="200"} 30\nmatline_live_viewers 9',
    )
    assert stack_state(before, now).flow == Flow(
        reads_per_s=10.0,
        results_per_s=0.0,
        answers_per_s=4.0,
        viewers=9,
        readers_connected=0,
        records_to_score=0,
        scoring_lag_s=1.5,
        dead_letters=4,
    )
    assert stack_state(now, now).flow.reads_per_s == 0.0
    assert stack_state(look(NOW_S - 5, away="ingest"), now).flow.reads_per_s == 0.0


def test_events_come_by_their_last_change_with_races_and_devices():
    shown = event("old", NOW_S - 500) + event("e", NOW_S - 5)
    before = look(NOW_S - 5, projections=shown + reads("D1", "5k", 20))
    last = f'matline_projections_device_last_read_timestamp_seconds{{event="e",mat="5k",device="D1"}} {NOW_S - 2}\n'
    now = look(projections=shown + reads("D1", "5k", 45) + reads("X", "", 9) + last)
    first, second = stack_state(before, now).events
    assert (first.event, second.event, first.lag_s, first.unknown_chips) == ("e", "old", 0.5, 2)
    assert first.findings == ["clock_off"]
    assert first.races == [
        RaceState(race="hm", gun_us=1_799_990_000_000_000, closed=False, athletes={"ON_COURSE": 40}, open_cases=3)
    ]
    last_us = round((NOW_S - 2) * 1e6)
    assert first.devices == [
        DeviceState(device="D1", mat="5k", reads=45, reads_per_s=5.0, last_read_us=last_us),
        DeviceState(device="X", mat=None, reads=9, reads_per_s=0.0, last_read_us=None),
    ]


def test_an_official_sees_the_events_and_gateways_of_the_own_token_alone_however_many_changed_later():
    heard = 'matline_ingest_gateway_last_heard_timestamp_seconds{event="%s",gateway="g",source="http"} %d\n'
    later = [f"later{nth}" for nth in range(GATEWAYS_SHOWN)]
    changed_s = {"e": NOW_S - 60, "f": NOW_S - 60, **dict.fromkeys(later, NOW_S)}
    now = look(
        projections="".join(event(name, at_s) for name, at_s in changed_s.items()),
        ingest="".join(heard % known for known in changed_s.items()),
    )
    assert events_known(now) == changed_s.keys()
    state = stack_state(now, now, ["f"])
    assert [event.event for event in state.events] == [gateway.event for gateway in state.gateways] == ["f"]
    everybodys = stack_state(now, now)
    assert (len(everybodys.events), len(everybodys.gateways)) == (EVENTS_SHOWN, GATEWAYS_SHOWN)


def test_a_service_that_does_not_answer_says_why():
    now = look(away="scoring")
    faults = {service.name: service.fault for service in stack_state(now, now).services}
    assert faults == {"ingest": None, "scoring": "does not answer at http://scoring", "projections": None, "live": None}


def test_workers_of_a_service_are_seen_together_and_one_that_is_away_is_told():
    workers = [service("scoring", "matline_scoring_partitions 2"), service("scoring", away=True)]
    both = together(workers)
    assert (both.sum("matline_scoring_partitions"), both.away) == (2, 1)
    assert both.fault == "does not answer at http://scoring"
