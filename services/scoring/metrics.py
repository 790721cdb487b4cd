"""Scoring's metrics; a comment beside each says what a rise means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ScoringMetrics:
    """One set per worker, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # `live` follows the race; `fill` rises when this worker gets a partition, or a restart reads the log again.
        self.records = Counter("scoring_records_total", "Records folded.", ["way"], registry=registry)
        self.reads = Counter("scoring_reads_total", "Reads folded.", ["way"], registry=registry)
        # Follows crossings of mats; a jump by the whole field after a fill, a gun or a definition is normal.
        self.rows = Counter("scoring_rows_total", "Rows handed to Kafka.", registry=registry)
        self.frames = Counter("scoring_frames_total", "Frames handed to Kafka.", registry=registry)
        # A record or fact of the log cannot be used: look at the topic `rejected`.
        self.rejected = Counter(
            "scoring_rejected_total", "Records and facts that cannot be used.", ["reason"], registry=registry
        )
        # 1: the partition has so many dead letters that they are no longer copied to `rejected`; find their writer.
        self.halted = Gauge(
            "scoring_rejections_halted",
            "1 while there are too many dead letters to copy them to `rejected`.",
            ["partition"],
            registry=registry,
        )
        # Rises without falling: more records arrive than this worker can score, or it is stuck.
        self.lag_records = Gauge(
            "scoring_lag_records", "Records of the log not yet folded.", ["partition"], registry=registry
        )
        # How old the boards are; 0 when all is folded.
        self.lag_s = Gauge(
            "scoring_event_lag_seconds",
            "How long records have been waiting, but at most the age of the last folded record.",
            ["partition"],
            registry=registry,
        )
        # A gun or a definition scores everybody again; a rise at other times: the machine is overloaded.
        self.fold_s = Histogram(
            "scoring_fold_seconds",
            "Time to fold the records that arrived together.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Kafka's disks or network are slow, or there are very many rows.
        self.publish_s = Histogram(
            "scoring_publish_seconds",
            "From scoring the first row of a revision to Kafka's acknowledgement of its last.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # The share of scoring in the time from mat to board.
        self.accepted_s = Histogram(
            "scoring_accepted_to_results_seconds",
            "From ingest accepting a fact to Kafka's acknowledgement of the results that it changed.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Below 1 while the log is read again: boards are old until it is 1.
        self.replay = Gauge(
            "scoring_replay_progress_ratio", "The part of the fill that is done.", ["partition"], registry=registry
        )
        # Far above the interval: snapshots fail (see the log), so the next restart takes long.
        self.snapshot_age_s = Gauge(
            "scoring_snapshot_age_seconds",
            "Time since the last snapshot was written.",
            ["partition"],
            registry=registry,
        )
        # Above 0.2 s: something blocks the loop, and answers and acknowledgements wait for it.
        self.late_s = Histogram(
            "scoring_loop_late_seconds", "How late a timer of the loop fires.", buckets=BUCKETS_S, registry=registry
        )
        # The sum over all workers is the partition count; if it is less, a worker is missing.
        self.partitions = Gauge("scoring_partitions", "Partitions that this worker scores.", registry=registry)
        # 0: Kafka does not answer this worker.
        self.kafka_up = Gauge("scoring_kafka_up", "1 while Kafka answers.", registry=registry)

    def forget(self, partition: int) -> None:
        """Remove a partition's gauges, once another worker has the partition."""
        for gauge in (self.halted, self.lag_records, self.lag_s, self.replay, self.snapshot_age_s):
            if (str(partition),) in gauge._metrics:
                gauge.remove(str(partition))
