"""Ingest's metrics; the help text of each says what a rise means and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.ingest.gateway_activity import GatewayActivity

BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class IngestMetrics:
    """One set per application, on its own registry, so that two in one process do not meet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.reads = Counter(
            "matline_ingest_reads_total",
            "Reads acknowledged by Kafka. Follows the race; flat while mats are crossed: gateways do not get through,"
            " look at their network and at matline_ingest_requests_total.",
            ["source"],
            registry=registry,
        )
        self.gateways = GatewayActivity()
        registry.register(self.gateways)
        self.repeated = Counter(
            "matline_ingest_reads_repeated_total",
            "Reads by HTTP whose number was acknowledged before. They change nothing; many: a gateway does not get our"
            " answers, or sends its stored reads again.",
            registry=registry,
        )
        self.rejected = Counter(
            "matline_ingest_rejected_total",
            "Dead letters. A sender sends what cannot be read: see `matline rejected list`.",
            ["source", "reason"],
            registry=registry,
        )
        self.halted = Counter(
            "matline_ingest_halted_total",
            "Requests of a sender that has to wait because of its many dead letters. `matline rejected list` shows"
            " why.",
            ["source"],
            registry=registry,
        )
        self.facts = Counter(
            "matline_ingest_facts_total",
            "Facts other than reads acknowledged by Kafka: officials and readers' notices at work.",
            ["type"],
            registry=registry,
        )
        self.bytes_in = Counter(
            "matline_ingest_bytes_total",
            "Bytes received. Follows the reads; a rise without them: somebody sends something else.",
            ["source"],
            registry=registry,
        )
        self.requests = Counter(
            "matline_ingest_requests_total",
            "HTTP requests answered. A rise of 401 and 403: a token is wrong; other 4xx: a client is set up wrongly;"
            " 429: it comes faster than Kafka takes; 503: Kafka is away.",
            ["route", "status"],
            registry=registry,
        )
        self.unauthorized = Counter(
            "matline_ingest_unauthorized_total",
            "Requests without a valid token. A gateway whose token was revoked or mistyped, or somebody who tries: the"
            " log names the address.",
            registry=registry,
        )
        self.request_s = Histogram(
            "matline_ingest_request_seconds",
            "From a request's head to its answer. A rise: slow lines of gateways, or Kafka, see"
            " matline_ingest_ack_seconds.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.ack_s = Histogram(
            "matline_ingest_ack_seconds",
            "From handing a record to Kafka to its answer. A rise: Kafka's disks or network, and everything behind it"
            " waits as long.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.envelopes = Counter(
            "matline_ingest_envelopes_total",
            "Records of the race log acknowledged by Kafka. Follows the reads, many of which share a record.",
            registry=registry,
        )
        self.waiting = Gauge(
            "matline_ingest_waiting_bytes",
            "Bytes that wait for Kafka. Near matline_ingest_waiting_limit_bytes clients are asked to slow down: look at"
            " Kafka.",
            registry=registry,
        )
        self.waiting_limit = Gauge(
            "matline_ingest_waiting_limit_bytes", "Bytes that may wait for Kafka; does not change.", registry=registry
        )
        self.in_flight = Gauge(
            "matline_ingest_requests_in_flight",
            "HTTP requests being worked on. A rise towards 256, after which others get 429: Kafka or this machine is"
            " slow.",
            registry=registry,
        )
        self.connections = Gauge(
            "matline_ingest_connections",
            "Readers connected by TCP. 0 while a mat is in use: its cable, its power, its network. A reader that is"
            " taken out of matline.toml has no series.",
            ["event", "gateway"],
            registry=registry,
        )
        self.reader_missing = Gauge(
            "matline_ingest_reader_missing",
            "Numbers of a reader's log that did not come though later ones did; ingest asks for them again. Stays above"
            " 0: the reader cannot give them, compare its own count.",
            ["event", "gateway"],
            registry=registry,
        )
        self.disconnections = Counter(
            "matline_ingest_disconnections_total",
            "Readers' connections that ended. Each is followed by a new attempt that continues where it ended; many:"
            " the reader's network or power.",
            ["event", "gateway"],
            registry=registry,
        )
        self.reader_failures = Counter(
            "matline_ingest_reader_failures_total",
            "Readers that could not be started, or failed, on ingest's side, and are tried again: a port is taken, a"
            " folder full; the log says which.",
            ["event", "gateway"],
            registry=registry,
        )
        self.config_faulty = Gauge(
            "matline_ingest_config_faulty",
            "1 while matline.toml has faults: its change is not in effect, and after a restart ingest would not start."
            " `matline check matline.toml` names them.",
            registry=registry,
        )
        self.utc_differs = Counter(
            "matline_ingest_utc_differs_total",
            "Passings whose own UTC contradicts the source's zone: its times are off by whole hours. Correct the zone"
            " in matline.toml or in the reader.",
            ["event", "gateway"],
            registry=registry,
        )
        self.clock_offset_s = Gauge(
            "matline_ingest_clock_offset_seconds",
            "How far a reader's clock is ahead of ours; behind: negative. Far from 0: a wrong zone or date, a clock"
            " that was never set. As the reader reports it, else by when its reads arrive: then a slow line makes it"
            " look behind.",
            ["event", "gateway", "device"],
            registry=registry,
        )
        self.kafka_up = Gauge(
            "matline_ingest_kafka_up",
            "1 while Kafka answers. 0: nothing is acknowledged; look at the brokers. Gateways keep their reads.",
            registry=registry,
        )
        self.replicas = Gauge(
            "matline_ingest_kafka_replicas",
            "Copies that a partition is to have.",
            ["topic", "partition"],
            registry=registry,
        )
        self.in_sync = Gauge(
            "matline_ingest_kafka_in_sync_replicas",
            "Copies of a partition that are up to date. Fewer than matline_ingest_kafka_replicas: a broker is away or"
            " behind; fewer than the topic's min.insync.replicas: nothing is acknowledged.",
            ["topic", "partition"],
            registry=registry,
        )
        self.follower_up = Gauge(
            "matline_ingest_follower_up",
            "1 while the effects of facts are known. 0: facts are taken, but the answers do not say their effect; the"
            " log says why.",
            registry=registry,
        )
        self.follower_failures = Counter(
            "matline_ingest_follower_failures_total",
            "Times that reading the log back failed; it is tried again. Each has a line in the log.",
            registry=registry,
        )
        self.follower_lag = Gauge(
            "matline_ingest_follower_lag_records",
            "Records that ingest has not read back yet. High after a start; later: too little processor time.",
            ["topic", "partition"],
            registry=registry,
        )

    def forget_reader(self, event: str, gateway: str) -> None:
        """Remove the series of a reader that is no longer in matline.toml."""
        for metric in (
            self.connections,
            self.reader_missing,
            self.disconnections,
            self.reader_failures,
            self.utc_differs,
            self.clock_offset_s,
        ):
            metric.remove_by_labels({"event": event, "gateway": gateway})
