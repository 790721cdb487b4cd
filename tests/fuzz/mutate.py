"""Bytes that nobody would send, made from bytes that somebody does, by dice alone: an equal seed gives equal bytes."""

import re
from random import Random

NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"2147483648", b"9999999999", b"999999999999", b"1" + b"0" * 40)
LETTERS = (b"\0", b"\xff", b"\x80", b"\xc4\x90", b"\xe1\xba\xbf", b"\xed\xa0\x80", b"\xb2", b"\x1b[", b" ", b"'\"\\")
BIG_BYTES = (5_000, 17_000, 70_000, 270_000)  # beyond each bound of a line or frame
BIG_ONCE_IN = 2_000

_DIGITS = re.compile(rb"\d+")


def mutated(dice: Random, vectors: tuple[bytes, ...], tokens: tuple[bytes, ...]) -> bytes:
    """One to eight vectors one after another, damaged up to six times."""
    data = b"".join(dice.choices(vectors, k=dice.choice((1, 1, 1, 2, 2, 3, 8))))
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 6))):
        data = _damaged(dice, data, vectors, tokens)
    if dice.random() * BIG_ONCE_IN < 1:
        data = _swollen(dice, data, vectors, tokens)
    return data


def portions(dice: Random, data: bytes) -> list[bytes]:
    """The bytes cut as a network might: whole, at a few places, or byte by byte (which takes long, so short ones)."""
    how = dice.random()
    if how < 0.5 or len(data) < 2:
        return [data]
    if how < 0.95 or len(data) > 300:
        cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randint(1, 5)))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return [data[index : index + 1] for index in range(len(data))]


def _damaged(dice: Random, data: bytes, vectors: tuple[bytes, ...], tokens: tuple[bytes, ...]) -> bytes:
    start, end = sorted((dice.randrange(len(data) + 1), dice.randrange(len(data) + 1)))
    kind = dice.randrange(11)
    if kind == 0 and data:  # a bit
        place = dice.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
    if kind == 1 and data:  # a byte
        place = dice.randrange(len(data))
        return data[:place] + bytes([dice.randrange(256)]) + data[place + 1 :]
    if kind == 2:  # the end is missing, or the beginning
        return data[:end] if dice.random() < 0.5 else data[start:]
    if kind == 3:  # something is missing inside
        return data[:start] + data[end:]
    if kind == 4:  # something comes twice
        return data[:end] + data[start:end] + data[end:]
    if kind == 5:  # two spliced
        return data[:start] + dice.choice(vectors)[dice.randrange(12) :]
    if kind == 6:  # a delimiter, again and again
        return data[:start] + dice.choice(tokens) * dice.choice((1, 1, 2, 3, 50)) + data[start:]
    if kind == 7:  # a delimiter for another
        return data.replace(dice.choice(tokens), dice.choice(tokens), dice.choice((1, 1, -1)))
    if kind == 8 and (numbers := list(_DIGITS.finditer(data))):  # a number that nobody expects
        number = dice.choice(numbers)
        return data[: number.start()] + dice.choice(NUMBERS) + data[number.end() :]
    if kind == 9:  # a letter that nobody expects
        return data[:start] + dice.choice(LETTERS) + data[start:]
    return data[:start] + dice.randbytes(end - start) + data[end:] if end - start < 16 else data


def _swollen(dice: Random, data: bytes, vectors: tuple[bytes, ...], tokens: tuple[bytes, ...]) -> bytes:
    """Far too much of something: of a delimiter, of a whole message, of one letter."""
    unit = dice.choice((dice.choice(tokens), dice.choice(vectors), b"x", b"\0", dice.choice(tokens) + b"1"))
    place = dice.randrange(len(data) + 1)
    return data[:place] + unit * (dice.choice(BIG_BYTES) // len(unit)) + data[place:]
