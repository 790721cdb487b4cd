-- Results as scoring says them and boards as they follow. Every table keeps every version: a reader takes the greatest
-- announced revision R of an event from `revisions` and, of each key, the last version not above R. A replay writes the
-- same keys with the same values, so it replaces and never adds.
--
-- The engines do not deduplicate by themselves before a merge: read with LIMIT 1 BY the key, as the views below do.

CREATE TABLE IF NOT EXISTS athlete_versions (
    event LowCardinality(String),
    bib String,
    version Int64 COMMENT 'the highest race-log offset that bears on him',
    race LowCardinality(String),
    status LowCardinality(String),
    gone UInt8 COMMENT '1: his entry was taken back; he is on nothing',
    gun_us Nullable(Int64),
    chip_us Nullable(Int64),
    time_s Nullable(Int64),
    open_cases UInt16,
    search String COMMENT 'bib and public name without accents, lower case',
    row String CODEC(ZSTD(3)) COMMENT 'the whole result as JSON'
) ENGINE = ReplacingMergeTree ORDER BY (event, bib, version)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS splits (
    event LowCardinality(String),
    race LowCardinality(String),
    point LowCardinality(String),
    bib String,
    version Int64,
    there UInt8 COMMENT '0: taken back',
    at_us Int64,
    gun_us Int64 COMMENT 'since the gun that his gun time counts from',
    chip_us Int64 COMMENT 'since his start passing, or what stands in for it',
    source LowCardinality(String)
) ENGINE = ReplacingMergeTree ORDER BY (event, race, point, bib, version)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS event_versions (
    event LowCardinality(String),
    version Int64,
    row String CODEC(ZSTD(3)) COMMENT 'definition, guns, closed races, rulings as JSON'
) ENGINE = ReplacingMergeTree ORDER BY (event, version)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS board_rows (
    event LowCardinality(String),
    board LowCardinality(String),
    bib String,
    revision Int64,
    there UInt8 COMMENT '0: he left the board',
    rank_key UInt64 COMMENT 'ascending order of the board; equal keys share a place; 0: no place yet',
    time_s Int64,
    gun_us Int64,
    chip_us Int64
) ENGINE = ReplacingMergeTree ORDER BY (event, board, bib, revision)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS team_standings (
    event LowCardinality(String),
    board LowCardinality(String),
    revision Int64,
    places Array(Nullable(UInt32)),
    teams Array(String),
    scores Array(Nullable(Int64)),
    members Array(String) COMMENT 'each team''s counting athletes as JSON: [{"bib","score"}]',
    crowded Array(String) COMMENT 'teams with more members than may count'
) ENGINE = ReplacingMergeTree ORDER BY (event, board, revision)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS delegation_standings (
    event LowCardinality(String),
    board LowCardinality(String),
    revision Int64,
    places Array(Nullable(UInt32)),
    teams Array(String),
    scores Array(Nullable(Int64))
) ENGINE = ReplacingMergeTree ORDER BY (event, board, revision)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS facts (
    event LowCardinality(String),
    offset Int64,
    ordinal UInt32 COMMENT 'place in the record',
    type LowCardinality(String),
    id String,
    by String,
    recorded_at_us Int64,
    fact String CODEC(ZSTD(3)) COMMENT 'the fact as JSON; reads are in `reads`'
) ENGINE = ReplacingMergeTree ORDER BY (event, offset, ordinal)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS reads (
    event LowCardinality(String),
    chip String,
    offset Int64,
    ordinal UInt32 COMMENT 'place among the reads of the record',
    device LowCardinality(String),
    at_us Int64 COMMENT 'by the device''s own clock',
    gateway LowCardinality(String),
    session LowCardinality(String),
    seq Int64,
    rssi Nullable(Float64),
    antenna Nullable(Int32),
    battery Nullable(Float64),
    recorded_at_us Int64
) ENGINE = ReplacingMergeTree ORDER BY (event, chip, offset, ordinal)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS revisions (
    event LowCardinality(String),
    revision Int64,
    announced_at_us Int64
) ENGINE = ReplacingMergeTree ORDER BY (event, revision)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS progress (
    topic LowCardinality(String),
    partition Int32,
    next_offset Int64,
    checksum UInt32 COMMENT 'CRC-32 of the record before next_offset'
) ENGINE = ReplacingMergeTree(next_offset) ORDER BY (topic, partition)
SETTINGS non_replicated_deduplication_window = 1000;

-- The boards with places, for people who ask in SQL.
CREATE VIEW IF NOT EXISTS leaderboard AS
SELECT
    event, board,
    rank() OVER (PARTITION BY event, board ORDER BY rank_key) AS place,
    bib, time_s, gun_us, chip_us, revision
FROM (
    SELECT b.* FROM board_rows AS b
    INNER JOIN (SELECT event, max(revision) AS announced FROM revisions GROUP BY event) AS r ON b.event = r.event
    WHERE b.revision <= r.announced
    ORDER BY b.event, b.board, b.bib, b.revision DESC
    LIMIT 1 BY event, board, bib
)
WHERE there AND rank_key > 0;
