"""Feeds as JSON, CSV and XML: the same columns in each. Pure. Source: docs/http.md."""

import csv
import io
import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from services.formatting.spreadsheet import harmless
from services.live.feed.board_line import COLUMNS, FREE_TEXT, BoardLine, feed_row

CSV_TYPE = "text/csv; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"

# What XML 1.0 cannot hold at all, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_json = msgspec.json.Encoder()


def as_json(lines: Sequence[BoardLine]) -> bytes:
    """A root array of objects."""
    return _json.encode([feed_row(line) for line in lines])


def as_csv(lines: Sequence[BoardLine]) -> bytes:
    """A header row and a row for each line. A text from outside that a spreadsheet would take for a formula gets an
    apostrophe before it; numbers and our own texts (`=3`, `+0:12`) stay as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in lines:
        row = feed_row(line)
        writer.writerow([harmless(str(row[name])) if name in FREE_TEXT else row[name] for name in COLUMNS])
    return out.getvalue().encode()


def as_xml(lines: Sequence[BoardLine]) -> bytes:
    """A `board` of `row`s with an element a column; characters that XML cannot hold become U+FFFD."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<board>\n']
    for line in lines:
        row = feed_row(line)
        cells = "".join(f"<{name}>{_xml_text(str(row[name]))}</{name}>" for name in COLUMNS)
        parts.append(f"<row>{cells}</row>\n")
    parts.append("</board>\n")
    return "".join(parts).encode()


def _xml_text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\r": "&#13;"})
