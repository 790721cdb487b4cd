"""Logs of IPICO readers and Trident TimeMachines: their lines, perhaps with a time or other text around them.

Source: as `decoders/ipico.py`; logs as rich text from CrossMgr, IpicoImport.py, and Trident's raw.log and filtered.log
from its manual.
"""

import re
from collections.abc import Iterator, Sequence

from services.ingest.decoders.ipico import Read, decode_line
from services.ingest.decoders.messages import Notice, Unreadable
from services.ingest.memory_files.file_lines import Content, FileFormat, FileMark, FileRead, FileSettings, LineReader

_FRAME = re.compile(
    r"aa[A-Za-z]\d[0-9A-Fa-f]{32}(?:FS|LS|BS|RR)[0-9A-Fa-f]{2}|aa[0-9a-f]{34}(?:[0-9a-f]{6})?(?:FS|LS)?|a[bc][0-9a-f]{8,}",
    re.ASCII,
)


def _reader(_: Sequence[str], settings: FileSettings) -> LineReader:
    return lambda line: _contents(line, settings)


def _contents(line: str, settings: FileSettings) -> Iterator[Content]:
    match = _FRAME.search(line)
    if match is None:
        if "aa" in line:
            raise ValueError("not a whole frame of an IPICO or Trident reader")
        return  # a heading, or what a word processor writes around the frames
    content = decode_line(match[0].encode("latin-1"), settings.zone)
    if isinstance(content, Read):
        yield FileRead(content.reader, content.chip, content.at_us, content.receiver, content.strength)
    elif isinstance(content, Notice):
        yield FileMark(content.where, content.kind, content.at_us, content.text)
    elif isinstance(content, Unreadable):
        raise ValueError(content.reason)


IPICO = FileFormat(
    name="ipico",
    title="IPICO or Trident log",
    recognises=lambda line: "aa" in line and _FRAME.search(line) is not None,
    reader=_reader,
)
