"""Standings by window functions of the embedded ClickHouse, where a changed athlete is a new row for the old one."""

from typing import Any

from chdb import session

from loadtest.alternatives.finishers import CHANGES, Finisher, changed, finishers, order, report, spent
from loadtest.alternatives.ranking_sql import COLUMNS, PLACES, check

CURRENT = f"{PLACES} FINAL"


def main() -> None:
    """Rank all finishers, then change some."""
    field = finishers(order().athletes)
    database: Any = session.Session()  # type: ignore[no-untyped-call]  # chDB has no types
    database.query(
        "CREATE TABLE finishers (bib UInt32, gender String, birth_year UInt16, age_group UInt8, chip_us Int64,"
        " version UInt32) ENGINE = ReplacingMergeTree(version) ORDER BY bib"
    )
    insert(database, field, 0)

    def rank() -> None:
        database.query(CURRENT, "RowBinary").bytes()

    def change() -> None:
        for version, finisher in enumerate(changed(field), 1):
            insert(database, [finisher], version)
            rank()

    rank()  # so that the first does not count
    all_boards = spent(rank)
    one_changed = spent(change, CHANGES)
    report(one_changed, all_boards, int(str(database.query(check(CURRENT), "TSV"))))
    database.close()


def insert(database: Any, rows: list[Finisher], version: int) -> None:
    """Insert finishers."""
    values = ",".join(
        f"({row.bib},'{row.gender}',{row.birth_year},{row.age_group},{row.chip_us},{version})" for row in rows
    )
    database.query(f"INSERT INTO finishers ({COLUMNS}, version) VALUES {values}")


if __name__ == "__main__":
    main()
