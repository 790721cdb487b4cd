-- The cases of two athletes whose chips may be carried together: each change once, a row that is not `there` when the
-- case has no ground any more.

CREATE TABLE IF NOT EXISTS together_cases (
    event LowCardinality(String),
    bib String COMMENT 'the first of the two: the shorter one, then by text',
    other String,
    revision Int64,
    there UInt8,
    race LowCardinality(String) COMMENT 'of the first',
    other_race LowCardinality(String),
    open UInt8
) ENGINE = ReplacingMergeTree ORDER BY (event, bib, other, revision)
SETTINGS non_replicated_deduplication_window = 1000;
