"""Scoring's metrics; a comment beside each says what a rise means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ScoringMetrics:
    """One set per worker, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # `live` follows the race; `fill` rises when a partition comes to this worker, or a restart reads the log again.
        self.records = Counter("scoring_records_total", "Records folded.", ["way"], registry=registry)
        self.reads = Counter("scoring_reads_total", "Reads folded.", ["way"], registry=registry)
        # Follows mats being crossed; a step of everybody after a fill, a gun or a definition is usual.
        self.rows = Counter("scoring_rows_total", "Rows handed to Kafka.", registry=registry)
        self.frames = Counter("scoring_frames_total", "Frames handed to Kafka.", registry=registry)
        # Something on the log cannot be read, or has no effect: look at the topic `rejected`.
        self.rejected = Counter(
            "scoring_rejected_total", "Records and facts that cannot be used.", ["reason"], registry=registry
        )
        # Not 0: so much of a partition cannot be read that it is no longer copied to `rejected`; find its writer.
        self.halted = Gauge(
            "scoring_rejections_halted",
            "1 while there are too many dead letters to go on copying them.",
            ["partition"],
            registry=registry,
        )
        # Rises without falling: more comes in than this worker scores, or it stands still.
        self.lag_records = Gauge(
            "scoring_lag_records", "Records of the log not yet folded.", ["partition"], registry=registry
        )
        # How old the boards are; 0 when all is folded.
        self.lag_s = Gauge(
            "scoring_event_lag_seconds",
            "How long there have been records to fold, at most since the last folded one was written.",
            ["partition"],
            registry=registry,
        )
        # A gun or a definition scores everybody again; a rise at other times: the machine is short of time.
        self.fold_s = Histogram(
            "scoring_fold_seconds", "Folding what arrived together.", buckets=BUCKETS_S, registry=registry
        )
        # Kafka's disks or network, or a great many rows.
        self.publish_s = Histogram(
            "scoring_publish_seconds",
            "From scoring the first row of a revision to Kafka's acknowledgement of its last.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # What scoring adds to the way from mat to board.
        self.accepted_s = Histogram(
            "scoring_accepted_to_results_seconds",
            "From ingest taking a fact to Kafka's acknowledgement of what it changed.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Below 1 while the log is read again: boards are old until it is 1.
        self.replay = Gauge(
            "scoring_replay_progress_ratio", "How much of the fill is done.", ["partition"], registry=registry
        )
        # Far above the interval: snapshots fail (see the log), and the next restart takes long.
        self.snapshot_age_s = Gauge(
            "scoring_snapshot_age_seconds", "Since the last snapshot was written.", ["partition"], registry=registry
        )
        # Above 0.2 s: something holds the loop, and answers and acknowledgements wait for it.
        self.late_s = Histogram(
            "scoring_loop_late_seconds", "How late a timer of the loop fires.", buckets=BUCKETS_S, registry=registry
        )
        # Of all workers together this is the partition count; less: a worker is missing.
        self.partitions = Gauge("scoring_partitions", "Partitions that this worker scores.", registry=registry)
        # 0: Kafka does not answer this worker.
        self.kafka_up = Gauge("scoring_kafka_up", "1 while Kafka answers.", registry=registry)

    def forget(self, partition: int) -> None:
        """Take a partition's gauges away, once another worker has it."""
        for gauge in (self.halted, self.lag_records, self.lag_s, self.replay, self.snapshot_age_s):
            if (str(partition),) in gauge._metrics:
                gauge.remove(str(partition))
