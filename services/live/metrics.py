"""Live's metrics; beside each what a rise tells whoever watches."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LiveMetrics:
    """One set per application, on its own registry, so that two in one process do not meet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Follows the crowd; many 4xx: somebody's feed is set up wrongly; 503: ClickHouse does not answer.
        self.requests = Counter("live_requests_total", "Answers by route.", ["route", "status"], registry=registry)
        # Made once a revision and page: a rise beyond revisions times watched pages means that answers fall out of
        # the cache (MATLINE_LIVE_CACHE_MIB).
        self.made = Counter("live_answers_made_total", "Answers made from ClickHouse.", ["route"], registry=registry)
        # A slow ClickHouse, or pages that are too large.
        self.make_s = Histogram(
            "live_answer_seconds",
            "Making an answer that was not held.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Full is normal; see live_answers_made_total.
        self.cache_bytes = Gauge("live_cache_bytes", "Encoded answers held.", registry=registry)
        # The notices lag: projections, Kafka or this process cannot keep up.
        self.announced_s = Histogram(
            "live_announced_seconds",
            "From a revision's announcement to its being served here, by two clocks.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        # Follows the race; flat while mats are crossed: nothing reaches the boards.
        self.revisions = Counter(
            "live_revisions_total", "Revisions served, by how they were learnt.", ["by"], registry=registry
        )
        # The crowd that watches.
        self.viewers = Gauge("live_viewers", "Open event streams.", registry=registry)
        # Follows revisions times viewers.
        self.events = Counter("live_events_total", "Events handed to viewers.", registry=registry)
        # Viewers behind weak networks are put off and come again; many at once: our own way out is full.
        self.dropped = Counter(
            "live_viewers_dropped_total", "Streams closed because they were too slow.", registry=registry
        )
        # 0: revisions are found by polling, so boards are up to two seconds later.
        self.kafka_up = Gauge("live_kafka_up", "1 while notices come from Kafka.", registry=registry)
        # 0: boards stand still, and requests that are not held are answered 503.
        self.clickhouse_up = Gauge("live_clickhouse_up", "1 while ClickHouse answers.", registry=registry)
