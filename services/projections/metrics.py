"""The projections' metrics, each with a comment that tells an operator what a rise means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)


class ProjectionMetrics:
    """One set per process, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Follows the race; flat while scoring puts out rows means that boards stand still.
        self.results = Counter("projections_results_total", "Athletes' results taken over.", registry=registry)
        self.revisions = Counter("projections_revisions_total", "Revisions announced.", registry=registry)
        # Rows a revision grow with the boards that an athlete is on; a jump is a gun or a definition.
        self.rows = Counter("projections_rows_total", "Rows inserted.", ["table"], registry=registry)
        self.inserts = Counter(
            "projections_inserts_total", "Inserts that ClickHouse took.", ["table"], registry=registry
        )
        # ClickHouse away, slow or full: boards wait, nothing is lost.
        self.failures = Counter("projections_insert_failures_total", "Inserts tried in vain.", registry=registry)
        self.insert_s = Histogram(
            "projections_insert_seconds", "Time of one insert.", ["table"], buckets=BUCKETS_S, registry=registry
        )
        # Working out boards and teams; grows with the field.
        self.standings_s = Histogram(
            "projections_standings_seconds", "Standings of one batch.", buckets=BUCKETS_S, registry=registry
        )
        # The wait of a spectator: the whole pipeline, by the clocks of ingest and projections.
        self.read_to_board_s = Histogram(
            "projections_read_to_board_seconds",
            "From ingest taking a fact to its revision being announced.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Rises while scoring is faster than we are, or while ClickHouse is away.
        self.lag = Gauge(
            "projections_lag_records",
            "Records of a topic not yet taken over.",
            ["topic", "partition"],
            registry=registry,
        )
        # 0: boards stand still.
        self.database_up = Gauge("projections_database_up", "1 while ClickHouse takes inserts.", registry=registry)
        # Over 0.2 s something keeps the process from its work: notices and live answers wait as long.
        self.loop_late_s = Gauge(
            "projections_loop_late_seconds", "How late the event loop was last.", registry=registry
        )
