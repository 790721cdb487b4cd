"""Frames of AMB and MYLAPS P3, a binary protocol: their bounds, checksum and fields.

A frame is 0x8E, version, length, checksum, flags and kind of two bytes each, then fields of tag, length and value, and
0x8F; numbers have the lowest byte first. Inside, the bytes 0x8D to 0x8F are written as 0x8D and the byte plus 0x20.
Length and checksum are of the frame as it was before that, the checksum with itself as zero.

Source: vmindru/ambp3client, whose capture of 1,388 frames agrees with all of this.
"""

from collections.abc import Mapping

from msgspec import Struct

from services.ingest.decoders.messages import ConnectionFault

START, END, ESCAPE, SHIFT = 0x8E, 0x8F, 0x8D, 0x20
VERSION = 2
HEAD_BYTES = 10  # up to the first field
FRAME_MAX_BYTES = 2048  # escaped; the longest known have 60
NUMBER_MAX_BYTES = 8  # of times, the longest
PASSING, STATUS, RESEND, ERROR = 0x0001, 0x0002, 0x0004, 0xFFFF  # kinds
POLYNOMIAL, CRC_START = 0x1021, 0xFFFF


class Frame(Struct, frozen=True):
    """One frame: its kind and the values of its fields by tag."""

    kind: int
    fields: Mapping[int, bytes]

    def number(self, tag: int) -> int | None:
        """Return the number in a field, null without the field. Raises ValueError for one of over 8 bytes."""
        value = self.fields.get(tag)
        if value is not None and len(value) > NUMBER_MAX_BYTES:
            raise ValueError(f"field {tag:02x} has {len(value)} bytes; a number has up to {NUMBER_MAX_BYTES}")
        return None if value is None else int.from_bytes(value, "little")


class Frames:
    """Split the bytes of one connection into frames, and what is between them."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def waiting(self) -> int:
        """How many bytes of a frame wait for its end."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Return what is complete: frames with both bounds, and other bytes before them. Raises ConnectionFault."""
        pieces: list[bytes] = []
        for byte in data:
            if byte == START and self._rest:
                pieces.append(bytes(self._rest))
                self._rest.clear()
            self._rest.append(byte)
            if byte == END:
                pieces.append(bytes(self._rest))
                self._rest.clear()
            elif len(self._rest) > FRAME_MAX_BYTES:
                raise ConnectionFault(f"over {FRAME_MAX_BYTES} bytes came without the end of a frame")
        return pieces


def decode(piece: bytes) -> Frame:
    """Return the frame in a piece. Raises ValueError with the fault."""
    if len(piece) < 2 or piece[0] != START or piece[-1] != END:
        raise ValueError("not a frame of P3, which begins with 8E and ends with 8F")
    frame = bytes((START, *_unescaped(piece[1:-1]), END))
    if len(frame) < HEAD_BYTES + 1 or int.from_bytes(frame[2:4], "little") != len(frame):
        raise ValueError(f"the frame has {len(frame)} bytes, and says that it has {_two(frame[2:4])}")
    expected = crc16(frame[:4] + b"\0\0" + frame[6:])
    if _two(frame[4:6]) != expected:
        raise ValueError(f"checksum {_two(frame[4:6]):04x} is wrong; the frame's bytes give {expected:04x}")
    return Frame(_two(frame[8:10]), _fields(frame[HEAD_BYTES:-1]))


def encode(kind: int, fields: Mapping[int, bytes]) -> bytes:
    """Return the bytes of a frame."""
    body = b"".join(bytes((tag, len(value))) + value for tag, value in fields.items())
    length = HEAD_BYTES + len(body) + 1
    head = bytes((START, VERSION)) + length.to_bytes(2, "little")
    tail = b"\0\0" + kind.to_bytes(2, "little") + body
    checksum = crc16(head + b"\0\0" + tail + bytes((END,)))
    return bytes((START,)) + _escaped(head[1:] + checksum.to_bytes(2, "little") + tail) + bytes((END,))


def crc16(data: bytes) -> int:
    """Return the checksum of bytes. Each enters at the low end, unlike in the usual CRC of this polynomial."""
    crc = CRC_START
    for byte in data:
        crc = (_TABLE[crc >> 8] ^ (crc << 8) ^ byte) & 0xFFFF
    return crc


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ (POLYNOMIAL if crc & 0x8000 else 0)) & 0xFFFF
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def _two(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _unescaped(data: bytes) -> bytes:
    out = bytearray()
    escaped = False
    for byte in data:
        if escaped:
            if not ESCAPE <= byte - SHIFT <= END:
                raise ValueError(f"byte {byte:02x} cannot follow 8d")
            out.append(byte - SHIFT)
            escaped = False
        elif byte == ESCAPE:
            escaped = True
        else:
            out.append(byte)
    if escaped:
        raise ValueError("the frame ends within an escaped byte")
    return bytes(out)


def _escaped(data: bytes) -> bytes:
    out = bytearray()
    for byte in data:
        out += bytes((ESCAPE, byte + SHIFT)) if ESCAPE <= byte <= END else bytes((byte,))
    return bytes(out)


def _fields(body: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    start = 0
    while start < len(body):
        if start + 2 > len(body) or start + 2 + body[start + 1] > len(body):
            raise ValueError("a field is longer than the frame")
        tag, length = body[start], body[start + 1]
        fields[tag] = body[start + 2 : start + 2 + length]
        start += 2 + length
    return fields
