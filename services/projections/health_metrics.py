"""Metrics on the events, made when they are asked for, so that no event or device leaves a stale one behind.

Their help texts explain them to operators; docs/metrics.md lists them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.results import Status
from services.health.health_document import FindingKind, Health, PointHealth
from services.projections.batch import Results
from services.projections.board_lag import BoardLag
from services.projections.device_reads import DeviceReads, DeviceTallies
from services.standings.incremental import EventStandings
from services.standings.teams import team_cases

EVENTS_SHOWN_MAX = 20  # the last to change; a label of the metrics, so that old events do not fill Prometheus
CHANGED_WITHIN_US = 24 * 3600 * 1_000_000
DEVICES_SHOWN_MAX = 200  # of an event; those that the definition lists come first, for others may be made up


class EventCounts(NamedTuple):
    """Athletes by race and status, and open cases by race, at a revision."""

    revision: int
    athletes: Counter[tuple[str, Status]]
    open_cases: Counter[str]


class HealthCollector(Collector):
    """Makes the metrics of the events that changed lately; `note` says when an event has changed."""

    def __init__(
        self, results: Results, tallies: DeviceTallies, board_lag: BoardLag, now_us: Callable[[], int]
    ) -> None:
        self._results = results
        self._tallies = tallies
        self._board_lag = board_lag
        self._now_us = now_us
        self._changed_us: dict[str, int] = {}
        self._findings: dict[str, Counter[str]] = {}
        self._counts: dict[str, EventCounts] = {}

    def note(self, event: str, at_us: int) -> None:
        """Note that an event has changed at an instant."""
        self._changed_us[event] = max(at_us, self._changed_us.get(event, 0))

    def forget(self, event: str) -> None:
        """Show an event no longer, since it was archived."""
        for held in (self._changed_us, self._findings, self._counts):
            held.pop(event, None)

    def show(self, examined: Health) -> None:
        """Show the findings of an examination from now on, unless the event was archived while it was made."""
        if examined.event in self._results.archived:
            return
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
        yield from self._race_metrics(shown)
        yield from self._board_metrics(shown)
        chips = GaugeMetricFamily(
            "matline_projections_unknown_chips",
            "Chips that were read and nobody wears. A rise: walk-ups, swapped chips, a list of entries that was not"
            " loaded; `GET /v1/events/EVENT/health` lists them.",
            labels=["event"],
        )
        for event in shown:
            chips.add_metric([event], self._results.unknown_chips.get(event, 0))
        yield chips
        findings = GaugeMetricFamily(
            "matline_projections_findings",
            "Findings on an event, by kind: a clock (clock_off), a gun (gun_suspect), a device (device_silent), a mat"
            " (point_missing, finish_missing) or chips (chips_unknown, chips_stay) are wrong, or a reader reported a"
            " gun that nobody has sent (start_signal). `GET /v1/events/EVENT/health` names it, and proposes the facts"
            " that mend it.",
            labels=["event", "kind"],
        )
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

    def _race_metrics(self, shown: Iterable[str]) -> Iterator[Metric]:
        athletes = GaugeMetricFamily(
            "matline_projections_athletes",
            "Athletes of a race by status. ON_COURSE falls to 0 as they finish; stays above it at the end: whoever left"
            " without a word, or a dead finish mat.",
            labels=["event", "race", "status"],
        )
        cases = GaugeMetricFamily(
            "matline_projections_open_cases",
            "Questions for the jury that are open. A rise of many at once: a dead mat, see"
            " matline_projections_findings. Results cannot become official before all are decided.",
            labels=["event", "race"],
        )
        guns = GaugeMetricFamily(
            "matline_projections_race_gun_timestamp_seconds",
            "When a race's earliest gun was fired; a race without a gun has no series.",
            labels=["event", "race"],
        )
        closed = GaugeMetricFamily(
            "matline_projections_race_closed",
            "1 once a race is closed, so that nobody else will finish; 0 again if it is reopened.",
            labels=["event", "race"],
        )
        for event in shown:
            standings = self._results.events.get(event)
            if standings is None or standings.definition is None:
                continue
            counts = self._counts_of(event, standings)
            row = standings.event
            for race in standings.definition.races:
                for status in get_args(Status):
                    athletes.add_metric([event, race.id, status], counts.athletes[race.id, status])
                cases.add_metric([event, race.id], counts.open_cases[race.id])
                if row is not None:
                    closed.add_metric([event, race.id], race.id in row.closed)
                    fired_us = [gun.at_us for gun in row.guns if gun.race == race.id]
                    if fired_us:
                        guns.add_metric([event, race.id], min(fired_us) / 1e6)
        yield from (athletes, cases, guns, closed)

    def _counts_of(self, event: str, standings: EventStandings) -> EventCounts:
        """Return the counts of an event at its revision; counted once for each, some milliseconds for 11,000."""
        revision = self._results.revisions.get(event, -1)
        held = self._counts.get(event)
        if held is None or held.revision != revision:
            held = self._counts[event] = count_event(standings, revision)
        return held

    def _board_metrics(self, shown: Iterable[str]) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "matline_projections_event_lag_seconds",
            "How long the oldest accepted fact that is not on the event's boards yet has waited; 0 when all are. A"
            " rise: scoring or ClickHouse does not keep up, see matline_scoring_event_lag_seconds and"
            " matline_projections_database_up.",
            labels=["event"],
        )
        changed = GaugeMetricFamily(
            "matline_projections_event_changed_timestamp_seconds",
            "When the event's boards last changed: `time() -` this is their age, which grows while nobody crosses a"
            " mat.",
            labels=["event"],
        )
        lags_us = self._board_lag.lag_us(self._now_us())
        for event in shown:
            lag.add_metric([event], lags_us.get(event, 0) / 1e6)
            changed.add_metric([event], self._changed_us[event] / 1e6)
        yield from (lag, changed)


def count_event(standings: EventStandings, revision: int) -> EventCounts:
    """Return the counts of an event; entries that are gone count nowhere."""
    rows = [row for row in standings.rows.values() if not row.gone]
    cases = [case for row in rows for case in row.cases]
    cases += standings.together.values()
    definition, event = standings.definition, standings.event
    if definition is not None and event is not None:
        for team in definition.team_boards:
            if team.id in standings.teams:
                cases += team_cases(definition, team, standings.teams[team.id].crowded, event.decided)
    open_cases = Counter(race for case in cases if case.open for race in case.races())
    return EventCounts(revision, Counter((row.race, row.status) for row in rows), open_cases)


def _point_metrics(points: Mapping[str, Iterable[PointHealth]]) -> Iterator[Metric]:
    labels = ["event", "race", "point"]
    expected = GaugeMetricFamily(
        "matline_projections_point_expected",
        "Athletes who have a point or a later one; follows the race.",
        labels=labels,
    )
    seen = GaugeMetricFamily(
        "matline_projections_point_seen",
        "Athletes who have a point, by where its time comes from. `backup` rises instead of `main`: look at the main"
        " antennas.",
        labels=[*labels, "source"],
    )
    missed = GaugeMetricFamily(
        "matline_projections_point_missed",
        "Athletes who lack a point and have a later one. Up to 7 in 1,000 is ordinary; more: the mat is dead or weak.",
        labels=labels,
    )
    waived = GaugeMetricFamily(
        "matline_projections_point_waived",
        "Athletes who lack a point that officials have waived for them.",
        labels=labels,
    )
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
    reads = GaugeMetricFamily(
        "matline_projections_device_reads",
        "Reads of a device on the log, repeats too. Flat while other devices of its mat rise: power, cables, its way to"
        " ingest. No mat: nothing lists the device.",
        labels=labels,
    )
    last = GaugeMetricFamily(
        "matline_projections_device_last_read_timestamp_seconds",
        "When ingest accepted a device's last read: `time() -` this is its age.",
        labels=labels,
    )
    for event, shown in devices.items():
        for mat, device, tally in shown:
            reads.add_metric([event, mat, device], tally.reads)
            if tally.last_us:
                last.add_metric([event, mat, device], tally.last_us / 1e6)
    yield from (reads, last)
