"""Connections to readers: dialled again and again until ingest stops, or accepted from readers that call.

The protocol on a connection (`decoders.messages.Reader`) knows no socket. Any fault ends that connection alone, and the
next one continues after the last message that was handed over.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from services.ingest.decoders.arrival_clock import ArrivalClocks
from services.ingest.decoders.messages import ConnectionFault, DecodedRead, Message, Notice, Now, Reader, Unreadable
from services.ingest.decoders.protocol import Make
from services.ingest.facts import show_clocks
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.delivery import Delivery
from services.ingest.readers.dialling import CONNECT_WAIT_S, Dial, Outgoing
from services.ingest.readers.line import READ_BYTES, Incoming
from services.ingest.readers.sources import Source
from services.runtime.backoff import Backoff

TICK_S = 0.25
SEND_WAIT_S = 10.0  # a reader that does not take our requests for this long is gone
BACKOFF = Backoff(0.2, 10.0, jitter=0.5)  # between attempts to reach a reader
STEADY_S = 30.0  # after a connection of this length the next attempt comes soon, even if no read came
UNREADABLE_RUN_MAX = 200  # so many unreadable messages in a row mean another protocol, or a damaged line
CALLERS_MAX = 32  # of one source; one is usual, a few more while a client reconnects

log = logging.getLogger(__name__)


def steady_clock(now_us: Callable[[], int]) -> Callable[[], Now]:
    """Return a function that gives the `Now` of a connection: wall clock and monotonic clock."""
    return lambda: Now(now_us(), time.monotonic())


class Sink(Protocol):
    """A destination for the messages of readers."""

    async def put(self, messages: Sequence[Message], acknowledge: Callable[[int], None]) -> None:
        """Take messages, once there is room for them. Raises OSError.

        `acknowledge` is called with the number of each `Acknowledgement` among them when it is due.
        """
        ...


class Conversation:
    """One connection until it ends. `useful`: a read came, or it stayed up for STEADY_S."""

    def __init__(
        self,
        source: Source,
        reader: Reader,
        sink: Sink,
        metrics: IngestMetrics,
        clock: Callable[[], Now],
        clocks: ArrivalClocks,
    ) -> None:
        self._source = source
        self._reader = reader
        self._clocks = clocks
        self._sink = sink
        self._metrics = metrics
        self._clock = clock
        self._outgoing: Outgoing | None = None
        self._unreadable_run = 0
        self.useful = False

    async def run(self, incoming: asyncio.StreamReader, outgoing: Outgoing) -> None:
        """Exchange messages until the reader hangs up. Raises ConnectionFault, OSError."""
        self._outgoing = outgoing
        try:
            await self._exchange(incoming, outgoing)
        except ConnectionFault:
            self._write()  # a refusal, which the other end should get
            raise
        finally:
            self._outgoing = None

    async def _exchange(self, incoming: asyncio.StreamReader, outgoing: Outgoing) -> None:
        now = self._clock()
        heard_s = ticked_s = began_s = now.steady_s
        self._reader.begin(now)
        while True:
            await self._send(outgoing)
            data: bytes | None = None
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    data = await incoming.read(READ_BYTES)
            if data == b"":
                if isinstance(incoming, Incoming) and incoming.broke is not None:
                    raise incoming.broke
                return
            now = self._clock()
            if data is not None:
                heard_s = now.steady_s
                self._metrics.bytes_in.labels(self._source.protocol).inc(len(data))
                messages = self._reader.feed(data, now)
                await self._take([*messages, *self._clock_notices(messages, now)])
                now = self._clock()  # `put` may have waited for a long time
                heard_s = now.steady_s
            if now.steady_s - ticked_s >= TICK_S:
                ticked_s = now.steady_s
                await self._take(self._reader.tick(now))
                self._measure()
            if now.steady_s - heard_s > self._reader.silence_s:
                raise ConnectionFault(f"nothing came for {self._reader.silence_s:g} s")
            self.useful = self.useful or now.steady_s - began_s > STEADY_S

    def _clock_notices(self, messages: list[Message], now: Now) -> list[Notice]:
        """Return notices of wrong clocks, judged by when reads arrive; none for a reader that reports its clock."""
        return [] if self._reader.clock_offsets_us else self._clocks.heard(messages, now)

    def _measure(self) -> None:
        self._metrics.reader_missing.labels(self._source.event, self._source.gateway).set(self._reader.missing)
        show_clocks(self._metrics, self._source, self._reader.clock_offsets_us or self._clocks.offsets_us)

    async def _send(self, outgoing: Outgoing) -> None:
        if self._write():
            try:
                async with asyncio.timeout(SEND_WAIT_S):
                    await outgoing.drain()
            except TimeoutError:
                raise ConnectionFault(f"the reader has not taken what we sent for {SEND_WAIT_S:g} s") from None

    def _write(self) -> bool:
        """Write what the protocol has to send; return false if there was nothing."""
        data = self._reader.take()
        if data and self._outgoing is not None and not self._outgoing.is_closing():
            self._outgoing.write(data)
        return bool(data)

    def _acknowledge(self, number: int) -> None:
        """Answer at once: a client that waits for each answer is as quick as we are."""
        self._reader.acknowledge(number)
        self._write()

    async def _take(self, messages: list[Message]) -> None:
        if not messages:
            return
        await self._sink.put(messages, self._acknowledge)
        for message in messages:
            # A bad record within a well-formed message does not mean another protocol.
            bad = isinstance(message, Unreadable) and not message.held and message.index is None
            self._unreadable_run = self._unreadable_run + 1 if bad else 0
            self.useful = self.useful or isinstance(message, DecodedRead)
            if self._unreadable_run >= UNREADABLE_RUN_MAX:
                raise ConnectionFault(
                    f"{UNREADABLE_RUN_MAX} messages in a row could not be read; is the protocol of this source right?"
                )


class Dialler:
    """Keep a connection to a reader that listens."""

    def __init__(
        self,
        dial: Dial,
        source: Source,
        make: Make,
        delivery: Delivery,
        metrics: IngestMetrics,
        clock: Callable[[], Now],
        clock_turn_s: float,
    ) -> None:
        self._dial = dial
        self._source = source
        self._make = make
        self._delivery = delivery
        self._metrics = metrics
        self._clock = clock
        self._clocks = ArrivalClocks(clock_turn_s)

    async def run(self) -> None:
        """Dial for as long as this task lives."""
        failures = 0
        while True:
            if await self._once(quiet=failures > 0):
                failures = 0
            failures += 1
            await asyncio.sleep(BACKOFF.pause_s(failures))

    async def _once(self, quiet: bool) -> bool:
        """Run one connection from opening to end; return whether it was useful. `quiet`: earlier attempts failed."""
        name = f"{self._source.protocol} {self._source.gateway} at {self._source.address}"
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                incoming, outgoing = await self._dial(self._delivery.cursor())
        except (OSError, TimeoutError) as error:
            if not quiet:
                log.warning(
                    "%s cannot be reached, trying again: %s",
                    name,
                    str(error) or "no answer",
                    extra=self._source.log_fields(),
                )
            return False
        reader = self._make(self._delivery.cursor())
        conversation = Conversation(self._source, reader, self._delivery, self._metrics, self._clock, self._clocks)
        return await _run_logged(conversation, incoming, outgoing, name, self._source, self._metrics)


class Caller:
    """Accept the connections of readers that call us."""

    def __init__(
        self,
        source: Source,
        make: Make,
        delivery: Delivery,
        metrics: IngestMetrics,
        clock: Callable[[], Now],
        clock_turn_s: float,
    ) -> None:
        self._source = source
        self._make = make
        self._delivery = delivery
        self._metrics = metrics
        self._clock = clock
        self._clocks = ArrivalClocks(clock_turn_s)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        """Listen, and return the port (a free one for `port` 0). Raises OSError, such as for a port that is taken."""
        self._server = await asyncio.start_server(self._serve, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        source = self._source
        log.info("%s listens on %s:%d", source.protocol, host, bound, extra=source.log_fields())
        return bound

    async def run(self) -> None:
        """Serve for as long as this task lives."""
        assert self._server is not None
        try:
            await self._server.serve_forever()
        finally:
            self._server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = outgoing.get_extra_info("peername")
        name = f"{self._source.protocol} {self._source.gateway}, {peer}"
        refusal = (
            f"{CALLERS_MAX} readers of this source are connected already"
            if len(self._connections) >= CALLERS_MAX
            else None
        )
        if not self._source.lets_in(peer[0] if peer else ""):
            refusal = "its address is not in `allow` of this source in matline.toml"
        if refusal is not None:
            log.warning("%s refused: %s", name, refusal, extra=self._source.log_fields())
            outgoing.close()
            return
        self._connections.add(task)
        reader = self._make(self._delivery.cursor())
        conversation = Conversation(self._source, reader, self._delivery, self._metrics, self._clock, self._clocks)
        try:
            with suppress(asyncio.CancelledError):  # ingest is stopping, and nothing else awaits this task
                await _run_logged(conversation, incoming, outgoing, name, self._source, self._metrics)
        finally:
            self._connections.discard(task)


async def _run_logged(
    conversation: Conversation,
    incoming: asyncio.StreamReader,
    outgoing: Outgoing,
    name: str,
    source: Source,
    metrics: IngestMetrics,
) -> bool:
    """Run a conversation to its end, count it and log why it ended; return whether it was useful."""
    metrics.connections.labels(source.event, source.gateway).inc()
    log.info("%s: connected", name, extra=source.log_fields())
    reason = "the reader hung up"
    try:
        await conversation.run(incoming, outgoing)
    except (ConnectionFault, OSError) as error:
        reason = str(error) or type(error).__name__
    except asyncio.CancelledError:
        reason = "ingest is stopping"
        raise
    finally:
        metrics.connections.labels(source.event, source.gateway).dec()
        metrics.disconnections.labels(source.event, source.gateway).inc()
        log.info("%s: disconnected: %s", name, reason, extra=source.log_fields())
        outgoing.close()
    return conversation.useful
