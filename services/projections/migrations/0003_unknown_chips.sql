-- The chips that nobody wears, as scoring lists them: a whole list each time, a few seconds after the reads.

CREATE TABLE IF NOT EXISTS unknown_chips (
    event LowCardinality(String),
    version Int64 COMMENT 'the race-log offset up to which reads and facts are counted',
    listed UInt32,
    left_out UInt32 COMMENT 'how many more there are',
    chips String CODEC(ZSTD(3)) COMMENT 'the list as JSON: [{"chip","reads","first_us","last_us","devices","mats"}]'
) ENGINE = ReplacingMergeTree ORDER BY (event, version)
SETTINGS non_replicated_deduplication_window = 1000;
