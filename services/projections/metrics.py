"""The projections' metrics, each with a comment that tells an operator what a rise means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)


class ProjectionMetrics:
    """One set per process, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Follows the race; if it is flat while scoring publishes rows, boards do not change.
        self.results = Counter("projections_results_total", "Athletes' results processed.", registry=registry)
        self.revisions = Counter("projections_revisions_total", "Revisions announced.", registry=registry)
        # Rows per revision grow with the boards that an athlete is on; a jump is a gun or a definition.
        self.rows = Counter("projections_rows_total", "Rows inserted.", ["table"], registry=registry)
        self.inserts = Counter(
            "projections_inserts_total", "Inserts that ClickHouse accepted.", ["table"], registry=registry
        )
        # ClickHouse is down, slow or full: boards wait, but nothing is lost.
        self.failures = Counter("projections_insert_failures_total", "Inserts that failed.", registry=registry)
        self.insert_s = Histogram(
            "projections_insert_seconds", "Time of one insert.", ["table"], buckets=BUCKETS_S, registry=registry
        )
        # Grows with the field: the time to update boards and teams.
        self.standings_s = Histogram(
            "projections_standings_seconds",
            "Time to update the standings by one batch.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # The wait of a spectator: the whole pipeline, by the clocks of ingest and projections.
        self.read_to_board_s = Histogram(
            "projections_read_to_board_seconds",
            "From ingest accepting a fact to the announcement of its revision.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Grows with the field: a thread works so long beside the boards, at most a fiftieth of the time.
        self.examination_s = Histogram(
            "projections_examination_seconds",
            "Time to examine the health of an event.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Rises while scoring is faster than the projections, or while ClickHouse is down.
        self.lag = Gauge(
            "projections_lag_records",
            "Records of a topic not yet processed.",
            ["topic", "partition"],
            registry=registry,
        )
        # 0: boards do not change.
        self.database_up = Gauge("projections_database_up", "1 while ClickHouse accepts inserts.", registry=registry)
        # Above 0.2 s: something blocks the event loop, and notices and live answers wait as long.
        self.loop_late_s = Gauge(
            "projections_loop_late_seconds", "How late the event loop was at the last check.", registry=registry
        )
