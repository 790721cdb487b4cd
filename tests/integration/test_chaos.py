"""Twenty seconds of chaos on a real stack: parts killed, a worker that joins, unreadable records, and nothing is wrong.

Then faults are planted in what that run has seen: the checker has to find them in real evidence, too.
"""

from msgspec.structs import replace

from loadtest.chaos.checker import judge
from loadtest.chaos.evidence import Evidence
from loadtest.chaos.run import Plan, run
from loadtest.chaos.schedule import schedule

SEED = 35  # ingest is asked to end; a second worker joins, and all parts are killed while it is there
SECONDS = 20.0  # of faults; the stack starts before and heals after them


async def test_a_race_under_chaos_loses_doubles_and_shows_nothing_wrong():
    outcome = await run(Plan(seed=SEED, seconds=SECONDS, size=120, faults=schedule(SEED, SECONDS)))
    assert outcome.verdict.violations == []
    assert {done.fault.kind for done in outcome.injected} == {"poison", "join", "term", "kill_all"}
    assert all(outcome.verdict.compared.values())
    for planted, found in planted_in(outcome.evidence):
        assert any(found in line for line in judge(planted).violations)


def planted_in(evidence: Evidence) -> list[tuple[Evidence, str]]:
    """Return the evidence with one fault each, and what has to be found."""
    lost = evidence.reads[-1]
    never_published = [
        record._replace(reads=tuple(read for read in record.reads if read != lost)) for record in evidence.log
    ]
    board = max(evidence.stored_boards, key=lambda name: len(evidence.stored_boards[name]))
    never_inserted = {**evidence.stored_boards, board: evidence.stored_boards[board][:-1]}
    last = evidence.shown[-1]
    return [
        (replace(evidence, log=never_published), "1 acknowledged reads are not on the log"),
        (replace(evidence, stored_boards=never_inserted), f"board {board} of ClickHouse differs"),
        (replace(evidence, shown=[*evidence.shown, last._replace(revision=0)]), "was shown revision 0 after"),
        (replace(evidence, dead_letters=set()), "records cannot be read and are no dead letter"),
    ]
