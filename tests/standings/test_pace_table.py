"""The fitted coefficients at the points that were fitted, between them and beyond."""

import pytest

from services.standings.pace_table import COURSE_KM, rest_pace


def fit(run_km, until_km, earlier_km=None):
    return rest_pace(run_km / COURSE_KM, None if earlier_km is None else earlier_km / COURSE_KM, until_km / COURSE_KM)


def bases(quantiles):
    return [coefficients.base for coefficients in quantiles]


def test_at_a_fitted_point_the_coefficients_are_those_of_the_table():
    assert bases(fit(5, 10)) == pytest.approx([-0.0327, 0.0026, 0.0380])
    assert fit(5, 10).median[:5] == pytest.approx([0.0026, 0.0093, 0.1042, 0.0087, 0.0027])
    assert fit(5, 10).median[5:] == (0, 0, 0, 0)
    assert all(fit(10, COURSE_KM, 5).median[5:])


@pytest.mark.parametrize("earlier_km", [None, 10])
def test_between_two_points_coefficients_lie_between_theirs(earlier_km):
    before, between, after = (bases(fit(km, COURSE_KM, earlier_km)) for km in (25, 27, 30))
    assert all(
        min(low, high) <= value <= max(low, high) for low, value, high in zip(before, between, after, strict=True)
    )
    assert between != before


def test_half_way_between_two_points_coefficients_are_the_mean_of_theirs():
    mean = [(low + high) / 2 for low, high in zip(bases(fit(35, COURSE_KM)), bases(fit(40, COURSE_KM)), strict=True)]
    assert bases(fit(37.5, COURSE_KM)) == pytest.approx(mean)


def test_between_two_later_points_coefficients_are_interpolated_too():
    mean = [(low + high) / 2 for low, high in zip(bases(fit(5, 30)), bases(fit(5, 35)), strict=True)]
    assert bases(fit(5, 32.5)) == pytest.approx(mean)


def test_between_two_earlier_points_coefficients_are_interpolated_too():
    near, far = (bases(fit(35, COURSE_KM, earlier_km)) for earlier_km in (30, 25))
    mean = [(low + high) / 2 for low, high in zip(near, far, strict=True)]
    assert bases(fit(35, COURSE_KM, 27.5)) == pytest.approx(mean)


def test_beyond_the_table_coefficients_are_those_of_its_edge():
    assert bases(fit(1, COURSE_KM)) == bases(fit(5, COURSE_KM))
    assert bases(fit(42, COURSE_KM)) == bases(fit(40, COURSE_KM))
    assert bases(fit(5, 6)) == bases(fit(5, 10))
    assert bases(fit(35, COURSE_KM, 1)) == bases(fit(35, COURSE_KM, 21.0975))
    assert bases(fit(5, COURSE_KM, 1)) == bases(fit(10, COURSE_KM, 1))
