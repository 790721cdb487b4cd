"""The words of the pages in both languages: one table for templates and for scripts, which get it as a module. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from importlib.resources import files

import msgspec
from babel.dates import format_date

DEFAULT_LANGUAGE = "en"

WORDS: Mapping[str, Mapping[str, str]] = msgspec.json.decode(
    files("services.live.web").joinpath("words.json").read_bytes(), type=dict[str, dict[str, str]]
)
"""The words by language and name."""


def words_script() -> bytes:
    """Return the words as a module of JavaScript."""
    return b"export const WORDS = " + msgspec.json.encode(WORDS) + b";\n"


def pick_language(asked: str | None, kept: str | None, accepted: str) -> str:
    """Return the language of a page: the one asked for in the address, else the one kept by the browser, else the first
    of its Accept-Language header that there is.
    """
    for tag in (asked, kept, *_by_weight(accepted)):
        primary = (tag or "").strip().lower().partition("-")[0]
        if primary in WORDS:
            return primary
    return DEFAULT_LANGUAGE


def _by_weight(accepted: str) -> Iterator[str]:
    """Yield the languages of an Accept-Language header, the most wanted first. Source: RFC 9110, section 12.5.4."""
    weighted = []
    for item in accepted[:1000].split(","):
        tag, _, weight = item.partition(";q=")
        try:
            weighted.append((float(weight or 1), tag))
        except ValueError:
            continue
    for wanted, tag in sorted(weighted, key=lambda pair: -pair[0]):
        if wanted > 0:
            yield tag


def point_label(name: str, words: Mapping[str, str]) -> str:
    """Return the name of a point as pages show it: in words where the definition names START or FINISH by no other."""
    return {"START": words["start"], "FINISH": words["finish"]}.get(name, name)


def date_in_words(day: str, language: str) -> str:
    """Return a date (YYYY-MM-DD) with its weekday, as the language has it."""
    return format_date(date.fromisoformat(day), "full", locale=language)
