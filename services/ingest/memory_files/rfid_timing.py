"""Logs of RFID Timing boxes: the 12 fields of an Ultra, and the two forms that Outreach and the RFID server write.

Outreach writes `antenna,chip,bib,"time",reader,antenna` and the server `chip`, time, reader and antenna with tabs
between; both may end after the time, and the time may lack its date.

Source: PikaTimer, PikaRFIDDirectReader.java and PikaRFIDFileReader.java; chronokeep-windows, LogImporter.cs.
"""

import re
from collections.abc import Iterator, Sequence

from schemas.ids import label
from services.ingest.decoders.ultra import read_line
from services.ingest.memory_files.file_lines import Content, FileFormat, FileMark, FileRead, FileSettings, LineReader
from services.ingest.memory_files.times import when_of

_ULTRA = re.compile(r"[01],\w+,\d{8,10},\d{1,3}(,[^,]*){8}", re.ASCII)
_TIME = r'"?(?:\d{4}-\d\d-\d\d )?\d{1,2}:\d\d:\d\d(?:\.\d{1,3})?"?'
_OUTREACH = re.compile(rf"(\d),(\w+),(\w*),({_TIME})(?:,(\d{{0,3}}),(\d{{0,3}}))?", re.ASCII)
_SERVER = re.compile(rf"(\w+)\t({_TIME})(?:\t(\d{{0,3}}))?(?:\t(\d{{0,3}}))?", re.ASCII)
_TALK = re.compile(r"V=|S=|(\d,)?Connected")  # heartbeats and greetings in a recorded stream


def _ultra_reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _ultra_contents(line, settings)


def _ultra_contents(line: str, settings: FileSettings) -> Iterator[Content]:
    if _TALK.match(line):
        return
    read = read_line(line, settings.zone)
    if not read.chip:
        yield FileMark(read.box, "gun", read.at_us, line)
    else:
        yield FileRead(read.box, read.chip, read.at_us, read.antenna, read.rssi)


def _text_reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _text_contents(line, settings)


def _text_contents(line: str, settings: FileSettings) -> Iterator[Content]:
    if match := _OUTREACH.fullmatch(line):
        antenna, chip, _, clock, reader, _ = match.groups()
    elif match := _SERVER.fullmatch(line):
        chip, clock, reader, antenna = match.groups()
    else:
        raise ValueError("not a read of Outreach or the RFID server")
    when = when_of(clock.strip('"'), settings.zone, settings.day)
    if chip == "0" and antenna == "0":
        yield FileMark(reader or "", "gun", when, line)
    else:
        yield FileRead(reader or "", label(chip, "chip"), when, int(antenna) if antenna else None)


ULTRA = FileFormat(
    name="ultra",
    title="RFID Timing Ultra log",
    recognises=lambda line: _ULTRA.fullmatch(line) is not None,
    reader=_ultra_reader,
)
OUTREACH = FileFormat(
    name="outreach",
    title="RFID Timing Outreach or RFID server log",
    recognises=lambda line: bool(_OUTREACH.fullmatch(line) or _SERVER.fullmatch(line)),
    reader=_text_reader,
)
