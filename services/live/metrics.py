"""Live's metrics; the comment above each says how to read a rise."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LiveMetrics:
    """The metrics of one application, on a registry of its own, so that two in one process stay apart."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Follows the number of viewers. Many 4xx: a client's feed is set up wrongly. 503: ClickHouse does not answer.
        self.requests = Counter("live_requests_total", "Answers by route.", ["route", "status"], registry=registry)
        # Each page is made once for each revision. A rise beyond revisions times watched pages means that answers
        # fall out of the cache (MATLINE_LIVE_CACHE_MIB).
        self.made = Counter("live_answers_made_total", "Answers made from ClickHouse.", ["route"], registry=registry)
        # ClickHouse is slow, or pages are too large.
        self.make_s = Histogram(
            "live_answer_seconds",
            "Seconds to make an answer that was not in the cache.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        # A full cache is normal; see live_answers_made_total.
        self.cache_bytes = Gauge("live_cache_bytes", "Encoded answers in the cache.", registry=registry)
        # Notices lag: projections, Kafka or this process cannot keep up.
        self.announced_s = Histogram(
            "live_announced_seconds",
            "Seconds from the announcement of a revision until it is served here, by two machines' clocks.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Follows the race. If it is flat while athletes cross mats, no results reach the boards.
        self.revisions = Counter(
            "live_revisions_total",
            "Revisions served, by whether a notice or polling (asking) brought them.",
            ["by"],
            registry=registry,
        )
        # Follows the number of viewers.
        self.viewers = Gauge("live_viewers", "Open event streams.", registry=registry)
        # Follows revisions times viewers.
        self.events = Counter("live_events_total", "Events sent to viewers.", registry=registry)
        # Viewers on weak networks are disconnected and reconnect. Many at once: this machine's own uplink is full.
        self.dropped = Counter(
            "live_viewers_dropped_total", "Streams closed because they were too slow.", registry=registry
        )
        # 0: revisions are found by polling, so boards are up to two seconds later.
        self.kafka_up = Gauge("live_kafka_up", "1 while notices come from Kafka.", registry=registry)
        # 0: boards do not change, and requests whose answers are not in the cache get 503.
        self.clickhouse_up = Gauge("live_clickhouse_up", "1 while ClickHouse answers.", registry=registry)
