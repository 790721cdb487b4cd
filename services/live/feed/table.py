"""A feed as a table: columns declared once, chosen and named as a request wants them. Pure. Source: docs/http.md."""

import re
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from services.live.errors import Refused

COLUMNS_MAX = 200  # that one request may name
LABEL_CHARS = 40
WIDE_MAX = 100  # rows in one

Line = TypeVar("Line")
Value = str | int | float

# What may begin a name in XML, and what may follow; blanks become `_` there.
_LABEL = re.compile(r"[A-Za-z_À-ÖØ-öø-ɏḀ-ỿ][\wÀ-ÖØ-öø-ɏḀ-ỿ. -]*", re.ASCII)


class Column(NamedTuple, Generic[Line]):
    """A column of a feed: its name, the type of its values, and how a value is computed from a line.

    `ours`: a text that is made here from digits, signs and fixed words, so CSV writes it unchanged. Every other text
    may come from outside, so CSV keeps a spreadsheet from reading it as a formula.
    """

    name: str
    type: type[str] | type[int] | type[float]
    value: Callable[[Line], Value | None]
    ours: bool = False
    in_feeds: bool = True


class FeedForm(Struct, frozen=True):
    """How a request wants a feed.

    `columns` are labels with the columns' names, in order (empty: all columns by their own names). With `wide`, the
    first so many rows stand side by side in one row. `spreadsheet`: CSV is for people who open it in a spreadsheet.
    """

    columns: tuple[tuple[str, str], ...] = ()
    wide: int = 0
    spreadsheet: bool = False


class FeedColumn(NamedTuple):
    """A column of a made feed: its label, whether its values are texts, and whether these are made here."""

    label: str
    text: bool
    ours: bool


class FeedTable(NamedTuple):
    """The columns and rows of a made feed."""

    columns: list[FeedColumn]
    rows: list[list[Value]]


def chosen_columns(text: str) -> tuple[tuple[str, str], ...]:
    """Return the labels and columns of `place,Name:name`. Raises Refused for too many, and for an unusable label."""
    items = [item for item in map(str.strip, text.split(",")) if item]
    if len(items) > COLUMNS_MAX:
        raise Refused(422, "Too many columns", f"`cols` names {len(items)} columns; it takes {COLUMNS_MAX} at most")
    chosen: dict[str, str] = {}
    for item in items:
        label, colon, name = map(str.strip, item.rpartition(":"))
        label = label if colon else name
        if len(label) > LABEL_CHARS or _LABEL.fullmatch(label) is None:
            takes = f"1 to {LABEL_CHARS} letters, digits, blanks, `_`, `.` or `-`, a letter first"
            raise Refused(400, "No label", f"`cols` has the label {label[:80]!r}; a label is {takes}")
        if label in chosen:
            detail = f"`cols` has {label!r} twice; leave one out, or give it a label of its own, as `label:{name}`"
            raise Refused(400, "Given twice", detail)
        chosen[label] = name
    return tuple(chosen.items())


def feed_row(columns: Sequence[Column[Line]], line: Line) -> list[Value]:
    """Return the values of a line: "" or 0 where there is nothing."""
    values = ((column, column.value(line)) for column in columns)
    return [column.type() if value is None else value for column, value in values]


def feed_table(columns: Sequence[Column[Line]], lines: Sequence[Line], form: FeedForm) -> FeedTable:
    """Return lines as a feed of the wanted form. Raises Refused for a column that there is not."""
    known = {column.name: column for column in columns if column.in_feeds}
    unknown = next((name for _, name in form.columns if name not in known), None)
    if unknown is not None:
        detail = f"`cols` names {unknown[:80]!r}; the columns are {', '.join(known)}"
        raise Refused(400, "No such column", detail, known=list(known))
    named = form.columns or tuple((name, name) for name in known)
    labels = [label for label, _ in named]
    chosen = [known[name] for _, name in named]
    rows = [feed_row(chosen, line) for line in lines]
    if form.wide:
        # Rows that are missing have nothing, so that a graphic which shows ten has ten.
        filled = rows[: form.wide] + [[column.type() for column in chosen]] * (form.wide - len(rows))
        rows = [[value for row in filled for value in row]]
        labels = [f"{label}_{number}" for number in range(1, form.wide + 1) for label in labels]
        chosen = chosen * form.wide
    made = [FeedColumn(label, column.type is str, column.ours) for label, column in zip(labels, chosen, strict=True)]
    return FeedTable(made, rows)
