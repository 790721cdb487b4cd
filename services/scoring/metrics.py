"""Scoring's metrics; the help text of each says what a rise means and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ScoringMetrics:
    """One set per worker, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.records = Counter(
            "matline_scoring_records_total",
            "Records folded. `live` follows the race; `fill` rises when this worker gets a partition, or a restart"
            " reads the log again.",
            ["way"],
            registry=registry,
        )
        self.reads = Counter(
            "matline_scoring_reads_total",
            "Reads folded, by way as records. Flat `live` while ingest takes reads: look at"
            " matline_scoring_event_lag_seconds.",
            ["way"],
            registry=registry,
        )
        self.repeated_reads = Counter(
            "matline_scoring_repeated_reads_total",
            "Reads folded that were on the log already, by way as records; they change no result. A few hundred after"
            " ingest or Kafka was away are ordinary; a steady `live` rise: a gateway sends everything again and again.",
            ["way"],
            registry=registry,
        )
        self.rows = Counter(
            "matline_scoring_rows_total",
            "Rows handed to Kafka. Follows crossings of mats; a jump by the whole field after a fill, a gun or a"
            " definition is normal.",
            registry=registry,
        )
        self.frames = Counter(
            "matline_scoring_frames_total",
            "Frames handed to Kafka, about one for each revision. Flat while records are folded: Kafka takes none.",
            registry=registry,
        )
        self.rejected = Counter(
            "matline_scoring_rejected_total",
            "Records and facts of the log that cannot be used: see `matline rejected list`.",
            ["reason"],
            registry=registry,
        )
        self.halted = Gauge(
            "matline_scoring_rejections_halted",
            "1 while a partition has so many dead letters that they are no longer copied to `rejected`: find their"
            " writer.",
            ["partition"],
            registry=registry,
        )
        self.lag_records = Gauge(
            "matline_scoring_lag_records",
            "Records of the log not yet folded. Rises without falling: more arrive than this worker can score, or it is"
            " stuck; add a worker, or look at its log.",
            ["partition"],
            registry=registry,
        )
        self.lag_s = Gauge(
            "matline_scoring_event_lag_seconds",
            "How long records have been waiting, but at most the age of the last folded record; 0 when all is folded."
            " Boards are at least as old.",
            ["partition"],
            registry=registry,
        )
        self.fold_s = Histogram(
            "matline_scoring_fold_seconds",
            "Time to fold the records that arrived together. A gun or a definition scores everybody again; a rise at"
            " other times: the machine is overloaded.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.publish_s = Histogram(
            "matline_scoring_publish_seconds",
            "From scoring the first row of a revision to Kafka's acknowledgement of its last. A rise: Kafka's disks or"
            " network are slow, or there are very many rows.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.accepted_s = Histogram(
            "matline_scoring_accepted_to_results_seconds",
            "From ingest accepting a fact to Kafka's acknowledgement of the results that it changed: scoring's share of"
            " the time from mat to board.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.replay = Gauge(
            "matline_scoring_replay_progress_ratio",
            "The part of the fill that is done. Below 1 while the log is read again: boards are old until it is 1.",
            ["partition"],
            registry=registry,
        )
        self.snapshot_age_s = Gauge(
            "matline_scoring_snapshot_age_seconds",
            "How long the oldest record that is in no snapshot has been folded; 0 when all are in one. Far above the"
            " interval: snapshots fail, see the log, and the next restart takes long.",
            ["partition"],
            registry=registry,
        )
        self.late_s = Histogram(
            "matline_scoring_loop_late_seconds",
            "How late a timer of the event loop fires. Above 0.2 s: something blocks it, and answers and"
            " acknowledgements wait as long.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.partitions = Gauge(
            "matline_scoring_partitions",
            "Partitions that this worker scores. The sum over all workers is the partition count; if it is less, a"
            " worker is missing.",
            registry=registry,
        )
        self.kafka_up = Gauge(
            "matline_scoring_kafka_up",
            "1 while Kafka answers this worker. 0: nothing is scored; look at the brokers.",
            registry=registry,
        )

    def forget(self, partition: int) -> None:
        """Remove a partition's gauges, once another worker has the partition."""
        for gauge in (self.halted, self.lag_records, self.lag_s, self.replay, self.snapshot_age_s):
            gauge.remove_by_labels({"partition": str(partition)})
