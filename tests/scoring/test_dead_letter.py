"""Dead letters, and when copying them ends."""

from schemas.rejected import RAW_MAX_BYTES, decode_rejection, encode_rejection
from services.scoring.dead_letter import LETTERS_MAX, WITHIN_S, Gate, Unfit, dead_letter


def test_a_dead_letter_has_its_position_and_the_length_cut_off() -> None:
    raw = b"x" * (RAW_MAX_BYTES + 1)
    made = dead_letter("e", Unfit("unreadable", "no envelope"), raw, 5, partition=2, offset=17, index=3)
    back = decode_rejection(encode_rejection(made.rejection))
    assert made.reason == "unreadable"
    assert (back.event, back.source, back.reason, back.topic) == ("e", "scoring", "no envelope", "race-log")
    assert (back.partition, back.offset, back.index, back.recorded_at_us) == (2, 17, 3, 5)
    assert (len(back.raw), back.size) == (RAW_MAX_BYTES, RAW_MAX_BYTES + 1)


def test_the_gate_closes_at_too_many_letters_within_a_minute_and_opens_later() -> None:
    gate = Gate()
    assert all(gate.admit(number / LETTERS_MAX) for number in range(LETTERS_MAX))  # all within a second
    assert not gate.admit(2)
    assert gate.closed(WITHIN_S - 0.001)
    assert not gate.closed(WITHIN_S)
    assert gate.admit(WITHIN_S)


def test_the_gate_stays_open_for_letters_that_come_slowly() -> None:
    gate = Gate()
    assert all(gate.admit(number * 1.01 * WITHIN_S / LETTERS_MAX) for number in range(5 * LETTERS_MAX))
