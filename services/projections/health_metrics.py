"""Metrics on the health of events, made when they are asked for, so that no event or device leaves a stale one behind.

Each is explained to operators in docs/operations.md.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.health.health_document import FindingKind, Health, PointHealth
from services.projections.batch import Results
from services.projections.device_reads import DeviceReads, DeviceTallies

EVENTS_SHOWN_MAX = 20  # the last to change; a label of the metrics, so that old events do not fill Prometheus
CHANGED_WITHIN_US = 24 * 3600 * 1_000_000
DEVICES_SHOWN_MAX = 200  # of an event; those that the definition lists come first, for others may be made up


class HealthCollector(Collector):
    """Makes the metrics of the events that changed lately; `note` says when an event has changed."""

    def __init__(self, results: Results, tallies: DeviceTallies, now_us: Callable[[], int]) -> None:
        self._results = results
        self._tallies = tallies
        self._now_us = now_us
        self._changed_us: dict[str, int] = {}
        self._findings: dict[str, Counter[str]] = {}

    def note(self, event: str, at_us: int) -> None:
        """Note that an event has changed at an instant."""
        self._changed_us[event] = max(at_us, self._changed_us.get(event, 0))

    def show(self, examined: Health) -> None:
        """Show the findings of an examination from now on."""
        self._findings[examined.event] = Counter(finding.kind for finding in examined.findings)

    def reads(self, event: str) -> int:
        """Return how many reads of an event have been audited."""
        return sum(tally.reads for tally in self._tallies.events.get(event, {}).values())

    def events(self) -> list[str]:
        """Return the events that are shown."""
        since_us = self._now_us() - CHANGED_WITHIN_US
        recent = sorted((-at_us, event) for event, at_us in self._changed_us.items() if at_us >= since_us)
        return [event for _, event in recent[:EVENTS_SHOWN_MAX]]

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        shown = self.events()
        points = {event: self._results.points[event].points() for event in shown if event in self._results.points}
        yield from _point_metrics(points)
        yield from _device_metrics({event: self._devices(event) for event in shown})
        chips = GaugeMetricFamily(
            "projections_unknown_chips", "Chips that were read and nobody wears.", labels=["event"]
        )
        for event in shown:
            chips.add_metric([event], self._results.unknown_chips.get(event, 0))
        yield chips
        findings = GaugeMetricFamily("projections_findings", "Findings on an event.", labels=["event", "kind"])
        for event in shown:
            if event in self._findings:
                for kind in get_args(FindingKind):
                    findings.add_metric([event, kind], self._findings[event][kind])
        yield findings

    def _devices(self, event: str) -> Iterator[tuple[str, str, DeviceReads]]:
        """Yield mat, name and reads of devices: first of all that the definition lists, of whom none may have read."""
        standings = self._results.events.get(event)
        definition = None if standings is None else standings.definition
        mats = [] if definition is None else definition.mats
        mat_of = {device: mat.id for mat in mats for device in (*mat.devices, *mat.backup_devices)}
        known = self._tallies.events.get(event, {})
        others = sorted(known.keys() - mat_of.keys(), key=lambda device: (-known[device].reads, device))
        for device in [*mat_of, *others][:DEVICES_SHOWN_MAX]:
            yield mat_of.get(device, ""), device, known.get(device, DeviceReads())


def _point_metrics(points: Mapping[str, Iterable[PointHealth]]) -> Iterator[Metric]:
    labels = ["event", "race", "point"]
    expected = GaugeMetricFamily(
        "projections_point_expected", "Athletes who have a point or a later one.", labels=labels
    )
    seen = GaugeMetricFamily(
        "projections_point_seen", "Athletes who have a point, by where its time comes from.", labels=[*labels, "source"]
    )
    missed = GaugeMetricFamily(
        "projections_point_missed", "Athletes who lack a point and have a later one.", labels=labels
    )
    waived = GaugeMetricFamily("projections_point_waived", "Athletes for whom a point is waived.", labels=labels)
    for event, counted in points.items():
        for point in counted:
            named = [event, point.race, point.point]
            expected.add_metric(named, point.expected)
            for source in ("main", "backup", "official"):
                seen.add_metric([*named, source], getattr(point, source))
            missed.add_metric(named, point.missed)
            waived.add_metric(named, point.waived)
    yield from (expected, seen, missed, waived)


def _device_metrics(devices: Mapping[str, Iterable[tuple[str, str, DeviceReads]]]) -> Iterator[Metric]:
    labels = ["event", "mat", "device"]
    reads = GaugeMetricFamily("projections_device_reads", "Reads of a device on the log, repeats too.", labels=labels)
    last = GaugeMetricFamily(
        "projections_device_last_read_timestamp_seconds", "When ingest accepted a device's last read.", labels=labels
    )
    for event, shown in devices.items():
        for mat, device, tally in shown:
            reads.add_metric([event, mat, device], tally.reads)
            if tally.last_us:
                last.add_metric([event, mat, device], tally.last_us / 1e6)
    yield from (reads, last)
