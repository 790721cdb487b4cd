"""Ingest's HTTP API: gateways' reads, the race office's definitions and entries, officials' facts.

Bodies are bounded and decoded here, their facts go to the log, and a request is answered once Kafka has acknowledged
all of them. Source: docs/http.md.
"""

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from schemas.definition import Definition
from schemas.events import EntriesAdded, EventDefined, GunFired, LoggedFact, RaceClosed, RaceReopened, Ruling
from schemas.ids import FACT_ID_CHARS, Slug
from services.entry_lists.entry_list import EntryList
from services.fact_effects.effects import FactEffect
from services.fact_effects.request_problem import FACTS_REFUSED, problem_of
from services.fact_effects.sent_facts import MalformedFacts, facts_from_body
from services.ingest.errors import Archived, NotKnown, Overloaded, Refused, TooLarge, Unavailable
from services.ingest.facts import entries_facts, reads_facts, request_rejection
from services.ingest.http import operations
from services.ingest.http.access import Access, check_gateway
from services.ingest.http.body import decompress, decompresses_beyond, too_large
from services.ingest.http.definitions import checked_definition
from services.ingest.http.entries import (
    NO_DEFINITION,
    REPEATED,
    TAKEN_BACK,
    ListChanges,
    answer,
    changes_of,
    check_no_parameter,
    entry_list_of,
    options_of,
    unknown_changes,
)
from services.ingest.http.file_imports import FILE_MAX_BYTES, FileImports, import_options
from services.ingest.http.push import (
    READS_MAX,
    Push,
    TooManyReads,
    body_fault,
    push_from_json,
    push_from_msgpack,
    push_from_ndjson,
)
from services.ingest.http.sessions import Sessions
from services.ingest.limits import IngestLimits
from services.ingest.log_follower import LogFollower
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.runtime.operations import Handler, OperationRoute
from services.runtime.problem import problem
from services.runtime.rate_limit import RateLimiter
from services.runtime.refused_senders import RefusedSenders
from services.runtime.request_body import BodyTooLarge, BodyTooSlow, received
from services.runtime.tokens import ANY, Token

BODY_MAX_BYTES = 4 * 1024 * 1024  # of reads, facts and definitions, decompressed
LARGE_BYTES = 256 * 1024  # of a body, both compressed and decompressed; a request of 1,000 reads is smaller
LARGE_BYTES_A_SECOND = 32 * 1024 * 1024  # of all larger bodies together: the longest entry list takes a second
DECOMPRESSED_AT_ONCE = 2  # in threads; more would only take processor time from other requests
DECOMPRESS_INLINE_MAX_BYTES = (
    64 * 1024
)  # a larger compressed body is decompressed in a thread; so is one that becomes large decompressed
LISTS_READ_AT_ONCE = 1  # in a thread; a workbook takes seconds of processor time, which gateways need too
DEFINITION_MAX_BYTES = 1024 * 1024  # the largest real ones are 50 KB
ENTRIES_BODY_MAX_BYTES = 32 * 1024 * 1024  # the largest marathons have 60,000 entries of some 300 bytes
REQUESTS_MAX = 256  # worked on at once: bounds the bodies in memory (256 x 4 MiB, seldom near it)
BAD_LISTED_MAX = 1_000  # rejected reads listed in an answer; every one of them is a dead letter

UNSPECIFIC = (
    "",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain",
)  # the defaults of curl and others
JSON = ("application/json",)
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
MSGPACK = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")
CSV = ("text/csv", "application/csv")
XLSX = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",)
TOML = ("application/toml", "text/toml", "text/x-toml", "application/x-toml")

log = logging.getLogger(__name__)


class _Path(Struct):
    event: Slug


class IngestApi:
    """The request handlers, with the state that they share."""

    def __init__(
        self,
        race_log: Log,
        follower: LogFollower,
        metrics: IngestMetrics,
        now_us: Callable[[], int],
        access: Access,
        limits: IngestLimits | None = None,
    ) -> None:
        self._log = race_log
        self._follower = follower
        self._access = access
        self._metrics = metrics
        self._now_us = now_us
        self._limits = limits or IngestLimits()
        self._sessions = Sessions()
        self._imports = FileImports(race_log, follower, self._limits, self._count)
        self._refused = RefusedSenders()
        self._in_flight = 0
        self._large = RateLimiter(LARGE_BYTES_A_SECOND, LARGE_BYTES_A_SECOND / 4)
        self._reading_list = asyncio.Semaphore(LISTS_READ_AT_ONCE)
        self._decompressing = asyncio.Semaphore(DECOMPRESSED_AT_ONCE)

    def routes(self) -> list[OperationRoute]:
        """Return the routes of ingest, as docs/http.md lists them."""
        handlers = [
            (operations.READS, "reads", self._reads),
            (operations.DEFINITION, "definition", self._definition),
            (operations.ENTRIES, "entries", self._entries),
            (operations.FACTS, "facts", self._facts),
            (operations.IMPORT, "import", self._import),
        ]
        return [
            OperationRoute(operation, self._counted_handler(name, handler)) for operation, name, handler in handlers
        ]

    def _counted_handler(self, route: str, handler: Handler) -> Handler:
        """Return the handler with its errors turned into problem answers, and its requests counted and limited."""

        async def answer(request: web.Request) -> web.StreamResponse:
            began = time.monotonic()
            if self._in_flight >= REQUESTS_MAX:
                response: web.StreamResponse = problem(
                    429,
                    "Too many requests",
                    f"ingest is working on {REQUESTS_MAX} requests already; send it again a little later",
                    retry=True,
                )
                response.force_close()  # its body was not read
            else:
                self._in_flight += 1
                self._metrics.in_flight.set(self._in_flight)
                try:
                    response = await self._answered(handler, request)
                finally:
                    self._in_flight -= 1
                    self._metrics.in_flight.set(self._in_flight)
            self._metrics.requests.labels(route, response.status).inc()
            self._metrics.request_s.labels(route).observe(time.monotonic() - began)
            return response

        return answer

    async def _answered(self, handler: Handler, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            response = problem(refused.status, refused.title, str(refused), **refused.members)
            if refused.status == 401:
                response.headers["WWW-Authenticate"] = 'Bearer realm="matline"'
                self._metrics.unauthorized.inc()
                self._refused.note(request.remote, request.match_info["event"][:64], str(refused))
            return response
        except TooLarge as error:
            return problem(413, "Fact too large", f"{error}; split it, and send entries to /entries")
        except Overloaded as error:
            return problem(429, "Too fast", str(error), retry=True)
        except Archived as error:
            return problem(409, error.title, str(error))
        except Unavailable as error:
            return problem(503, error.title, str(error), retry=True)

    async def _body(self, request: web.Request, holder: Token, limit: int) -> bytes:
        if request.content_length is not None and request.content_length > limit:
            raise too_large(limit)
        coding = request.headers.get("Content-Encoding", "").strip().lower()
        with self._access.sending(holder):
            data = await self._received(request, limit)
            self._access.check_still(holder)
            self._metrics.bytes_in.labels("http").inc(len(data))
            if not coding or (
                len(data) <= DECOMPRESS_INLINE_MAX_BYTES and not decompresses_beyond(LARGE_BYTES, data, coding)
            ):
                return decompress(data, coding, limit)
            return await self._decompressed_in_thread(data, coding, limit)

    async def _decompressed_in_thread(self, data: bytes, coding: str, limit: int) -> bytes:
        """Return a large body decompressed. Raises as `decompress`; a body that is refused counts with its limit."""
        size = limit
        try:
            async with self._decompressing:
                body = await asyncio.to_thread(decompress, data, coding, limit)
            size = len(body)
        finally:
            await asyncio.sleep(self._large.take(size))
        return body

    async def _received(self, request: web.Request, limit: int) -> bytes:
        """Return a body as it was sent. Raises Refused: 413 over `limit` bytes, 408 when it comes too slowly."""
        wait_s, grace_s = self._limits.body_wait_s, self._limits.body_grace_s
        try:
            return await received(request.content, limit, wait_s, grace_s=grace_s, pause_s=self._pause_s)
        except BodyTooLarge:
            raise too_large(limit) from None
        except BodyTooSlow:
            raise Refused(
                408,
                "Body too slow",
                f"the body did not arrive within {wait_s:g} s, or stalled; put less into each request",
            ) from None

    def _pause_s(self, size: int, added: int) -> float:
        """Return how long a body has to wait that is large, since all large ones share a rate."""
        return self._large.take(added) if size > LARGE_BYTES else 0.0

    # --- reads

    async def _reads(self, request: web.Request) -> web.StreamResponse:
        event = _event(request)
        holder = self._access.gateway(request, event)
        data = await self._body(request, holder, BODY_MAX_BYTES)
        at_us = self._now_us()
        try:
            push = _push(request, data)
        except TooManyReads as error:
            raise Refused(413, "Too many reads", str(error), limit=READS_MAX) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            await self._log.put_dead_letters(
                [request_rejection(event, body_fault(error, data), data, at_us)], self._limits.ack_wait_s
            )
            self._metrics.rejected.labels("http", "body").inc()
            self._metrics.gateways.add_rejected(event, _likely_gateway(holder), "http", 1)
            raise Refused(
                400, "Malformed reads", f"{body_fault(error, data)}; send an object of gateway, session and reads"
            ) from None
        check_gateway(holder, push.gateway)
        revision = await self._write_reads(event, push, at_us)
        progress = self._sessions.advance(event, push.gateway, push.session, push.rows)
        self._metrics.reads.labels("http").inc(len(push.rows))
        self._metrics.repeated.inc(progress.repeated)
        gateways, missing = self._metrics.gateways, self._sessions.missing(event, push.gateway)
        gateways.add_reads(event, push.gateway, "http", len(push.rows))
        gateways.set_missing(event, push.gateway, "http", missing)
        bad = [{"index": read.index, "reason": read.reason} for read in push.bad[:BAD_LISTED_MAX]]
        return _json({"accepted": len(push.rows), "rejected": bad, "next_seq": progress.next_seq, "revision": revision})

    async def _write_reads(self, event: str, push: Push, at_us: int) -> int | None:
        """Write bad reads as dead letters and good ones to the log.

        Return the offset of the last record, null when no read was good.
        """
        if push.bad:  # first: otherwise a sender that is halted for these would write the good ones again and again
            dead_letters = [
                request_rejection(event, bad.reason, bad.raw, at_us, push.gateway, bad.index) for bad in push.bad
            ]
            await self._log.put_dead_letters(dead_letters, self._limits.ack_wait_s)
            self._metrics.rejected.labels("http", "read").inc(len(dead_letters))
            self._metrics.gateways.add_rejected(event, push.gateway, "http", len(dead_letters))
        if not push.rows:
            return None
        facts = reads_facts(event, push.gateway, push.session, push.rows, at_us)
        return await self._log.append(event, facts, self._limits.ack_wait_s)

    async def _import(self, request: web.Request) -> web.StreamResponse:
        event = _event(request)
        holder = self._access.importer(request, event)
        options = import_options(list(request.query.items()))
        if holder.role == "gateway":
            check_gateway(holder, options.gateway)
        data = await self._body(request, holder, FILE_MAX_BYTES)
        answer = await self._imports.take(event, data, options, self._now_us())
        self._metrics.reads.labels("import").inc(answer.written)
        self._metrics.gateways.add_reads(event, options.gateway, "import", answer.written)
        if not options.dry_run:
            about = {"event": event, "gateway": options.gateway, "revision": answer.revision}
            log.info(
                "%s imported %d of %d reads: %s", holder.name, answer.written, answer.reads, answer.title, extra=about
            )
        return _json(answer)

    # --- definition

    async def _definition(self, request: web.Request) -> web.StreamResponse:
        event = _event(request)
        official = self._access.official(request, event)
        check_no_parameter(request.query, "a definition")
        data = await self._body(request, official, DEFINITION_MAX_BYTES)
        kind = _content_type(request, JSON + TOML)
        is_json = kind in JSON or (kind not in TOML and data.lstrip()[:1] == b"{")
        plain = await asyncio.to_thread(checked_definition, data, is_json, event)
        fact = EventDefined(
            event=event, id=_request_id(request), by=official.name, recorded_at_us=self._now_us(), definition=plain
        )
        revision, (effect,) = await self._write_facts(event, [fact])
        return _json({"event": event, "revision": revision, **msgspec.to_builtins(effect)})

    # --- entries

    async def _entries(self, request: web.Request) -> web.StreamResponse:
        event = _event(request)
        official = self._access.official(request, event)
        options = options_of(request.query)
        data = await self._body(request, official, ENTRIES_BODY_MAX_BYTES)
        kind = _content_type(request, JSON + CSV + XLSX)
        is_json = kind in JSON or (kind in UNSPECIFIC and data.lstrip()[:1] in (b"[", b"{"))
        definition, notes = await self._definition_for_list(event)
        async with self._reading_list:
            entry_list = await asyncio.to_thread(entry_list_of, data, is_json, definition, options, self._now_us())
        changed = await self._changes(event, entry_list)
        if options.dry_run or not entry_list.listed:
            return _json(answer(entry_list, changed, notes, options, None, None))
        upload = _request_id(request) or f"entries-{uuid.uuid4().hex}"
        stamp = EntriesAdded(event=event, id=upload, by=official.name, recorded_at_us=self._now_us(), entries=[])
        facts = await asyncio.to_thread(entries_facts, stamp, entry_list.entries())
        revision, effects = await self._write_facts(event, facts)
        if any(effect.effect == "repeated" for effect in effects):
            notes.append(await self._on_repeat(event, facts[0]))
        return _json(answer(entry_list, changed, notes, options, upload, revision))

    async def _on_repeat(self, event: str, fact: EntriesAdded) -> str:
        """Return what became of the list whose key came again; `fact` is the first of the new one."""
        try:
            is_withdrawn = await self._follower.ask(event, lambda known: known.is_withdrawn(fact))
        except NotKnown:
            return REPEATED
        return TAKEN_BACK if is_withdrawn else REPEATED

    async def _definition_for_list(self, event: str) -> tuple[Definition | None, list[str]]:
        """Return the event's definition, or None and a warning that says why it is not known."""
        try:
            definition = await self._follower.definition_of(event)
        except NotKnown as error:
            return None, [f"{error}; until then races are taken as they stand, unchecked"]
        return definition, [] if definition is not None else [NO_DEFINITION]

    async def _changes(self, event: str, entry_list: EntryList) -> ListChanges:
        try:
            return await self._follower.ask(event, lambda known: changes_of(known, entry_list))
        except NotKnown:
            return unknown_changes(entry_list)

    # --- facts

    async def _facts(self, request: web.Request) -> web.StreamResponse:
        event = _event(request)
        official = self._access.official(request, event)
        check_no_parameter(request.query, "facts")
        data = await self._body(request, official, BODY_MAX_BYTES)
        _content_type(request, JSON)
        facts = await self._facts_from(data, event)
        at_us = self._now_us()
        stamped = [replace(fact, by=official.name, recorded_at_us=at_us) for fact in facts]
        revision, effects = await self._write_facts(event, stamped)
        answers = [
            {"index": index, "id": fact.id, **msgspec.to_builtins(effect)}
            for index, (fact, effect) in enumerate(zip(stamped, effects, strict=True))
        ]
        return _json({"revision": revision, "facts": answers})

    async def _facts_from(self, data: bytes, event: str) -> list[Ruling]:
        """Return the facts of a body. Raises Refused."""
        try:
            definition, unknown = await self._follower.definition_of(event), None
        except (NotKnown, Archived) as error:  # a reopening needs no definition
            definition, unknown = None, str(error)
        return _checked_facts(data, event, definition, unknown)

    async def _write_facts(self, event: str, facts: Sequence[LoggedFact]) -> tuple[int, list[FactEffect]]:
        """Write officials' facts. Return the offset of the last record, and the effect of each fact."""
        with self._follower.watching(event, facts) as watch:
            revision = await self._log.append(event, facts, self._limits.ack_wait_s)
            self._count(facts)
            effects = await self._follower.effects(watch)
        _log_facts(event, revision, facts, effects)
        return revision, effects

    def _count(self, facts: Sequence[LoggedFact]) -> None:
        for fact in facts:
            self._metrics.facts.labels(str(fact.__struct_config__.tag)).inc()


def _log_facts(event: str, revision: int, facts: Sequence[LoggedFact], effects: Sequence[FactEffect]) -> None:
    """Log each fact of an official, and a list of entries, which is many facts, once."""
    listed = [fact for fact in facts if isinstance(fact, EntriesAdded)]
    if listed:
        entries = sum(len(fact.entries) for fact in listed)
        log.info(
            "%d entries are on the log", entries, extra={"event": event, "revision": revision, "fact": listed[0].id}
        )
    for fact, effect in zip(facts, effects, strict=True):
        if not isinstance(fact, EntriesAdded):
            about = {"event": event, "revision": revision, "fact": fact.id}
            about |= {"race": fact.race} if isinstance(fact, GunFired | RaceClosed | RaceReopened) else {}
            log.info("%s is on the log: %s", fact.__struct_config__.tag, effect.effect, extra=about)


# --- the content of a request


def _event(request: web.Request) -> str:
    event = request.match_info["event"]
    try:
        msgspec.convert({"event": event}, _Path)
    except msgspec.ValidationError:
        raise Refused(
            400,
            "No event id",
            f"{event[:80]!r} is not an event id; it takes 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a"
            " letter or digit",
        ) from None
    return event


def _content_type(request: web.Request, known: tuple[str, ...]) -> str:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in known and kind not in UNSPECIFIC:
        raise Refused(
            415, "Unknown content type", f"content type {kind!r} is not accepted here; send {', '.join(known)}"
        )
    return kind


def _request_id(request: web.Request) -> str | None:
    """Return the client's `Idempotency-Key`. Ids of facts derive from it, so a request sent again counts once."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable():
        raise Refused(
            400,
            "Bad key",
            "Idempotency-Key holds other than printable ASCII characters; send a shorter one or leave it out",
        )
    return key if len(key) <= FACT_ID_CHARS // 2 else hashlib.sha256(key.encode()).hexdigest()[: FACT_ID_CHARS // 2]


def _likely_gateway(holder: Token) -> str:
    """Return the only gateway that a token speaks for, for requests whose own gateway cannot be read; else ""."""
    only = holder.gateways if len(holder.gateways) == 1 else [ANY]
    return "" if only == [ANY] else only[0]


def _push(request: web.Request, data: bytes) -> Push:
    kind = _content_type(request, JSON + NDJSON + MSGPACK)
    if kind in NDJSON:
        return push_from_ndjson(data, request.query.get("gateway", ""), request.query.get("session", ""))
    return push_from_msgpack(data) if kind in MSGPACK else push_from_json(data)


def _checked_facts(data: bytes, event: str, definition: Definition | None, unknown: str | None) -> list[Ruling]:
    """Return the facts of a request; `unknown` says why the definition is not known, None if it is.

    Raises Refused that names each bad fact; nothing is written then.
    """
    try:
        return facts_from_body(data, event, definition)
    except FACTS_REFUSED as error:
        if isinstance(error, MalformedFacts) and error.lacks_definition and unknown is not None:
            text = f"{unknown}; until then times of day have no date: send this again, or instants with their zone"
            raise Refused(503, "Definition not known", text, retry=True) from None
        status, title, detail, members = problem_of(error)
        if isinstance(error, MalformedFacts) and error.faults:
            detail += ". Nothing was written; correct them and send all again"
        raise Refused(status, title, detail, **members) from None


# --- answers


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
