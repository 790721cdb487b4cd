"""`matline gateway test`: show what a reader sends, for a person who tests it with a laptop before the race.

This uses ingest's decoders on its own connection. Nothing is stored, and nothing is sent that changes the device or
removes anything from it: stored reads are not fetched, messages of an exporter are not acknowledged (it keeps them for
ingest), and an LLRP reader is only queried, not set up.
"""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, assert_never

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from schemas.definition_shape import in_words
from schemas.ids import US
from services.formatting.times import offset_on_changing_day
from services.ingest.decoders.arrival_clock import ArrivalClocks
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.messages import (
    Acknowledgement,
    ConnectionFault,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, ReaderProtocol, ReaderSettings
from services.ingest.facts import with_times_in_range
from services.ingest.metrics import IngestMetrics
from services.ingest.readers.connection import Conversation, steady_clock
from services.ingest.readers.dialling import CONNECT_WAIT_S, Outgoing, dial_of
from services.ingest.readers.registry import PROTOCOLS, connected_protocols
from services.ingest.readers.sources import Source, check_address, host_and_port, joined
from services.operate.clock_check import ClockCheck, age_text, check_machine, off_text, verdicts

EXIT_NOTHING = 1  # nothing answered, or nothing that came could be decoded, or the reader stopped answering
EXIT_USAGE = 2
EXIT_CLOCK = 3  # the reader can be used, but one of its clocks is off
SHOWN_LINES_MAX = 24  # raw lines of a connection: the handshake and the first answers
SHOWN_LINE_CHARS = 160
READS_A_SECOND = 20  # shown one by one; the rest of a flood is counted
QUIET_S = 10.0  # after this long without any bytes, a hint about the cause
RAW_SHOWN_BYTES = 80  # of bytes that could not be decoded
PLACES_MAX = 20  # listed at the end

OTHER_SIGNS = ((rb"^SSH-", "a computer's SSH"), (rb"^HTTP/|^<!|^\{", "a web server"))
"""First bytes of programs that are not readers, and their names."""

Say = Callable[[str], None]


class TestOrder(Struct, frozen=True, kw_only=True):
    """The reader to test. `zone` null: this machine's zone. `seconds` null: until Ctrl-C. `quiet_s`: see QUIET_S.

    `secret` and `options` (each `name=value`) are as its `[[sources]]` table has them. `ntp` is a server by which this
    machine's clock is checked, null: it is not.
    """

    __test__ = False  # not a test case for pytest

    protocol: str
    address: str
    zone: str | None = None
    seconds: float | None = None
    quiet_s: float = QUIET_S
    secret: str | None = None
    options: Sequence[str] = ()
    ntp: str | None = None


class CannotTest(Exception):
    """The test cannot be run as ordered; the message says why."""


def main(order: TestOrder) -> int:
    """Run the test until Ctrl-C or for the seconds given; return the exit code."""
    try:
        return asyncio.run(run(order, lambda line: print(line, flush=True)))
    except CannotTest as error:
        print(f"matline gateway test: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return 130


async def run(order: TestOrder, say: Say) -> int:
    """Connect to a device, or wait for one that calls, and show what it sends; return the exit code.

    Raises CannotTest.
    """
    protocol = PROTOCOLS.get(order.protocol)
    if protocol is None or protocol.connect is None:
        known = ", ".join(connected_protocols())
        raise CannotTest(f"{order.protocol!r} is not a protocol that can be tested; choose one of {known}")
    if order.zone is not None and not protocol.has_zone:
        raise CannotTest(f"--zone does not apply to {order.protocol}, whose readers send UTC; leave it out")
    host, port = _address(order.address, protocol.port)
    settings = _settings(protocol, order)
    session = _Session(protocol, settings, order.quiet_s, say)
    calls = protocol.way == "calls us"
    way = "waiting for a call" if calls else "connecting"
    say(f"{order.protocol}: {way} at {joined(host, port)}, {session.clocks}; nothing is stored. Ctrl-C ends.")
    if protocol.caution:
        say(protocol.caution)
    task = asyncio.create_task(session.called(host, port) if calls else session.dialled(host, port))
    try:
        session.machine = await check_machine(order.ntp, _now_us)
        if line := session.machine.said():
            say(line)
        await asyncio.wait([task], timeout=order.seconds)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for line in session.summary():
            say(line)
    return exit_code(session.understood, session.clocks_right)


def exit_code(understood: bool, clocks_right: bool) -> int:
    """Return how the command ends, by whether the reader was understood and whether its clocks are right."""
    if not understood:
        return EXIT_NOTHING
    return 0 if clocks_right else EXIT_CLOCK


def _now_us() -> int:
    return time.time_ns() // 1000


def _address(text: str, usual_port: int) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `HOST`. Raises CannotTest."""
    address = f"{text}:{usual_port}" if re.fullmatch(r"\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+", text) else text
    if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", address):
        raise CannotTest(f"{text!r} is not an address; write HOST:PORT, or HOST for the usual port {usual_port}")
    try:
        check_address(address)
    except ValueError as error:
        raise CannotTest(f"{text!r} is not an address: {error}") from None
    return host_and_port(address)


def _settings(protocol: ReaderProtocol, order: TestOrder) -> ReaderSettings:
    """Return the settings of the reader under test. Raises CannotTest."""
    if order.secret is not None and not protocol.takes_secret:
        raise CannotTest(f"--secret does not apply to {protocol.name}; leave it out")
    known = {option.name: option for option in protocol.options}
    options: dict[str, Any] = {}
    for text in order.options:
        name, _, value = text.partition("=")
        if name not in known:
            choice = f"choose one of {', '.join(known)}" if known else "it has none"
            raise CannotTest(f"{name!r} is not an option of {protocol.name}; {choice}")
        try:
            options[name] = msgspec.convert(value, known[name].type, strict=False)
            known[name].check(options[name])
        except msgspec.ValidationError as error:
            raise CannotTest(f"--option {text!r}: {in_words(value, known[name].type, str(error))}") from None
        except ValueError as error:
            raise CannotTest(f"--option {text!r}: {error}") from None
    if missing := [option.name for option in protocol.options if option.needed and option.name not in options]:
        raise CannotTest(f"{protocol.name} needs --option {missing[0]}=...")
    return ReaderSettings(gateway="reader", zone=_zone(order.zone), secret=order.secret, options=options)


def _zone(text: str | None) -> tzinfo:
    if text is None:
        here = datetime.now().astimezone().tzinfo
        assert here is not None
        return here
    try:
        return parse_zone(text)
    except ValueError as error:
        raise CannotTest(str(error)) from None


class _Session:
    """A running test: take messages as ingest's delivery does, and show them. Implements `connection.Sink`."""

    def __init__(self, protocol: ReaderProtocol, settings: ReaderSettings, quiet_s: float, say: Say) -> None:
        zone = settings.zone
        self._protocol = protocol
        self._settings = settings
        self._zone = zone if protocol.has_zone else UTC
        self._quiet_s = quiet_s
        self._say_line = say
        self._make = _maker(protocol, settings)
        self._arrivals = ArrivalClocks()
        self._source = Source(protocol=protocol.name, event="test", gateway="test")
        self._metrics = IngestMetrics(CollectorRegistry())
        self._clock = steady_clock(_now_us)
        self.machine = ClockCheck()
        self._reads = self._notices = self._unreadable = 0
        self._chips: set[str] = set()
        self._places: dict[str, int] = {}
        self._offsets_us: Mapping[str, int] = {}
        self._first_bytes = b""
        self._lines_shown = 0
        self._second = (0, 0)  # a second, and how many reads were shown in it
        self._unshown = 0
        self._fault = ""
        self._clocks_shown: set[str] = set()
        self._quiet_shown = self._kept_shown = False
        self._connected = asyncio.Event()
        self.clocks = f"taking its clock to be in zone {zone}" if protocol.has_zone else "taking its clock to be UTC"

    @property
    def understood(self) -> bool:
        """Return whether anything in this protocol came, and the reader answered to the end."""
        heard = self._connected.is_set() and bool(self._first_bytes)
        return heard and not self._fault and not self._speaks_something_else()

    @property
    def clocks_right(self) -> bool:
        """Return whether no clock of the reader is known to be off."""
        return verdicts(self.machine, self._clock_offsets_us())[1]

    def _clock_offsets_us(self) -> Mapping[str, int]:
        """Return how far the reader's clocks are ahead, by its answers or else by when its reads came."""
        return self._offsets_us or self._arrivals.offsets_us

    def _speaks_something_else(self) -> bool:
        return bool(self._unreadable or self._fault) and not (self._reads or self._notices or self._offsets_us)

    # --- connections

    async def dialled(self, host: str, port: int) -> None:
        """Connect once, and listen until the connection ends."""
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                incoming, outgoing = await dial_of(self._protocol, self._settings, host, port, watching=True)({})
        except ConnectionRefusedError:
            self._fault = f"{host} answers, but nothing listens on its port {port}: is that the right port?"
        except TimeoutError:
            self._fault = f"{host} did not answer within {CONNECT_WAIT_S:g} s: check address, cable and firewall"
        except OSError as error:
            self._fault = f"{host}:{port} cannot be reached: {error.strerror or error}"
        else:
            await self._run(incoming, outgoing, f"{host}:{port}")
            return
        self._say(self._fault)

    async def called(self, host: str, port: int) -> None:
        """Wait for readers that call, and listen to each."""
        try:
            server = await asyncio.start_server(self._answer, host, port)
        except OSError as error:
            address = joined(host, port)
            self._fault = f"cannot listen on {address}: {error.strerror or error}; does ingest use this port?"
            self._say(self._fault)
            return
        bound = server.sockets[0].getsockname()[1]
        self._say(f"listening on {joined(host, bound)}")
        try:
            async with asyncio.timeout(self._quiet_s):
                await self._connected.wait()
        except TimeoutError:
            self._say(
                f"no reader has called for {self._quiet_s:g} s: is its software set to this machine's address and"
                f" port {bound}?"
            )
        await server.serve_forever()

    async def _answer(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        peer = outgoing.get_extra_info("peername") or ("?", 0)
        with suppress(asyncio.CancelledError):  # the test ends, and nothing else awaits this task
            await self._run(incoming, outgoing, f"{peer[0]}:{peer[1]}")

    async def _run(self, incoming: asyncio.StreamReader, outgoing: Outgoing, name: str) -> None:
        self._connected.set()
        self._fault = ""
        self._say(f"connected to {name}")
        reader = _ObservedReader(self._make({}), self._show, self._ticked)
        try:
            conversation = Conversation(self._source, reader, self, self._metrics, self._clock, self._arrivals)
            await conversation.run(incoming, outgoing)
            if self._protocol.way == "is dialled":
                self._fault = "the reader hung up"
            self._say("the reader hung up")
        except (ConnectionFault, OSError) as error:
            self._fault = str(error) or type(error).__name__
            self._say(f"the connection ended: {self._fault}")
        finally:
            outgoing.close()

    # --- output

    def _say(self, text: str) -> None:
        self._say_line(f"{datetime.now():%H:%M:%S}  {text}")

    def _show(self, data: bytes, ours: bool) -> None:
        """Show the first lines of a connection as they are."""
        if not ours and len(self._first_bytes) < RAW_SHOWN_BYTES:
            self._first_bytes += data[:RAW_SHOWN_BYTES]
        if not self._protocol.is_text:
            return  # only the decoded messages are shown
        for line in re.split(rb"[\r\n\0]+|(?<=\$)", data):
            if line.strip() and self._lines_shown < SHOWN_LINES_MAX:
                self._lines_shown += 1
                text = line[:SHOWN_LINE_CHARS].decode("latin-1")
                self._say_line(f"          {'>' if ours else '<'} {text if text.isprintable() else repr(text)}")

    def _ticked(self, connected_s: float, offsets_us: Mapping[str, int]) -> None:
        self._offsets_us = offsets_us
        for where, offset_us in offsets_us.items():
            if where not in self._clocks_shown:
                self._clocks_shown.add(where)
                self._say(f"clock     {where or 'of the reader'} is {off_text(offset_us / US)} ours")
        if connected_s >= self._quiet_s and not self._first_bytes and not self._quiet_shown:
            self._quiet_shown = True
            hint = (
                "the port is open, but readers of this protocol send something at once: is that the right port?"
                if self._protocol.speaks_first
                else "readers of this protocol are silent until a chip crosses: hold a chip over the mat"
            )
            self._say(f"nothing came for {self._quiet_s:g} s; {hint}")

    async def put(self, messages: Sequence[Message], acknowledge: Callable[[int], None]) -> None:
        """Show messages, and acknowledge none."""
        for message in with_times_in_range(messages):
            match message:
                case DecodedRead():
                    self._read(message)
                case Notice(kind=kind, text=text):
                    self._notices += 1
                    self._say(f"notice    {kind}: {text}")
                case Unreadable(raw=raw, reason=reason):
                    self._unreadable += 1
                    if self._unreadable <= READS_A_SECOND:
                        self._say(f"unreadable  {raw[:RAW_SHOWN_BYTES]!r}: {reason}")
                case Acknowledgement():
                    if not self._kept_shown:
                        self._kept_shown = True
                        self._say(
                            "notice    kept: messages are not acknowledged here, so the reader keeps them and sends"
                            " only the first few"
                        )
                case CursorAdvanced():
                    pass  # there is no cursor here
                case _:
                    assert_never(message)

    def _read(self, read: DecodedRead) -> None:
        place = read.where if read.antenna is None else f"{read.where}/{read.antenna}"
        self._reads += 1
        self._chips.add(read.chip)
        if place in self._places or len(self._places) < PLACES_MAX:
            self._places[place] = self._places.get(place, 0) + 1
        now = datetime.now(UTC)
        second, shown = self._second
        shown = shown if second == int(now.timestamp()) else 0
        self._second = int(now.timestamp()), shown + 1
        if shown >= READS_A_SECOND:
            self._unshown += 1
            return
        if self._unshown:
            self._say(f"          ... and {self._unshown} more reads, too many to show")
            self._unshown = 0
        local = datetime.fromtimestamp(read.at_us / 1e6, self._zone)
        rssi = "" if read.rssi is None else f"  {read.rssi:g} dBm"
        age = age_text((now.timestamp() * 1e6 - read.at_us) / 1e6)
        shown_at = f"{local:%Y-%m-%d %H:%M:%S.%f}"[:-3] + offset_on_changing_day(local)
        self._say(f"read      {place:16}  chip {read.chip:14}  {shown_at}{rssi}  {age}")

    def summary(self) -> list[str]:
        """Return the lines to show at the end."""
        if not self._connected.is_set():
            return [] if self._fault else ["ended: no reader connected"]
        lines = [
            f"ended: {self._reads} reads of {len(self._chips)} chips, {self._notices} notices, "
            f"{self._unreadable} unreadable messages"
        ]
        judged, _ = verdicts(self.machine, self._clock_offsets_us())
        lines += judged or [
            "clock     the reader did not tell its time; it shows once chips cross the mat for some seconds"
        ]
        lines += [f"  {place or '(no name)'}: {reads} reads" for place, reads in self._places.items()]
        if self._places:
            named = ", ".join(f'"{place}" = "..."' for place in self._places)
            lines.append(f"To name them on the log, put into matline.toml: devices = {{ {named} }}")
        if self._speaks_something_else():
            seems = f"This is not a reader of protocol {self._protocol.name}: {_seems(self._first_bytes)}"
            lines.append(seems if self._first_bytes else "It sent nothing.")
        return lines


def _maker(protocol: ReaderProtocol, settings: ReaderSettings) -> Make:
    """Return a function that makes readers which change nothing on a device and remove nothing from it."""
    connect = protocol.watch or protocol.connect
    assert connect is not None
    return connect(settings)


def _seems(first_bytes: bytes) -> str:
    """Return a guess at the other end, judged by its first bytes."""
    signs = [(protocol.begins_with, f"{protocol.title} ({protocol.name})") for protocol in PROTOCOLS.values()]
    for sign, name in [*OTHER_SIGNS, *signs]:
        if re.search(sign, first_bytes, re.MULTILINE):
            return f"it looks like {name}"
    return f"it began with {first_bytes[:RAW_SHOWN_BYTES]!r}"


class _ObservedReader(Reader):
    """A reader that also passes its bytes and ticks to callbacks."""

    def __init__(
        self,
        reader: Reader,
        show: Callable[[bytes, bool], None],
        ticked: Callable[[float, Mapping[str, int]], None],
    ) -> None:
        super().__init__()
        self._reader = reader
        self._show = show
        self._ticked = ticked
        self._began_s = 0.0
        self.silence_s = reader.silence_s

    @property
    def clock_offsets_us(self) -> Mapping[str, int]:
        return self._reader.clock_offsets_us

    def begin(self, now: Now) -> None:
        self._began_s = now.steady_s
        self._reader.begin(now)

    def feed(self, data: bytes, now: Now) -> list[Message]:
        self._show(data, False)
        return self._reader.feed(data, now)

    def tick(self, now: Now) -> list[Message]:
        self._ticked(now.steady_s - self._began_s, self._reader.clock_offsets_us)
        return self._reader.tick(now)

    def take(self) -> bytes:
        data = self._reader.take()
        if data:
            self._show(data, True)
        return data
