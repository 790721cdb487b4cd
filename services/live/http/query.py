"""What a request's query says, checked and bounded before anything is looked up. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl

from msgspec import Struct

from schemas.ids import INSTANT_MAX_US, LABEL_CHARS, SLUG_PATTERN
from schemas.names import without_accents
from services.live.errors import Refused

LIMIT_DEFAULT = 500
LIMIT_MAX = 10_000  # of one answer; a marathon's largest board takes a few requests
FOUND_DEFAULT = 20
FOUND_MAX = 200
OFFSET_MAX = 1_000_000
QUERY_CHARS = 2_000
SEARCH_CHARS = 100
IGNORED = frozenset({"key", "_"})  # a token (checked elsewhere), and what clients append to get past caches

_SLUG = re.compile(SLUG_PATTERN)
_NUMBER = re.compile(r"[0-9]{1,16}")
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")  # a `+` in a query means a blank


class Moment(Struct, frozen=True):
    """A point of an event's history: a revision, or an instant."""

    revision: int | None = None
    at_us: int | None = None


class BoardQuery(Struct, frozen=True, kw_only=True):
    """Which rows of a board: `words` of a search, the order at `point`, as of a moment (null: now)."""

    offset: int = 0
    limit: int = LIMIT_DEFAULT
    point: str | None = None
    words: tuple[str, ...] = ()
    as_of: Moment | None = None


class SearchQuery(Struct, frozen=True, kw_only=True):
    """A search for athletes; `words` are without accents and in lower case."""

    words: tuple[str, ...]
    offset: int = 0
    limit: int = FOUND_DEFAULT


class AtQuery(Struct, frozen=True, kw_only=True):
    """A moment only."""

    as_of: Moment | None = None


class PublishedQuery(Struct, frozen=True, kw_only=True):
    """What was published of a board, or (null) of the race, as of a moment."""

    board: str | None = None
    as_of: Moment | None = None


class ChangesQuery(Struct, frozen=True, kw_only=True):
    """From a revision to another (null: the newest)."""

    since: int
    until: int | None = None


class StreamQuery(Struct, frozen=True, kw_only=True):
    """What a stream tells of: a board, an athlete, or (neither) everything in short."""

    board: str | None = None
    bib: str | None = None


@lru_cache(maxsize=4096)
def board_query(query: str) -> BoardQuery:
    """The query of a board. Raises Refused."""
    given = _given(query, "offset", "limit", "point", "q", "as_of")
    return BoardQuery(
        offset=_number(given, "offset", 0, 0, OFFSET_MAX),
        limit=_number(given, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
        point=slug(given["point"], "point") if given.get("point") else None,
        words=search_words(given.get("q", "")),
        as_of=_moment(given),
    )


@lru_cache(maxsize=1024)
def search_query(query: str) -> SearchQuery:
    """The query of a search. Raises Refused."""
    given = _given(query, "q", "offset", "limit")
    words = search_words(given.get("q", ""))
    if not words:
        raise Refused(400, "Nothing to look for", "give `q`: the beginning of a bib, or words of a name")
    return SearchQuery(
        words=words,
        offset=_number(given, "offset", 0, 0, OFFSET_MAX),
        limit=_number(given, "limit", FOUND_DEFAULT, 1, FOUND_MAX),
    )


@lru_cache(maxsize=1024)
def at_query(query: str) -> AtQuery:
    """A query that may name a moment. Raises Refused."""
    return AtQuery(as_of=_moment(_given(query, "as_of")))


@lru_cache(maxsize=1024)
def published_query(query: str) -> PublishedQuery:
    """The query of what was published. Raises Refused."""
    given = _given(query, "board", "as_of")
    return PublishedQuery(board=slug(given["board"], "board") if given.get("board") else None, as_of=_moment(given))


@lru_cache(maxsize=1024)
def no_query(query: str) -> None:
    """A query that says nothing. Raises Refused."""
    _given(query)


@lru_cache(maxsize=1024)
def changes_query(query: str) -> ChangesQuery:
    """The query of `changes`. Raises Refused."""
    given = _given(query, "from", "to")
    if not given.get("from"):
        raise Refused(400, "From where?", "give `from`, a revision, and `to` unless it is the newest")
    since = _number(given, "from", 0, 0, INSTANT_MAX_US)
    until = _number(given, "to", 0, 0, INSTANT_MAX_US) if given.get("to") else None
    if until is not None and until < since:
        raise Refused(422, "Backwards", f"`to` ({until}) is before `from` ({since})")
    return ChangesQuery(since=since, until=until)


def stream_query(query: str) -> StreamQuery:
    """The query of a stream. Raises Refused."""
    given = _given(query, "board", "bib")
    if given.get("board") and given.get("bib"):
        raise Refused(400, "One or the other", "a stream tells of a `board` or of a `bib`; open two for both")
    return StreamQuery(
        board=slug(given["board"], "board") if given.get("board") else None,
        bib=bib(given["bib"]) if given.get("bib") else None,
    )


def slug(text: str, what: str) -> str:
    """An id. Raises Refused."""
    if _SLUG.match(text) is None:
        raise Refused(400, f"No {what} id", f"{text[:80]!r} is no id: letters, digits, `.`, `_`, `-`; 1-64 characters")
    return text


def bib(text: str) -> str:
    """A bib as the log holds it. Raises Refused."""
    value = text.strip().upper()
    if not value or len(value) > LABEL_CHARS or not value.isprintable():
        raise Refused(400, "No bib", f"{text[:80]!r} is no bib: 1 to {LABEL_CHARS} printable characters")
    return value


def search_words(text: str) -> tuple[str, ...]:
    """The words of a search, without accents and in lower case. Raises Refused."""
    if len(text) > SEARCH_CHARS:
        raise Refused(422, "Search too long", f"`q` has {len(text)} characters; it takes {SEARCH_CHARS}")
    return tuple(without_accents(text).lower().split())


def _given(query: str, *known: str) -> Mapping[str, str]:
    """The parameters, each known and given once."""
    if len(query) > QUERY_CHARS:
        raise Refused(400, "Query too long", f"a query takes {QUERY_CHARS} characters")
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in IGNORED:
            continue
        if name not in known:
            takes = f"known here: {', '.join(known)}" if known else "nothing is asked for here"
            raise Refused(400, "Unknown parameter", f"{name[:80]!r} is not known; {takes}")
        if name in given:
            raise Refused(400, "Given twice", f"`{name}` stands twice in the query")
        if "\x00" in value:
            raise Refused(400, "Unreadable", f"`{name}` holds a NUL")
        given[name] = value
    return given


def _number(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if _NUMBER.fullmatch(text) is None:
        raise Refused(400, "No number", f"`{name}`={text[:80]!r} is no whole number from {least} to {most}")
    value = int(text)
    if not least <= value <= most:
        raise Refused(422, "Out of bounds", f"`{name}` is {value}; it takes {least} to {most}")
    return value


def _moment(given: Mapping[str, str]) -> Moment | None:
    text = given.get("as_of", "")
    if not text:
        return None
    if _NUMBER.fullmatch(text) is not None:
        return Moment(revision=int(text))
    try:
        at = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(
            400,
            "No moment",
            f"`as_of`={text[:80]!r} is neither a revision nor an instant with its zone, such as 2026-01-04T09:41:00Z",
        )
    return Moment(at_us=(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
