"""Dead letters, and when copying them ends."""

from schemas.rejected import RAW_MAX_BYTES, decode_rejection, encode_rejection
from services.scoring.dead_letter import LETTERS_MAX, WITHIN_S, Gate, Unfit, dead_letter


def test_a_dead_letter_says_where_it_stands_and_how_much_of_it_is_cut_off() -> None:
    raw = b"x" * (RAW_MAX_BYTES + 1)
    made = dead_letter("e", Unfit("unreadable", "no envelope"), raw, 5, partition=2, offset=17, index=3)
    back = decode_rejection(encode_rejection(made.rejection))
    assert made.reason == "unreadable"
    assert (back.event, back.source, back.reason, back.topic) == ("e", "scoring", "no envelope", "race-log")
    assert (back.partition, back.offset, back.index, back.recorded_at_us) == (2, 17, 3, 5)
    assert (len(back.raw), back.size) == (RAW_MAX_BYTES, RAW_MAX_BYTES + 1)


def test_the_gate_closes_at_too_many_within_a_minute_and_opens_when_they_are_past() -> None:
    gate = Gate()
    assert all(gate.admit(at / LETTERS_MAX) for at in range(LETTERS_MAX))  # all within a second
    assert not gate.admit(2)
    assert gate.closed(WITHIN_S - 0.001)
    assert not gate.closed(WITHIN_S)
    assert gate.admit(WITHIN_S)


def test_the_gate_stays_open_for_any_number_that_comes_slowly() -> None:
    gate = Gate()
    assert all(gate.admit(at * 1.01 * WITHIN_S / LETTERS_MAX) for at in range(5 * LETTERS_MAX))
