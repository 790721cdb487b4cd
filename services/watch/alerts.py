"""The alerts of deploy/prometheus/rules.yaml, worked out from looks at the services for people without it. Pure.

Names, severities and how long a fault has to last are those of the rules, which a test compares; NOT_EVALUATED are
Prometheus's alone. What a rule asks of the last minutes is asked of the looks that are kept, so that after the first
look a rise is not known yet. Several processes of a service are looked at together.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from services.watch.watched_service import Look, WatchedService

Severity = Literal["critical", "warning", "info"]

NOT_EVALUATED = frozenset({"ServiceMissing", "BoardsDiffer", "BoardsUnverified"})
"""Alerts that Prometheus alone raises. A service that is missing does not answer, which ServiceDown says here; a look
sees no `matline verify`.
"""

READS_WITHIN_S = 600
RACE_FROM_S, RACE_UNTIL_S = 600, 14_400  # after the gun; a race is expected to have reads in between
CERTIFICATE_S = 14 * 86_400  # before it expires
HISTORY_S = 900  # of the longest question about the past

COUNTED = frozenset(
    {
        "matline_ingest_connections",
        "matline_ingest_gateway_reads_total",
        "matline_ingest_gateway_rejected_total",
        "matline_ingest_halted_total",
        "matline_ingest_reader_failures_total",
        "matline_ingest_unauthorized_total",
        "matline_ingest_utc_differs_total",
        "matline_live_unreadable_notices_total",
        "matline_projections_loop_late_seconds",
        "matline_projections_read_to_board_seconds_bucket",
        "matline_projections_unreadable_total",
        "matline_scoring_loop_late_seconds_bucket",
        "matline_scoring_rejected_total",
    }
)
"""The metrics that rules compare with earlier looks: all that has to be kept of these."""


class Found(NamedTuple):
    """What a rule found: labels that say of what, and the figure."""

    labels: Mapping[str, str]
    value: float


class Looks(NamedTuple):
    """The newest look, and earlier ones, the oldest first; of them COUNTED is enough."""

    now: Look
    earlier: Sequence[Look]

    def of(self, service: str, metric: str, **labels: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield labels and value of each sample of a metric now."""
        return self.now.services[service].of(metric, **labels)

    def rises(self, service: str, metric: str, over_s: float) -> Iterator[tuple[Mapping[str, str], float, float]]:
        """Yield labels of each sample of a metric, how much it rose in a time, and in how many seconds that was.

        One that was not there before rose by all of it; after a restart it falls, and has not risen. Of several
        processes it is their sum.
        """
        since = next((look for look in self.earlier if look.at_s >= self.now.at_s - over_s), self.now)
        before = _sums(since.services[service].of(metric))
        for key, value in _sums(self.of(service, metric)).items():
            yield dict(key), max(0.0, value - before.get(key, 0.0)), self.now.at_s - since.at_s

    def quantile(self, service: str, histogram: str, share: float, over_s: float) -> float | None:
        """Return what a share of the observations of a time did not exceed, as Prometheus works it out from buckets.

        None: nothing was observed.
        """
        rises = self.rises(service, f"{histogram}_bucket", over_s)
        buckets = sorted((float(labels["le"]), rise) for labels, rise, seconds in rises if seconds > 0)
        wanted = share * max((count for _, count in buckets), default=0.0)
        below, counted = 0.0, 0.0
        for bound, count in buckets:
            if count >= wanted > 0:
                if math.isinf(bound):
                    return below
                return below + (bound - below) * (wanted - counted) / (count - counted)
            below, counted = bound, count
        return None

    def greatest(self, service: str, metric: str, over_s: float) -> float:
        """Return the greatest value of a metric in a time, 0 without one."""
        looks = [self.now, *(look for look in self.earlier if look.at_s >= self.now.at_s - over_s)]
        return max((value for look in looks for _, value in look.services[service].of(metric)), default=0.0)

    def most(self, service: str, metric: str, labels: Mapping[str, str]) -> float:
        """Return the greatest value that a sample has had."""
        return max((look.services[service].sum(metric, **labels) for look in self.earlier), default=0.0)


class Rule(NamedTuple):
    """An alert: `holds` yields what it is about while its condition holds, which is to last `for_s` seconds."""

    severity: Severity
    for_s: float
    holds: Callable[[Looks], Iterator[Found]]


class Alert(Struct, frozen=True, kw_only=True):
    """A condition that holds since an instant. It is `firing` once it has lasted as long as its rule says."""

    name: str
    severity: Severity
    firing: bool
    since_us: int
    for_s: float
    labels: Mapping[str, str]
    value: float

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody has to act at once."""
        return self.firing and self.severity == "critical"


Since = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
"""When each condition that holds was first seen (Unix time), by the alert's name and labels."""


def alerts(looks: Looks, since_s: Since) -> tuple[list[Alert], Since]:
    """Return the alerts by the newest look, the gravest first, and for the next one since when each condition holds."""
    now_s = looks.now.at_s
    raised: list[Alert] = []
    holding: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for name, rule in RULES.items():
        for found in rule.holds(looks):
            key = name, _key(found.labels)
            if key in holding:
                continue  # by another metric
            holding[key] = first_s = since_s.get(key, now_s)
            raised.append(
                Alert(
                    name=name,
                    severity=rule.severity,
                    firing=now_s - first_s >= rule.for_s,
                    since_us=round(first_s * 1e6),
                    for_s=rule.for_s,
                    labels=dict(found.labels),
                    value=found.value,
                )
            )
    gravity = {"critical": 0, "warning": 1, "info": 2}
    return sorted(raised, key=lambda alert: (not alert.firing, gravity[alert.severity], alert.since_us)), holding


def _sums(samples: Iterator[tuple[Mapping[str, str], float]]) -> dict[tuple[tuple[str, str], ...], float]:
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in samples:
        sums[_key(labels)] = sums.get(_key(labels), 0.0) + value
    return sums


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


# --- The rules


def _service_down(looks: Looks) -> Iterator[Found]:
    for service in looks.now.services.values():
        if service.away:
            yield Found({"service": service.name}, 0)


def _no_reads(looks: Looks) -> Iterator[Found]:
    now_s = looks.now.at_s
    projections = looks.now.services["projections"]
    for labels, gun_s in looks.of("projections", "matline_projections_race_gun_timestamp_seconds"):
        event, race = labels["event"], labels["race"]
        if not RACE_FROM_S < now_s - gun_s < RACE_UNTIL_S:
            continue
        if projections.sum("matline_projections_race_closed", event=event, race=race):
            continue
        on_course, finished = (
            projections.sum("matline_projections_athletes", event=event, race=race, status=status)
            for status in ("ON_COURSE", "FINISHED")
        )
        last_read = projections.of("matline_projections_device_last_read_timestamp_seconds", event=event)
        last_s = max((at_s for _, at_s in last_read), default=gun_s)
        if finished <= 20 * on_course and now_s - last_s > READS_WITHIN_S:
            yield Found({"event": event, "race": race}, now_s - last_s)


def _reader_away(looks: Looks) -> Iterator[Found]:
    for labels, connections in looks.of("ingest", "matline_ingest_connections"):
        if connections == 0 and looks.most("ingest", "matline_ingest_connections", labels) > 0:
            closed = [
                value for _, value in looks.of("projections", "matline_projections_race_closed", **_event(labels))
            ]
            if not closed or min(closed) == 0:
                yield Found(labels, 0)


def _reads_missing(looks: Looks) -> Iterator[Found]:
    for metric in ("matline_ingest_reader_missing", "matline_ingest_gateway_missing_reads"):
        for labels, missing in looks.of("ingest", metric):
            if missing > 0:
                yield Found(_only(labels, "event", "gateway"), missing)


def _risen(service: str, metric: str, over_s: float) -> Callable[[Looks], Iterator[Found]]:
    def holds(looks: Looks) -> Iterator[Found]:
        for labels, rise, seconds in looks.rises(service, metric, over_s):
            if rise > 0 and seconds > 0:
                yield Found(_only(labels, "event", "gateway", "source"), rise)

    return holds


def _faster(service: str, metric: str, over_s: float, limit: float) -> Callable[[Looks], Iterator[Found]]:
    def holds(looks: Looks) -> Iterator[Found]:
        for labels, rise, seconds in looks.rises(service, metric, over_s):
            if seconds > 0 and rise / seconds > limit:
                yield Found(_only(labels, "reason"), rise / seconds)

    return holds


def _many_rejected(looks: Looks) -> Iterator[Found]:
    accepted = {
        _key(labels): rise for labels, rise, _ in looks.rises("ingest", "matline_ingest_gateway_reads_total", 300)
    }
    for labels, rise, seconds in looks.rises("ingest", "matline_ingest_gateway_rejected_total", 300):
        share = 0.05 * (rise + accepted.get(_key(labels), 0.0))
        if rise > 0 and seconds > 0 and (rise / seconds > 0.2 or rise > share):
            yield Found(labels, rise / seconds)


def _halted(looks: Looks) -> Iterator[Found]:
    yield from _risen("ingest", "matline_ingest_halted_total", 600)(looks)
    yield from _above("scoring", "matline_scoring_rejections_halted", 0)(looks)


def _unreadable(looks: Looks) -> Iterator[Found]:
    for service, metric in (
        ("projections", "matline_projections_unreadable_total"),
        ("live", "matline_live_unreadable_notices_total"),
    ):
        for found in _risen(service, metric, 600)(looks):
            yield Found({"service": service}, found.value)
    yield from _above("projections", "matline_projections_held_partitions", 0)(looks)


def _above(service: str, metric: str, limit: float, *shown: str) -> Callable[[Looks], Iterator[Found]]:
    """Return a rule that a metric is above a limit; `shown` are the labels that tell its samples apart."""

    def holds(looks: Looks) -> Iterator[Found]:
        greatest: dict[tuple[tuple[str, str], ...], float] = {}
        for labels, value in looks.of(service, metric):
            if value > limit:
                key = _key(_only(labels, *shown))
                greatest[key] = max(value, greatest.get(key, value))
        for key, value in greatest.items():
            yield Found(dict(key), value)

    return holds


def _away(*metrics: tuple[str, str]) -> Callable[[Looks], Iterator[Found]]:
    """Return a rule that a metric which is 1 while something answers is 0, by service and metric."""

    def holds(looks: Looks) -> Iterator[Found]:
        for service, metric in metrics:
            if any(value == 0 for _, value in looks.of(service, metric)):
                yield Found({"service": service}, 0)

    return holds


def _finding(*kinds: str) -> Callable[[Looks], Iterator[Found]]:
    def holds(looks: Looks) -> Iterator[Found]:
        for labels, count in looks.of("projections", "matline_projections_findings"):
            if labels["kind"] in kinds and count > 0:
                yield Found(labels, count)

    return holds


def _clock_off(looks: Looks) -> Iterator[Found]:
    yield from _finding("clock_off")(looks)
    for labels, offset_s in looks.of("ingest", "matline_ingest_clock_offset_seconds"):
        if abs(offset_s) > 10:
            yield Found(labels, offset_s)


def _chips_unknown(looks: Looks) -> Iterator[Found]:
    projections = looks.now.services["projections"]
    for labels, unknown in looks.of("projections", "matline_projections_unknown_chips"):
        found = projections.sum("matline_projections_findings", event=labels["event"], kind="chips_unknown")
        if found or unknown > 0.1 * projections.sum("matline_projections_athletes", event=labels["event"]):
            yield Found(labels, unknown)


def _replicas_missing(looks: Looks) -> Iterator[Found]:
    wanted = {_key(labels): copies for labels, copies in looks.of("ingest", "matline_ingest_kafka_replicas")}
    for labels, copies in looks.of("ingest", "matline_ingest_kafka_in_sync_replicas"):
        if copies < wanted.get(_key(labels), copies):
            yield Found(labels, copies)


def _disk_full(looks: Looks) -> Iterator[Found]:
    for service in looks.now.services.values():
        sizes = {_key(labels): size for labels, size in service.of("matline_disk_size_bytes")}
        for labels, free in service.of("matline_disk_free_bytes"):
            if free < 1e9 or free < 0.05 * sizes.get(_key(labels), 0.0):
                yield Found({"service": service.name, **labels}, free)
        for _, free in service.of("matline_projections_clickhouse_free_bytes"):
            if free < 1e9:
                yield Found({"service": "clickhouse"}, free)


def _certificate_expires(looks: Looks) -> Iterator[Found]:
    for service in looks.now.services.values():
        for labels, expires_s in service.of("matline_certificate_expires_timestamp_seconds"):
            if expires_s - looks.now.at_s < CERTIFICATE_S:
                yield Found({"service": service.name, **labels}, expires_s - looks.now.at_s)


def _ingest_full(looks: Looks) -> Iterator[Found]:
    ingest: WatchedService = looks.now.services["ingest"]
    waiting = ingest.sum("matline_ingest_waiting_bytes")
    if waiting > 0.8 * ingest.sum("matline_ingest_waiting_limit_bytes"):
        yield Found({}, waiting)


def _partition_unscored(looks: Looks) -> Iterator[Found]:
    lags = looks.of("projections", "matline_projections_lag_records", topic="results")
    partitions = {labels["partition"] for labels, _ in lags}
    missing = len(partitions) - looks.now.services["scoring"].sum("matline_scoring_partitions")
    if missing > 0:
        yield Found({}, missing)


def _boards_unwritten(looks: Looks) -> Iterator[Found]:
    active = [value for _, value in looks.of("projections", "matline_projections_active")]
    if active and sum(active) != 1:
        yield Found({}, sum(active))


def _boards_slow(looks: Looks) -> Iterator[Found]:
    seconds = looks.quantile("projections", "matline_projections_read_to_board_seconds", 0.99, 120)
    if seconds is not None and seconds > 1:
        yield Found({}, seconds)


def _loop_late(looks: Looks) -> Iterator[Found]:
    late_s = {
        "scoring": looks.quantile("scoring", "matline_scoring_loop_late_seconds", 0.99, 120) or 0.0,
        "projections": looks.greatest("projections", "matline_projections_loop_late_seconds", 120),
    }
    for service, seconds in late_s.items():
        if seconds > 0.5:
            yield Found({"service": service}, seconds)


def _event(labels: Mapping[str, str]) -> dict[str, str]:
    return _only(labels, "event")


def _only(labels: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: labels[name] for name in names if name in labels}


RULES: Mapping[str, Rule] = {
    "ServiceDown": Rule("critical", 30, _service_down),
    "NoReads": Rule("critical", 30, _no_reads),
    "ReaderAway": Rule("critical", 30, _reader_away),
    "ReadsMissing": Rule("warning", 600, _reads_missing),
    "ReaderFails": Rule("critical", 0, _risen("ingest", "matline_ingest_reader_failures_total", 600)),
    "WrongZone": Rule("critical", 0, _risen("ingest", "matline_ingest_utc_differs_total", 900)),
    "ConfigFaulty": Rule("critical", 30, _above("ingest", "matline_ingest_config_faulty", 0)),
    "EffectsUnknown": Rule("warning", 300, _away(("ingest", "matline_ingest_follower_up"))),
    "ManyRejected": Rule("warning", 60, _many_rejected),
    "TokenRefused": Rule("warning", 120, _faster("ingest", "matline_ingest_unauthorized_total", 300, 0.05)),
    "LogRejected": Rule("warning", 60, _faster("scoring", "matline_scoring_rejected_total", 300, 0.1)),
    "ResultsUnreadable": Rule("warning", 30, _unreadable),
    "MatSilent": Rule("critical", 30, _finding("device_silent", "point_missing", "finish_missing")),
    "ClockOff": Rule("critical", 30, _clock_off),
    "GunSuspect": Rule("critical", 30, _finding("gun_suspect")),
    "ChipsUnknown": Rule("warning", 30, _chips_unknown),
    "ChipsStay": Rule("info", 60, _finding("chips_stay")),
    "SenderHalted": Rule("critical", 0, _halted),
    "KafkaDown": Rule(
        "critical",
        15,
        _away(
            ("ingest", "matline_ingest_kafka_up"),
            ("scoring", "matline_scoring_kafka_up"),
            ("live", "matline_live_kafka_up"),
        ),
    ),
    "ReplicasMissing": Rule("warning", 120, _replicas_missing),
    "CertificateExpires": Rule("warning", 60, _certificate_expires),
    "DiskFull": Rule("critical", 30, _disk_full),
    "IngestFull": Rule("critical", 15, _ingest_full),
    "DatabaseDown": Rule(
        "critical",
        15,
        _away(("projections", "matline_projections_database_up"), ("live", "matline_live_clickhouse_up")),
    ),
    "ScoringBehind": Rule("critical", 30, _above("scoring", "matline_scoring_event_lag_seconds", 5, "partition")),
    "PartitionUnscored": Rule("critical", 30, _partition_unscored),
    "SnapshotOld": Rule("warning", 300, _above("scoring", "matline_scoring_snapshot_age_seconds", 900, "partition")),
    "BoardsBehind": Rule("critical", 30, _above("projections", "matline_projections_event_lag_seconds", 10, "event")),
    "BoardsUnwritten": Rule("critical", 45, _boards_unwritten),
    "BoardsSlow": Rule("warning", 60, _boards_slow),
    "LoopLate": Rule("warning", 120, _loop_late),
}
"""The alerts by name, as operators would be woken: the order of the rules file."""
