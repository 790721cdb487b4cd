"""Ingest's metrics; the comment of each says what a rise means."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class IngestMetrics:
    """One set per application, on its own registry, so that two in one process do not meet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Follows the race; flat while mats are crossed means that gateways do not get through.
        self.reads = Counter("ingest_reads_total", "Reads acknowledged by Kafka.", ["source"], registry=registry)
        # A gateway that sends again what was acknowledged: it does not get our answers, or it backfills.
        self.repeated = Counter(
            "ingest_reads_repeated_total",
            "Reads at or below a sequence number already acknowledged.",
            registry=registry,
        )
        # Numbers that a gateway skipped: reads on their way by another request, or lost before they reached us.
        self.missing = Counter(
            "ingest_reads_skipped_total", "Sequence numbers skipped between acknowledged reads.", registry=registry
        )
        # A sender sends what cannot be read: see `matline rejected list`.
        self.rejected = Counter("ingest_rejected_total", "Dead letters.", ["source", "reason"], registry=registry)
        # A sender of too many dead letters has to wait: the log names it, `matline rejected list` shows why.
        self.halted = Counter(
            "ingest_halted_total",
            "Requests of a sender that was halted for its dead letters.",
            ["source"],
            registry=registry,
        )
        # Officials at work.
        self.facts = Counter(
            "ingest_facts_total", "Facts other than reads acknowledged by Kafka.", ["type"], registry=registry
        )
        self.bytes_in = Counter("ingest_bytes_total", "Bytes received.", ["source"], registry=registry)
        # 429: faster than Kafka takes; 503: Kafka away; 4xx: a client is set up wrongly.
        self.requests = Counter(
            "ingest_requests_total", "HTTP requests answered.", ["route", "status"], registry=registry
        )
        self.request_s = Histogram(
            "ingest_request_seconds",
            "From a request's head to its answer.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Kafka's disks or network: everything behind it waits as long.
        self.ack_s = Histogram(
            "ingest_ack_seconds", "From handing a record to Kafka to its answer.", buckets=BUCKETS_S, registry=registry
        )
        self.envelopes = Counter(
            "ingest_envelopes_total", "Records of the race log acknowledged by Kafka.", registry=registry
        )
        # Near its bound (ingest_waiting_limit_bytes) clients have to slow down.
        self.waiting = Gauge("ingest_waiting_bytes", "Bytes that wait for Kafka.", registry=registry)
        self.waiting_limit = Gauge("ingest_waiting_limit_bytes", "Bytes that may wait for Kafka.", registry=registry)
        self.in_flight = Gauge("ingest_requests_in_flight", "HTTP requests being worked on.", registry=registry)
        # 0 while a mat is in use: its cable, its power, its network.
        self.connections = Gauge("ingest_connections", "Readers connected by TCP.", ["gateway"], registry=registry)
        # Numbers of a reader's own log that it has not sent yet though later ones came: asked for again until they
        # do, or until they are given up (a notice of kind `gap`).
        self.reader_missing = Gauge(
            "ingest_reader_missing",
            "Numbers of a reader's log that are asked for again.",
            ["gateway"],
            registry=registry,
        )
        # A reader's network or power: each one is followed by a new attempt that continues where it ended.
        self.disconnections = Counter(
            "ingest_disconnections_total", "Readers' connections that ended.", ["gateway"], registry=registry
        )
        # Ingest's side of a reader: its port is taken, its folder full; the log says which.
        self.reader_failures = Counter(
            "ingest_reader_failures_total",
            "Readers that could not be started, or failed, and are started again.",
            ["gateway"],
            registry=registry,
        )
        # A change of matline.toml is not in effect; after a restart ingest would not start.
        self.config_faulty = Gauge("ingest_config_faulty", "1 while matline.toml has faults.", registry=registry)
        # A wrong zone, or a decoder's clock in another one: its times are off by whole hours.
        self.utc_differs = Counter(
            "ingest_utc_differs_total",
            "Passings whose own UTC contradicts the source's zone.",
            ["gateway"],
            registry=registry,
        )
        # Far from 0: a wrong zone, a wrong date, a clock that was never set; its times are useless until corrected. As
        # the reader reports it, else by when its reads arrive: then a slow line makes it look behind by its delay.
        self.clock_offset_s = Gauge(
            "ingest_clock_offset_seconds",
            "How far a reader's clock is ahead of ours; behind: negative.",
            ["gateway", "device"],
            registry=registry,
        )
        # 0: nothing can be acknowledged.
        self.kafka_up = Gauge("ingest_kafka_up", "1 while Kafka answers.", registry=registry)
        # 0: facts are taken, but the answers do not say their effect; the log says why.
        self.follower_up = Gauge("ingest_follower_up", "1 while the effects of facts are known.", registry=registry)
        self.follower_failures = Counter(
            "ingest_follower_failures_total",
            "Times that reading the log back failed; it is tried again.",
            registry=registry,
        )
        # Rises while ingest reads the log after a start; later: too little processor time.
        self.follower_lag = Gauge(
            "ingest_follower_lag_records",
            "Records that ingest has not read back yet.",
            ["topic", "partition"],
            registry=registry,
        )
