"""The judgement of memory: growth is told from noise, and a process from those that it runs beside."""

import random

from loadtest.limits.memory import Held, slope

HOUR_S = 3600


def samples(mib_an_hour: float, minutes: int = 60) -> list[tuple[float, float]]:
    """A sample each second of a process of 200 MiB that grows, with memory that comes and goes in steps of minutes."""
    dice = random.Random(1)
    made, step = [], 0.0
    for second in range(minutes * 60):
        if second % 60 == 0:
            step = dice.uniform(-1, 1)
        made.append((float(second), 200 + step + mib_an_hour * second / HOUR_S))
    return made


def test_growth_beyond_the_limit_is_a_leak_and_is_measured():
    grown = slope("ingest", samples(100))
    assert not grown.holds
    assert grown.low < 100 < grown.high
    assert "LEAKS" in grown.line()


def test_memory_that_comes_and_goes_is_no_leak():
    still = slope("ingest", samples(0))
    assert still.holds
    assert still.low < 0 < still.high
    assert still.line().endswith(" ok")


def test_a_run_too_short_to_tell_says_so():
    assert "run it longer" in slope("ingest", samples(0, minutes=3)).line()


def test_each_process_is_held_to_twice_its_own_memory():
    normal = {"ingest": 100.0, "kafka": 300.0}
    assert Held(name="load", normal_mib=normal, most_mib={"ingest": 200.0, "kafka": 301.0}).holds
    assert not Held(name="load", normal_mib=normal, most_mib={"ingest": 201.0, "kafka": 301.0}).holds
