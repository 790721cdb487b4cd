-- What was published, kept once and for all: each publication with what was said of it when it came, and the document
-- of its race. A replay writes the same keys with the same values.

CREATE TABLE IF NOT EXISTS published (
    event LowCardinality(String),
    offset Int64 COMMENT 'of the record that publishes',
    race LowCardinality(String),
    state LowCardinality(String) COMMENT 'provisional, official or withdrawn',
    boards String COMMENT 'the boards that it is of, as a JSON list; null: the whole race',
    revision Int64 COMMENT 'what its document is of: its offset, unless results were first worked out later',
    recorded_at_us Nullable(Int64),
    sha256 String COMMENT 'of the document, in hexadecimal',
    void String COMMENT 'why it has no effect, as a JSON list; empty: it has'
) ENGINE = ReplacingMergeTree ORDER BY (event, offset, race, state, boards)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS published_documents (
    event LowCardinality(String),
    race LowCardinality(String),
    revision Int64,
    document String CODEC(ZSTD(3)) COMMENT 'athletes, boards and team_boards of the race: the bytes of the hash',
    delegations String CODEC(ZSTD(3)) COMMENT 'the delegations that draw on the race, as JSON'
) ENGINE = ReplacingMergeTree ORDER BY (event, race, revision)
SETTINGS non_replicated_deduplication_window = 1000;
