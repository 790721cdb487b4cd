"""A record of the topic `standings`: a revision of an event can be read now. JSON, so that any Kafka tool shows it.

It carries no result. Its readers query ClickHouse, so that a lost or doubled notice does no harm.
"""

import msgspec
from msgspec import Struct, field

NOTICE_VERSION = 1
NOTICE_BIBS_MAX = 1_000  # more have changed at once only after a gun or a definition; a list would help nobody


class RevisionNotice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The changes of a revision. `revision` is the event's last offset in `race-log` that it includes.

    `boards` are the boards, team boards and delegations whose rows changed; `bibs` the athletes whose rows did, None
    when they are more than NOTICE_BIBS_MAX. `accepted_us` is when ingest took the earliest fact behind it, None where
    that is not known, `announced_at_us` when this was written, both by the writers' clocks.
    """

    v: int
    event: str
    revision: int
    announced_at_us: int
    accepted_us: int | None = None
    boards: list[str] = field(default_factory=list)
    bibs: list[str] | None = None


_json = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RevisionNotice)


def encode_notice(notice: RevisionNotice) -> bytes:
    """Return the bytes of a `standings` record, one JSON object."""
    return _json.encode(notice)


def decode_notice(data: bytes) -> RevisionNotice:
    """Return the notice in a record. Raises msgspec.DecodeError."""
    return _decoder.decode(data)
