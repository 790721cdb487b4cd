-- The health of each event as it was last examined: the newest report counts.

CREATE TABLE IF NOT EXISTS health_reports (
    event LowCardinality(String),
    revision Int64 COMMENT 'the revision that was examined',
    made_at_us Int64,
    report String CODEC(ZSTD(3)) COMMENT 'the health document as JSON'
) ENGINE = ReplacingMergeTree(made_at_us) ORDER BY event
SETTINGS non_replicated_deduplication_window = 1000;
