"""Standings by window functions of DuckDB, in memory."""

import duckdb

from loadtest.alternatives.finishers import CHANGES, changed, finishers, order, report, spent
from loadtest.alternatives.ranking_sql import COLUMNS, PLACES, check


def main() -> None:
    """Rank all finishers, then change some."""
    field = finishers(order().athletes)
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE finishers (bib INTEGER PRIMARY KEY, gender VARCHAR, birth_year SMALLINT, age_group TINYINT,"
        " chip_us BIGINT)"
    )
    values = ",".join(str(tuple(row)) for row in field)
    database.execute(f"INSERT INTO finishers ({COLUMNS}) VALUES {values}")

    def rank() -> None:
        database.execute(PLACES).fetchnumpy()

    def change() -> None:
        for finisher in changed(field):
            database.execute("UPDATE finishers SET chip_us = ? WHERE bib = ?", [finisher.chip_us, finisher.bib])
            rank()

    rank()  # so that the first does not count
    all_boards = spent(rank)
    one_changed = spent(change, CHANGES)
    summed = database.execute(check(PLACES)).fetchone()
    assert summed is not None
    report(one_changed, all_boards, int(summed[0]))


if __name__ == "__main__":
    main()
