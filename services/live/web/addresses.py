"""Addresses of pages: what a page shows is in its query, so that every view can be linked to. Pure."""

from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Struct, structs

from services.live.http.query import OFFSET_MAX
from services.live.web.words import WORDS

TEXT_CHARS = 200  # of each parameter; what is longer is cut

PARAMETERS = {
    "race": "race",
    "board": "board",
    "point": "point",
    "list": "list",
    "q": "search",
    "from": "offset",
    "bib": "bib",
    "bibs": "bibs",
    "lang": "language",
    "key": "key",
}
"""The parameters of pages by name, with the fields of PageQuery that hold them."""


class PageQuery(Struct, frozen=True, kw_only=True):
    """What an address asks for. Nothing is checked against the event; an empty text asks for nothing.

    `offset` is how many rows are before the first one. `language` is empty unless the address names one that pages
    have. `key` lets a viewer see a private site.
    """

    race: str = ""
    board: str = ""
    point: str = ""
    list: str = ""
    search: str = ""
    offset: int = 0
    bib: str = ""
    bibs: str = ""
    language: str = ""
    key: str = ""


def page_query(query: str) -> PageQuery:
    """Return what the query of an address asks for.

    Pages are opened by people: unknown parameters, which other sites add to links, and senseless values are left out.
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(query[:2000], keep_blank_values=True):
        if name == "bibs" and name in given:
            given[name] += f",{value}"  # a form sends one for each of its fields
        elif name in PARAMETERS:
            given.setdefault(name, value.replace("\x00", "").strip())
    texts = {field: given[name][:TEXT_CHARS] for name, field in PARAMETERS.items() if given.get(name)}
    offset = texts.pop("offset", "")
    language = texts.pop("language", "").lower().partition("-")[0]
    return PageQuery(
        **texts,
        offset=min(int(offset), OFFSET_MAX) if offset.isascii() and offset.isdigit() else 0,
        language=language if language in WORDS else "",
    )


def address(path: str, query: PageQuery) -> str:
    """Return the address of a page below a path."""
    given = {name: getattr(query, field) for name, field in PARAMETERS.items()}
    encoded = urlencode({name: value for name, value in given.items() if value}, quote_via=quote, safe=",")
    return f"{path}?{encoded}" if encoded else path


def kept(query: PageQuery) -> PageQuery:
    """Return the part of a query that every link keeps: the language and the key."""
    return PageQuery(language=query.language, key=query.key)


def events_address(query: PageQuery) -> str:
    """Return the address of the list of events."""
    return address("/", kept(query))


def event_address(event: str, query: PageQuery) -> str:
    """Return the address of an event's page."""
    return address(f"/{quote(event)}", query)


def athlete_address(event: str, bib: str, query: PageQuery) -> str:
    """Return the address of an athlete's page."""
    return address(f"/{quote(event)}/athletes/{quote(bib, safe='')}", kept(query))


def compare_address(event: str, query: PageQuery) -> str:
    """Return the address of a comparison of athletes."""
    return address(f"/{quote(event)}/compare", structs.replace(kept(query), bibs=query.bibs))


def ops_address(query: PageQuery) -> str:
    """Return the address of the page about the operation of the stack."""
    return address("/ops", PageQuery(language=query.language))


def in_language(query: PageQuery, language: str) -> PageQuery:
    """Return the same query in a language."""
    return structs.replace(query, language=language)
