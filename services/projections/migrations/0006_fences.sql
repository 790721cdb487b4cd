-- Fences against a writer that was stopped, lost its lease on the projections, and wakes up to write on: each writer has
-- an epoch, greater than those before, and its rows carry it (0: of a time without epochs). When a writer begins, it says
-- up to which revision of each event it keeps the rows of earlier epochs; later ones of theirs count for nothing.

CREATE TABLE IF NOT EXISTS fences (
    epoch Int64,
    event LowCardinality(String) COMMENT 'empty: every event that has no row of this epoch',
    kept Int64 COMMENT 'rows of lower epochs count up to this revision; -1: none does',
    taken_at_us Int64
) ENGINE = ReplacingMergeTree ORDER BY (event, epoch, kept)
SETTINGS non_replicated_deduplication_window = 1000;

-- The epoch is the end of the sorting key, so that the row of a fenced writer never replaces another.
ALTER TABLE splits ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, race, point, bib, version, epoch);
ALTER TABLE board_rows ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, board, bib, revision, epoch);
ALTER TABLE team_standings ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, board, revision, epoch);
ALTER TABLE delegation_standings ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, board, revision, epoch);
ALTER TABLE together_cases ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, bib, other, revision, epoch);
ALTER TABLE published ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, offset, race, state, boards, epoch);
ALTER TABLE published_documents ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, race, revision, epoch);
ALTER TABLE revisions ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (event, revision, epoch);
ALTER TABLE progress ADD COLUMN IF NOT EXISTS epoch Int64,
    MODIFY ORDER BY (topic, partition, epoch);

-- The newest revision of each event that counts, which readers take.
CREATE VIEW IF NOT EXISTS announced AS
SELECT r.event AS event, r.revision AS revision, r.announced_at_us AS announced_at_us, r.epoch AS epoch
FROM revisions AS r
LEFT JOIN (
    SELECT event, max(kept) AS kept FROM fences
    WHERE epoch = (SELECT max(epoch) FROM fences) AND event != '' GROUP BY event
) AS f ON r.event = f.event
WHERE r.epoch >= (SELECT max(epoch) FROM fences) OR (f.event != '' AND r.revision <= f.kept)
ORDER BY r.event, r.revision DESC, r.epoch DESC
LIMIT 1 BY r.event;

DROP VIEW IF EXISTS leaderboard;

CREATE VIEW IF NOT EXISTS leaderboard AS
SELECT
    event, board,
    rank() OVER (PARTITION BY event, board ORDER BY rank_key) AS place,
    bib, time_s, gun_us, chip_us, revision
FROM (
    SELECT b.* FROM board_rows AS b
    INNER JOIN (
        SELECT event, revision, epochs, kept FROM announced LEFT JOIN (
            SELECT event, groupArray(epoch) AS epochs, groupArray(kept) AS kept FROM (
                SELECT event, epoch, max(kept) AS kept FROM (
                    SELECT event, epoch, kept FROM fences WHERE event != ''
                    UNION ALL
                    SELECT known.event AS event, every.epoch AS epoch, every.kept AS kept
                    FROM announced AS known CROSS JOIN (SELECT epoch, kept FROM fences WHERE event = '') AS every
                ) GROUP BY event, epoch
            ) GROUP BY event
        ) AS fenced USING (event)
    ) AS r ON b.event = r.event
    WHERE b.revision <= r.revision
        AND arrayAll((fence, until) -> b.epoch >= fence OR b.revision <= until, r.epochs, r.kept)
    ORDER BY b.event, b.board, b.bib, b.revision DESC, b.epoch DESC
    LIMIT 1 BY event, board, bib
)
WHERE there AND rank_key > 0;
