"""The state of a stack, from two looks at its services. Pure.

What people see of it, `matline status` and the page for officials, is made of this.
"""

from collections.abc import Collection, Iterator
from typing import Annotated

from msgspec import Meta, Struct

from services.watch.watched_service import Look, WatchedService

EVENTS_SHOWN = 5
GATEWAYS_SHOWN = 20
US = 1_000_000

_CHANGED = "matline_projections_event_changed_timestamp_seconds"
_HEARD = "matline_ingest_gateway_last_heard_timestamp_seconds"

InstantUs = Annotated[int, Meta(description="Microseconds since 1970 UTC.")]


class ServiceState(Struct, frozen=True, kw_only=True):
    """A service: why it is not ready (null: it is), its release, and the least room on a disk that it writes to."""

    name: str
    fault: str | None
    release: str | None
    free_bytes: int | None


class Flow(Struct, frozen=True, kw_only=True):
    """What flows through the stack: a second between the two looks, and what waits or is open now."""

    reads_per_s: float
    results_per_s: float
    answers_per_s: float
    viewers: int
    readers_connected: int
    records_to_score: int
    scoring_lag_s: float
    dead_letters: int


class RaceState(Struct, frozen=True, kw_only=True):
    """A race: its earliest gun (null: none yet), whether it is closed, its athletes by status, and open cases."""

    race: str
    gun_us: InstantUs | None
    closed: bool
    athletes: dict[str, int]
    open_cases: int


class DeviceState(Struct, frozen=True, kw_only=True):
    """A device: its mat (null: nothing lists it), reads on the log, and when ingest accepted the last one."""

    device: str
    mat: str | None
    reads: int
    reads_per_s: float
    last_read_us: InstantUs | None


class EventState(Struct, frozen=True, kw_only=True):
    """An event: how long the oldest fact that is not on its boards has waited, when these changed, and the kinds of
    findings.
    """

    event: str
    lag_s: float
    changed_us: InstantUs
    unknown_chips: int
    findings: list[str]
    races: list[RaceState]
    devices: list[DeviceState]


class GatewayState(Struct, frozen=True, kw_only=True):
    """A gateway: when it was heard, its reads, the numbers that it lacks, and its dead letters."""

    event: str
    gateway: str
    source: str
    heard_us: InstantUs
    reads: int
    missing: int
    dead_letters: int


class StackState(Struct, frozen=True, kw_only=True):
    """A stack: its services, what flows, the events that changed last, and the gateways that were heard last."""

    services: list[ServiceState]
    flow: Flow
    events: list[EventState]
    gateways: list[GatewayState]


def stack_state(before: Look, now: Look, shown: Collection[str] | None = None) -> StackState:
    """Return the state of a stack. `before` is an earlier look, or `now` itself, by which nothing flows.

    Of many events and gateways those are in it that changed last, of these events alone if `shown` is given.
    """
    return StackState(
        services=[_service(service) for service in now.services.values()],
        flow=_flow(before, now),
        events=list(_events(before, now, shown)),
        gateways=list(_gateways(now.services["ingest"], shown)),
    )


def events_known(look: Look) -> set[str]:
    """Return all events of which a look says something."""
    changed = look.services["projections"].of(_CHANGED)
    heard = look.services["ingest"].of(_HEARD)
    return {labels["event"] for labels, _ in (*changed, *heard)}


def _service(service: WatchedService) -> ServiceState:
    return ServiceState(
        name=service.name,
        fault=service.fault,
        release=next((labels["release"] for labels, _ in service.of("matline_build_info")), None),
        free_bytes=min((int(free) for _, free in service.of("matline_disk_free_bytes")), default=None),
    )


def _flow(before: Look, now: Look) -> Flow:
    services = now.services
    scoring = services["scoring"]
    return Flow(
        reads_per_s=rate(before, now, "ingest", "matline_ingest_reads_total"),
        results_per_s=rate(before, now, "scoring", "matline_scoring_rows_total"),
        answers_per_s=rate(before, now, "live", "matline_live_requests_total"),
        viewers=int(services["live"].sum("matline_live_viewers")),
        readers_connected=int(services["ingest"].sum("matline_ingest_connections")),
        records_to_score=int(scoring.sum("matline_scoring_lag_records")),
        scoring_lag_s=max((lag_s for _, lag_s in scoring.of("matline_scoring_event_lag_seconds")), default=0.0),
        dead_letters=int(services["ingest"].sum("matline_ingest_rejected_total")),
    )


def rate(before: Look, now: Look, service: str, metric: str) -> float:
    """Return how much a metric rose a second between two looks; 0 where it was unknown before, or fell by a restart."""
    if now.at_s <= before.at_s or not before.services[service].answers:
        return 0.0
    rise = now.services[service].sum(metric) - before.services[service].sum(metric)
    return max(0.0, rise) / (now.at_s - before.at_s)


def _events(before: Look, now: Look, shown: Collection[str] | None) -> Iterator[EventState]:
    """Yield the events that changed last, the latest first."""
    projections = now.services["projections"]
    lags_s = {labels["event"]: lag_s for labels, lag_s in projections.of("matline_projections_event_lag_seconds")}
    changed = [
        (at_s, labels["event"])
        for labels, at_s in projections.of(_CHANGED)
        if shown is None or labels["event"] in shown
    ]
    for changed_s, event in sorted(changed, reverse=True)[:EVENTS_SHOWN]:
        findings = projections.of("matline_projections_findings", event=event)
        yield EventState(
            event=event,
            lag_s=lags_s.get(event, 0.0),
            changed_us=round(changed_s * US),
            unknown_chips=int(projections.sum("matline_projections_unknown_chips", event=event)),
            findings=[labels["kind"] for labels, count in findings if count],
            races=list(_races(projections, event)),
            devices=list(_devices(before, now, event)),
        )


def _races(projections: WatchedService, event: str) -> Iterator[RaceState]:
    for labels, cases in projections.of("matline_projections_open_cases", event=event):
        race = labels["race"]
        guns = projections.of("matline_projections_race_gun_timestamp_seconds", event=event, race=race)
        athletes = projections.of("matline_projections_athletes", event=event, race=race)
        yield RaceState(
            race=race,
            gun_us=next((round(at_s * US) for _, at_s in guns), None),
            closed=bool(projections.sum("matline_projections_race_closed", event=event, race=race)),
            athletes={counted["status"]: int(count) for counted, count in athletes},
            open_cases=int(cases),
        )


def _devices(before: Look, now: Look, event: str) -> Iterator[DeviceState]:
    projections = now.services["projections"]
    last_read = projections.of("matline_projections_device_last_read_timestamp_seconds", event=event)
    last_s = {labels["device"]: at_s for labels, at_s in last_read}
    metric = "matline_projections_device_reads"
    earlier = {labels["device"]: reads for labels, reads in before.services["projections"].of(metric, event=event)}
    seconds = now.at_s - before.at_s
    for labels, reads in projections.of(metric, event=event):
        device = labels["device"]
        risen = max(0.0, reads - earlier.get(device, reads))
        yield DeviceState(
            device=device,
            mat=labels["mat"] or None,
            reads=int(reads),
            reads_per_s=risen / seconds if seconds > 0 else 0.0,
            last_read_us=round(last_s[device] * US) if device in last_s else None,
        )


def _gateways(ingest: WatchedService, shown: Collection[str] | None) -> Iterator[GatewayState]:
    """Yield the gateways that were heard last, the latest first."""
    heard = [known for known in ingest.of(_HEARD) if shown is None or known[0]["event"] in shown]
    for labels, heard_s in sorted(heard, key=lambda known: -known[1])[:GATEWAYS_SHOWN]:
        reads, missing, rejected = (
            int(ingest.sum(f"matline_ingest_gateway_{name}", **labels))
            for name in ("reads_total", "missing_reads", "rejected_total")
        )
        yield GatewayState(
            event=labels["event"],
            gateway=labels["gateway"],
            source=labels["source"],
            heard_us=round(heard_s * US),
            reads=reads,
            missing=missing,
            dead_letters=rejected,
        )


def seconds_ago(at_us: int, now_s: float) -> float:
    """Return how long ago an instant was, never negative."""
    return max(0.0, now_s - at_us / US)
