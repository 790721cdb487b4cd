"""Feeds as JSON, CSV and XML: the same columns in each. Pure. Source: docs/http.md."""

import csv
import io
import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from services.formatting.spreadsheet import harmless
from services.live.feed.board_line import BoardLine
from services.live.feed.columns import FEED_COLUMNS, feed_row

CSV_TYPE = "text/csv; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"

# Characters that XML 1.0 cannot hold at all, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_json = msgspec.json.Encoder()


def as_json(lines: Sequence[BoardLine]) -> bytes:
    """Return a root array of objects."""
    return _json.encode([feed_row(line) for line in lines])


def as_csv(lines: Sequence[BoardLine]) -> bytes:
    """Return a header row and a row for each line.

    A text from outside that a spreadsheet would read as a formula gets an apostrophe before it. Numbers, and texts that
    are declared ours (`=3`, `+0:12`), are written unchanged.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(column.name for column in FEED_COLUMNS)
    foreign = {column.name for column in FEED_COLUMNS if column.type is str and not column.ours}
    for line in lines:
        row = feed_row(line)
        writer.writerow(harmless(str(value)) if name in foreign else value for name, value in row.items())
    return out.getvalue().encode()


def as_xml(lines: Sequence[BoardLine]) -> bytes:
    """Return a `board` of `row`s with an element for each column.

    Characters that XML cannot hold become U+FFFD.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<board>\n']
    for line in lines:
        cells = "".join(f"<{name}>{_xml_text(str(value))}</{name}>" for name, value in feed_row(line).items())
        parts.append(f"<row>{cells}</row>\n")
    parts.append("</board>\n")
    return "".join(parts).encode()


def _xml_text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\r": "&#13;"})
