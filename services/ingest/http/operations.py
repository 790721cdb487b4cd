"""The operations of ingest, each with its bodies, answers and errors. `IngestApi.routes` gives each its handler."""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.definition import Definition
from schemas.events import Entry
from schemas.ids import GatewayId, SessionId, Slug
from services.entry_lists.entry_list import LineNote
from services.entry_lists.errors import ENTRIES_MAX
from services.entry_lists.row_changes import RowChange
from services.fact_effects.effects import Effect
from services.fact_effects.sent_kinds import SENT_FACTS
from services.ingest.http.file_imports import ImportAnswer
from services.ingest.http.push import READS_MAX, WireRead
from services.runtime.openapi import Service
from services.runtime.operations import JSON, Answer, Content, Operation, Parameter
from services.runtime.problem_runner import EVERYWHERE

EVENT = "/v1/events/{event}"

SERVICE = Service(
    title="Matline ingest",
    says=(
        "Reads of gateways, and definitions, entries and facts of officials. An answer comes once Kafka has"
        " acknowledged everything, never before, and a request that got no answer may be sent again unchanged. Bodies"
        " may be compressed: `Content-Encoding: gzip` or `zstd`. Without a token file only this machine may write."
    ),
    subjects={
        "gateways": "Reads.",
        "officials": "Definitions, entries and facts.",
        "operations": "For those who run the service.",
    },
    key=False,
    everywhere=EVERYWHERE,
)

RevisionOrNone = Annotated[int | None, Meta(description="The log offset of the last record written; null: none was.")]


class Push(Struct, kw_only=True):
    """Reads of one session of a gateway; `seq` ascends in it."""

    gateway: GatewayId
    session: SessionId
    reads: Annotated[list[WireRead], Meta(max_length=READS_MAX)]


class RejectedRead(Struct, kw_only=True):
    """A read that was not accepted, by its index in the request; it is kept as a dead letter."""

    index: int
    reason: str


class PushAnswer(Struct, kw_only=True):
    """How many reads were accepted. `next_seq` is one more than the highest `seq` of the session since the start."""

    accepted: int
    rejected: list[RejectedRead]
    next_seq: int
    revision: RevisionOrNone


class DefinitionAnswer(Struct, kw_only=True):
    """What the definition does, as any fact."""

    event: str
    revision: int
    effect: Effect
    why: str | None
    warnings: list[str]


class SentEffect(Struct, kw_only=True):
    """What a fact of the request does: why it is not applied at once, and what to look at."""

    index: int
    id: str | None
    effect: Effect
    why: str | None
    warnings: list[str]


class FactsAnswer(Struct, kw_only=True):
    """The log offset of the last record, and the effect of each fact."""

    revision: int
    facts: list[SentEffect]


class EntriesAnswer(Struct, kw_only=True):
    """What became of a list; of `rejected` and `warnings` 1,000 are listed at most, and the totals count all.

    `replaced` is null while ingest is still reading the log. A `fact_withdrawn` of `undo` takes the upload back. Only a
    dry run has `dry_run` and `rows`.
    """

    accepted: int
    replaced: int | None
    rejected: list[LineNote]
    rejected_total: int
    warnings: list[LineNote]
    warnings_total: int
    undo: str | None
    revision: RevisionOrNone
    dry_run: Literal[True] | UnsetType = UNSET
    rows: list[RowChange] | UnsetType = UNSET


_IN_EVENT = Parameter("event", "path", Slug, "The id of an event.")
_KEY = Parameter(
    "Idempotency-Key", "header", str, "A key of the request, printable ASCII: sent again with it, it counts once."
)
_CODING = Parameter("Content-Encoding", "header", Literal["gzip", "zstd", "identity"], "How the body is compressed.")
_PROBLEMS = {
    400: "Something is malformed; a body of reads that cannot be read is kept as a dead letter.",
    401: "The token is missing, unknown or revoked.",
    403: "The token is not for this event, gateway or kind of request; without tokens: not from this machine.",
    408: "The body came too slowly.",
    409: "The event is archived; only `event_reopened` is taken.",
    413: "Too large, or too many; `limit` says how many are taken.",
    415: "The content type or the content coding is not known.",
    429: "Too many requests: of this token, at once, or in all. With `Retry-After`.",
    500: "A bug; nothing of the request is acknowledged. Ingest's log shows the cause.",
    503: "Kafka does not answer, its disk is nearly full, or ingest is still reading the log. With `Retry-After`.",
}
_REFUSED = {422: "The definition is refused: `faults` names every fault by its `path`."}


def _answer(kind: type[Struct]) -> tuple[Answer, ...]:
    return (Answer(says="Kafka has acknowledged everything.", contents=(Content(JSON, "", (kind,)),)),)


READS = Operation(
    method="POST",
    path=f"{EVENT}/reads",
    name="pushReads",
    subject="gateways",
    title="Push reads",
    access="gateway",
    parameters=(
        _IN_EVENT,
        Parameter("gateway", "query", GatewayId, "The gateway, for a body of NDJSON."),
        Parameter("session", "query", SessionId, "The session, for a body of NDJSON."),
        _CODING,
    ),
    body=(
        Content(JSON, f"Up to {READS_MAX:,} reads and 4 MiB.", (Push,)),
        Content("application/x-ndjson", "A read (`WireRead`) in each line, with `gateway` and `session` in the query."),
        Content("application/msgpack", "The same form as the JSON."),
    ),
    answers=_answer(PushAnswer),
    problems=_PROBLEMS,
)
DEFINITION = Operation(
    method="PUT",
    path=f"{EVENT}/definition",
    name="putDefinition",
    subject="officials",
    title="Define an event, or replace its definition whole",
    access="official",
    parameters=(_IN_EVENT, _KEY, _CODING),
    body=(
        Content("application/toml", "A definition in TOML, up to 256 KiB."),
        Content(JSON, "A definition in JSON, up to 1 MiB.", (Definition,)),
    ),
    answers=_answer(DefinitionAnswer),
    problems={**_PROBLEMS, **_REFUSED},
)
ENTRIES = Operation(
    method="POST",
    path=f"{EVENT}/entries",
    name="addEntries",
    subject="officials",
    title="Add entries, or replace those of the same bibs",
    says=f"A list takes {ENTRIES_MAX:,} entries and 32 MiB.",
    access="official",
    parameters=(
        _IN_EVENT,
        Parameter("dry_run", "query", Literal["0", "1", "true", "false"], "With 1 nothing is written."),
        Parameter("repeat", "query", Literal["refuse", "last"], "Lines with the same bib or chip: `last` takes one."),
        Parameter("names", "query", Literal["family_first", "given_first"], "The order in full names."),
        _KEY,
        _CODING,
    ),
    body=(
        Content("text/csv", "A file with a header row, as spreadsheets write it."),
        Content("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "A workbook."),
        Content(JSON, "A list of entries.", (list[Entry],)),
    ),
    answers=_answer(EntriesAnswer),
    problems=_PROBLEMS,
)
FACTS = Operation(
    method="POST",
    path=f"{EVENT}/facts",
    name="sendFacts",
    subject="officials",
    title="Send facts of any kind but reads",
    access="official",
    parameters=(_IN_EVENT, _CODING),
    body=(Content(JSON, "One fact, or a list of up to 1,000.", SENT_FACTS),),
    answers=_answer(FactsAnswer),
    problems={
        **_PROBLEMS,
        **_REFUSED,
        400: "Malformed: `faults` names each fact with its `index` and the reason; nothing was written.",
        503: "Kafka does not answer, its disk is nearly full, or the definition that a time of day needs is not known"
        " yet. With `Retry-After`.",
    },
)
IMPORT = Operation(
    method="POST",
    path=f"{EVENT}/import",
    name="importFile",
    subject="gateways",
    title="Take the reads of a file out of a device's memory",
    says=(
        "The format is recognised. Reads that the log has already are not written again, so a file may be sent twice,"
        " and beside the live stream. A gateway's token or an official's."
    ),
    access="gateway",
    parameters=(
        _IN_EVENT,
        Parameter("dry_run", "query", Literal["0", "1", "true", "false"], "With 1 nothing is written."),
        Parameter("device", "query", list[str], "`F1`, for all reads, or `PLACE=F1` or `PLACE/ANTENNA=F1`; repeated."),
        Parameter("zone", "query", str, "The zone of the device's clock, by default the event's."),
        Parameter("day", "query", date, "The day of the first read, where times have no date; by default the event's."),
        Parameter("began", "query", str, "The date and time at which a clock that was never set stood at zero."),
        Parameter("shift", "query", str, "Added to every time: seconds, or hours such as `-01:00:00`."),
        Parameter("column", "query", list[str], "`chip=Tag` or `time=3`: columns of a table; repeated."),
        Parameter("gateway", "query", GatewayId, "What the log calls the sender, by default `import`."),
        _CODING,
    ),
    body=(Content("application/octet-stream", "The file as it is, up to 32 MiB."),),
    answers=_answer(ImportAnswer),
    problems={
        **{status: says for status, says in _PROBLEMS.items() if status != 415},
        400: (
            "The file is of no known format or has more than 500,000 reads, or a parameter is wrong or missing; nothing"
            " was written."
        ),
        415: "The content coding is not known.",
        422: "Places of the file are no devices of the event; nothing was written.",
    },
)


def _upload(word: str, name: str, title: str, body: Content, *more: Parameter) -> Operation:
    """Return the operation of readers that post to `word` in the path and send no token."""
    return Operation(
        method="POST",
        path=f"{EVENT}/{word}/{{gateway}}",
        name=name,
        subject="gateways",
        title=title,
        says="The source in `matline.toml` decides who may post: by the address, or by `user`.",
        access="anybody",
        parameters=(
            _IN_EVENT,
            Parameter("gateway", "path", str, "The gateway of the source."),
            Parameter("user", "query", str, "The secret of the source, if it has one."),
            Parameter("device", "query", str, "The reader's name for itself."),
            *more,
        ),
        body=(body,),
        answers=(Answer(says="The log has all of it.", contents=(Content("text/plain", "`OK`"),)),),
        problems={status: says for status, says in _PROBLEMS.items() if status not in (401, 409, 415)}
        | {
            400: "The body cannot be read and is too large for a dead letter; nothing of it was taken.",
            403: "No source takes posts from there.",
        },
    )


_EVENTS = "Events as the reader sends them: a list, one, or one a line; up to 1 MiB."
UPLOADS = {
    "raceresult_http": _upload(
        "raceresult",
        "uploadPassings",
        "Take passings of a RACE RESULT decoder or Track Box, which sends no token",
        Content("text/plain", "Passings, one a line, up to 1 MiB."),
        Parameter("custId", "query", str, "A Track Box's word for `user`."),
        Parameter("boxId", "query", str, "A Track Box's word for `device`."),
        Parameter("boxTime", "query", str, "A Track Box's date and time, from which its passings count back."),
    ),
    "impinj": _upload(
        "impinj",
        "postImpinjEvents",
        "Take events of an Impinj reader, which sends no token",
        Content(JSON, _EVENTS),
    ),
    "zebra": _upload(
        "zebra",
        "postZebraEvents",
        "Take events of a Zebra reader, which sends no token",
        Content(JSON, _EVENTS),
    ),
}
"""The operations of readers that post, by protocol."""
