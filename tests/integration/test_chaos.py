"""A minute of chaos on a real stack: parts killed and stopped, records that nobody can read, and nothing is wrong."""

from loadtest.chaos.run import run

SEED = 4  # the line of senders cut, scoring killed, then all parts at once
SECONDS = 30.0  # of faults; the stack starts before and heals after them


async def test_a_race_under_chaos_loses_doubles_and_shows_nothing_wrong():
    outcome = await run(SEED, SECONDS, size=120)
    assert outcome.verdict.violations == []
    assert {done.fault.kind for done in outcome.injected} == {"poison", "cut", "kill", "kill_all"}
    assert all(outcome.verdict.compared.values())
