"""Standings by the ranks of Polars, on a frame in memory."""

import polars as pl

from loadtest.alternatives.finishers import CHANGES, Finisher, changed, finishers, order, report, spent

PLACES = (
    pl.col("chip_us").rank("min").alias("overall"),
    pl.col("chip_us").rank("min").over("gender").alias("of_gender"),
    pl.col("chip_us").rank("min").over("gender", "age_group").alias("of_age_group"),
)


def main() -> None:
    """Rank all finishers, then change some."""
    field = finishers(order().athletes)
    frame = pl.DataFrame(field, schema=list(Finisher._fields), orient="row")

    def rank() -> None:
        frame.select("bib", *PLACES)

    def change() -> None:
        nonlocal frame
        for finisher in changed(field):
            of_finisher = pl.col("bib") == finisher.bib
            frame = frame.with_columns(
                pl.when(of_finisher).then(finisher.chip_us).otherwise(pl.col("chip_us")).alias("chip_us")
            )
            rank()

    rank()  # so that the first does not count
    all_boards = spent(rank)
    one_changed = spent(change, CHANGES)
    places = frame.select("bib", *PLACES).cast(pl.Int64)
    check = places.select((pl.col("bib") * pl.sum_horizontal(places.columns[1:])).sum()).item()
    report(one_changed, all_boards, check)


if __name__ == "__main__":
    main()
