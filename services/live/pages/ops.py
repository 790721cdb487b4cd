"""The operation of a stack as officials see it: what its services show, laid along the course. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.definition import Mat
from schemas.named import in_language
from services.health.health_document import DeviceHealth, Finding, PointHealth
from services.live.documents.ops import MatDevice, MatPoint, MatState, Operations, OpsEvent, OpsSignal
from services.standings.event_index import EventIndex
from services.watch.alerts import Alert
from services.watch.stack_state import DeviceState, EventState, StackState


class Examined(NamedTuple):
    """What the health report of an event says; nothing while there is none."""

    points: Sequence[PointHealth] = ()
    devices: Sequence[DeviceHealth] = ()
    findings: Sequence[Finding] = ()


class EventFigures(NamedTuple):
    """What ClickHouse knows of an event: the event as it is defined, and its health."""

    event: EventIndex
    examined: Examined


def operations_of(
    state: StackState,
    alerts: Sequence[Alert],
    figures: Mapping[str, EventFigures],
    *,
    now_us: int,
    watched_since_us: int,
) -> Operations:
    """Return the answer; of events without figures it has only what the services show."""
    return Operations(
        now_us=now_us,
        watched_since_us=watched_since_us,
        alerts=list(alerts),
        services=state.services,
        flow=state.flow,
        events=[_event(shown, *figures.get(shown.event, (None, Examined()))) for shown in state.events],
        gateways=state.gateways,
    )


def _event(shown: EventState, event: EventIndex | None, examined: Examined) -> OpsEvent:
    return OpsEvent(
        event=shown.event,
        name=shown.event if event is None else in_language(event.definition.name, event.language),
        timezone="UTC" if event is None else event.definition.timezone,
        lag_s=shown.lag_s,
        changed_us=shown.changed_us,
        unknown_chips=shown.unknown_chips,
        findings=shown.findings,
        signals=[_signal(finding) for finding in examined.findings if finding.kind == "start_signal"],
        races=shown.races,
        mats=list(_mats(shown, event, examined)),
    )


def _signal(finding: Finding) -> OpsSignal:
    subject, evidence = finding.subject, finding.evidence
    return OpsSignal(
        at_us=evidence["at_us"], gun_us=evidence["gun_us"], devices=subject["devices"], starts=subject["starts"]
    )


def _mats(shown: EventState, event: EventIndex | None, examined: Examined) -> Iterator[MatState]:
    """Yield the mats in the order of the course, those without a point after them, and last devices without a mat."""
    mats = [] if event is None else event.definition.mats
    known = {device for mat in mats for device in (*mat.devices, *mat.backup_devices)}
    points = {} if event is None else {mat.id: list(_points(event, mat.id, examined)) for mat in mats}
    for mat in sorted(mats, key=lambda mat: min((point.km for point in points[mat.id]), default=float("inf"))):
        yield MatState(mat=mat.id, points=points[mat.id], devices=_devices(shown, mat, examined))
    others = [device for device in shown.devices if device.device not in known]
    if others:
        yield MatState(mat=None, points=[], devices=[_device(device, False, examined) for device in others])


def _points(event: EventIndex, mat: str, examined: Examined) -> Iterator[MatPoint]:
    counted = {(point.race, point.point): point for point in examined.points}
    for race in event.definition.races:
        for point in race.points:
            if point.mat == mat:
                count = counted.get((race.id, point.id))
                yield MatPoint(
                    race=race.id,
                    point=point.id,
                    km=point.km,
                    expected=0 if count is None else count.expected,
                    seen=0 if count is None else count.seen,
                    missed=0 if count is None else count.missed,
                )


def _devices(shown: EventState, mat: Mat, examined: Examined) -> list[MatDevice]:
    states = {device.device: device for device in shown.devices}
    return [
        _device(states.get(name) or _silent(name, mat.id), name in mat.backup_devices, examined)
        for name in (*mat.devices, *mat.backup_devices)
    ]


def _silent(device: str, mat: str) -> DeviceState:
    return DeviceState(device=device, mat=mat, reads=0, reads_per_s=0.0, last_read_us=None)


def _device(state: DeviceState, backup: bool, examined: Examined) -> MatDevice:
    offsets = {device.device: device.offset_us for device in examined.devices}
    return MatDevice(
        device=state.device,
        backup=backup,
        reads=state.reads,
        reads_per_s=state.reads_per_s,
        last_read_us=state.last_read_us,
        offset_us=offsets.get(state.device),
    )
