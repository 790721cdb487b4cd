-- Comments of columns that called an athlete "he": athletes are "the athlete" or "they". No data changes.

ALTER TABLE athlete_versions
    COMMENT COLUMN IF EXISTS version 'the highest race-log offset that bears on the athlete',
    COMMENT COLUMN IF EXISTS gone '1: the entry was taken back; the athlete is on no board';
ALTER TABLE splits
    COMMENT COLUMN IF EXISTS gun_us 'since the gun that the athlete''s gun time counts from',
    COMMENT COLUMN IF EXISTS chip_us 'since the athlete''s start passing, or what stands in for it';
ALTER TABLE board_rows
    COMMENT COLUMN IF EXISTS there '0: the athlete left the board';
