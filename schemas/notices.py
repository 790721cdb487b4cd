"""Records of the topic `standings`: each says that a revision of an event can be read now.

They are JSON, so that any Kafka tool shows them. They carry no results: clients query ClickHouse for those, so a lost
or repeated notice does no harm.
"""

import msgspec
from msgspec import Struct, field

NOTICE_VERSION = 1
NOTICE_BIBS_MAX = 1_000  # more change at once only after a gun or a definition, when clients read everything again


class RevisionNotice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The changes of a revision. `revision` is the event's last offset in `race-log` that it includes.

    `boards` are the boards, team boards and delegations whose rows changed. `bibs` are the athletes whose rows changed,
    None when there are more than NOTICE_BIBS_MAX. `accepted_us` is when ingest accepted the earliest fact of the
    revision, None where that is not known; `announced_at_us` is when the notice was written. Each is by its writer's
    clock. `results_only`: nothing changed but guns and athletes' results, neither a case nor anything else of the
    event, and no results are published. False where that is not known. `epoch` is that of the writer's lease: after a
    notice of a greater epoch, a smaller one is of a process that lost its lease. `taken_over`: the revision is of an
    earlier writer, and the notice only says that another process writes from now on.
    """

    v: int
    event: str
    revision: int
    announced_at_us: int
    accepted_us: int | None = None
    boards: list[str] = field(default_factory=list)
    bibs: list[str] | None = None
    results_only: bool = False
    epoch: int = 0
    taken_over: bool = False


_json = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RevisionNotice)


def encode_notice(notice: RevisionNotice) -> bytes:
    """Return the bytes of a `standings` record, one JSON object."""
    return _json.encode(notice)


def decode_notice(data: bytes | None) -> RevisionNotice:
    """Return the notice in a record. Raises msgspec.DecodeError."""
    try:
        return _decoder.decode(data or b"")
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec passes these on
        raise msgspec.DecodeError(str(error)) from None
