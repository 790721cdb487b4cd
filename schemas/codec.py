"""The only place that turns bytes into facts and back: JSON for people and gateways, msgpack for Kafka."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas.events import Fact, LoggedFact, Read, ReadRow, ReadsLogged, ReadsReceived
from schemas.results import Frame, Offset
from schemas.topics import ENVELOPE_VERSION, FRAME_VERSION


class UnknownVersion(Exception):
    """A newer release wrote the record. Nothing is wrong with it; this service needs an upgrade."""


class UnreadableRecord(Exception):
    """A record's bytes are not an envelope or frame; the message says why, and where in the record."""


class Envelope(Struct, frozen=True):
    """A record of `race-log`: facts of one event, in order."""

    v: int
    event: str
    facts: list[LoggedFact]


class FactHead(Struct, frozen=True):
    """What is read of a fact without decoding it: its kind, and its id if it has one."""

    type: str
    id: str | None = None


class EnvelopeHead(Struct, frozen=True):
    """What is read of an envelope without decoding its facts."""

    v: int
    event: str
    facts: list[FactHead]


class _Version(Struct):
    v: int


class LogLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of an exported log."""

    offset: Offset
    fact: msgspec.Raw


_Record = TypeVar("_Record", Envelope, EnvelopeHead, Frame)
_fact_decoder = msgspec.json.Decoder(Fact)
_line_decoder = msgspec.json.Decoder(LogLine)
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)
_head_decoder = msgspec.msgpack.Decoder(EnvelopeHead)
_frame_decoder = msgspec.msgpack.Decoder(Frame)
_packer = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
# msgspec passes these on: text that is not UTF-8, and nesting that is too deep.
_UNREADABLE = (UnicodeDecodeError, RecursionError)


def fact_from_json(data: bytes | str) -> Fact:
    """Return the fact in one JSON object. Raises msgspec.ValidationError or DecodeError, which name the path."""
    try:
        fact: Fact = _fact_decoder.decode(data)
    except _UNREADABLE as error:
        raise msgspec.DecodeError(str(error)) from None
    return fact


def line_from_json(data: bytes | str) -> tuple[int | None, Fact]:
    """Return the offset, if any, and the fact in a line of a log: a bare fact, or `{"offset", "fact"}`."""
    if b'"offset"' in (data if isinstance(data, bytes) else data.encode()):
        try:
            line = _line_decoder.decode(data)
        except msgspec.ValidationError:
            return None, fact_from_json(data)
        except _UNREADABLE as error:
            raise msgspec.DecodeError(str(error)) from None
        return line.offset, fact_from_json(bytes(line.fact))
    return None, fact_from_json(data)


def logged(fact: Fact) -> LoggedFact:
    """Return the same fact with its reads as arrays, as Kafka carries them."""
    if not isinstance(fact, ReadsReceived):
        return fact
    return ReadsLogged(
        event=fact.event,
        id=fact.id,
        by=fact.by,
        recorded_at_us=fact.recorded_at_us,
        gateway=fact.gateway,
        session=fact.session,
        reads=[row_of(read) for read in fact.reads],
    )


def row_of(read: Read) -> ReadRow:
    """Return a checked read as an array."""
    return ReadRow(read.seq, read.device, read.chip, read.at_us, read.rssi, read.antenna, read.battery)


def to_json(fact: LoggedFact | Fact) -> bytes:
    """Return a fact as one line of JSON, with reads as objects; the inverse of `fact_from_json`."""
    if not isinstance(fact, ReadsLogged):
        return _json.encode(fact)
    reads = [
        Read(seq=r.seq, device=r.device, chip=r.chip, at_us=r.at_us, rssi=r.rssi, antenna=r.antenna, battery=r.battery)
        for r in fact.reads
    ]
    return _json.encode(
        ReadsReceived(
            event=fact.event,
            id=fact.id,
            by=fact.by,
            recorded_at_us=fact.recorded_at_us,
            gateway=fact.gateway,
            session=fact.session,
            reads=reads,
        )
    )


def encode_envelope(event: str, facts: list[LoggedFact]) -> bytes:
    """Return the bytes of a `race-log` record, of the lowest version that holds all of its facts.

    A scorer of the previous release can then go on until it meets a kind of fact that it does not know.
    """
    return _packer.encode(Envelope(max((fact.envelope_version() for fact in facts), default=1), event, facts))


def pack(fact: LoggedFact) -> msgspec.Raw:
    """Return a fact's encoded part of an envelope. Its size decides which envelope the fact goes into."""
    return msgspec.Raw(_packer.encode(fact))


def encode_packed(event: str, facts: list[msgspec.Raw], version: int) -> bytes:
    """Return the bytes of a `race-log` record of packed facts, the same bytes as `encode_envelope` of the facts.

    `version` is the highest `envelope_version` of the facts.
    """
    return _packer.encode({"v": version, "event": event, "facts": facts})


def decode_envelope(data: bytes | None) -> Envelope:
    """Return the envelope in a `race-log` record.

    Raises UnknownVersion for a record of a newer release, UnreadableRecord for any other that cannot be read.
    """
    return _decode(_envelope_decoder, data, ENVELOPE_VERSION)


def envelope_head(data: bytes | None) -> EnvelopeHead:
    """Return the head of a `race-log` record, in a tenth of the time that a record of reads takes to decode.

    Raises the same errors as `decode_envelope`, but does not notice faults within facts.
    """
    return _decode(_head_decoder, data, ENVELOPE_VERSION)


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of a `results` record."""
    return _packer.encode(frame)


def decode_frame(data: bytes | None) -> Frame:
    """Return the frame in a `results` record. Raises the same errors as `decode_envelope`."""
    return _decode(_frame_decoder, data, FRAME_VERSION)


def _decode(decoder: msgspec.msgpack.Decoder[_Record], data: bytes | None, known: int) -> _Record:
    if data is None:  # a tombstone, which any Kafka client can write
        raise UnreadableRecord("the record has no value")
    try:
        record = decoder.decode(data)
    except (msgspec.DecodeError, *_UNREADABLE) as error:
        if _version_of(data) > known:
            raise UnknownVersion(f"record of version {_version_of(data)}; this release reads up to {known}") from None
        raise UnreadableRecord(str(error)) from None
    if record.v > known:
        raise UnknownVersion(f"record of version {record.v}; this release reads up to {known}")
    return record


def _version_of(data: bytes) -> int:
    try:
        return msgspec.msgpack.decode(data, type=_Version).v
    except (msgspec.DecodeError, *_UNREADABLE):
        return 0
