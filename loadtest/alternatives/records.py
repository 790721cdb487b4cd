"""Decoders of the two kinds of records, by msgspec, the fastest that Python has."""

import msgspec
from msgspec import Struct


class JsonRead(Struct, gc=False):
    """A read in a record of its own."""

    device: str
    chip: str
    at_us: int
    rssi: float | None = None


class PackedRead(Struct, array_like=True, gc=False):
    """A read in an envelope."""

    seq: int
    device: str
    chip: str
    at_us: int
    rssi: float | None = None
    antenna: int | None = None
    battery: float | None = None


class Reads(Struct, tag="reads_received", tag_field="type"):
    """The fact in an envelope."""

    reads: list[PackedRead]


class Envelope(Struct):
    """A record of reads as `race-log` has it."""

    facts: list[Reads]


read_of = msgspec.json.Decoder(JsonRead).decode
envelope_of = msgspec.msgpack.Decoder(Envelope).decode
