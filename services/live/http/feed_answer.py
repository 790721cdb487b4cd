"""Answers in the format that a path's suffix names, and the headers by which clients page through long ones."""

from collections.abc import Container, Sequence

from services.live.errors import Refused
from services.live.feed.feed_files import CSV_TYPE, XML_TYPE, as_csv, as_json, as_xml
from services.live.feed.table import Column, FeedForm, Line, feed_table
from services.live.http.answers import JSON_TYPE, Answer, answer
from services.live.http.query import Page

FORMATS = ("json", "csv", "xml")
PLAIN = FeedForm()


def split_suffix(name: str, known: Container[str]) -> tuple[str, str]:
    """Return an id and the format that a suffix names, or "". An id may hold dots, so the full name is tried first."""
    stem, _, suffix = name.rpartition(".")
    return (name, "") if name in known or suffix not in FORMATS else (stem, suffix)


def known_format(name: str) -> str:
    """Return the format of a feed that has no other answer. Raises Refused for one that there is not."""
    if name not in FORMATS:
        raise Refused(404, "No such format", f"there is no format {name[:20]!r}; there are {', '.join(FORMATS)}")
    return name


def feed_answer(
    columns: Sequence[Column[Line]],
    lines: Sequence[Line],
    form: FeedForm,
    feed_format: str,
    root: str,
    revision: int,
    **more: str,
) -> Answer:
    """Return lines as a feed; `root` names the root element of XML. Raises Refused for a column that there is not."""
    table = feed_table(columns, lines, form)
    if feed_format == "csv":
        return answer(as_csv(table, form.spreadsheet), CSV_TYPE, revision, **more)
    if feed_format == "xml":
        return answer(as_xml(table, root), XML_TYPE, revision, **more)
    return answer(as_json(table), JSON_TYPE, revision, **more)


def check_no_form(form: FeedForm) -> None:
    """Check that a request without a suffix asks for no form of a feed. Raises Refused."""
    if form != PLAIN:
        raise Refused(
            400, "Only of a feed", "`cols`, `wide` and `bom` are for feeds; put .json, .csv or .xml behind the name"
        )


def page_headers(page: Page, total: int, state: str) -> dict[str, str]:
    """Return the headers that say how many rows there are, the state of the results, and where the next page is."""
    headers = {"X-Total-Count": str(total), "X-State": state}
    end = page.offset + page.limit
    if end < total:
        many = f"wide={page.form.wide}" if page.form.wide else f"limit={page.limit}"
        others = f"&{page.others}" if page.others else ""
        headers["Link"] = f'<?offset={end}&{many}{others}>; rel="next"'
    return headers
