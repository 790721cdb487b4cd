"""What is fuzzed: each decoder and each kind of HTTP body, with real messages to begin from and what must hold.

A life is one connection, or a handful of requests: `begin` makes it from dice, so that its seed makes it again.
Whatever comes in, nothing is raised but what the decoder says it raises, what it keeps waiting stays under its bound,
what it says fits the log, and no read comes of a frame whose checksum is wrong, which is worked out here once more.
"""

import gzip
import io
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from random import Random
from typing import Any, NamedTuple

import msgspec
import openpyxl
import zstandard

import races
from schemas import codec
from schemas.events import EntriesAdded, EventDefined, LoggedFact
from schemas.rejected import Rejection, encode_rejection
from schemas.topics import RECORD_MAX_BYTES
from services.ingest.decoders import (
    chronotrack,
    impinj,
    impinj_mqtt,
    impinj_stream,
    ipico,
    jchip,
    llrp,
    llrp_messages,
    messages,
    mqtt_events,
    mylaps,
    mylaps_frames,
    p3,
    p3_frames,
    raceresult,
    raceresult_http,
    ubidium,
    ultra,
    wiclax,
    zebra,
    zebra_mqtt,
)
from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.messages import LINE_MAX_BYTES, DecodedRead, Message, Now, Position, Reader
from services.ingest.decoders.protocol import ReaderProtocol
from services.ingest.decoders.reader_state import ReaderStateNotices
from services.ingest.errors import Refused, TooLarge, shortened
from services.ingest.facts import entries_facts, facts_of, reads_facts, rejections_of, request_rejection
from services.ingest.http import api as http
from services.ingest.http import body as bodies
from services.ingest.http.definitions import checked_definition
from services.ingest.http.entries import Options, entry_list_of
from services.ingest.http.push import Push, TooManyReads, push_from_json, push_from_msgpack, push_from_ndjson
from services.ingest.memory_files.device_reads import Devices, device_summaries, imported_reads, session_of
from services.ingest.memory_files.file_lines import FileSettings, UnknownFile
from services.ingest.memory_files.formats import read_file
from services.ingest.race_log import pack
from services.ingest.readers.sources import Source
from tests.builders import EVENT, definition
from tests.fuzz.mutate import portions
from tests.ingest.decoders import (
    raceresult_talk,
    test_impinj_stream,
    test_ipico,
    test_jchip,
    test_llrp,
    test_mylaps,
    test_p3,
    test_posted_json,
    test_raceresult_http,
    test_raceresult_trackbox,
    test_ubidium,
    test_ultra,
    test_wiclax,
)
from tests.ingest.memory_files import test_formats

AT_US = 1_772_800_000_000_000  # 2026-03-06
ZONES = ("UTC", "America/New_York", "+07:00", "-12:00")
AT_ONCE_MAX_BYTES = 300_000  # of a portion; what brings messages may keep the rest of it until the next one
SENT_LEAST_BYTES = 64 * 1024  # of answers to anything
SENT_A_BYTE = 32  # and for each byte that came
UNPACKED_MAX_BYTES = 64 * 1024

Take = Callable[[bytes, Random], bool]
"""Takes an input; whether more may come (false: the connection is over). Raises AssertionError, or what no decoder
should raise."""


class Target(NamedTuple):
    """A decoder: what comes to it, the tokens of its language, and how a life begins."""

    name: str
    vectors: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    begin: Callable[[Random], Take]
    mended: Callable[[bytes], bytes] | None = None  # damaged bytes with lengths and checksums right again


# --- what must hold of anything that is said


def on_the_log(facts: Iterable[LoggedFact]) -> None:
    """Every fact fits a record, comes back as it was, and can be scored from an export of the log."""
    for fact in facts:
        record = codec.encode_packed(fact.event, [pack(fact).raw], fact.envelope_version())
        assert len(record) <= RECORD_MAX_BYTES, len(record)
        assert codec.decode_envelope(record).facts == [fact]
        codec.fact_from_json(codec.to_json(fact))


def put_dead_letters(rejections: Iterable[Rejection]) -> None:
    """Every one fits a record of `rejected`."""
    for rejection in rejections:
        assert len(encode_rejection(rejection)) <= RECORD_MAX_BYTES, len(rejection.reason)


class _Conversation:
    """A reader's protocol, spoken to. `waiting` is how many bytes it keeps, at most `bound`; `true` are the chips that
    may come of the bytes so far, in order, where the protocol has a checksum.
    """

    def __init__(
        self, reader: Reader, source: Source, waiting: Callable[[], int], bound: int, true: "_Sums | None" = None
    ) -> None:
        self._reader = reader
        self._source = source
        self._waiting = waiting
        self._bound = bound
        self._true = true
        self._now = Now(AT_US, 100.0)
        reader.begin(self._now)
        reader.take()

    def take(self, data: bytes, dice: Random) -> bool:
        for portion in portions(dice, data):
            try:
                said = self._reader.feed(portion, self._now)
                self._check(said, portion)
                if dice.random() < 0.2:
                    step_s = dice.choice((0.25, 6.0, 40.0))
                    self._now = Now(self._now.wall_us + int(step_s * 1e6), self._now.steady_s + step_s)
                    self._check(self._reader.tick(self._now), b"")
            except messages.ConnectionFault:
                return False
        return True

    def _check(self, said: Sequence[Message], portion: bytes) -> None:
        assert self._waiting() <= self._bound, self._waiting()
        assert self._reader.missing >= 0
        sent = len(self._reader.take())
        assert sent <= SENT_LEAST_BYTES + SENT_A_BYTE * len(portion), sent
        if self._true is not None:
            self._true.check(portion, [event.chip for event in said if isinstance(event, DecodedRead)])
        if said:
            on_the_log(facts_of(self._source, said, AT_US))
            put_dead_letters(rejections_of(self._source, said, AT_US))


def _source(protocol: str, zone: str) -> Source:
    return msgspec.convert({"protocol": protocol, "event": EVENT, "gateway": "g", "zone": zone}, Source)


# --- MYLAPS


def _mylaps(dice: Random) -> Take:
    source = _source("mylaps", dice.choice(ZONES))
    connect = mylaps.PROTOCOL.connect
    assert connect is not None
    reader = connect(source.settings())({})
    assert isinstance(reader, mylaps.MylapsReader)
    frames = mylaps_frames.Decoder(parse_zone(source.zone))
    conversation = _Conversation(reader, source, lambda: len(reader._decoder._rest), mylaps_frames.FRAME_MAX_BYTES)

    def take(data: bytes, dice: Random) -> bool:
        try:
            for message in frames.feed(data):
                if isinstance(message, mylaps_frames.Passings):
                    _check_store(message)
        except messages.ConnectionFault:
            return conversation.take(data, dice)
        return conversation.take(data, dice)

    return take


def _check_store(message: mylaps_frames.Passings) -> None:
    """The reads of a V1 message are those of its records that have 39 bytes and the right sum, in order."""
    _, function, *records = message.frame.split(b"@")
    if function == b"Store":
        sound = [
            record
            for record in records
            if len(record) == 39 and record.isascii() and _sum(record[:37]) == record[37:].decode()
        ]
        _check_among(
            [record.chip for record in message.records], [record[:7].decode().strip().upper() for record in sound]
        )


def _sum(data: bytes) -> str:
    total = 0
    for byte in data:
        total = (total + byte) & 0xFF
    return f"{total:02X}"


def _check_among(chips: list[str], true: list[str]) -> None:
    """The chips come in their order among those that may."""
    rest = iter(true)
    assert all(chip in rest for chip in chips), (chips, true)


def _mylaps_mended(data: bytes) -> bytes:
    """Records of about the right length with their sums right."""
    records = data.split(b"@")
    return b"@".join(
        record[:37] + _sum(record[:37]).encode() if 37 <= len(record) <= 41 else record for record in records
    )


# --- IPICO and Trident


class _Sums:
    """The tags of IPICO frames whose sum is right, and of Trident's, which have none, as the bytes come."""

    def __init__(self) -> None:
        self._rest = b""

    def check(self, portion: bytes, chips: list[str]) -> None:
        """Count bytes in, out of which these chips were read."""
        *lines, self._rest = (self._rest + portion.replace(b"\0", b"")).replace(b"\r", b"\n").split(b"\n")
        _check_among(chips, [line[4:16].decode("latin-1").upper() for line in map(bytes.strip, lines) if _whole(line)])


def _whole(line: bytes) -> bool:
    if len(line) == 40:
        return line[36:38] in (b"FS", b"LS", b"BS", b"RR")
    end = len(line) - 2 * (line[-2:] in (b"FS", b"LS"))
    return line[:2] == b"aa" and _sum(line[2 : end - 2]).lower().encode() == line[end - 2 : end]


def _ipico_mended(data: bytes) -> bytes:
    return b"\n".join(_with_sum(line.strip()) for line in data.split(b"\n"))


def _with_sum(line: bytes) -> bytes:
    kind = line[-2:] if line[-2:] in (b"FS", b"LS") else b""
    body = line.removesuffix(kind)
    return body[:-2] + _sum(body[2:-2]).lower().encode() + kind if len(body) in (32, 36, 42) else line


def _ipico(dice: Random) -> Take:
    source = _source("ipico", dice.choice(ZONES))
    reader = ipico.IpicoReader(parse_zone(source.zone), ReaderStateNotices(), dice.random() < 0.5, dice.random() < 0.2)
    return _Conversation(reader, source, lambda: len(reader._rest), LINE_MAX_BYTES + AT_ONCE_MAX_BYTES, _Sums()).take


def _replay(dice: Random) -> Take:
    """Stored reads, which come line by line without a connection's state."""
    source = _source("ipico", dice.choice(ZONES))
    zone = parse_zone(source.zone)

    def take(data: bytes, dice: Random) -> bool:
        said = ipico.replayed(data.split(b"\n"), zone, "replay", 0)
        on_the_log(facts_of(source, said, AT_US))
        put_dead_letters(rejections_of(source, said, AT_US))
        return True

    return take


# --- the others over TCP


def _chronotrack(dice: Random) -> Take:
    source = _source("chronotrack", dice.choice(ZONES))
    cursor = {"start": Position("start then", 2, "9478~2026-03-06T14:02:15.31")} if dice.random() < 0.5 else {}
    day = date(2026, 3, 6) if dice.random() < 0.5 else None
    reader = chronotrack.ChronoTrackReader(parse_zone(source.zone), cursor, day)
    bound = chronotrack.CTP_LINE_MAX_BYTES + AT_ONCE_MAX_BYTES
    take = _Conversation(reader, source, lambda: len(reader._rest), bound).take
    if dice.random() < 0.8:
        take(CHRONOTRACK[0] + CHRONOTRACK[1], dice)
    return take


CHRONOTRACK = (
    b"SimpleClient~4.0.1~CTP01\r\n",
    "ack~getlocations~start~30k~Đích~\xe9\r\n".encode(),
    b"ack~start~start\r\n",
    b"err~start~start~no\r\n",
    b"err~getlocations~no\r\n",
    b"ping\r\n",
    b"ack~ping\r\n",
    b"CT01_33~1~start~9478~2026-03-06T14:02:15.31~0~0F2A38~1\r\n",
    b"CT01_33~2~start~9479~14:02:15.31~0~0F2A38~1\r\n",
    "CT01_33~5~Đích~9479~14:02:15.31~0~0F2A38~1\r\n".encode(),
    "CT01_33~9~Đích~9480~2026-03-06T14:02:15.31~0~0F2A38~1\r\n".encode(),
    b"CT01_33~5~\xe9~9479~14:02:15.31~0~0F2A38~1\r\n",
    b"CT01_33~2038~30k~newlocation~09:15:21.00~0~ED932A~0\r\n",
    b"CT01_33~4~start~guntime~07:45:01.01~0~DF239A~0\r\n",
    b"CT01_13,1,MINI10438,1894,20:26:41.07,1,1085B1,2\r\n",
    b"CT01_33~7~start~1~1620460343.17~0~0F2A38~1\r\n",
)


def _jchip(dice: Random) -> Take:
    source = _source("jchip", dice.choice(ZONES))
    reader = jchip.JChip(parse_zone(source.zone), ReaderStateNotices(), dice.choice(("", "finish")))
    return _Conversation(reader, source, lambda: len(reader._rest), LINE_MAX_BYTES + AT_ONCE_MAX_BYTES).take


JCHIP = (
    b"N0000finish-4711\r",
    b"GT005000000 date=20260306\r",
    b"GT0050002250000\r",
    *(line.encode() + b"\r" for line in (test_jchip.SAMPLE, test_jchip.BRIDGED, test_jchip.BARE)),
)


def _p3(dice: Random) -> Take:
    source = _source("p3", dice.choice(ZONES))
    cursor = {"268307": Position("1", 157_776, "0 1")} if dice.random() < 0.5 else {}
    reader = p3.P3(parse_zone(source.zone), cursor)
    return _Conversation(reader, source, lambda: reader._frames.waiting, p3_frames.FRAME_MAX_BYTES).take


def _stream(dice: Random) -> Take:
    source = _source("impinj_stream", "UTC")
    cursor = {impinj_stream.LOG: Position("", AT_US - 10**9)} if dice.random() < 0.5 else {}
    reader = impinj_stream.ImpinjStream("Basic eDp5", cursor, impinj_stream.StreamState())

    def waiting() -> int:
        return len(reader._rest) + len(reader._answer) + len(reader._http._receive_buffer)

    bound = 2 * impinj_stream.EVENT_MAX_BYTES + impinj_stream.ANSWER_MAX_BYTES + AT_ONCE_MAX_BYTES
    conversation = _Conversation(reader, source, waiting, bound)
    begun = dice.random() < 0.8
    if begun:
        conversation.take(b"".join(STREAMED[:3]), dice)

    def take(data: bytes, dice: Random) -> bool:
        in_a_chunk = begun and data and dice.random() < 0.95  # else the bytes of HTTP, which end most connections
        return conversation.take(test_impinj_stream.chunk(data) if in_a_chunk else data, dice)

    return take


STREAMED = (
    test_impinj_stream.answer(test_impinj_stream.TIME_BODY),
    test_impinj_stream.answer(test_impinj_stream.settings(0)),
    test_impinj_stream.STREAM_HEAD,
    msgspec.json.encode(test_posted_json.IMPINJ) + b"\r\n",
    test_impinj_stream.chunk(msgspec.json.encode(test_posted_json.IMPINJ) + b"\r\n"),
    test_impinj_stream.chunk(b"\r\n"),
    test_impinj_stream.OVERFLOW,
    b"0\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
)


def _ubidium(dice: Random) -> Take:
    """A box that answers as gRPC does; what is damaged are its messages, or the bytes of HTTP/2."""
    source = _source("ubidium", "UTC")
    cursor = {ubidium.LOG: Position("4", 9)} if dice.random() < 0.5 else {}
    reader = ubidium.Ubidium(cursor, ReaderStateNotices())
    bound = ubidium.MESSAGE_MAX_BYTES + 2 * AT_ONCE_MAX_BYTES
    conversation = _Conversation(reader, source, lambda: sum(map(len, reader._rest.values())), bound)
    again = ubidium.Ubidium(cursor, ReaderStateNotices())
    again.begin(Now(AT_US, 100.0))
    box = test_ubidium.Box(again)
    head = box.http.data_to_send()

    def take(data: bytes, dice: Random) -> bool:
        nonlocal head
        stream = dice.choice(tuple(box.streams.values()))
        message = b"\0" + struct.pack(">I", len(data[:10_000])) + data[:10_000]
        frame = struct.pack(">I", len(message))[1:] + b"\0\0" + struct.pack(">I", stream) + message
        head, framed = b"", data if dice.random() < 0.1 else head + frame
        return conversation.take(framed, dice)

    return take


UBIDIUM = (
    test_ubidium.passing(),
    test_ubidium.passing(10),
    test_ubidium.status(AT_US),
    test_ubidium.field(1, test_ubidium.field(2, 5)),
)


def _published(protocol: ReaderProtocol) -> Callable[[Random], Take]:
    def begin(dice: Random) -> Take:
        source = Source(protocol=protocol.name, event=EVENT, gateway="g", options={"topic": "#"})
        assert protocol.connect is not None
        reader = protocol.connect(source.settings())({})
        assert isinstance(reader, mqtt_events.MqttEvents)
        conversation = _Conversation(reader, source, lambda: len(reader._rest), 2 * AT_ONCE_MAX_BYTES)

        def take(data: bytes, dice: Random) -> bool:
            topic = dice.choice(("readers/finish", "\0", "đích" * 40))
            return conversation.take(mqtt_events.frame(topic, data, dice.randrange(1, 65_536), dice.randrange(3)), dice)

        return take

    return begin


P3 = (test_p3.CAPTURED, test_p3.STATUS, *(test_p3.passing(number) for number in (157_778, 157_800, 2**32 - 1)))


def _raceresult(dice: Random) -> Take:
    source = _source("raceresult", dice.choice(ZONES))
    cursor = {"D-5012": Position("3#1", 12, "2026-01-04 05:00:12.500 6692-33")} if dice.random() < 0.5 else {}
    origin = ClockOrigin(parse_zone(source.zone), began_us=dice.choice((None, AT_US)))
    reader = raceresult.RaceResult(origin, cursor, ReaderStateNotices())
    take = _Conversation(reader, source, lambda: len(reader._lines._rest), LINE_MAX_BYTES).take
    if dice.random() < 0.8:
        take(b"".join(RACERESULT[:6]), dice)
    return take


RACERESULT = (
    b"GETPROTOCOL;2.0;1.0;3.3\r\n",
    b"SETPROTOCOL;2.6\r\n",
    b"GETCONFIG;GENERAL;BOXNAME;Finish;D-5012\r\n",
    raceresult_talk.STATUS.encode() + b"\r\n",
    b"PASSINGS;14;3\r\n",
    b"SETPUSHPASSINGS;1;0\r\n",
    b"\r\n",
    b"PASSINGS;0;4\r\n",
    b"PASSINGS;30\r\n",
    b"SETPROTOCOL;1.2\r\n",
    b"STARTOPERATION;OK;0000-00-00;00:00:00.000\r\n",
    b"STOPOPERATION;OK\r\n",
    b"#KEEPALIVE\r\n",
    b"ONLY 3 PASSINGS\r\n",
    b"GETFILE;2\r\n",
    b"1;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52\r\n",
    b"#P;" + raceresult_talk.PUSHED.encode() + b"\r\n",
    b"13;99999;2026-03-06;05:00:13.500;0;12;-68;09ca52;1;;7;;;2.91;21;;Finish;4;3;D-5012\r\n",
    *(raceresult_talk.record(number).encode() + b"\r\n" for number in (1, 2, 12, 13, 20)),
    *(b"#P;" + raceresult_talk.record(number, file=file).encode() + b"\r\n" for number in (12, 15) for file in (3, 4)),
    b"GETSTATUS;2026-01-04;05:00:00.000;0;11110000;0;3;1;49.0,8.4;0;8" + b";1" * 13 + b";1;1857\r\n",
)


def _ultra(dice: Random) -> Take:
    source = _source("ultra", dice.choice(ZONES))
    reader = ultra.Ultra(
        parse_zone(source.zone), test_ultra.known(5) if dice.random() < 0.5 else {}, ReaderStateNotices()
    )
    return _Conversation(reader, source, lambda: len(reader._lines._rest), LINE_MAX_BYTES).take


ULTRA = (
    test_ultra.SAMPLE.encode() + b"\n",
    b"Connected,29319\n",
    b"1,Connected,29319\n",
    b"V=25.0000\n",
    b"V=22.1\n",
    b"S=10\n",
    b"S=00\n",
    b"12:26:40 06-03-2026 (0)\n",
    b"00:00:00 01-01-0001\n",
    b"23:59:59 31-12-9999\n",
    b"02:30:00 08-03-2026 (-5)\n",
    *(test_ultra.line(number, again=again).encode() + b"\n" for number in (1, 5, 6, 9, 40) for again in (0, 1)),
    test_ultra.line(7, chip="0", antenna=0).encode() + b"\n",
    test_ultra.line(3, box=2, after=9_000).encode() + b"\n",
)


def _wiclax(dice: Random) -> Take:
    source = _source("wiclax", dice.choice(ZONES))
    cursor = {wiclax.LOG: Position("", AT_US - 10**9)} if dice.random() < 0.5 else {}
    reader = wiclax.WiclaxReader(parse_zone(source.zone), cursor, ReaderStateNotices())
    return _Conversation(reader, source, lambda: len(reader._rest), LINE_MAX_BYTES).take


WICLAX = (
    test_wiclax.SAMPLE.encode() + b"\r",
    b"7;06-03-2026 09:00:00\r",
    test_wiclax.line(3, rewound=True),
    b"*\r",
    b"CLOCK 06-03-2026 12:26:40\r",
    b"CLOCK 01-01-2000 00:00:00\r",
    b"CLOCK 31-12-2099 23:59:59\r",
    b"CLOCKOK\rREADOK\r",
    b"RACESTART 23:59:59,999\r",
    b"x;08-03-2026 02:30:00.500;0B;1;5;1\n",
)


def _llrp(dice: Random) -> Take:
    reader = llrp.LlrpReader("finish", ReaderStateNotices(), dice.choice((None, AT_US)))
    bound = llrp_messages.MESSAGE_MAX_BYTES + AT_ONCE_MAX_BYTES
    take = _Conversation(reader, _source("llrp", "UTC"), lambda: len(reader._frames._rest), bound).take
    if dice.random() < 0.5:
        take(test_llrp.CONNECTED + test_llrp.answer(11) + test_llrp.answer(13), dice)
    return take


_message, _tlv, _tag = test_llrp.message, test_llrp.tlv, test_llrp.tag
LLRP = (
    test_llrp.REPORT,
    test_llrp.CONNECTED,
    test_llrp.answer(11, more=_tlv(142, bytes([8]) + bytes(27))),
    test_llrp.answer(13),
    test_llrp.answer(36, more=_tlv(177, struct.pack(">IBB", llrp_messages.ROSPEC_ID, 0, 2))),
    test_llrp.answer(31),
    test_llrp.answer(30, 100, text=b"no"),
    _message(62, number=77),
    _message(100, _tlv(287, struct.pack(">HH", 109, 3) + b"bad")),
    test_llrp.report(_tag(bytes(12), 1_000, 9_000, 3), _tag(bytes.fromhex("e2003412"), 5), _tag(bytes(62), 6)),
    test_llrp.report(b"\x8d" + bytes(12) + _tlv(6, bytes(300)) + _tlv(1, b"\xff" * 20) + b"\x82" + bytes(8)),
    test_llrp.event(_tlv(250, b"\x5a"), _tlv(251, b""), _tlv(252, b"\0\4oops"), _tlv(255, b"\0\0\2")),
    test_llrp.event(_tlv(256, b"\0\2")),
    test_llrp.event(_tlv(257, b"")),
    _message(1023, bytes(20)),
)


def _llrp_mended(data: bytes) -> bytes:
    """One message whose header tells its length, of tag reports that do too, whatever is in them."""
    body = data[10:60_000]
    kind = (61, 61, 61, 63, 11, 13, 36, 100)[data[0] % 8] if data else 61
    outer = {61: 240, 63: 246}.get(kind)
    return _message(kind, body if outer is None else _tlv(outer, body[4:] if body[:1] == b"\0" else body))


# --- HTTP


def _upload(dice: Random) -> Take:
    source = _source("raceresult_http", dice.choice(ZONES))
    origin = ClockOrigin(parse_zone(source.zone), began_us=dice.choice((None, AT_US)))

    def take(data: bytes, dice: Random) -> bool:
        said = raceresult_http.read_body(data, "D-5012", "s", origin)
        on_the_log(facts_of(source, said, AT_US))
        put_dead_letters(rejections_of(source, said, AT_US))
        return True

    return take


UPLOADS = (
    test_raceresult_http.PASSIVE.encode() + b"\n",
    test_raceresult_http.ACTIVE.encode() + b"\r\n",
    test_raceresult_http.PASSIVE.replace("0000041", "99999").encode() + b"\n",
    test_raceresult_http.PASSIVE.replace("2026-01-04", "0000-00-00").encode() + b"\n",
    b"26-01-04T05:00:10;" + test_raceresult_trackbox.PASSIVE.encode() + b"\n",
    b"2026-01-04 05:00:10Z;" + test_raceresult_trackbox.ACTIVE.encode() + b"\n",
)


def _posted(read_body: Callable[[bytes, str, str], list[Message]], protocol: str) -> Callable[[Random], Take]:
    source = _source(protocol, "UTC")

    def take(data: bytes, dice: Random) -> bool:
        said = read_body(data, "D-5012", "s")
        on_the_log(facts_of(source, said, AT_US))
        put_dead_letters(rejections_of(source, said, AT_US))
        return True

    return lambda _: take


EVENTS = (
    msgspec.json.encode([test_posted_json.IMPINJ, test_posted_json.IMPINJ]),
    msgspec.json.encode([test_posted_json.ZEBRA]) + b"\n",
    msgspec.json.encode(test_posted_json.ZEBRA) + b"\n" + test_posted_json.SPEEDWAY.encode(),
)


def _file(dice: Random) -> Take:
    """Files out of devices' memories: what is read of them fits the log."""
    settings = FileSettings(
        zone=parse_zone(dice.choice(ZONES)), day=dice.choice((None, date(2026, 3, 6))), columns=dice.choice(COLUMNS)
    )

    def take(data: bytes, dice: Random) -> bool:
        try:
            memory = read_file(data, settings)
        except UnknownFile:
            return True
        imported = imported_reads(memory, Devices("F1"))
        list(device_summaries(imported, {}, settings))
        on_the_log(reads_facts(EVENT, "import", session_of(data, settings, Devices("F1")), imported.rows, AT_US))
        return True

    return take


COLUMNS: tuple[dict[str, str], ...] = ({}, {}, {"chip": "1", "time": "2"}, {"time": "Time"})
FILES = (
    *(f"{line}\n{line}\n".encode() for line in test_formats.LINES),
    test_formats.CHRONOKEEP.encode() + b"0,11055,1170518701,698,1,0,1,2,Box 7,29319,-71,0,,0,,0\n",
    "Mã chip;Thời gian;Vị trí;antenna\nA1;2026-01-03 22:00:01.5Z;FINISH;2\n".encode(),
    b"Chip,Date,Time\nA1,03/06/2026,5:00:01 PM\nA2,6.3.2026,05:00:01\n",
)


def _reads(decode: Callable[[bytes], Push]) -> Callable[[Random], Take]:
    def take(data: bytes, dice: Random) -> bool:
        try:
            push = decode(data)
        except TooManyReads:
            return True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # as the door takes it
            put_dead_letters([request_rejection(EVENT, shortened(error), data, AT_US)])
            return True
        on_the_log(reads_facts(EVENT, push.gateway, push.session, push.rows, AT_US))
        put_dead_letters(
            request_rejection(EVENT, rejection.reason, rejection.raw, AT_US, push.gateway, rejection.index)
            for rejection in push.bad
        )
        return True

    return lambda dice: take


_READ = {"seq": 4, "device": "S1", "chip": " a1", "at_us": AT_US, "rssi": -61.5, "antenna": 3, "battery": 2.9}
_PUSH = {"gateway": "g", "session": "s", "reads": [_READ, {**_READ, "chip": "Đ1"}, {**_READ, "seq": -1, "more": None}]}
_BARE = {"gateway": "g", "session": "s", "reads": [{"seq": 1, "device": "S1", "chip": "A1", "at_us": 0}]}


def _refusing(take_whole: Callable[[bytes], object]) -> Callable[[Random], Take]:
    """A body that is refused with a status below 500, or taken."""

    def take(data: bytes, dice: Random) -> bool:
        try:
            take_whole(data)
        except Refused as refused:
            _check_refusal(refused)
        return True

    return lambda dice: take


ANSWER_MAX_BYTES = 256 * 1024  # that says what is wrong, every fault of it


def _check_refusal(refused: Refused) -> None:
    assert refused.status in (400, 413, 415, 422)
    members = {"detail": str(refused), **refused.members}
    assert len(msgspec.json.encode(members)) <= ANSWER_MAX_BYTES, refused.title


def _facts(data: bytes) -> None:
    for fact in http._checked_facts(data, EVENT, None, None):
        try:
            record = codec.encode_packed(EVENT, [pack(fact).raw], fact.envelope_version())
        except TooLarge:
            continue
        assert [codec.to_json(fact) for fact in codec.decode_envelope(record).facts] == [codec.to_json(fact)]


def _definition(is_json: bool) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        plain = checked_definition(data, is_json, EVENT)
        try:
            on_the_log([EventDefined(event=EVENT, definition=plain)])
        except TooLarge:
            return

    return take


def _entries(is_json: bool) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        entry_list = entry_list_of(data, is_json, None, Options(), AT_US)
        on_the_log(entries_facts(EntriesAdded(event=EVENT, id="i", entries=[]), entry_list.entries()))
        assert all(note.reason for note in entry_list.rejected)

    return take


def _packed(dice: Random) -> Take:
    coding = dice.choice(("gzip", "x-gzip", "zstd", "zstd", "br", ""))

    def take(data: bytes, dice: Random) -> bool:
        try:
            body = bodies.decompress(data, coding, UNPACKED_MAX_BYTES)
        except Refused as refused:
            _check_refusal(refused)
            return True
        assert len(body) <= UNPACKED_MAX_BYTES or coding == ""
        return True

    return take


_SHORT = msgspec.json.encode(_PUSH)
_LONG = bytes(UNPACKED_MAX_BYTES + 1)
PACKED = (
    gzip.compress(_SHORT, mtime=0),
    gzip.compress(_LONG, mtime=0),
    gzip.compress(b"", mtime=0),
    zstandard.compress(_SHORT),
    zstandard.compress(_LONG),
    zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(_SHORT),
    zstandard.ZstdCompressor(write_content_size=False, level=19).compress(_LONG),
    zstandard.ZstdCompressor(write_content_size=False).compress(b""),
)

CSV = (
    b"\xef\xbb\xbfbib,chips,race,gender,given_name,family_name,nationality,birth_year,ranked,club\r\n"
    + '7,A1 A2,hm,M,Jo,X,vie,1990,yes,Hà Nội\n8,A2,hm,W,Jo,X,,,,\n9,A3,hm,F,"J\n""o",X,,20,no,\n'.encode(),
    b"bib;chip;race;gender;given_name;family_name\n7;A1|A2;hm;M;Jo;a@b.cd\n",
    b"bib\tchip\trace\tgender\tgiven_name\tfamily_name\n7\tA1\thm\tx\tJo\tB\n",
    'sep=;\nSTT;Số BIB;Họ và tên;Giới tính;Ngày sinh;Cự ly;Nước\n1;="007";Nguyễn An;Nữ;5/1/1990;21km;Áo\n'.encode(),
    "Danh sách\n\nBib\tChip\tDistance\tSex\tName\tDOB\n7.0\t5.8E+10\t21k\tW\tB, A\t32994\n".encode("utf-16"),
)


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["Số BIB", "Chip", "Race", "Sex", "Name"], [7, "A1", "hm", "F", "Ann X"], [8.5, 1e20, "hm", "Q", "B"]):
        book.active.append(row)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


_ENTRY = {"bib": "7", "chips": ["A1"], "race": "hm", "gender": "F", "given_name": "A", "family_name": "B"}
ENTRIES = (
    msgspec.json.encode([_ENTRY, {**_ENTRY, "club": "a@b.cd"}, {**_ENTRY, "gender": "W"}]),
    msgspec.json.encode([{**_ENTRY, "birth_year": 1990, "nationality": "VIE", "wave": "A", "personal_best_s": 9000}]),
    b"[1,2,[3],{}]",
)
_FACTS: list[dict[str, Any]] = [
    {"type": "gun_fired", "race": "hm", "at_us": AT_US, "wave": "A", "id": "x"},
    {"type": "clock_corrected", "device": "S1", "offset_us": -5, "from_us": 0, "until_us": AT_US},
    {"type": "status_set", "bib": "7", "status": "DNF", "reason": "r", "at_us": AT_US, "rule": "5.6"},
    {"type": "order_set", "race": "hm", "bibs": ["7", "8"], "reason": "r"},
    {"type": "case_decided", "case": "missed:7", "outcome": "accept", "reason": "r"},
    {"type": "entries_added", "entries": [_ENTRY]},
    {"type": "results_published", "race": "hm", "state": "official", "boards": ["a"]},
    {"type": "fact_withdrawn", "fact": "x", "reason": "r"},
    {"type": "reads_received", "gateway": "g", "session": "s", "reads": [_READ]},
    {"type": "event_defined", "definition": definition()},
]
FACTS = (
    *(msgspec.json.encode({"event": EVENT, **fact}) for fact in _FACTS),
    msgspec.json.encode([{"event": EVENT, **fact} for fact in _FACTS[:4]]),
)
_JSON = (b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"\\u0000", b"\\ud800", b"1e999", b"-", b"\n", b'{"a":')
_TOML_TOKENS = (b"[[", b"]]", b"{", b"}", b"=", b".", b"\n", b'"', b"'''", b"#", b",", b"1e9", b"nan", b"inf", b"true")


def _toml() -> tuple[bytes, ...]:
    """A whole definition of a real race, and its tables one by one."""
    text = races.definition_toml("hanoi-half-2024")
    small = (
        f'event = "{EVENT}"\nname = "E"\ndate = 2026-01-04\ntimezone = "Asia/Ho_Chi_Minh"\n'
        '[[mats]]\nid = "start"\ndevices = ["S1"]\n[[mats]]\nid = "finish"\ndevices = ["F1"]\n'
        '[[races]]\nid = "hm"\nname = "H"\nstart = 2026-01-04T05:00:00\n'
        'points = [{ id = "START", mat = "start", km = 0 }, { id = "FINISH", mat = "finish", km = 21.0975 }]\n'
    ).encode()
    tables = tuple(b"[[" + table for table in text.split(b"\n[[")[1:])
    return (small, small, small, small, *tables[:20])


_MYLAPS = (
    test_mylaps.STORE,
    test_mylaps.PASSING,
    test_mylaps.MARKER,
    b"Start@Pong@$",
    b"Start@Ping@$\r\n",
    b"Toolkit@AckAuth@user@password@$",
    b"Loc@AckGetInfo@Device@Unknown@Computer$",
    b"5Km@Marker@t=13:11:30.904|mt=Gunshot|n=x|d=120606@7@$",
    b"10KM@Passing@t=13:11:30|c=0000041|d=120606|utc=1338981090904|amd=-61.5|ans=3|dv=4|re=0@8@$",
    b"@".join((b"Start@Store", *(test_mylaps.v1_record(f"SS3507{n}15:43:58.065 5 01 13001B250308") for n in range(6))))
    + b"@12@$\0\r\n",
)

TARGETS = (
    Target("mylaps", _MYLAPS, (b"@", b"$", b"|", b"=", b"\0", b"@$", b"x@"), _mylaps, _mylaps_mended),
    Target("raceresult", RACERESULT, (b";", b"\n", b"\r\n", b"#P;", b":"), _raceresult),
    Target("raceresult_http", UPLOADS, (b";", b"\n", b"\0", b"-"), _upload),
    Target("impinj", EVENTS, _JSON, _posted(impinj.read_body, "impinj")),
    Target("impinj_stream", STREAMED, (*_JSON, b"\r\n", b"HTTP/1.1 ", b"0\r\n", b": "), _stream),
    Target("ubidium", UBIDIUM, (b"\x12", b"\0\0", b"\xff", b"\x0a\x02", b"\x80\x01"), _ubidium),
    Target("impinj_mqtt", EVENTS, _JSON, _published(impinj_mqtt.PROTOCOL)),
    Target("zebra_mqtt", EVENTS, _JSON, _published(zebra_mqtt.PROTOCOL)),
    Target("zebra", EVENTS, _JSON, _posted(zebra.read_body, "zebra")),
    Target("file", FILES, (b",", b";", b"~", b"\t", b"\n", b"\r", b"\0", b"\xff\xfe", b":", b'"'), _file),
    Target("chronotrack", CHRONOTRACK, (b"~", b"\r", b"\n", b",", b"ack~", b"a~b~CTP01\n", b"ping\n"), _chronotrack),
    Target(
        "ipico",
        tuple(line + b"\r\n" for line in test_ipico.LINES),
        (b"aa", b"ab", b"\r\n", b"FS", b"00", b"\n"),
        _ipico,
        _ipico_mended,
    ),
    Target("ipico_replay", tuple(line + b"\n" for line in test_ipico.LINES), (b"aa", b"\n", b"FS"), _replay),
    Target("ultra", ULTRA, (b",", b"\n", b"V=", b"S=", b":"), _ultra),
    Target("wiclax", WICLAX, (b";", b"\r", b"CLOCK ", b":", b"-"), _wiclax),
    Target("jchip", JCHIP, (b"\r", b" ", b"D", b"GT", b"N", b":", b"date="), _jchip),
    Target("p3", P3, (b"\x8e", b"\x8f", b"\x8d", b"\1\4", b"\4\x08", b"\xff\xff"), _p3),
    Target("llrp", LLRP, (b"\x04\x3d", b"\0\0", b"\xff\xff", b"\0\xf0", b"\x8d", b"\x81"), _llrp, _llrp_mended),
    Target("reads_json", (_SHORT, msgspec.json.encode(_BARE)), _JSON, _reads(push_from_json)),
    Target(
        "reads_ndjson",
        (msgspec.json.encode(_READ) + b"\n", msgspec.json.encode(_BARE["reads"][0]) + b"\r\n"),
        _JSON,
        _reads(lambda data: push_from_ndjson(data, "g", "s")),
    ),
    Target(
        "reads_msgpack",
        (msgspec.msgpack.encode(_PUSH), msgspec.msgpack.encode(_BARE)),
        (b"\x80", b"\x90", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc1", b"\xc0", b"\xcb", b"\xc7\xff\1"),
        _reads(push_from_msgpack),
    ),
    Target("entries_json", ENTRIES, _JSON, _refusing(_entries(is_json=True))),
    Target("entries_csv", CSV, (b",", b";", b"\t", b'"', b"\n", b"\r", b"\0", b"@", b"|"), _refusing(_entries(False))),
    Target("entries_xlsx", (_workbook(),), (b"PK\x03\x04", b"PK\x01\x02", b"<c ", b"<row"), _refusing(_entries(False))),
    Target("facts", FACTS, _JSON, _refusing(_facts)),
    Target("definition_toml", _toml(), _TOML_TOKENS, _refusing(_definition(is_json=False))),
    Target("definition_json", (msgspec.json.encode(definition()),), _JSON, _refusing(_definition(is_json=True))),
    Target("packed", PACKED, (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\0\0\0", b"\x50\x2a\x4d\x18"), _packed),
)
