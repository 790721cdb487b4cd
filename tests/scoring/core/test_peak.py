"""The pick `peak`: the instant of the strongest signal, exact and the same on every machine.

CROSSING is one real crossing of a UHF tag. Source: github esitarski/CrossMgr at 63dd22f; MIT, Copyright (c) 2018 Edward
Sitarski.
"""

import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.passings import pick_time
from services.scoring.core.peak import peak_us
from services.scoring.core.reads import NO_RSSI
from tests.builders import half, passed, point, read, reads, scored, us

CROSSING = [  # microseconds after 12:34:00, dBm
    (14_636_989, -61.0),
    (14_676_506, -55.0),
    (14_711_024, -49.0),
    (14_738_245, -42.0),
    (14_767_357, -39.0),
    (14_799_116, -39.0),
    (14_831_069, -41.0),
    (14_858_307, -42.0),
    (14_897_999, -48.0),
    (14_927_323, -55.0),
    (14_983_460, -66.0),
]
VERTEX_US = 14_801_991  # 12:34:14.802


def used(heard):
    return sorted((at_us, rssi, "C7", nth) for nth, (at_us, rssi) in enumerate(heard))


def parabola(vertex_us, times, top=-40.0, fall=2e-9):
    return [(at_us, top - fall * (at_us - vertex_us) ** 2) for at_us in times]


def test_the_vertex_of_a_real_crossing():
    assert peak_us(CROSSING) == VERTEX_US
    assert round(VERTEX_US, -3) == 14_802_000


def test_the_read_nearest_to_the_peak_is_the_used_one():
    at_us, by = pick_time(used(CROSSING), "peak")
    assert (at_us, by[0]) == (VERTEX_US, 14_799_116)
    assert pick_time(used(CROSSING), "strongest")[0] == 14_767_357
    assert pick_time(used(CROSSING), "first")[0] == 14_636_989
    assert pick_time(used(CROSSING), "last")[0] == 14_983_460


@pytest.mark.parametrize("stray", [(14_700_001, -90.0), (14_870_001, -10.0), (14_640_000, -30.0)])
def test_one_outlier_does_not_move_the_peak(stray):
    """Such as a reflection, or a body in front of the antenna: the vertex is that of the other reads."""
    assert peak_us(sorted([*CROSSING, stray])) == VERTEX_US


def test_several_outliers_are_left_out_one_after_another():
    strays = [(14_640_000, -30.0), (14_700_001, -90.0), (14_870_001, -10.0)]
    assert peak_us(sorted(CROSSING + strays)) == VERTEX_US


def test_a_read_off_by_a_decibel_or_two_is_no_outlier():
    """Three of a hundred reads are off by 2 dB, the others by nothing: they count, and so the vertex moves."""
    exact = parabola(1_000_000, range(0, 2_000_001, 20_000), fall=2e-11)
    off = [(at_us, rssi + (2.0 if at_us in (20_000, 40_000, 60_000) else 0.0)) for at_us, rssi in exact]
    assert peak_us(exact) == 1_000_000
    vertex_us = peak_us(off)
    assert vertex_us is not None
    assert vertex_us < 1_000_000


@pytest.mark.parametrize(
    ("heard", "at_us"),
    [
        ([(5, -50.0)], 5),
        ([(5, -50.0), (9, -40.0)], 9),
        ([(5, -50.0), (7, NO_RSSI), (9, -40.0)], 9),  # two of three reads have a strength
        ([(5, NO_RSSI), (7, NO_RSSI), (9, NO_RSSI)], 5),
        ([(5, -50.0), (9, -40.0), (9, -41.0), (9, -47.0)], 9),  # two instants
        ([(0, -40.0), (10, -50.0), (20, -40.0)], 0),  # louder to both sides
        ([(0, -50.0), (10, -45.0), (20, -40.0)], 20),  # a straight line
        ([(0, -60.0), (10, -50.0), (20, -45.0), (30, -42.0)], 30),  # highest behind the last read
        ([(0, -50.0), (10, -50.0), (20, -50.0)], 0),  # all alike
    ],
)
def test_without_a_peak_the_strongest_read_gives_the_time(heard, at_us):
    peak_us, by = pick_time(used(heard), "peak")
    assert peak_us == by[0] == at_us


def test_reads_of_unknown_strength_change_nothing():
    assert pick_time(used([*CROSSING, (14_800_000, NO_RSSI)]), "peak")[0] == VERTEX_US


@pytest.mark.parametrize(
    ("strengths", "vertex_us"),
    [((-44, -40, -44), 10), ((-44, -40, -40), 15), ((-46, -40, -42), 13), ((-42, -40, -46), 8)],
)
def test_a_vertex_between_microseconds_is_rounded_to_the_nearest_half_up(strengths, vertex_us):
    """Through three points, 10 us apart: vertex 10, 15, 12.5 and 7.5 us after the first."""
    heard = [(10 * nth, float(rssi)) for nth, rssi in enumerate(strengths)]
    assert peak_us(heard) == vertex_us


def by_fractions(heard):
    """The vertex of the parabola of least squares, worked out another way: normal equations by elimination."""
    points = [(Fraction(at_us - heard[0][0]), Fraction(round(rssi * 100))) for at_us, rssi in heard]
    rows: list[list[Any]] = [
        [sum(x ** (i + j) for x, _ in points) for j in range(3)] + [sum(y * x**i for x, y in points)] for i in range(3)
    ]
    for i in range(3):
        pivot = next((k for k in range(i, 3) if rows[k][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(3):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    b, a = rows[1][3], rows[2][3]
    return -b / (2 * a) if a < 0 else None


@given(
    st.lists(
        st.tuples(st.integers(0, 3_000_000), st.integers(-420, -400)), min_size=3, max_size=12, unique_by=lambda p: p[0]
    )
)
def test_the_vertex_is_that_of_least_squares(tenths):
    """Strengths within 2 dB, so that none is an outlier; a second, plain solution in fractions is the oracle."""
    heard = sorted((1_700_000_000_000_000 + at_us, tenth / 10) for at_us, tenth in tenths)
    expected = by_fractions(heard)
    span = heard[-1][0] - heard[0][0]
    if expected is None or not 0 <= (expected + Fraction(1, 2)).__floor__() <= span:
        assert peak_us(heard) is None
    else:
        assert peak_us(heard) == heard[0][0] + (expected + Fraction(1, 2)).__floor__()


@given(
    st.lists(st.tuples(st.integers(0, 30_000_000), st.floats(-1e9, 1e9) | st.just(NO_RSSI)), min_size=1, max_size=30),
    st.randoms(),
)
def test_the_time_is_within_the_reads_and_their_order_changes_nothing(heard, rng):
    expected = pick_time(used(heard), "peak")
    assert min(heard)[0] <= expected[0] <= max(heard)[0]
    assert expected[1] in used(heard)
    shuffled = used(heard)
    rng.shuffle(shuffled)
    assert pick_time(sorted(shuffled), "peak") == expected


@given(st.integers(-(2**51), 2**51))
def test_the_vertex_moves_with_the_clock_to_the_microsecond(shift_us):
    assert peak_us([(at_us + shift_us, rssi) for at_us, rssi in CROSSING]) == VERTEX_US + shift_us


# --- in a race

PEAK = half(points=[point("START", pick="peak"), point("10K", km=10, pick="peak"), point("FINISH", km=21.0975)])


def crossing(device, from_s):
    """The real crossing, its first read at `from_s`."""
    return [
        read(device, "C7", from_s + Fraction(at_us - CROSSING[0][0], 1_000_000), rssi=rssi) for at_us, rssi in CROSSING
    ]


def test_a_point_takes_the_peak_and_all_reads_but_one_are_unused():
    document = scored(reads(*crossing("K1", 2000)), definition=PEAK)
    assert passed(document) == {"10K": us(2000) + VERTEX_US - CROSSING[0][0]}
    assert document["unused_reads"] == {"superseded": len(CROSSING) - 1}


def test_reads_in_any_order_and_any_portions_give_the_same_document():
    facts = crossing("S1", 5) + crossing("K1", 2000) + crossing("F1", 4000)
    expected = scored(reads(*facts), definition=PEAK)
    rng = random.Random(5)
    for _ in range(5):
        rng.shuffle(facts)
        parts = [reads(*facts[:9]), reads(*facts[9:])]
        again = scored(*parts, definition=PEAK)
        assert again["athletes"] == expected["athletes"]
        assert again["unused_reads"] == expected["unused_reads"]
    assert len(passed(expected)) == 3
