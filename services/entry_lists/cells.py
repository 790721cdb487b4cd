"""Values of cells as people and spreadsheets write them, to the values of an entry. Source: R1.entries_added.

Spreadsheets rewrite codes: `0009` becomes `="0009"`, `'0009` or 9, and a long chip 5.8E+10. What is certain is undone;
what is lost is refused, because nobody could say which chip it was.
"""

import datetime
import re
from functools import lru_cache
from typing import Literal, NamedTuple

from schemas.ids import LABEL_CHARS, NAME_CHARS, label
from schemas.names import without_accents
from services.entry_lists.countries import Country, country_of, near_country
from services.entry_lists.spelling import shown

CHIPS_MAX = 20  # of one entry; as in `schemas.events.Entry`
BIRTH_YEAR_LEAST = 1900
BIRTH_YEAR_LIKELY = 1910  # before it the year is a spreadsheet's zero, or a typing error
AGE_LIKELY = 3  # in years, at the event; below it the year is rather that of the registration
SERIALS = range(10_000, 60_000)  # days since 1899-12-30 that a spreadsheet's birth dates have: 1927 to 2064
PERSONAL_BEST_MAX_S = 1_000_000
VALUES_CACHED = 4_096  # of a column that has few; birth dates of ten years are as many

Gender = Literal["M", "F", "X"]

_GENDERS: dict[str, Gender] = {
    "m": "M",
    "male": "M",
    "man": "M",
    "men": "M",
    "boy": "M",
    "boys": "M",
    "mr": "M",
    "gentleman": "M",
    "gentlemen": "M",
    "ong": "M",
    "nam": "M",
    "nam gioi": "M",
    "trai": "M",
    "f": "F",
    "female": "F",
    "w": "F",
    "woman": "F",
    "women": "F",
    "girl": "F",
    "girls": "F",
    "ms": "F",
    "mrs": "F",
    "lady": "F",
    "ladies": "F",
    "ba": "F",
    "nu": "F",
    "nu gioi": "F",
    "gai": "F",
    "x": "X",
    "other": "X",
    "non binary": "X",
    "nonbinary": "X",
    "khac": "X",
}
_YES = frozenset(("true", "yes", "1", "y", "x", "co"))
_NO = frozenset(("false", "no", "0", "n", "khong"))
_NOTHING = frozenset(("-", "--", "–", "—", "n/a", "na", "null", "none", "không", "không có"))
_DATE_TEXT = (
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov"
    " november dec december st nd rd th ngay thang nam t z"
)
_DATE_WORDS = frozenset(_DATE_TEXT.split())

_INVISIBLE = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, 0xFEFF])  # copied from web pages
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FORMULA = re.compile(r'^="?([^"=]*)"?$')
_WHOLE_NUMBER = re.compile(r"^(\d+)\.00?$")  # not 1.000, which is a thousand in Vietnam
_ROUNDED = re.compile(r"^\d+(?:[.,]\d+E[+-]?\d+|E\+\d+)$", re.IGNORECASE)
_DATE = re.compile(
    r"^\d{4}-\d\d-\d\d(?: |$)|^\d{1,2}[-/]\d{1,2}[-/](?:19|20)\d\d$|^\d{1,2}-(?:[A-Z][a-z]{2}|Thg ?\d{1,2})$"
    r"|^[A-Z][a-z]{2}-\d{1,2}$"
)
_GROUPED = re.compile(r"^\d{1,3}(?:[,.\s]\d{3})+$")
_GROUPED_BY_POINTS = re.compile(r"^\d{1,3}(?:\.\d{3})+$")
_ERROR = re.compile(r"^#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|#+)", re.IGNORECASE)
_COUNTRY_BREAK = re.compile(r"[-–/|()]+")
_CHIP_BREAK = re.compile(r"[\s;|,]+")
_CLOCK = re.compile(r"[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d| ?[AaPp][Mm])?$")
_DURATION = re.compile(r"^(?:(\d{1,3}):)?(\d{1,2}):(\d{2}(?:[.,]\d+)?)$")


class BadCell(ValueError):
    """A value that cannot be taken. Its text follows the name of the column in a sentence."""


class Chips(NamedTuple):
    """The chips of a cell. `doubt` says why they may be meant otherwise; "" if there is no doubt."""

    chips: list[str]
    doubt: str = ""


class BirthYear(NamedTuple):
    """A year of birth, None if the cell is empty. `doubt` says why it is unlikely; "" if it is not."""

    year: int | None
    doubt: str = ""


class Nationality(NamedTuple):
    """A country's code of the IOC, None if the cell is empty. `doubt` says what else the cell may mean; "" if not."""

    code: str | None
    doubt: str = ""


def clean(cell: str) -> str:
    """Return a cell's text without the blanks around it and without a spreadsheet's formula around a text.

    Raises BadCell for an error of a spreadsheet.
    """
    text = (cell if cell.isascii() else cell.translate(_INVISIBLE)).strip()
    if text.startswith("=") and (formula := _FORMULA.match(text)):
        text = formula[1].strip()
    if text.startswith("#") and _ERROR.match(text):
        raise BadCell(f"holds {text}, an error of the spreadsheet; correct the formula there, or write the value")
    return text


def text_of(cell: str) -> str:
    """Return a text: a name, a club. Raises BadCell for what must not be on the log, which cannot forget."""
    text = clean(cell)
    if "@" in text and _EMAIL.search(text):
        raise BadCell("holds an e-mail address, which could never be deleted from the log; leave it out")
    if len(text) > NAME_CHARS:
        raise BadCell(f"has {len(text)} characters; at most {NAME_CHARS} are allowed")
    if text.isprintable():
        return text
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def optional_text(cell: str) -> str | None:
    """Return a text, None for an empty cell or a dash. Raises BadCell."""
    return None if is_nothing(cell) else text_of(cell)


def is_nothing(cell: str) -> bool:
    """Return whether a cell is empty, or says that there is no value."""
    text = cell.strip().lower()
    return not text or text in _NOTHING


def bib_of(cell: str) -> str:
    """Return a bib as the log holds it. Raises BadCell."""
    text = _code(cell)
    if not text:
        raise BadCell("is empty; write the bib")
    if _GROUPED.match(text):
        raise _grouped(text)
    return _label(text)


def chips_of(cell: str) -> Chips:
    """Return the chips of a cell, which blanks, `,`, `;` or `|` separate. Raises BadCell."""
    if is_nothing(cell):
        return Chips([])
    parts = [part for part in _CHIP_BREAK.split(_code(cell)) if part]
    if len(parts) > CHIPS_MAX:
        raise BadCell(f"has {len(parts)} chips; at most {CHIPS_MAX} are allowed")
    chips = list(dict.fromkeys(_label(_code(part)) for part in parts))
    doubt = ""
    if _may_be_single(cell, parts):
        doubt = f"{shown(cell)} is read as the chips {', '.join(chips)}; if it is a single chip, write {''.join(parts)}"
    return Chips(chips, doubt)


def _may_be_single(cell: str, parts: list[str]) -> bool:
    """Return whether parts look like the pairs or fours of digits in which the long code of a chip is often written."""
    return len(parts) > 2 and max(map(len, parts)) <= 4 and not (";" in cell or "|" in cell)


def _code(cell: str) -> str:
    """Return a bib or chip with a spreadsheet's marks undone. Raises BadCell for a value that it has changed."""
    text = clean(cell).removeprefix("'").strip()
    if _ROUNDED.match(text):
        raise BadCell(f"{text} is rounded by the spreadsheet; format the column as text and fill it in again")
    if _GROUPED_BY_POINTS.match(text):
        raise _grouped(text)
    if _DATE.match(text):
        raise BadCell(
            f"{text} is a date that the spreadsheet made of it; format the column as text and fill it in again"
        )
    match = _WHOLE_NUMBER.match(text)
    return match[1] if match else text


def _grouped(text: str) -> BadCell:
    return BadCell(f"{text} is a number with separators; write it without, or format the column as text")


def _label(text: str) -> str:
    try:
        return label(text, "")
    except ValueError:
        if len(text) > LABEL_CHARS:
            raise BadCell(f"{shown(text)} has {len(text)} characters; at most {LABEL_CHARS} are allowed") from None
        raise BadCell(f"{shown(text)} holds a character that cannot be printed; write it again") from None


@lru_cache(VALUES_CACHED)
def gender_of(cell: str) -> Gender:
    """Return M, F or X. Raises BadCell."""
    text = clean(cell)
    plain = " ".join(re.sub(r"[^a-z]+", " ", without_accents(text).lower()).split())
    if plain in _GENDERS:
        return _GENDERS[plain]
    words = {_GENDERS.get(word) for word in plain.split()}
    if len(words) == 1 and (gender := words.pop()) is not None:
        return gender  # twice, as in Nam / Male
    raise BadCell(f"{shown(text)} is not known; write M, F or X" if text else "is empty; write M, F or X")


@lru_cache(VALUES_CACHED)
def birth_year_of(cell: str, born_last: int) -> BirthYear:
    """Return the year of a birth year or date, and nothing else of it. `born_last`: the event's year.

    Raises BadCell for what may be several years, and for a year after `born_last`.
    """
    if is_nothing(cell):
        return BirthYear(None)
    text = clean(cell).removeprefix("'").strip()
    match = _WHOLE_NUMBER.match(text)
    text = match[1] if match else text
    year = int(text) if re.fullmatch(r"\d{4}", text, re.ASCII) else _year_in_date(text)
    if year > born_last:
        raise BadCell(f"{shown(text)} is after the event's year, {born_last}; write the year of birth, as in 1990")
    if year < BIRTH_YEAR_LEAST:
        raise BadCell(f"{shown(text)} is before {BIRTH_YEAR_LEAST}; write the year of birth, as in 1990")
    if year < BIRTH_YEAR_LIKELY or year > born_last - AGE_LIKELY:
        return BirthYear(year, f"{year} is taken, but unlikely; check it")
    return BirthYear(year)


def _year_in_date(text: str) -> int:
    if text.isascii() and text.isdigit():
        return _year_in_digits(text)
    plain = without_accents(_CLOCK.sub("", text)).lower()
    words = re.findall(r"[a-z]+|\d+", plain)
    numbers = [word for word in words if word.isdigit()]
    years = [word for word in numbers if len(word) == 4]
    others = [int(word) for word in numbers if len(word) < 4]
    is_date = all(word.isdigit() or word in _DATE_WORDS for word in words) and (
        len(others) <= 2 and all(number <= 31 for number in others) and plain.isascii()
    )
    if len(years) == 1 and is_date and len(numbers) == len(others) + 1:
        return int(years[0])
    if not years and len(others) == 3 and others[-1] < 100:
        raise BadCell(f"{shown(text)} has a year of two digits; write all four, as in 1990")
    raise BadCell(f"{shown(text)} is not a year or a date; write the year, as in 1990")


def _year_in_digits(text: str) -> int:
    """Return the year of a date in eight digits, which has a year of this or the last century at one of its ends."""
    if len(text) == 8:
        dates = (text[:4], text[4:6], text[6:]), (text[4:], text[2:4], text[:2]), (text[4:], text[:2], text[2:4])
        years = {int(year) for year, month, day in dates if _is_date(int(year), int(month), int(day))}
        if len(years) == 1:
            return years.pop()
    if len(text) <= 2:
        raise BadCell(
            f"{text} has {'two digits' if len(text) == 2 else 'one digit'}; write all four of the year, as in 1990"
        )
    if len(text) == 5 and int(text) in SERIALS:
        day = datetime.date(1899, 12, 30) + datetime.timedelta(int(text))
        raise BadCell(
            f"{text} is a date as the spreadsheet counts days, perhaps {day}; format the column as a date, or write the"
            f" year, {day.year} if it is that"
        )
    raise BadCell(f"{shown(text)} is not a year; write all four digits of the year, as in 1990")


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return datetime.date(year, month, day).year >= BIRTH_YEAR_LEAST
    except ValueError:
        return False


@lru_cache(VALUES_CACHED)
def nationality_of(cell: str) -> Nationality:
    """Return a country's code of the IOC. Raises BadCell for a code or name that is not known."""
    if is_nothing(cell):
        return Nationality(None)
    text = clean(cell)
    country = country_of(text) or _in_parts(text)
    if country is None:
        near = near_country(text)
        meant = f"did you mean {near}? Write" if near else "write"
        raise BadCell(f"{shown(text)} is not known; {meant} the country's name, or a code such as VIE")
    if country.also:
        return Nationality(
            country.code, f"{shown(text)} is read as the country {country.code}; write {country.also} if you mean that"
        )
    return Nationality(country.code)


def _in_parts(text: str) -> Country | None:
    """Return the country of a text such as `VN - Việt Nam`, whose parts all mean the same one."""
    parts = [part for part in _COUNTRY_BREAK.split(text) if part.strip()]
    countries = {country_of(part.strip()) for part in parts} if len(parts) > 1 else set()
    return countries.pop() if len(countries) == 1 else None


def seconds_of(cell: str) -> float | None:
    """Return a personal best in seconds, from seconds or `h:mm:ss`. Raises BadCell."""
    if is_nothing(cell):
        return None
    text = clean(cell)
    if match := _DURATION.match(text):
        seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3].replace(",", "."))
    elif re.fullmatch(r"\d{1,7}(?:[.,]\d{1,6})?", text, re.ASCII):
        seconds = float(text.replace(",", "."))
    else:
        raise BadCell(f"{shown(text)} is not a time; write it as 3:12:45, or in seconds")
    if not 0 < seconds <= PERSONAL_BEST_MAX_S:
        raise BadCell(f"{shown(text)} is not a time of a race; write it as 3:12:45, or leave it empty")
    return seconds


def ranked_of(cell: str) -> bool:
    """Return whether the athlete is ranked; yes for an empty cell. Raises BadCell."""
    text = clean(cell)
    plain = without_accents(text).lower()
    if not plain or plain in _YES:
        return True
    if plain in _NO:
        return False
    raise BadCell(f"{shown(text)} is neither yes nor no; write one of these, or leave it empty")
