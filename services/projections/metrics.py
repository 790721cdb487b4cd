"""The projections' metrics; the help text of each says what a rise means and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)


class ProjectionMetrics:
    """One set per process, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.results = Counter(
            "matline_projections_results_total",
            "Athletes' results processed. Follows the race; flat while scoring publishes rows: boards do not change.",
            registry=registry,
        )
        self.revisions = Counter(
            "matline_projections_revisions_total",
            "Revisions announced: how often boards changed, of all events together.",
            registry=registry,
        )
        self.rows = Counter(
            "matline_projections_rows_total",
            "Rows inserted. Rows per revision grow with the boards that an athlete is on; a jump is a gun or a"
            " definition.",
            ["table"],
            registry=registry,
        )
        self.inserts = Counter(
            "matline_projections_inserts_total",
            "Inserts that ClickHouse accepted. Flat while results are processed: ClickHouse is away.",
            ["table"],
            registry=registry,
        )
        self.failures = Counter(
            "matline_projections_insert_failures_total",
            "Inserts that failed. ClickHouse is down, slow or full: boards wait, but nothing is lost.",
            registry=registry,
        )
        self.insert_s = Histogram(
            "matline_projections_insert_seconds",
            "Time of one insert. A rise: ClickHouse's disk is slow, or it merges too many parts.",
            ["table"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.standings_s = Histogram(
            "matline_projections_standings_seconds",
            "Time to update the standings by one batch. Grows with the field; a gun or a definition takes long.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.read_to_board_s = Histogram(
            "matline_projections_read_to_board_seconds",
            "From ingest accepting a fact to the announcement of its revision, by two machines' clocks: what a"
            " spectator waits. A rise: compare matline_scoring_accepted_to_results_seconds and"
            " matline_projections_insert_seconds.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.examination_s = Histogram(
            "matline_projections_examination_seconds",
            "Time to examine the health of an event, in a thread that takes at most a fiftieth of a"
            " processor. Grows with the field.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.lag = Gauge(
            "matline_projections_lag_records",
            "Records of a topic not yet processed. Rises while scoring is faster than the projections, or while"
            " ClickHouse is down.",
            ["topic", "partition"],
            registry=registry,
        )
        self.unreadable = Counter(
            "matline_projections_unreadable_total",
            "Records of `results` that cannot be read. A rise: something other than scoring writes there, or a disk of"
            " Kafka is faulty; scoring sends all results of the partition again.",
            registry=registry,
        )
        self.held_partitions = Gauge(
            "matline_projections_held_partitions",
            "Partitions whose boards wait until scoring has sent all results again. Above 0 for more than some seconds:"
            " scoring is down, or may not read `rejected`.",
            registry=registry,
        )
        self.database_up = Gauge(
            "matline_projections_database_up",
            "1 while ClickHouse is open and accepts inserts. 0: boards do not change; look at ClickHouse and its disk.",
            registry=registry,
        )
        self.database_free = Gauge(
            "matline_projections_clickhouse_free_bytes",
            "Room left on a disk of the ClickHouse server. A fall to 0 stops the boards: free some, or enlarge it.",
            ["disk"],
            registry=registry,
        )
        self.database_parts = Gauge(
            "matline_projections_clickhouse_parts",
            "Active parts of our tables. Some hundred are ordinary; a steady rise: merges do not keep up, and inserts"
            " will be slowed down.",
            registry=registry,
        )
        self.active = Gauge(
            "matline_projections_active",
            "1 while this process writes the boards, 0 while it waits to take over from the one that does. A sum other"
            " than 1 over all processes for more than 15 s: nobody writes, or one does not notice yet that it lost its"
            " lease, and what it writes counts for nothing.",
            registry=registry,
        )
        self.loop_late_s = Gauge(
            "matline_projections_loop_late_seconds",
            "How late the event loop was at the last check. Above 0.2 s: something blocks it, and notices and live"
            " answers wait as long.",
            registry=registry,
        )
