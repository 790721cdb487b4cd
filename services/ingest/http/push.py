"""Turn the body of a request into rows of the log, and bad reads with their bytes and the reason.

The usual body has no fault and is decoded at once into typed rows. Only when that fails is each read decoded by itself,
to find the bad ones: a bad read must not cost a gateway the other 499.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import astuple

from schemas.definition_faults import not_a_field
from schemas.definition_shape import in_words
from schemas.events import ReadRow
from schemas.ids import LABEL_CHARS, DeviceId, GatewayId, InstantUs, Label, SessionId, label
from schemas.json_faults import json_fault
from services.ingest.errors import IngestError, shortened

READS_MAX = 10_000  # of one request: 20 envelopes; a gateway with more sends several requests
COMMAS_A_READ = 20  # on average; a body with more is not parsed read by read: it may hold millions of empty values
_TOO_MANY = f"a request takes at most {READS_MAX} reads; send several requests"

Measured = Annotated[float, Meta(ge=-1e9, le=1e9)]  # beyond what any reader measures; NaN is refused


class TooManyReads(IngestError):
    """More reads than a request takes. Raised before any of them is parsed, which is slow."""


class WireRead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A read as a gateway sends it, before its chip is normalised; fields in the order of `ReadRow`."""

    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    device: DeviceId
    chip: Label
    at_us: InstantUs
    rssi: Measured | None = None
    antenna: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    battery: Measured | None = None


class _Push(Struct, frozen=True, forbid_unknown_fields=True):
    gateway: GatewayId
    session: SessionId
    reads: list[WireRead]


class _RawPush(Struct, frozen=True, forbid_unknown_fields=True):
    gateway: GatewayId
    session: SessionId
    reads: list[Raw]


class _UncountedPush(Struct, frozen=True, forbid_unknown_fields=True):
    gateway: GatewayId
    session: SessionId
    reads: Raw


class _Sender(Struct, frozen=True):
    gateway: GatewayId
    session: SessionId


class BadRead(Struct, frozen=True):
    """A read that was refused: its index in the request, why, and its bytes."""

    index: int
    reason: str
    raw: bytes


class Push(Struct, frozen=True):
    """Reads that a gateway pushed: good rows in order, and the bad ones."""

    gateway: str
    session: str
    rows: list[ReadRow]
    bad: list[BadRead]


_json_push = msgspec.json.Decoder(_Push)
_json_raw = msgspec.json.Decoder(_RawPush)
_json_read = msgspec.json.Decoder(WireRead)
_pack_push = msgspec.msgpack.Decoder(_Push)
_pack_uncounted = msgspec.msgpack.Decoder(_UncountedPush)
_pack_raw = msgspec.msgpack.Decoder(_RawPush)
_pack_read = msgspec.msgpack.Decoder(WireRead)
_BLANK_LINE = b" \t\r"
_PUSH_FIELDS = {
    "gateway": "a text of 1 to 64 characters",
    "session": "a text of 1 to 128 characters",
    "reads": "a list of reads",
}
_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(WireRead)}


def body_fault(error: Exception, data: bytes) -> str:
    """Return why a body, of JSON or msgpack, is no push, in words."""
    text = str(error)
    if (field := re.search(r"missing required field `(\w+)`", text)) is not None:
        return f"{field[1]} is missing"
    if (field := re.search(r"unknown field `(.{1,64})`", text)) is not None:
        return f"{field[1]} {not_a_field(field[1], list(_PUSH_FIELDS))}"
    if (field := re.search(r"at `\$\.(\w+)`", text)) is not None:
        return f"{field[1]} is not {_PUSH_FIELDS.get(field[1], 'as it should be')}"
    if isinstance(error, msgspec.ValidationError):
        return "the body is not an object"
    return _encoding_fault(error, data)


def _encoding_fault(error: Exception, data: bytes) -> str:
    if "MessagePack" in str(error):
        return "it is not msgpack, or not complete"
    return json_fault(data, error)


def push_from_json(data: bytes) -> Push:
    """Return the reads of a JSON body. Raises TooManyReads, and msgspec.DecodeError (its text names the path) or
    UnicodeDecodeError for a body that is not JSON or names no gateway.
    """
    try:
        push = _json_push.decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError):
        if data.count(b",") > READS_MAX * COMMAS_A_READ:
            raise TooManyReads(_TOO_MANY) from None
        raw = _json_raw.decode(data)
        return _each(raw.gateway, raw.session, raw.reads, _json_read.decode, msgspec.json.decode)
    return _checked(push.gateway, push.session, push.reads)


def push_from_msgpack(data: bytes) -> Push:
    """Return the reads of a msgpack body, of the same shape as the JSON one. Raises as `push_from_json`."""
    try:
        push = _pack_push.decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError):
        if _pack_count(_pack_uncounted.decode(data).reads) > READS_MAX:
            raise TooManyReads(_TOO_MANY) from None
        raw = _pack_raw.decode(data)
        return _each(raw.gateway, raw.session, raw.reads, _pack_read.decode, msgspec.msgpack.decode)
    return _checked(push.gateway, push.session, push.reads)


def push_from_ndjson(data: bytes, gateway: str, session: str) -> Push:
    """Return reads, one in each line; `index` counts lines that are not blank.

    Raises TooManyReads, and msgspec.ValidationError for a bad gateway or session.
    """
    msgspec.convert({"gateway": gateway, "session": session}, _Sender)
    try:
        reads = _json_read.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if data.count(b"\n") > READS_MAX * COMMAS_A_READ:
            raise TooManyReads(_TOO_MANY) from None
        lines = [line for line in data.split(b"\n") if line.strip(_BLANK_LINE)]
        return _each(gateway, session, lines, _json_read.decode, msgspec.json.decode)
    return _checked(gateway, session, reads)


def _each(
    gateway: str,
    session: str,
    items: Sequence[bytes | Raw],
    decode: Callable[[bytes | Raw], WireRead],
    decode_any: Callable[[bytes | Raw], Any],
) -> Push:
    _check_count(items)
    good: list[ReadRow] = []
    bad: list[BadRead] = []
    for index, raw in enumerate(items):
        try:
            read = decode(raw)
            good.append(_row(read, label(read.chip, "chip")))
        except msgspec.ValidationError as error:
            bad.append(BadRead(index, shortened(_in_words(error, raw, decode_any)), bytes(raw)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            bad.append(BadRead(index, _encoding_fault(error, bytes(raw)), bytes(raw)))
        except ValueError as error:
            bad.append(BadRead(index, shortened(error), bytes(raw)))
    return Push(gateway, session, good, bad)


def _in_words(error: Exception, raw: bytes | Raw, decode_any: Callable[[bytes | Raw], Any]) -> Exception:
    """Return the faults of a read in words, field by field."""
    try:
        plain = decode_any(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as unreadable:
        return ValueError(_encoding_fault(unreadable, bytes(raw)))
    if not isinstance(plain, Mapping):
        return ValueError(f"this is not a read; a read is an object with {', '.join(_FIELDS)}")
    return ValueError("; ".join(_faults(plain)) or str(error))


def _faults(plain: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in plain.items():
        if name not in _FIELDS:
            yield f"{str(name)[:LABEL_CHARS]} {not_a_field(str(name)[:LABEL_CHARS], list(_FIELDS))}"
            continue
        try:
            msgspec.convert(value, _FIELDS[name].type)
        except msgspec.ValidationError as error:
            yield f"{name}: {in_words(value, _FIELDS[name].type, str(error))}"
    for name, field in _FIELDS.items():
        if field.required and name not in plain:
            yield f"{name} is missing"


def _checked(gateway: str, session: str, reads: list[WireRead]) -> Push:
    _check_count(reads)
    if _all_normal([read.chip for read in reads]):
        return Push(gateway, session, [ReadRow(*astuple(read)) for read in reads], [])
    good: list[ReadRow] = []
    bad: list[BadRead] = []
    for index, read in enumerate(reads):
        try:
            good.append(_row(read, label(read.chip, "chip")))
        except ValueError as error:
            bad.append(BadRead(index, shortened(error), msgspec.json.encode(read)))
    return Push(gateway, session, good, bad)


def _pack_count(array: bytes | Raw) -> int:
    """Return how many items a msgpack array has according to its head; 0 for anything else."""
    head = bytes(memoryview(array)[:5])
    if 0x90 <= head[0] <= 0x9F:
        return head[0] & 0x0F
    return int.from_bytes(head[1 : {0xDC: 3, 0xDD: 5}.get(head[0], 1)], "big")


def _check_count(reads: Sequence[object]) -> None:
    if len(reads) > READS_MAX:
        raise TooManyReads(_TOO_MANY)


def _all_normal(chips: list[str]) -> bool:
    """Return whether `label` would leave all of these unchanged, checked at once; false where in doubt."""
    longest = max(map(len, chips), default=0)
    text = "".join(chips)
    return longest <= LABEL_CHARS and text.isascii() and text.isprintable() and " " not in text and text == text.upper()


def _row(read: WireRead, chip: str) -> ReadRow:
    return ReadRow(read.seq, read.device, chip, read.at_us, read.rssi, read.antenna, read.battery)
