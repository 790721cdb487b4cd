"""Names by language: a text, or a table of texts by language whose first one is shown unless another is asked for.

Source: R2.10.
"""

from typing import Annotated

from msgspec import Meta

from schemas.ids import Name

LANGUAGE_CHARS = 35  # of a tag; RFC 5646, section 4.4.1, asks programs to take as many
LANGUAGES_MAX = 20  # of one name
LANGUAGE_PATTERN = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*(?![\s\S])"

Language = Annotated[
    str, Meta(max_length=LANGUAGE_CHARS, pattern=LANGUAGE_PATTERN, description="A language, such as vi, en or en-GB.")
]
Names = Annotated[dict[Language, Name], Meta(min_length=1, max_length=LANGUAGES_MAX)]
Named = Name | Names


def in_language(named: Named, language: str | None) -> str:
    """Return a name in a language; the first one where there is none in that language, or none is asked for."""
    if isinstance(named, str):
        return named
    chosen = None if language is None else match_language(list(named), language)
    return next(iter(named.values())) if chosen is None else named[chosen]


def in_all_languages(named: Named) -> list[str]:
    """Return a name in each of its languages."""
    return [named] if isinstance(named, str) else list(named.values())


def match_language(known: list[str], asked: str) -> str | None:
    """Return the known language that is meant: the same regardless of case, else one of the same main language."""
    for same in (str.lower, _main):
        for language in known:
            if same(language) == same(asked):
                return language
    return None


def _main(language: str) -> str:
    return language.lower().partition("-")[0]
