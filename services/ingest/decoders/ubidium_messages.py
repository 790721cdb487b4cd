"""The messages of a RACE RESULT Ubidium in protocol buffers, as far as they are needed: requests, passings, clocks.

Source: RACE RESULT, Ubidium SDK, its .proto files (as they are in CrossMgr, CrossMgrUbidium/UbidiumSDK/proto), for the
numbers and the meaning of fields; protobuf.dev, "Encoding", for the bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.ids import US

NOT_FOUND = 5  # code of an error: the passing that was asked for does not exist

Value = int | bytes
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
UINT32_MAX = 2**32 - 1
VARINT_BITS_MAX = 63  # ten bytes
FIXED = {FIXED64: 8, FIXED32: 4}


class PassingNumber(NamedTuple):
    """A passing file, and the number of a passing in it."""

    file: int
    number: int


class Passing(NamedTuple):
    """A passing. `at_us` null: it has no time. `order` is the set of a single-use tag, 0 for others.

    `loop` null: not of an active transponder. `rssi` is as the box reports it.
    """

    no: PassingNumber
    device: str
    code: str
    order: int
    at_us: int | None
    rssi: int
    loop: int | None
    is_active: bool
    is_marker: bool


class BoxError(NamedTuple):
    """An error that the box answers: its code and its text."""

    code: int
    text: str


class Status(NamedTuple):
    """What a status says of what is needed; null and empty where it says nothing."""

    at_us: int | None
    name: str


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Yield the fields of a message, each with its number. Raises ValueError for what is no message."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if kind == BYTES:
            size, position = _varint(data, position)
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise ValueError(f"a field has the unknown wire type {kind}")
        if position + size > len(data):
            raise ValueError("a field is longer than its message")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number and where it ends. Raises ValueError."""
    number = shift = 0
    while position < len(data) and shift <= VARINT_BITS_MAX:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return number, position
    raise ValueError("a number has no end")


def encoded(number: int, value: int | bytes) -> bytes:
    """Return a field: a number, or bytes such as those of a message."""
    if isinstance(value, int):
        return _encoded_varint(number << 3 | VARINT) + _encoded_varint(value)
    return _encoded_varint(number << 3 | BYTES) + _encoded_varint(len(value)) + value


def _encoded_varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)


# --- requests

UNTIL_STOPPED = encoded(4, 1)
FROM_NOW = encoded(1, encoded(1, 1) + UNTIL_STOPPED)
FROM_CURRENT_FILE = encoded(1, encoded(1, 2) + UNTIL_STOPPED)
FROM_FIRST_FILE = encoded(1, encoded(1, 3) + UNTIL_STOPPED)
"""Requests for passings: only new ones, from the beginning of the current file on, or of the first that there is."""


def from_passing(no: PassingNumber) -> bytes:
    """Return the request for passings from this one on, itself included."""
    return encoded(1, encoded(2, encoded(1, no.file) + encoded(2, no.number)) + UNTIL_STOPPED)


def status_every(seconds: int) -> bytes:
    """Return the request for a status now and then."""
    return encoded(1, encoded(1, 1) + encoded(2, encoded(1, seconds)))


# --- answers


def read_answer(data: bytes) -> Passing | BoxError | None:
    """Return what a message of the passing stream holds; null for a welcome. Raises ValueError."""
    for number, value in fields(data):
        if number == 1:
            return _error(_message(value))
        if number == 2:
            return read_passing(_message(value))
    return None


def read_passing(data: bytes) -> Passing:
    """Return a passing. Raises ValueError."""
    values = dict(fields(data))
    number = dict(fields(_message(values.get(2, b""))))
    source = dict(fields(_message(values.get(3, b""))))
    transponder = dict(fields(_message(values.get(4, b""))))
    passive = dict(fields(_message(transponder.get(2, b""))))
    active = dict(fields(_message(values.get(10, b""))))
    return Passing(
        no=PassingNumber(_uint32(number.get(1, 0)), _uint32(number.get(2, 0))),
        device=_text(source.get(2, b"")) or _text(source.get(1, b"")),
        code=_text(transponder.get(1, b"")),
        order=_uint32(passive.get(1, 0)),
        at_us=_instant_us(_message(values[5])) if 5 in values else None,
        rssi=_signed(_number(values.get(7, 0))),
        loop=_uint32(active[2]) if 2 in active else None,
        is_active=10 in values,
        is_marker=13 in values or 4 in transponder,
    )


def read_status(data: bytes) -> Status | BoxError | None:
    """Return what a message of the status stream holds. Raises ValueError."""
    for number, value in fields(data):
        if number == 1:
            return _error(_message(value))
        if number == 2:
            values = dict(fields(_message(value)))
            at_us = _instant_us(_message(values[1])) if 1 in values else None
            return Status(at_us, _text(values.get(3, b"")) or _text(values.get(2, b"")))
    return None


def _error(data: bytes) -> BoxError:
    values = dict(fields(data))
    return BoxError(_number(values.get(2, 0)), _text(values.get(1, b"")))


def _instant_us(data: bytes) -> int | None:
    """Return the instant of a `Time`; null without one."""
    values = dict(fields(data))
    if 1 not in values:
        return None
    stamp = dict(fields(_message(values[1])))
    return _signed(_number(stamp.get(1, 0)), 64) * US + _number(stamp.get(2, 0)) // 1_000


def _signed(number: int, bits: int = 64) -> int:
    """Return a number that may be negative: such ones are written with 64 bits."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


def _message(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field is a number where a message should be")
    return value


def _number(value: Value) -> int:
    if isinstance(value, bytes):
        raise ValueError("a field is no number")
    return value


def _uint32(value: Value) -> int:
    """Return a number of 32 bits. Raises ValueError for a longer one, which no box sends."""
    number = _number(value)
    if number > UINT32_MAX:
        raise ValueError(f"{number} has more than 32 bits")
    return number


def _text(value: Value) -> str:
    return _message(value).decode("utf-8", "replace")
