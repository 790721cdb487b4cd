"""Dead letters: the records of the topic `rejected`, JSON so that any Kafka tool shows them.

Nothing that arrives is lost. Input that could not be read or applied is kept here with its bytes, its origin and the
reason, so that a person can correct the cause and send it again.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from schemas.ids import REASON_CHARS

REJECTED_VERSION = 1
RAW_MAX_BYTES = 256 * 1024  # of one rejection; the longest frame of a reader. `size` shows how much is cut off.

_json = msgspec.json.Encoder()


class Rejection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter.

    `source` is the part that rejected it (`http`, `mylaps`, `scoring`, `projections`). `raw` holds its first bytes
    (base64 in JSON), and `size` is the number of all its bytes. `gateway` names the gateway that sent it, if any.
    `topic`, `partition` and `offset` are its position if it was read from Kafka; `index` is its place, from 0, within
    the request, message or record. `where` is the reader's name for its place if `raw` does not give it. `event` is ""
    for a record of `results`, which may be of several events. Its letter comes again until scoring has answered it, and
    then without `raw`.
    """

    v: int
    event: str
    source: str
    reason: str
    raw: bytes
    size: Annotated[int, Meta(ge=0)]
    gateway: str | None = None
    index: int | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    recorded_at_us: int | None = None
    where: str | None = None


_decoder = msgspec.json.Decoder(Rejection)


def encode_rejection(rejection: Rejection) -> bytes:
    """Return the bytes of a `rejected` record, one JSON object. A reason may quote megabytes, so it is shortened."""
    return _json.encode(replace(rejection, reason=rejection.reason[:REASON_CHARS]))


def decode_rejection(data: bytes) -> Rejection:
    """Return the dead letter in a record. Raises msgspec.DecodeError."""
    return _decoder.decode(data)
