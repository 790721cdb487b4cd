"""Talk with a RACE RESULT decoder: its lines, a connection beyond its handshake, and boxes that answer commands."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, timezone

from services.ingest.decoders.clock_origin import ClockOrigin
from services.ingest.decoders.messages import (
    DecodedRead,
    Notice,
    Now,
    Position,
)
from services.ingest.decoders.raceresult import RaceResult
from services.ingest.decoders.raceresult_files import BoxMemory
from services.ingest.decoders.reader_state import ReaderStateNotices

ZONE = timezone(timedelta(hours=7))
ORIGIN = ClockOrigin(ZONE)
START = Now(1_767_477_600_000_000, 1000.0)
PUSHED = "12;33;0000-00-00;00:00:02.773;6692;12;-68;09ca52;0;;;;;;;;Finish;41;3;D-5012"
STATUS = "GETSTATUS;2026-01-04;05:00:00.000;1;11110000;1;3;1;49.0,8.4;1;80;21;22"


def at(seconds: float) -> Now:
    return Now(START.wall_us + int(seconds * 1e6), START.steady_s + seconds)


def record(number: int, code: str = "33", file: int = 3, day: str = "2026-01-04") -> str:
    clock = f"05:{number // 60 % 60:02d}:{number % 60:02d}.500"
    return f"{number};{code};{day};{clock};6692;12;-68;09ca52;0;;;;;;;;Finish;{file};3;D-5012"


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\r\n" for text in texts).encode()


def asked(reader: RaceResult) -> list[str]:
    return reader.take().decode().split("\r\n")[:-1]


KNOWN = {"D-5012": Position("3", 0)}


def met(
    cursor: dict[str, Position] | None = None, count: int = 0, file: int = 3, origin: ClockOrigin = ORIGIN
) -> RaceResult:
    """A connection whose handshake is done, at `count` passings of a file."""
    reader = RaceResult(origin, KNOWN if cursor is None else cursor, ReaderStateNotices())
    reader.begin(START)
    assert asked(reader) == ["GETPROTOCOL"]
    assert reader.feed(lines("GETPROTOCOL;2.0;1.0;3.3"), START) == []
    assert asked(reader) == ["SETPROTOCOL;2.6"]
    assert reader.feed(lines("SETPROTOCOL;2.6"), START) == []
    assert asked(reader) == ["GETCONFIG;GENERAL;BOXNAME"], "one at a time"
    counted = f"PASSINGS;{count};{file}"
    reader.feed(lines("GETCONFIG;GENERAL;BOXNAME;Finish;D-5012", STATUS, counted), START)
    reader.take()
    reader.feed(lines("SETPUSHPREWARNS;0", "SETPUSHPASSINGS;1;0", counted), START)
    return reader


def numbers(messages: list) -> list[int]:
    return [message.seq for message in messages if isinstance(message, DecodedRead)]


Box = Callable[[str], Sequence[str]]
"""A compatible box: its lines in answer to a command."""


def converse(reader: RaceResult, box: Box, seconds: int, pushes: Mapping[int, Sequence[str]] | None = None) -> list:
    """Let a box answer a reader's commands for a while, and push lines at given seconds; return all messages."""
    said: list = []
    for second in range(seconds):
        for command in asked(reader):
            said += reader.feed(lines(*box(command)), at(second))
        said += reader.feed(lines(*(pushes or {}).get(second, [])), at(second))
        said += reader.tick(at(second))
    return said


def kinds(messages: list) -> list[str]:
    return [message.kind for message in messages if isinstance(message, Notice)]


def fresh(cursor: dict[str, Position] | None = None, memory: BoxMemory | None = None) -> RaceResult:
    reader = RaceResult(ORIGIN, cursor or {}, ReaderStateNotices(), memory=memory)
    reader.begin(START)
    return reader


def zero_based(command: str, count: int = 44) -> Sequence[str]:
    """A box that numbers its passings from 0, all else as it should be."""
    first, colon, wanted = command.partition(":")
    if colon:
        return [*(record(number - 1) for number in range(int(first), int(first) + int(wanted))), ""]
    head = command.partition(";")[0]
    known = {"GETPROTOCOL": "GETPROTOCOL;2.0;1.0;2.6", "PASSINGS": f"PASSINGS;{count};3", "GETSTATUS": STATUS}
    known["GETCONFIG"] = "GETCONFIG;GENERAL;BOXNAME;Finish;D-5012"
    return [known.get(head, command)]
