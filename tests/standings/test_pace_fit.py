"""The fit of the pace table, on runners who are drawn."""

import csv
import gzip
import io
from random import Random
from typing import Literal

import numpy as np
import pytest

from loadtest.pace import MARATHON_KM, marathon_s, run_s
from services.standings.finish_estimate import run_terms
from services.standings.pace_table import HIGH, LOW, MEDIAN, Coefficients
from tests.standings.pace_fit import (
    KMS,
    SPLITS_KM,
    Measured,
    earlier_points,
    faults,
    fit_quantile,
    fits,
    group,
    log_factor,
    read_finishers,
    run_of,
    table_text,
)


@pytest.fixture(scope="module")
def finishers(tmp_path_factory):
    """Runners of a simulated marathon, one in fifty without a split at 10 km, as a file has them."""
    path = tmp_path_factory.mktemp("splits") / "splits.csv.gz"
    rng = Random(1)
    with gzip.open(path, "wt", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["n", "gender", *SPLITS_KM])
        for number in range(3000):
            gender: Literal["F", "M"] = "F" if number % 3 == 0 else "M"
            times_s = run_s(rng, marathon_s(rng, gender, 40), marathon_s(rng, gender, 40), list(KMS))
            minutes = [f"{time_s / 60:.2f}" for time_s in times_s]
            minutes[1] = "" if number % 50 == 0 else minutes[1]
            writer.writerow([number, gender, *minutes])
    return read_finishers(path)


def test_half_of_the_runners_are_held_out_and_missed_splits_left_out(finishers):
    assert len(finishers) == 3000
    assert sum(runner.held_out for runner in finishers) == pytest.approx(1500, abs=100)
    assert (finishers[0].women, finishers[1].women) == (1.0, 0.0)
    assert list(finishers[1].times_us) == list(KMS)
    assert list(finishers[0].times_us) == [km for km in KMS if km != 10.0]
    assert run_of(finishers[0], 10.0, None) is run_of(finishers[0], 20.0, 10.0) is None


def test_a_point_is_fitted_by_the_last_points_before_it_and_by_none():
    assert earlier_points(5.0) == [None]
    assert earlier_points(21.0975) == [10.0, 5.0, None]  # 20 km is too near
    assert earlier_points(40.0) == [35.0, 30.0, 25.0, None]


def test_quantiles_of_values_that_grow_with_a_term_are_found():
    rng = np.random.default_rng(1)
    term = rng.uniform(0, 1, 20_000)
    values = 1 + 2 * term + (1 + term) * rng.uniform(0, 1, 20_000)
    for quantile in (LOW, MEDIAN, HIGH):
        base, slope = fit_quantile(np.column_stack([np.ones_like(term), term]), values, quantile)
        assert float(base) == pytest.approx(1 + quantile, abs=0.03)
        assert float(slope) == pytest.approx(2 + quantile, abs=0.05)


def test_four_of_five_held_out_runners_finish_in_the_range_that_is_fitted_on_the_others(finishers):
    fitted = {
        (fit.km, fit.quantile): fit.coefficients
        for fit in fits([runner for runner in finishers if not runner.held_out])
        if fit.until_km == MARATHON_KM and fit.earlier_km == earlier_points(fit.km)[0]
    }
    for km in KMS[:-1]:
        covered = []
        for runner in (runner for runner in finishers if runner.held_out):
            run = run_of(runner, km, earlier_points(km)[0])
            if run is not None:
                low, high = (float(np.dot(fitted[km, quantile], run_terms(run))) for quantile in (LOW, HIGH))
                covered.append(low <= log_factor(run, MARATHON_KM, runner.times_us[MARATHON_KM]) <= high)
        assert sum(covered) / len(covered) == pytest.approx(0.8, abs=0.04), km


def test_a_table_has_each_point_earlier_point_and_later_point_with_three_quantiles(finishers):
    text = table_text(finishers[:300])
    assert text.startswith("# Coefficients")
    lines = list(csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#")))
    assert len(lines) == 3 * sum(len(earlier_points(km)) * (len(KMS) - 1 - index) for index, km in enumerate(KMS[:-1]))
    assert list(lines[0]) == ["from_km", "earlier_km", "to_km", "quantile", *Coefficients._fields]
    assert {line["trend"] == "" for line in lines if line["earlier_km"] == ""} == {True}
    assert {line["trend"] == "" for line in lines if line["earlier_km"] != ""} == {False}


def test_a_group_too_small_to_hide_a_runner_is_refused(finishers):
    runs = [
        (run, runner.times_us[MARATHON_KM])
        for runner in finishers[:200]
        if (run := run_of(runner, 5.0, None)) is not None
    ]
    assert group(runs).runners == 200
    with pytest.raises(ValueError, match="199 runners are too few"):
        group(runs[:199])


def test_a_fit_is_not_good_enough_when_a_range_or_the_error_at_half_way_is_off():
    good = Measured(21.0975, 10.0, MARATHON_KM, 1000, 0.8, 500.0, 1000.0, 1500.0)
    assert faults([good]) == []
    for off in (good._replace(covered=0.75), good._replace(covered=0.85), good._replace(error_s=501.0)):
        assert len(faults([off])) == 1
    assert faults([good._replace(km=40.0, error_s=900.0)]) == []
