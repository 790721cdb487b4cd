"""What live and the process that works out previews say to each other: a length, then msgpack, on pipes.

Live sends a `PreviewRequest`. The process asks `Question`s, each of which live answers with its value, until it has an
`Outcome`.
"""

from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

LENGTH_BYTES = 4  # of a message, before it

_packer = msgspec.msgpack.Encoder()


class PreviewRequest(Struct, frozen=True, array_like=True):
    """A request's body, and the revision of the event that it is about."""

    event: str
    revision: int
    body: bytes


class Question(Struct, frozen=True, array_like=True, tag=True):
    """A method of `Source`, and its arguments."""

    method: str
    arguments: list[Any]


class Outcome(Struct, frozen=True, array_like=True, tag=True):
    """The answer to a request: a body as JSON with status 200, else the title, text and members of a problem."""

    status: int
    body: bytes = b""
    title: str = ""
    detail: str = ""
    members: dict[str, Any] = {}


said = msgspec.msgpack.Decoder(Question | Outcome)
"""Decodes what the process says."""


def packed(message: Any) -> bytes:
    """Return a message with its length before it."""
    data = _packer.encode(message)
    return len(data).to_bytes(LENGTH_BYTES) + data


def read_message(pipe: BinaryIO) -> bytes | None:
    """Return the next message of a pipe, or None at its end."""
    length = pipe.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    data = pipe.read(int.from_bytes(length))
    return data if len(data) == int.from_bytes(length) else None
