"""Send a simulated day to a real ingest, as gateways and the race office do: over HTTP, and by MYLAPS over TCP.

A gateway sends one request at a time, so its numbers ascend. A request without an answer, or with one that asks to
wait, is sent again unchanged until it is accepted. A gateway that has fallen behind sends fuller requests, as a real
one does.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct, field

from loadtest.deliveries import BATCH_READS_MAX, Delivery, gateways
from loadtest.devices.mylaps import Exporter, Version
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, Timed
from schemas.codec import to_json
from schemas.events import EntriesAdded, EventDefined, Ruling

QUEUE_DELIVERIES = 256  # that wait for one gateway; a bound on memory
FACTS_A_REQUEST = 100
RETRY_S = 1.0  # if the answer names no time
RETRY_MAX_S = 30.0
REQUEST_TIMEOUT_S = 30.0
RETRIED_STATUSES = (408, 429, 502, 503, 504)


class DriveFailed(Exception):
    """Ingest refused a request, or did not answer for too long; the message says which and why."""


class Target(Struct, frozen=True, kw_only=True):
    """Where to send the day: ingest's URL and MYLAPS listener. Without a listener all reads go over HTTP.

    `patience_s` is how long to repeat a request that is not answered.
    """

    url: str
    mylaps: tuple[str, int] | None = None
    mylaps_version: Version = "2.1"
    gateway_token: str | None = None
    official_token: str | None = None
    patience_s: float = 300.0


class Answer(Struct, frozen=True):
    """An accepted request of reads: when by this machine's clock, how many, and the instant of its last read.

    `revision` is the log's offset after it, None for MYLAPS, whose acknowledgements have none.
    """

    accepted_us: int
    reads: int
    revision: int | None
    read_at_us: int | None


class Driven(Struct, kw_only=True):
    """The progress so far. `resent` counts repeated requests and messages; `behind_s` is the lag behind the day."""

    reads: int
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    facts: int = 0
    requests: int = 0
    resent: int = 0
    seconds: float = 0.0
    behind_s: float = 0.0
    revision: int | None = None
    answers: list[Answer] = field(default_factory=list)


Progress = Callable[[Driven], None]

Acknowledge = Callable[[Sequence[RawRead] | Sequence[Ruling], int | None], None]
"""Notes what ingest acknowledged in a request over HTTP, and the revision in its answer."""

Pace = Callable[[int], float | None]
"""Returns the wanted reads per second by the number sent so far; None is as fast as possible."""


async def drive(
    simulation: Simulation,
    target: Target,
    speed: float | None = None,
    progress: Progress = lambda _: None,
    pace: Pace = lambda _: None,
    acknowledge: Acknowledge = lambda *_: None,
) -> Driven:
    """Send the whole day and return when all of it is accepted.

    `speed` None is as fast as `pace` and ingest allow. The day begins with its first read, whatever the clock shows;
    definition and entries go first. Raises DriveFailed.
    """
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return await _Drive(simulation, target, session, progress, pace, acknowledge).run(speed)


class _Drive:
    """One drive: a sender for the race office, one for each gateway, and the clock that feeds them."""

    def __init__(
        self,
        simulation: Simulation,
        target: Target,
        session: aiohttp.ClientSession,
        progress: Progress,
        pace: Pace,
        acknowledge: Acknowledge,
    ) -> None:
        self._simulation = simulation
        self._target = target
        self._session = session
        self._progress = progress
        self._pace = pace
        self._acknowledge = acknowledge
        self._base = f"{target.url.rstrip('/')}/v1/events/{simulation.definition.event}"
        self._began = time.monotonic()
        self.driven = Driven(reads=len(simulation.reads))

    async def run(self, speed: float | None) -> Driven:
        """Send everything in the order of the day."""
        for timed in self._simulation.opening:
            await self._send_opening(timed.fact)
        facts: asyncio.Queue[Ruling | None] = asyncio.Queue(QUEUE_DELIVERIES)
        queues: dict[str, asyncio.Queue[Delivery | None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_facts(facts))
                for name, via in sorted({(g.name, g.via) for g in gateways(self._simulation.definition).values()}):
                    queues[name] = asyncio.Queue(QUEUE_DELIVERIES)
                    by_tcp = via == "mylaps" and self._target.mylaps is not None
                    group.create_task((self._send_mylaps if by_tcp else self._send_reads)(queues[name]))
                await self._feed(speed, facts, queues)
        except* DriveFailed as failed:
            raise failed.exceptions[0] from None
        self.driven.seconds = time.monotonic() - self._began
        self._progress(self.driven)
        return self.driven

    async def _feed(
        self,
        speed: float | None,
        facts: "asyncio.Queue[Ruling | None]",
        queues: dict[str, "asyncio.Queue[Delivery | None]"],
    ) -> None:
        opening = len(self._simulation.opening)
        began, first_us = time.monotonic(), None
        throttle = _Throttle(self._pace)
        for nth, item in enumerate(self._simulation.timeline()):
            if nth < opening:
                continue
            if first_us is None:
                first_us = item.due_us
            if speed is not None:
                wait_s = (item.due_us - first_us) / 1e6 / speed - (time.monotonic() - began)
                self.driven.behind_s = max(0.0, -wait_s)
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
            if isinstance(item, Timed):
                await facts.put(item.fact)
            else:
                await throttle.let_through(len(item.reads))
                await queues[item.gateway].put(item)
        for queue in queues.values():
            await queue.put(None)
        await facts.put(None)

    # --- the race office

    async def _send_opening(self, fact: Ruling) -> None:
        key = {"Idempotency-Key": fact.id or ""}
        if isinstance(fact, EventDefined):
            body = msgspec.json.encode(fact.definition)
            answer = await self._request(
                "PUT", "definition", body, "application/json", self._target.official_token, key
            )
        elif isinstance(fact, EntriesAdded):
            body = msgspec.json.encode(fact.entries)
            answer = await self._request("POST", "entries", body, "application/json", self._target.official_token, key)
            if answer["rejected"]:
                raise DriveFailed(f"ingest refused entries: {answer['rejected'][0]}")
        else:
            await self._send_fact_list([fact])
            return
        self._acknowledge([fact], answer.get("revision"))
        self._count_facts(1)

    async def _send_facts(self, queue: "asyncio.Queue[Ruling | None]") -> None:
        """Send officials' facts in their order; those that wait go in one request."""
        ending = False
        while not ending:
            batch: list[Ruling] = []
            item = await queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == FACTS_A_REQUEST or queue.empty():
                    break
                item = queue.get_nowait()
            ending = item is None
            if batch:
                await self._send_fact_list(batch)

    async def _send_fact_list(self, facts: list[Ruling]) -> None:
        body = b"[" + b",".join(to_json(fact) for fact in facts) + b"]"
        answer = await self._request("POST", "facts", body, "application/json", self._target.official_token, {})
        self._acknowledge(facts, answer.get("revision"))
        self._count_facts(len(facts))

    def _count_facts(self, number: int) -> None:
        self.driven.facts += number
        self._progress(self.driven)

    # --- gateways

    async def _send_reads(self, queue: "asyncio.Queue[Delivery | None]") -> None:
        """Send the reads of one gateway over HTTP."""
        held: Delivery | None = None
        while True:
            delivery = held or await queue.get()
            held = None
            if delivery is None:
                return
            reads = list(delivery.reads)
            while not queue.empty() and len(reads) < BATCH_READS_MAX:
                following = queue.get_nowait()
                if following is None:
                    await self._post_reads(delivery, reads)
                    return
                if not _continues(delivery, reads, following):
                    held = following
                    break
                reads += following.reads
            await self._post_reads(delivery, reads)

    async def _post_reads(self, delivery: Delivery, reads: list[RawRead]) -> None:
        body = msgspec.msgpack.encode({"gateway": delivery.gateway, "session": delivery.session, "reads": reads})
        self.driven.sent += len(reads)
        answer = await self._request("POST", "reads", body, "application/msgpack", self._target.gateway_token, {})
        self.driven.rejected += len(answer["rejected"])
        if not answer["rejected"]:
            self._acknowledge(reads, answer.get("revision"))
        self._count_reads(answer["accepted"], answer.get("revision"), reads[-1].at_us)

    def _count_reads(self, accepted: int, revision: int | None, read_at_us: int | None) -> None:
        self.driven.accepted += accepted
        if revision is not None:
            self.driven.revision = max(self.driven.revision or 0, revision)
        self.driven.answers.append(Answer(time.time_ns() // 1000, accepted, revision, read_at_us))
        self._progress(self.driven)

    def _count_acknowledged(self, reads: int) -> None:
        self._count_reads(reads, None, None)

    async def _send_mylaps(self, queue: "asyncio.Queue[Delivery | None]") -> None:
        """Send the reads of one exporter with all its locations."""
        host, port = self._target.mylaps or ("", 0)
        definition = self._simulation.definition
        locations = [device for device, gateway in gateways(definition).items() if gateway.via == "mylaps"]
        version = self._target.mylaps_version
        async with Exporter(host, port, locations, definition.timezone, self._count_acknowledged, version) as exporter:
            while (delivery := await queue.get()) is not None:
                self.driven.sent += len(delivery.reads)
                await self._patiently(exporter.send(delivery.reads))
            await self._patiently(exporter.finish())
            self.driven.resent += exporter.resent

    async def _patiently(self, sending: Any) -> None:
        try:
            async with asyncio.timeout(self._target.patience_s):
                await sending
        except TimeoutError:
            raise DriveFailed(
                f"MYLAPS at {self._target.mylaps}: no acknowledgement for {self._target.patience_s:g} s"
            ) from None

    # --- one request, until it is accepted

    async def _request(
        self, method: str, path: str, body: bytes, kind: str, token: str | None, headers: dict[str, str]
    ) -> Any:
        """Repeat a request until it is accepted, and return the answer. Raises DriveFailed."""
        headers = {"Content-Type": kind, **headers}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        end = time.monotonic() + self._target.patience_s
        url = f"{self._base}/{path}"
        while True:
            self.driven.requests += 1
            try:
                async with self._session.request(method, url, data=body, headers=headers) as response:
                    answer = await response.read()
                    if response.status < 300:
                        return msgspec.json.decode(answer)
                    why = f"{response.status} {answer[:300].decode(errors='replace')}"
                    wait_s = _retry_after_s(response) if response.status in RETRIED_STATUSES else None
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                why, wait_s = f"{type(error).__name__} {error}", RETRY_S
            if wait_s is None or time.monotonic() + wait_s > end:
                raise DriveFailed(f"{method} {url}: {why}")
            self.driven.resent += 1
            await asyncio.sleep(wait_s)


class _Throttle:
    """Hold reads back so that no more are sent per second than `pace` says."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._handed = 0
        self._free_at_s = time.monotonic()

    async def let_through(self, reads: int) -> None:
        """Wait until so many further reads may be sent."""
        rate = self._pace(self._handed)
        self._handed += reads
        now_s = time.monotonic()
        if rate is None:
            self._free_at_s = now_s
            return
        self._free_at_s = max(self._free_at_s, now_s - 1.0) + reads / rate
        if self._free_at_s > now_s:
            await asyncio.sleep(self._free_at_s - now_s)


def _continues(delivery: Delivery, reads: list[RawRead], following: Delivery) -> bool:
    """Return whether the next delivery fits into the request: same session, higher numbers, enough room."""
    return (
        following.session == delivery.session
        and following.reads[0].seq > reads[-1].seq
        and len(reads) + len(following.reads) <= BATCH_READS_MAX
    )


def _retry_after_s(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), RETRY_MAX_S) if text.isdecimal() else RETRY_S
