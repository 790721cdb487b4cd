"""Take what readers post by HTTP. An upload is answered OK once the log has it, and not before.

Such readers cannot send a bearer token. Where the source has a secret, the reader is recognized by the `user` in its
URL (of a Track Box `custId`), else by the address that it calls from.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from functools import partial

from aiohttp import web

from schemas.ids import Slug
from schemas.rejected import RAW_MAX_BYTES
from services.ingest.decoders.arrival_clock import ArrivalClocks
from services.ingest.decoders.messages import WHERE_MAX_CHARS, DecodedRead, Message, Notice, Now, Unreadable
from services.ingest.errors import Overloaded, Refused, Unavailable
from services.ingest.facts import facts_of, rejections_of, show_clocks
from services.ingest.http.body import too_large
from services.ingest.http.operations import UPLOADS
from services.ingest.limits import IngestLimits
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import Log
from services.ingest.readers.pending_notices import PendingNotices
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source
from services.runtime.loopback import is_loopback
from services.runtime.operations import OperationRoute
from services.runtime.problem import problem
from services.runtime.request_body import BodyTooLarge, BodyTooSlow, received

BODY_MAX_BYTES = 1024 * 1024  # ten thousand passings
UPLOADS_MAX = 64  # requests at work at once


class Uploads:
    """The handlers of `UPLOADS`. `find` returns the source of a protocol, event and gateway, null if there is none."""

    def __init__(
        self,
        find: Callable[[str, Slug, str], Source | None],
        race_log: Log,
        metrics: IngestMetrics,
        now_us: Callable[[], int],
        limits: IngestLimits | None = None,
    ) -> None:
        self._limits = limits or IngestLimits()
        self._find = find
        self._log = race_log
        self._metrics = metrics
        self._now_us = now_us
        self._at_work = 0
        self._clocks: dict[
            tuple[str, str, str], tuple[ArrivalClocks, PendingNotices]
        ] = {}  # by source, of which there are few

    def routes(self) -> list[OperationRoute]:
        """Return the route of each protocol whose readers post."""
        return [OperationRoute(operation, partial(self._answer, protocol)) for protocol, operation in UPLOADS.items()]

    async def _answer(self, protocol: str, request: web.Request) -> web.Response:
        self._at_work += 1
        try:
            if self._at_work > UPLOADS_MAX:
                raise Overloaded(f"ingest is working on {UPLOADS_MAX} uploads already; send this one again unchanged")
            await self._take(protocol, request)
        except Refused as refused:
            response = problem(refused.status, refused.title, str(refused), **refused.members)
        except Overloaded as error:
            response = problem(429, "Too fast", str(error), retry=True)
        except Unavailable as error:
            response = problem(503, error.title, str(error), retry=True)
        else:
            response = web.Response(text="OK")
        finally:
            self._at_work -= 1
        self._metrics.requests.labels(protocol, response.status).inc()
        return response

    async def _take(self, protocol: str, request: web.Request) -> None:
        """Write an upload to the log. Raises IngestError."""
        source = self._find(protocol, request.match_info["event"], request.match_info["gateway"])
        query = request.query
        user = query.get("user", query.get("custId", ""))
        if source is None or not may_upload(source, request.remote or "", user):
            raise Refused(
                403,
                "Not from here",
                f"no source in matline.toml lets a reader at {request.remote} post for gateway"
                f" {request.match_info['gateway'][:80]!r} of event {request.match_info['event'][:80]!r}; add a source"
                f" of protocol {protocol}, or correct its `allow` or `secret`",
            )
        spoken = PROTOCOLS[protocol]
        assert spoken.read_upload is not None
        body = spoken.complete_upload(await self._body(protocol, request), query)
        device = query.get("device", query.get("boxId", ""))[:WHERE_MAX_CHARS]
        # A body that is sent again is the same session: its reads are the same, number by number.
        session = f"upload {hashlib.sha256(body).hexdigest()[:32]}"
        device = device if device.isprintable() else ""
        messages = spoken.read_upload(body, device, session, source.settings())
        at_us = self._now_us()
        clocks, pending = self._clocks.setdefault(
            source.identity(), (ArrivalClocks(self._limits.clock_turn_s), PendingNotices())
        )
        notices = pending.add(clocks.heard(messages, Now(at_us, time.monotonic())))
        show_clocks(self._metrics, source, clocks.offsets_us)
        # First: otherwise a sender that is halted for these would write the good reads again and again.
        await self._put_dead_letters(source, messages, at_us)
        if facts := facts_of(source, [*messages, *notices], at_us):
            await self._log.append(source.event, facts, self._limits.ack_wait_s)
        pending.logged(notices)
        reads = sum(isinstance(message, DecodedRead) for message in messages)
        self._metrics.reads.labels(source.protocol).inc(reads)
        self._metrics.gateways.add_reads(source.event, source.gateway, source.protocol, reads)
        self._metrics.facts.labels("notice_received").inc(sum(isinstance(message, Notice) for message in messages))

    async def _put_dead_letters(self, source: Source, messages: list[Message], at_us: int) -> None:
        """Write what cannot be read as dead letters. Raises Refused for a body of which they do not hold all."""
        dead_letters = rejections_of(source, messages, at_us)
        if not dead_letters:
            return
        await self._log.put_dead_letters(dead_letters, self._limits.ack_wait_s)
        self._metrics.gateways.add_rejected(source.event, source.gateway, source.protocol, len(dead_letters))
        self._metrics.rejected.labels(source.protocol, "record").inc(len(dead_letters))
        for message in messages:
            if isinstance(message, Unreadable) and message.unit == "body" and len(message.raw) > RAW_MAX_BYTES:
                raise Refused(
                    400,
                    "Unreadable body",
                    f"{message.reason}; its dead letter holds only the first {RAW_MAX_BYTES} of {len(message.raw)}"
                    " bytes, so nothing was taken; correct it, or send fewer events at once",
                )

    async def _body(self, protocol: str, request: web.Request) -> bytes:
        wait_s = self._limits.upload_wait_s
        try:
            body = await received(request.content, BODY_MAX_BYTES, wait_s)
        except BodyTooLarge:
            raise too_large(BODY_MAX_BYTES) from None
        except BodyTooSlow:
            raise Refused(408, "Body too slow", f"the body did not arrive within {wait_s:g} s; send it again") from None
        self._metrics.bytes_in.labels(protocol).inc(len(body))
        return body


def may_upload(source: Source, host: str, user: str) -> bool:
    """Return whether a reader that calls from this host, with this user, belongs to the source."""
    if source.allow and not source.lets_in(host):
        return False
    if source.secret is not None:
        return hmac.compare_digest(user.encode(), source.secret.encode())
    return bool(source.allow) or is_loopback(host)
