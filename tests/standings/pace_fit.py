"""Fit the pace table on the splits of a marathon, and measure it on runners who were left out.

`make fit SPLITS=file` prints how the committed table does on the runners of the file who are held out; with `WRITE=1`
it first fits the table on the others. The file is a gzipped CSV with a row a finisher: `n`, `gender`, and cumulative
minutes in `5k_min`, `10k_min`, `20k_min`, `half_min`, `25k_min`, `30k_min`, `35k_min`, `40k_min` and `official_min`,
empty where a split is missing. Rows of real runners never go into the repository: only the fitted numbers do, and
quantiles of groups of at least GROUP_MIN held-out runners, by which the tests check the table.

A quantile is fitted by minimizing its loss (R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46, 1978) by
iteratively reweighted least squares.
"""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from schemas.ids import US
from services.standings import pace_table
from services.standings.finish_estimate import TREND_SHARE_MIN, Run, run_terms, time_at
from services.standings.pace_table import COURSE_KM, HIGH, LOW, MEDIAN, Coefficients

SPLITS_KM = {
    "5k_min": 5.0,
    "10k_min": 10.0,
    "20k_min": 20.0,
    "half_min": 21.0975,
    "25k_min": 25.0,
    "30k_min": 30.0,
    "35k_min": 35.0,
    "40k_min": 40.0,
    "official_min": COURSE_KM,
}
KMS = tuple(SPLITS_KM.values())
HALF_KM = 21.0975
COVERED = (0.76, 0.84)  # of finishes, that have to be in the range at each point
EARLIER_MAX = 3  # earlier points by each of which the trend is fitted: the last is missed by less than 1 in 100 runners
STEPS = 80  # of reweighting; the coefficients change by less than 0.001 after 50
NEAR_ZERO = 1e-4  # a residual as near counts as this far

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "services" / "standings" / pace_table.TABLE
GROUPS = ROOT / "tests" / "data" / "held_out_paces.csv"
GROUP_MIN = 200
WOMEN = {"F": 1.0, "M": 0.0}


class Finisher(NamedTuple):
    """A runner with the times in microseconds at the points that were read, by kilometres."""

    held_out: bool
    women: float
    times_us: dict[float, int]


def read_finishers(path: Path) -> list[Finisher]:
    """Return the runners of a file. Half of them, by a hash of the row's number, are held out."""
    with gzip.open(path, "rt") as lines:
        return [
            Finisher(
                held_out=zlib.crc32(row["n"].encode()) % 2 == 1,
                women=WOMEN.get(row["gender"], 0.5),
                times_us={km: round(float(row[name]) * 60 * US) for name, km in SPLITS_KM.items() if row[name]},
            )
            for row in csv.DictReader(lines)
        ]


def run_of(finisher: Finisher, km: float, earlier_km: float | None) -> Run | None:
    """Return the run up to a point, None when it or the earlier point was not read."""
    times_us = finisher.times_us
    if km not in times_us or (earlier_km is not None and earlier_km not in times_us):
        return None
    earlier_us = None if earlier_km is None else times_us[earlier_km]
    return Run(COURSE_KM, km, times_us[km], earlier_km, earlier_us, finisher.women)


def earlier_points(km: float) -> list[float | None]:
    """Return the earlier points by which a trend is measured at a point, the last first, and None at the end."""
    before = [known for known in KMS if known <= km - TREND_SHARE_MIN * COURSE_KM]
    return [*reversed(before[-EARLIER_MAX:]), None]


# --- Fitting


class Fitted(NamedTuple):
    """The coefficients of a quantile from a point, by an earlier point, to a later one."""

    km: float
    earlier_km: float | None
    until_km: float
    quantile: float
    coefficients: list[float]


def fits(finishers: Sequence[Finisher]) -> Iterator[Fitted]:
    """Yield what is fitted on finishers."""
    for km in KMS[:-1]:
        for earlier_km in reversed(earlier_points(km)):
            runs = [(runner, run) for runner in finishers if (run := run_of(runner, km, earlier_km)) is not None]
            for until_km in (later for later in KMS if later > km):
                ended = [(run, runner.times_us[until_km]) for runner, run in runs if until_km in runner.times_us]
                terms = np.array([run_terms(run) for run, _ in ended])
                factors = np.array([log_factor(run, until_km, until_us) for run, until_us in ended])
                for quantile in (LOW, MEDIAN, HIGH):
                    coefficients = [float(number) for number in fit_quantile(terms, factors, quantile)]
                    yield Fitted(km, earlier_km, until_km, quantile, coefficients)


def log_factor(run: Run, until_km: float, until_us: int) -> float:
    """Return the logarithm of the pace up to a later point over the pace so far."""
    pace = (until_us - run.time_us) / (until_km - run.km)
    return float(np.log(pace / (run.time_us / run.km)))


def fit_quantile(terms: np.ndarray, values: np.ndarray, quantile: float) -> np.ndarray:
    """Return the coefficients of the terms for a quantile of the values."""
    coefficients = np.linalg.lstsq(terms, values, rcond=None)[0]
    for _ in range(STEPS):
        residuals = values - terms @ coefficients
        weights = np.where(residuals > 0, quantile, 1 - quantile) / np.maximum(np.abs(residuals), NEAR_ZERO)
        weighted = terms * weights[:, None]
        coefficients = np.linalg.solve(terms.T @ weighted, weighted.T @ values)
    return coefficients


def table_text(finishers: Sequence[Finisher]) -> str:
    """Return the table that is fitted on the runners who are not held out."""
    fitted = [runner for runner in finishers if not runner.held_out]
    text = io.StringIO(TABLE_HEAD.format(runners=len(finishers), fitted=len(fitted)))
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["from_km", "earlier_km", "to_km", "quantile", *Coefficients._fields])
    for fit in fits(fitted):
        numbers = [f"{number:.4f}" for number in fit.coefficients]
        numbers += [""] * (len(Coefficients._fields) - len(numbers))
        earlier = "" if fit.earlier_km is None else f"{fit.earlier_km:g}"
        writer.writerow([f"{fit.km:g}", earlier, f"{fit.until_km:g}", f"{fit.quantile:g}", *numbers])
    return text.getvalue()


TABLE_HEAD = """\
# Coefficients of the quantiles of log(pace from from_km to to_km / pace up to from_km), by `make fit`.
# Fitted on {fitted:,} of the {runners:,} finishers of the Boston Marathon of 21 April 2014 (splits in the public
# repository llimllib/bostonmarathon at f49b449, MIT); the others were held out. No line is of a single runner.
"""


# --- Measuring


class Measured(NamedTuple):
    """How estimates of one later point from one point did: runners, share within the range, mean errors in seconds."""

    km: float
    earlier_km: float | None
    until_km: float
    runners: int
    covered: float
    error_s: float
    even_error_s: float
    width_s: float


def measure(finishers: Sequence[Finisher], km: float, earlier_km: float | None, until_km: float) -> Measured:
    """Return how the committed table does from a point to a later one."""
    runs = [(runner, run) for runner in finishers if (run := run_of(runner, km, earlier_km)) is not None]
    ended = [(run, runner.times_us[until_km]) for runner, run in runs if until_km in runner.times_us]
    estimates = [time_at(run, until_km) for run, _ in ended]
    times_us = [until_us for _, until_us in ended]
    evenly_us = [run.time_us * until_km / km for run, _ in ended]
    return Measured(
        km,
        earlier_km,
        until_km,
        len(ended),
        float(np.mean([low <= until <= high for (low, _, high), until in zip(estimates, times_us, strict=True)])),
        float(np.mean([abs(time.median_us - until) for time, until in zip(estimates, times_us, strict=True)])) / US,
        float(np.mean([abs(even - until) for even, until in zip(evenly_us, times_us, strict=True)])) / US,
        float(np.mean([time.high_us - time.low_us for time in estimates])) / US,
    )


def measured_finishes(finishers: Sequence[Finisher]) -> Iterator[Measured]:
    """Yield how the finish is estimated from each point, by each earlier point that may be the last one read."""
    for km in KMS[:-1]:
        for earlier_km in earlier_points(km):
            yield measure(finishers, km, earlier_km, COURSE_KM)


def measured_next(finishers: Sequence[Finisher]) -> Iterator[Measured]:
    """Yield how the next point is estimated from each point."""
    for km, next_km in pairwise(KMS):
        yield measure(finishers, km, earlier_points(km)[0], next_km)


def line_of(measured: Measured) -> str:
    """Return figures as a line of a Markdown table."""
    earlier = "none" if measured.earlier_km is None else f"{measured.earlier_km:g}"
    return (
        f"| {measured.km:g} | {earlier} | {measured.until_km:g} | {measured.runners:,} | {measured.covered:.1%}"
        f" | {measured.error_s:.0f} | {measured.even_error_s:.0f} | {measured.error_s / measured.even_error_s:.2f}"
        f" | {measured.width_s:.0f} |"
    )


LINE_HEAD = """\
| km | earlier km | until km | runners | in range | mean error, s | at even pace, s | ratio | range, s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


# --- Groups of runners that the tests know


class Group(NamedTuple):
    """Held-out runners of like pace and trend at a point: their mean run, and quantiles of finish over time there."""

    km: float
    earlier_km: float | None
    runners: int
    women: float
    time_s: float
    earlier_s: float | None
    low: float
    median: float
    high: float


PACE_GROUPS = 5
TREND_GROUPS = 3


def groups(finishers: Sequence[Finisher]) -> Iterator[Group]:
    """Yield the groups at each point: fifths by pace, and thirds of these by trend where there is an earlier point."""
    for km in KMS[:-1]:
        earlier_km = earlier_points(km)[0]
        runs = [
            (run, runner.times_us[COURSE_KM])
            for runner in finishers
            if COURSE_KM in runner.times_us and (run := run_of(runner, km, earlier_km)) is not None
        ]
        runs.sort(key=lambda ended: ended[0].time_us)
        for fifth in parts(runs, PACE_GROUPS):
            if earlier_km is None:
                yield group(fifth)
                continue
            fifth.sort(key=lambda ended: ended[0].time_us / (ended[0].earlier_us or 1))
            yield from (group(third) for third in parts(fifth, TREND_GROUPS))


def parts(runs: list[tuple[Run, int]], number: int) -> list[list[tuple[Run, int]]]:
    """Return runs in parts of nearly equal length, in order."""
    edges = [len(runs) * index // number for index in range(number + 1)]
    return [runs[begin:end] for begin, end in pairwise(edges)]


def group(ended: Sequence[tuple[Run, int]]) -> Group:
    """Return runs as a group. Raises ValueError when it is so small that it would show single runners."""
    if len(ended) < GROUP_MIN:
        raise ValueError(f"{len(ended)} runners are too few for a group; take at least {GROUP_MIN}")
    first = ended[0][0]
    low, median, high = np.quantile([until_us / run.time_us for run, until_us in ended], [LOW, MEDIAN, HIGH])
    earlier = [run.earlier_us for run, _ in ended if run.earlier_us is not None]
    return Group(
        first.km,
        first.earlier_km,
        len(ended),
        float(np.mean([run.women for run, _ in ended])),
        float(np.mean([run.time_us for run, _ in ended])) / US,
        float(np.mean(earlier)) / US if earlier else None,
        float(low),
        float(median),
        float(high),
    )


def write_groups(finishers: Sequence[Finisher]) -> None:
    """Write the groups of the runners who are held out."""
    with GROUPS.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(Group._fields)
        for line in groups([runner for runner in finishers if runner.held_out]):
            writer.writerow("" if value is None else f"{value:.5g}" for value in line)


def faults(measured: Sequence[Measured]) -> list[str]:
    """Return where estimates of the finish are not as good as they have to be."""
    ranges = [f"{line_of(finish)} in range" for finish in measured if not COVERED[0] <= finish.covered <= COVERED[1]]
    half_way = [finish for finish in measured if finish.km == HALF_KM and finish.earlier_km is not None]
    errors = [f"{line_of(finish)} mean error" for finish in half_way if finish.error_s > finish.even_error_s / 2]
    return ranges + errors


def main(arguments: Sequence[str]) -> int:
    """Print how the table does on held-out runners of a file; with `--write` among the arguments fit it first.

    Return 1 when that is not good enough.
    """
    paths = [Path(argument) for argument in arguments if not argument.startswith("--")]
    if len(paths) != 1:
        print("name one file of splits: make fit SPLITS=splits.csv.gz [WRITE=1]", file=sys.stderr)
        return 2
    finishers = read_finishers(paths[0])
    if "--write" in arguments:
        TABLE.write_text(table_text(finishers))
        write_groups(finishers)
        pace_table.fitted.cache_clear()
        pace_table.rest_pace.cache_clear()
    held_out = [runner for runner in finishers if runner.held_out]
    measured = list(measured_finishes(held_out))
    print(LINE_HEAD, *map(line_of, measured), sep="\n")
    print("\nThe next point:\n", LINE_HEAD, *map(line_of, measured_next(held_out)), sep="\n")
    wrong = faults(measured)
    if wrong:
        print("\nNot good enough:", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
