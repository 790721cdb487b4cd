"""Feeds as JSON, CSV and XML: the same columns in each. Pure. Source: docs/http.md."""

import csv
import io
import re
from xml.sax.saxutils import escape

import msgspec

from services.formatting.spreadsheet import BYTE_ORDER_MARK, harmless, without_signs
from services.live.feed.table import FeedTable

CSV_TYPE = "text/csv; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"

# Characters that XML 1.0 cannot hold at all, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_json = msgspec.json.Encoder()


def as_json(table: FeedTable) -> bytes:
    """Return a root array of objects."""
    labels = [column.label for column in table.columns]
    return _json.encode([dict(zip(labels, row, strict=True)) for row in table.rows])


def as_csv(table: FeedTable, spreadsheet: bool = False) -> bytes:
    """Return a header row and a row for each line.

    A text from outside that a spreadsheet would read as a formula gets an apostrophe before it. Numbers, and texts that
    are declared ours (`=3`, `+0:12`), are written unchanged for programs. For a `spreadsheet` ours lose the signs that
    begin a formula (`3=`, `0:12`), and a byte order mark says that the file is UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(column.label for column in table.columns)
    shown = without_signs if spreadsheet else str
    for row in table.rows:
        writer.writerow(
            (shown if column.ours else harmless)(str(value)) if column.text else value
            for column, value in zip(table.columns, row, strict=True)
        )
    return (BYTE_ORDER_MARK if spreadsheet else b"") + out.getvalue().encode()


def as_xml(table: FeedTable, root: str) -> bytes:
    """Return an element `root` of `row`s with an element for each column, blanks of labels as `_`.

    Characters that XML cannot hold become U+FFFD.
    """
    names = [column.label.replace(" ", "_") for column in table.columns]
    parts = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n']
    for row in table.rows:
        cells = "".join(f"<{name}>{_xml_text(str(value))}</{name}>" for name, value in zip(names, row, strict=True))
        parts.append(f"<row>{cells}</row>\n")
    parts.append(f"</{root}>\n")
    return "".join(parts).encode()


def _xml_text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text), {"\r": "&#13;"})
