"""Athletes' names for display and for search: a hidden name becomes the bib, and a search ignores accents."""

import unicodedata

from schemas.events import Entry
from schemas.results import AthleteRow

_LETTERS = str.maketrans({"Đ": "D", "đ": "d", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "ß": "ss", "Æ": "AE", "æ": "ae"})


def without_accents(text: str) -> str:
    """Return a text without accents, and with special letters that have none (Đ, ø, ß) written in ASCII."""
    marked = unicodedata.normalize("NFD", text.translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(char for char in marked if not unicodedata.combining(char)))


def full_name(entry: Entry) -> str:
    """Return the name on an entry in the one order of all lists, family name first, as Vietnamese names are written.

    An entry without a name gives an empty text.
    """
    return " ".join(part for part in (entry.family_name, entry.given_name) if part)


def public_name(row: AthleteRow) -> str:
    """Return the athlete's name, family name first, or the bib if it is hidden or unknown."""
    if row.hidden or row.entry is None:
        return row.bib
    return full_name(row.entry) or row.bib


def search_text(row: AthleteRow) -> str:
    """Return the text that is searched: bib and public name, without accents, in lower case."""
    return without_accents(f"{row.bib} {public_name(row)}").lower()
