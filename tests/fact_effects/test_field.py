"""Facts that were mistyped at real races: each is said to wait, with the nearest known name."""

from pathlib import Path

import pytest

from schemas.codec import fact_from_json
from tests.fact_effects.judged import effects

FIELD = Path(__file__).parents[1] / "data" / "field"

MISTYPED = [
    ("bib '11' has no entry", "did you mean '1'?"),
    ("there is no case 'missed:2' now", "none is known yet"),
    ("no mat lists device 'm10'", "did you mean 'M10'?"),
    ("race 'hm', which bib '1' runs, has no point '10KM'", "did you mean '10K'"),
    ("race 'hm2' is not defined", "did you mean 'hm'?"),
    ("no entry of race 'hm' is in wave 'Z'", "none is known yet"),
    ("mat 'm10k' is not defined", "did you mean 'm10'"),
    (
        "device 'M5' did not read chip 'A1' at 05:20:00.000001 by its own clock",
        "the nearest read is at 05:20:00.000, at_us 1772317200000000",
    ),
    ("no fact has the id 'no-such'", "none is known yet"),
    ("bib '9' has no entry", "known: '1' and '2'"),
    ("race 'hm2' is not defined", "did you mean 'hm'?"),
    ("bib '99' has no entry", "known: '1' and '2'"),
]


def test_every_mistyped_fact_waits_and_the_nearest_known_name_is_given():
    facts = list(map(fact_from_json, (FIELD / "26-mistyped-facts.jsonl").read_bytes().splitlines()))
    *sound, _ = before = effects(facts)[:5]
    assert [effect.effect for effect in before] == ["applied"] * 5
    assert sound[0].why is None

    given = effects(facts)[5:]
    assert [effect.effect for effect in given] == ["pending"] * 12
    for effect, (unknown, known) in zip(given, MISTYPED, strict=True):
        assert effect.why is not None
        assert unknown in effect.why
        assert known in effect.why


def test_without_the_reads_only_the_exclusion_cannot_be_judged():
    facts = list(map(fact_from_json, (FIELD / "26-mistyped-facts.jsonl").read_bytes().splitlines()))
    given = effects(facts, reads_known=False)[5:]
    assert [effect.effect for effect in given] == ["pending"] * 7 + ["unknown"] + ["pending"] * 4


@pytest.mark.parametrize(
    ("log", "gun", "mistake"),
    [
        ("08c-gun-typed-as-utc", "12:00:00.000 is 7:00:00.000 after", "it may be a local time that was typed as UTC"),
        ("08d-gun-of-yesterday", "2026-02-28 05:00:00.000 is 24:00:00.000 before", "the date of the day before"),
    ],
)
def test_a_gun_far_from_the_scheduled_start_is_warned_of_with_the_likely_mistake(log, gun, mistake):
    facts = list(map(fact_from_json, (FIELD / f"{log}.jsonl").read_bytes().splitlines()))
    warned = [effect for effect in effects(facts, reads_known=False) if effect.warnings]
    assert [effect.effect for effect in warned] == ["applied"]
    assert f"the gun at {gun} the scheduled start of race 'hm' at 05:00:00.000" in warned[0].warnings[0]
    assert mistake in warned[0].warnings[0]
