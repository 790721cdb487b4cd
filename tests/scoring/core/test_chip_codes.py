"""Codes that are one chip by the definition: whose reads they are, whenever the rule comes or goes. Source: R2.12."""

from schemas.events import ChipAssigned
from services.scoring.core.event import EventState
from services.scoring.core.event_parts import EventHead
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from tests.builders import (
    AT_FINISH,
    EVENT,
    ON_10K,
    athlete,
    chip,
    clock,
    day,
    defined,
    definition,
    entries,
    entry,
    gun,
    read,
    reads,
    scored,
    typed,
    withdrawn,
)

RULE = definition(chips={"strip_zeros": True, "prefixes": ["E280"]})
SPELT = reads(read("S1", "00C7", 1), read("K1", "C7", ON_10K), read("F1", "E28000C7", AT_FINISH))
ZEROS_AT_FINISH = reads(read("S1", "9573", 1), read("K1", "9573", ON_10K), read("F1", "009573", AT_FINISH))
WITH_9573 = entries(entry("7", chips=["9573"]))


def state_of(*facts) -> EventState:
    state = EventState(EVENT)
    for offset, fact in enumerate(facts):
        assert state.fold(offset, 0, typed(fact)) is None
    return state


def restored(state: EventState) -> EventState:
    head, *parts = state.parts()
    assert isinstance(head, EventHead)
    again = EventState.restored(head)
    for part in parts:
        assert not isinstance(part, EventHead)
        again.restore(part)
    again.settle()
    return again


def status_of(state: EventState, bib: str = "7") -> str:
    return state.row(bib).status


def test_reads_under_every_code_of_a_chip_are_the_athletes():
    with_rule, without = scored(SPELT, definition=RULE), scored(SPELT)
    assert (athlete(with_rule)["status"], athlete(without)["status"]) == ("FINISHED", "ON_COURSE")
    assert without["unused_reads"] == {"unknown_chip": 2}
    assert with_rule["unused_reads"] == {}


def test_a_rule_that_comes_after_the_reads_makes_finishers_and_its_withdrawal_unmakes_them():
    plain = [defined(), WITH_9573, gun(0), ZEROS_AT_FINISH]
    late = [*plain, defined(definition(chips={"strip_zeros": True}), id="rule")]
    assert status_of(state_of(*plain)) == "ON_COURSE"
    assert status_of(state_of(*late)) == "FINISHED"
    assert status_of(state_of(*late, withdrawn("rule"))) == "ON_COURSE"


def test_rows_are_due_and_chips_of_nobody_known_as_the_rule_comes_and_goes():
    state = state_of(defined(), WITH_9573, gun(0), ZEROS_AT_FINISH)
    state.take(100)
    assert state.check_chips(100)
    assert [unknown.chip for unknown in state.take_unknown_chips().chips] == ["009573"]
    assert state.fold(4, 0, typed(defined(definition(chips={"strip_zeros": True})))) is None
    assert [(row.bib, row.status) for row in state.take(100)] == [("7", "FINISHED")]
    assert state.check_chips(100)
    assert state.take_unknown_chips().chips == []
    assert state.fold(5, 0, typed(reads(read("K1", "0009573", ON_10K)))) is None
    assert [row.version for row in state.take(100)] == [5], "a read under another code is the athlete's too"


def test_a_restored_state_knows_the_rule():
    state = state_of(WITH_9573, gun(0), ZEROS_AT_FINISH, defined(definition(chips={"strip_zeros": True})))
    again = restored(state)
    assert again.row("7") == state.row("7")
    assigned = typed(chip("09573", "8"))
    assert isinstance(assigned, ChipAssigned)
    assert "7" in again.affected_bibs(assigned)


def test_a_state_restored_after_the_rule_was_withdrawn_scores_reads_as_the_original_does():
    with_zeros, rule = definition(chips={"strip_zeros": True}), "rule"
    state = state_of(
        defined(), defined(with_zeros, id=rule), entries(entry("7", chips=["0012"])), gun(0), withdrawn(rule)
    )
    state.take(100)
    again = restored(state)
    finish = typed(reads(read("S1", "0012", 1), read("K1", "0012", ON_10K), read("F1", "0012", AT_FINISH)))
    assert state.fold(5, 0, finish) is None
    assert again.fold(5, 0, finish) is None
    rows = again.take(100)
    assert [row.status for row in rows] == ["FINISHED"]
    assert rows == state.take(100)


def test_a_clock_correction_makes_rows_due_where_a_bare_code_begins_with_the_prefix_too():
    twice = definition(chips={"prefixes": ["58"]})
    run = reads(read("S1", "5858123", 1), read("K1", "5858123", ON_10K), read("F1", "5858123", AT_FINISH))
    state = state_of(defined(twice), entries(entry("7", chips=["5858123"])), gun(0), run)
    [before] = state.take(100)
    assert state.fold(4, 0, typed(clock("F1", 10))) is None
    [after] = state.take(100)
    assert (after.version, after) == (4, state.row("7"))
    assert before.chip_us is not None
    assert after.chip_us == before.chip_us + 10_000_000


def test_an_assignment_by_one_code_holds_for_reads_by_another():
    given = scored(entries(entry("8", chips=["C8"])), SPELT, chip("0C7", "8"), definition=RULE, bibs=("7",))
    assert athlete(given, "8")["status"] == "FINISHED"
    assert athlete(given, "7")["status"] == "NOT_STARTED"


def test_an_explanation_shows_one_chip_with_the_codes_by_which_it_was_read():
    state = state_of(*day(SPELT, definition=RULE))
    explanation = explain(evidence_of(state, "7")).explanation
    [why] = explanation.chips
    assert (why.chip, why.owner, why.reads, why.repeats) == ("C7", "7", 3, 0)
    assert why.read_as == ["00C7", "E28000C7"]
    assert [read.chip for read in explanation.reads] == ["00C7", "C7", "E28000C7"]
