"""Read the queries of requests: every parameter is checked and bounded before anything is looked up. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypedDict, get_args
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from schemas.ids import INSTANT_MAX_US, LABEL_CHARS, SLUG_PATTERN
from schemas.named import LANGUAGE_CHARS, LANGUAGE_PATTERN
from schemas.names import without_accents
from schemas.results import Status
from services.live.errors import Refused
from services.live.feed.table import WIDE_MAX, FeedForm, chosen_columns

LIMIT_DEFAULT = 500
SNAPSHOT_ROWS = 100  # of a board that a stream follows
STREAM_LIMIT_MAX = 1_000  # they are compared at each revision, some 25 microseconds a row
LIMIT_MAX = 10_000  # of one answer; a marathon's largest board takes a few requests
SEARCH_LIMIT_DEFAULT = 20
SEARCH_LIMIT_MAX = 200
OFFSET_MAX = 1_000_000
QUERY_CHARS = 2_000
SEARCH_CHARS = 100
LIST_MAX = 50_000  # rows of a list for clients that cannot page; the largest marathons have so many
CONTEST_MAX = 1_000
STATUSES: tuple[str, ...] = get_args(Status)
LANGUAGE = "lang"  # every request takes it; answers without names do not depend on it
FORM = ("cols", "wide", "bom")  # the parameters that say how a feed is wanted
IGNORED = frozenset({"key", "_"})  # a token (see `access`), and a parameter that clients append to get past caches

_SLUG = re.compile(SLUG_PATTERN)
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_NUMBER = re.compile(r"[0-9]{1,16}")
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")  # a `+` that was not escaped arrives as a space


class PageFields(TypedDict):
    """The fields of a Page."""

    offset: int
    limit: int
    form: FeedForm
    others: str


class Moment(Struct, frozen=True):
    """A moment of an event's history: a revision, or an instant."""

    revision: int | None = None
    at_us: int | None = None


class Page(Struct, frozen=True, kw_only=True):
    """The wanted page of rows, and the form of it if it is a feed; `others` are the query's other parameters."""

    offset: int = 0
    limit: int = LIMIT_DEFAULT
    form: FeedForm = FeedForm()
    others: str = ""


class BoardQuery(Page, frozen=True, kw_only=True):
    """The wanted rows of a board: those that match the `words`, in the order at `point`, as of a moment (None: now).

    With `on_course`, those who are still on the course follow, the furthest first.
    """

    point: str | None = None
    on_course: bool = False
    words: tuple[str, ...] = ()
    as_of: Moment | None = None


class ListQuery(Page, frozen=True, kw_only=True):
    """The wanted rows of a list without a search: a team board, a delegation, counts, clocks; as of a moment."""

    limit: int = LIMIT_MAX
    as_of: Moment | None = None
    language: str | None = None


class SearchQuery(Struct, frozen=True, kw_only=True):
    """A search for athletes, or a list of those of a race or with a status; `words` have no accents or capitals."""

    words: tuple[str, ...] = ()
    race: str | None = None
    status: str | None = None
    offset: int = 0
    limit: int = SEARCH_LIMIT_DEFAULT


class AtQuery(Struct, frozen=True, kw_only=True):
    """A moment, and the language of names (None: the first of each name)."""

    as_of: Moment | None = None
    language: str | None = None


class PublishedQuery(Struct, frozen=True, kw_only=True):
    """A publication of a board, or (None) of the race, as of a moment."""

    board: str | None = None
    as_of: Moment | None = None


class ChangesQuery(Struct, frozen=True, kw_only=True):
    """From one revision to another (None: the newest); the page after so many rows of each list."""

    since: int
    until: int | None = None
    offset: int = 0


class StreamQuery(Struct, frozen=True, kw_only=True):
    """The subject of a stream: a board, an athlete, or (neither) the whole event in short; and its names' language.

    Of a board, its first `limit` rows in the order at `point`, or with `on_course` also of those who are still on the
    course.
    """

    limit: int = SNAPSHOT_ROWS

    board: str | None = None
    point: str | None = None
    on_course: bool = False
    bib: str | None = None
    language: str | None = None


class ResultsListQuery(Struct, frozen=True, kw_only=True):
    """The wanted rows of a list as clients of RACE RESULT ask for it; `contest` is 0 for any.

    With `counted`, the number of rows in all comes below them.
    """

    list_name: str
    contest: int
    limit: int
    words: tuple[str, ...]
    counted: bool
    language: str | None


@lru_cache(maxsize=4096)
def board_query(query: str) -> BoardQuery:
    """Return the query of a board. Raises Refused."""
    given = _given(query, "offset", "limit", "point", "on_course", "q", "as_of", *FORM)
    point, on_course = _order(given)
    return BoardQuery(
        **_page(given, LIMIT_DEFAULT),
        point=point,
        on_course=on_course,
        words=search_words(given.get("q", "")),
        as_of=_moment(given),
    )


@lru_cache(maxsize=1024)
def split_query(query: str) -> BoardQuery:
    """Return the query of all athletes at a point. Raises Refused."""
    given = _given(query, "offset", "limit", "q", "as_of", *FORM)
    return BoardQuery(**_page(given, LIMIT_DEFAULT), words=search_words(given.get("q", "")), as_of=_moment(given))


@lru_cache(maxsize=1024)
def list_query(query: str) -> ListQuery:
    """Return the query of a list that may be as of a moment. Raises Refused."""
    given = _given(query, "offset", "limit", "as_of", *FORM)
    return ListQuery(**_page(given, LIMIT_MAX), as_of=_moment(given), language=_language(given))


@lru_cache(maxsize=1024)
def now_query(query: str) -> ListQuery:
    """Return the query of a list that is always of now. Raises Refused."""
    given = _given(query, *FORM)
    return ListQuery(**_page(given, LIMIT_MAX), language=_language(given))


@lru_cache(maxsize=1024)
def search_query(query: str) -> SearchQuery:
    """Return the query of a search. Raises Refused."""
    given = _given(query, "q", "race", "status", "offset", "limit")
    words = search_words(given.get("q", ""))
    race = slug(given["race"], "race") if given.get("race") else None
    status = given.get("status") or None
    if status is not None and status not in STATUSES:
        raise Refused(400, "No status", f"`status`={status[:80]!r} is none of {', '.join(STATUSES)}")
    if not words and race is None and status is None:
        how = "give `q`, the beginning of a bib or words of a name; or `race` or `status`, whose athletes are listed"
        raise Refused(400, "Nothing to look for", how)
    return SearchQuery(
        words=words,
        race=race,
        status=status,
        offset=_number(given, "offset", 0, 0, OFFSET_MAX),
        limit=_number(given, "limit", SEARCH_LIMIT_DEFAULT, 1, SEARCH_LIMIT_MAX),
    )


@lru_cache(maxsize=1024)
def at_query(query: str) -> AtQuery:
    """Return a query that may only name a moment. Raises Refused."""
    given = _given(query, "as_of")
    return AtQuery(as_of=_moment(given), language=_language(given))


@lru_cache(maxsize=1024)
def pending_query(query: str) -> AtQuery:
    """Return the query of facts: those that are pending, which has to be said. Raises Refused."""
    given = _given(query, "pending", "as_of")
    if given.get("pending") != "1":
        raise Refused(
            400,
            "Which facts?",
            "give `pending=1` for the facts that wait; `changes` lists the facts between two revisions",
        )
    return AtQuery(as_of=_moment(given))


@lru_cache(maxsize=1024)
def published_query(query: str) -> PublishedQuery:
    """Return the query of a publication. Raises Refused."""
    given = _given(query, "board", "as_of")
    return PublishedQuery(board=slug(given["board"], "board") if given.get("board") else None, as_of=_moment(given))


@lru_cache(maxsize=1024)
def no_query(query: str) -> None:
    """Check that a query is empty. Raises Refused."""
    _given(query)


@lru_cache(maxsize=1024)
def language_query(query: str) -> str | None:
    """Return the language of a query that may name no more. Raises Refused."""
    return _language(_given(query))


@lru_cache(maxsize=1024)
def changes_query(query: str) -> ChangesQuery:
    """Return the query of `changes`. Raises Refused."""
    given = _given(query, "from", "to", "offset")
    if not given.get("from"):
        raise Refused(
            400, "From where?", "give `from`, a revision; `to` is the newest revision unless you give another"
        )
    since = _number(given, "from", 0, 0, INSTANT_MAX_US)
    until = _number(given, "to", 0, 0, INSTANT_MAX_US) if given.get("to") else None
    if until is not None and until < since:
        raise Refused(422, "Backwards", f"`to` is {until}, before `from`, which is {since}; exchange them")
    return ChangesQuery(since=since, until=until, offset=_number(given, "offset", 0, 0, OFFSET_MAX))


def stream_query(query: str) -> StreamQuery:
    """Return the query of a stream. Raises Refused."""
    given = _given(query, "board", "point", "on_course", "limit", "bib")
    if given.get("board") and given.get("bib"):
        raise Refused(400, "One or the other", "a stream is about a `board` or a `bib`; open two streams for both")
    point, on_course = _order(given)
    if not given.get("board") and (point is not None or on_course or given.get("limit")):
        raise Refused(400, "Of which board?", "`point`, `on_course` and `limit` choose rows of a `board`; name it too")
    return StreamQuery(
        board=slug(given["board"], "board") if given.get("board") else None,
        point=point,
        on_course=on_course,
        limit=_number(given, "limit", SNAPSHOT_ROWS, 1, STREAM_LIMIT_MAX),
        bib=bib(given["bib"]) if given.get("bib") else None,
        language=_language(given),
    )


@lru_cache(maxsize=1024)
def results_list_query(query: str) -> ResultsListQuery:
    """Return the query of a list for clients of RACE RESULT. Raises Refused."""
    given = _given(query, "listname", "contest", "r", "l", "term", foreign=True)
    if not given.get("listname"):
        raise Refused(400, "Which list?", "give `listname`, the `Name` of one of the lists that `config` names")
    return ResultsListQuery(
        list_name=given["listname"],
        contest=_number(given, "contest", 0, 0, CONTEST_MAX),
        limit=_number(given, "l", 0, 0, LIST_MAX) or LIST_MAX,
        words=search_words(given.get("term", "")),
        counted=given.get("r") == "leaders",
        language=_language(given),
    )


def results_config_query(query: str) -> str | None:
    """Return the language that a client of RACE RESULT wants. Raises Refused."""
    return _language(_given(query, foreign=True))


def slug(text: str, kind: str) -> str:
    """Return a text that is an id of a kind (board, race and so on). Raises Refused."""
    if _SLUG.match(text) is None:
        raise Refused(400, f"No {kind} id", f"{text[:80]!r} is no {kind} id: 1 to 64 letters, digits, `.`, `_` or `-`")
    return text


def bib(text: str) -> str:
    """Return a bib as the log has it: stripped and in upper case. Raises Refused."""
    value = text.strip().upper()
    if not value or len(value) > LABEL_CHARS or not value.isprintable():
        raise Refused(400, "No bib", f"{text[:80]!r} is no bib: 1 to {LABEL_CHARS} printable characters")
    return value


def search_words(text: str) -> tuple[str, ...]:
    """Return the words of a search, without accents and in lower case. Raises Refused."""
    if len(text) > SEARCH_CHARS:
        raise Refused(422, "Search too long", f"`q` has {len(text)} characters; it takes {SEARCH_CHARS} at most")
    return tuple(without_accents(text).lower().split())


def _given(query: str, *known: str, foreign: bool = False) -> Mapping[str, str]:
    """Return the parameters by name. Raises Refused for one that is unknown or given twice.

    A `foreign` client may send others too, which are ignored.
    """
    if len(query) > QUERY_CHARS:
        raise Refused(400, "Query too long", f"the query has {len(query)} characters; it takes {QUERY_CHARS} at most")
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in IGNORED:
            continue
        if name not in known and name != LANGUAGE:
            if foreign:
                continue
            takes = f"this request takes {', '.join((*known, LANGUAGE))}"
            raise Refused(400, "Unknown parameter", f"there is no parameter {name[:80]!r}; {takes}")
        if name in given:
            raise Refused(400, "Given twice", f"`{name}` is twice in the query; give it once")
        if "\x00" in value:
            raise Refused(400, "Unreadable", f"`{name}` holds a NUL character; leave it out")
        given[name] = value
    return given


def _language(given: Mapping[str, str]) -> str | None:
    """Return the wanted language of names; names have their own. Raises Refused for a text that is no language."""
    text = given.get(LANGUAGE, "").strip()
    if not text:
        return None
    if len(text) > LANGUAGE_CHARS or _LANGUAGE.match(text) is None:
        raise Refused(400, "No language", f"`{LANGUAGE}`={text[:80]!r} is no language; write a code such as vi or en")
    return text.lower()


def _order(given: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the point whose order is wanted, and whether those on the course are. Raises Refused for both."""
    point = slug(given["point"], "point") if given.get("point") else None
    on_course = _flag(given, "on_course")
    if point is not None and on_course:
        raise Refused(
            400, "One or the other", "`point` is the order at a split, and has all who took it; leave one out"
        )
    return point, on_course


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "")
    if text not in ("", "0", "1"):
        raise Refused(400, "Yes or no", f"`{name}`={text[:80]!r} is neither 1 nor 0")
    return text == "1"


def _page(given: Mapping[str, str], limit: int) -> PageFields:
    """Return the fields of a page, of `limit` rows unless another number is asked for. Raises Refused."""
    wide = _number(given, "wide", 0, 1, WIDE_MAX)
    if wide and given.get("limit"):
        raise Refused(400, "One or the other", "`wide` says how many rows there are, so leave `limit` out")
    return {
        "offset": _number(given, "offset", 0, 0, OFFSET_MAX),
        "limit": wide or _number(given, "limit", limit, 1, LIMIT_MAX),
        "form": FeedForm(chosen_columns(given.get("cols", "")), wide, _flag(given, "bom")),
        "others": urlencode({name: value for name, value in given.items() if name not in ("offset", "limit", "wide")}),
    }


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
        instant = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Refused(
            400,
            "No moment",
            f"`as_of`={text[:80]!r} is neither a revision nor an instant with its zone, such as 2026-01-04T09:41:00Z",
        )
    return Moment(at_us=(instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
