"""Rows that are brought up to date by what has changed, without a database."""

from services.live.incremental_rows import IncrementalRows, RowsKey

KEY = ("event", "board")

CHANGED: dict[tuple[int, int], list[tuple[str, int | None]]] = {
    (-1, 5): [("7", 1), ("8", 1)],
    (5, 6): [],
    (6, 9): [("7", 2), ("9", None), ("7", 1)],
    (9, 12): [("7", 3), ("8", 4), ("7", None)],
    (-1, 4): [("7", 1)],
}


async def load_changed(key: RowsKey, since: int, revision: int) -> list[tuple[str, int | None]]:
    return CHANGED[since, revision]


async def test_of_several_rows_with_one_bib_the_last_counts():
    rows = IncrementalRows(load_changed)
    held = [await rows.held(KEY, revision) for revision in (5, 6, 9, 12)]
    assert [version.rows for version in held] == [{"7": 1, "8": 1}, {"7": 1, "8": 1}, {"7": 1, "8": 1}, {"8": 4}]
    assert [(version.changed_at, version.joined_at) for version in held] == [(5, 5), (5, 5), (5, 5), (12, 12)]


async def test_rows_of_the_last_revisions_stay_at_hand_and_older_ones_are_loaded():
    rows = IncrementalRows(load_changed)
    held = [await rows.held(KEY, revision) for revision in (5, 6, 9, 12)]
    assert (await rows.held(KEY, 9)).rows is held[2].rows
    assert (await rows.held(KEY, 4)).rows == {"7": 1}
    assert (await rows.held(KEY, 12)).rows is held[3].rows
