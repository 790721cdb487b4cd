"""Live's metrics; the help text of each says what a rise means and what to do."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LiveMetrics:
    """The metrics of one application, on a registry of its own, so that two in one process stay apart."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "matline_live_requests_total",
            "Answers by route. Follows the number of viewers. Many 4xx: a client's feed is set up wrongly; 503:"
            " ClickHouse does not answer.",
            ["route", "status"],
            registry=registry,
        )
        self.made = Counter(
            "matline_live_answers_made_total",
            "Answers made from ClickHouse: each page once for each revision. More than revisions times watched pages:"
            " answers fall out of the cache, raise MATLINE_LIVE_CACHE_MIB.",
            ["route"],
            registry=registry,
        )
        self.make_s = Histogram(
            "matline_live_answer_seconds",
            "Time to make an answer that was not in the cache. A rise: ClickHouse is slow, or pages are too large.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "matline_live_cache_bytes",
            "Encoded answers in the cache. A full cache is normal; see matline_live_answers_made_total.",
            registry=registry,
        )
        self.announced_s = Histogram(
            "matline_live_announced_seconds",
            "From the announcement of a revision until it is served here, by two machines' clocks. A rise: Kafka or"
            " this process cannot keep up.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.revisions = Counter(
            "matline_live_revisions_total",
            "Revisions served, by whether a notice or polling (asking) brought them. Flat while athletes cross mats: no"
            " results reach the boards. Many by asking: notices do not come, see matline_live_kafka_up.",
            ["by"],
            registry=registry,
        )
        self.viewers = Gauge(
            "matline_live_viewers",
            "Open event streams: who watches. A sudden fall of all: the line to them, or a restart.",
            registry=registry,
        )
        self.events = Counter(
            "matline_live_events_total",
            "Events sent to viewers. Follows revisions times viewers; flat while both rise: streams are stuck.",
            registry=registry,
        )
        self.dropped = Counter(
            "matline_live_viewers_dropped_total",
            "Streams closed because they were too slow; viewers on weak networks reconnect. Many at once: this"
            " machine's own uplink is full.",
            registry=registry,
        )
        self.unreadable_notices = Counter(
            "matline_live_unreadable_notices_total",
            "Records of `standings` that cannot be read. A rise: something other than the projections writes there;"
            " revisions are found a second later.",
            registry=registry,
        )
        self.kafka_up = Gauge(
            "matline_live_kafka_up",
            "1 while notices come from Kafka. 0: revisions are found by polling, so boards are up to two seconds"
            " later.",
            registry=registry,
        )
        self.clickhouse_up = Gauge(
            "matline_live_clickhouse_up",
            "1 while ClickHouse answers. 0: boards do not change, and requests whose answers are not in the cache get"
            " 503.",
            registry=registry,
        )
