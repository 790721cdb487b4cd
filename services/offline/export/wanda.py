"""The AbbottWMM Wanda Age Group World Rankings: twelve columns, only marathons, each athlete's fastest time. Pure.

Personal data is not on the log, from which nothing can be deleted. It is joined here from a file of contacts, by bib
and event or by name and birth year. An athlete whose name is hidden is written by bib, without personal data.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from schemas.definition import Board, Definition, Race
from schemas.events import Entry
from schemas.ids import bib_order, label
from schemas.names import without_accents
from schemas.results import AthleteRow, printed_s
from services.offline.export.result_tables import Cell, Duration, Table, table
from services.standings.age_grade import distance_km
from services.standings.boards import board, orders_of
from services.standings.document import Scored

MARATHON_KM = 42.195
COLUMNS = [
    "name_prefix",
    "name_suffix",
    "first_name",
    "last_name",
    "email",
    "start_num",
    "date_of_birth",
    "nationality",
    "gender",
    "finish_time",
    "place",
    "place_no_sex",
]
_ORDER = "order-of-the-race"  # a board made only for its places


_Name = tuple[tuple[str, ...], int]
_K = TypeVar("_K")


class ContactsFault(Exception):
    """A file of contacts cannot be used; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Contact(Struct, frozen=True, kw_only=True):
    """A person in a line of contacts; texts are empty where the line has nothing."""

    line: int
    event: str
    bib: str
    first_name: str
    last_name: str
    birth_year: int | None
    date_of_birth: str
    email: str
    name_prefix: str
    name_suffix: str


_SYNONYMS = {"given_name": "first_name", "family_name": "last_name", "start_num": "bib"}
_FIELDS = [name for name in Contact.__struct_fields__ if name != "line"]


def contacts_from_csv(text: str) -> list[Contact]:
    """Return the contacts of a CSV file with a header; other columns are ignored. Raises ContactsFault."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = [_SYNONYMS.get(name.strip().lower(), name.strip().lower()) for name in next(reader, [])]
        if "bib" not in header and not {"first_name", "last_name"} <= set(header):
            raise ContactsFault(
                1, "has no column bib and no columns first_name and last_name; add one or the other to find people by"
            )
        contacts: list[Contact] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                given = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
                contacts.append(_contact(reader.line_num, {name: given.get(name, "") for name in _FIELDS}))
    except csv.Error as error:
        raise ContactsFault(reader.line_num, f"is not CSV: {error}") from None
    return contacts


def _contact(line: int, given: Mapping[str, str]) -> Contact:
    born, year = given["date_of_birth"], given["birth_year"]
    if born:
        try:
            born_year = date.fromisoformat(born).year
        except ValueError:
            raise ContactsFault(line, f"date_of_birth {born!r} is not a date; write it as 1966-05-30") from None
        if year and year != str(born_year):
            raise ContactsFault(line, f"birth_year {year} differs from date_of_birth {born}; correct one of them")
        year = str(born_year)
    if year and not (year.isdecimal() and len(year) == 4):
        raise ContactsFault(line, f"birth_year {year!r} is not a year of four digits")
    try:
        bib = label(given["bib"], "bib") if given["bib"] else ""
    except ValueError as error:
        raise ContactsFault(line, str(error)) from None
    rest = {name: given[name] for name in _FIELDS if name not in ("bib", "birth_year")}
    return Contact(line=line, bib=bib, birth_year=int(year) if year else None, **rest)


class Contacts:
    """Contacts by bib and event, and by name and birth year. Raises ContactsFault if two of one person differ."""

    def __init__(self, contacts: Iterable[Contact], events: Sequence[str]) -> None:
        self._by_bib: dict[tuple[str, str], Contact] = {}
        self._by_name: dict[_Name, Contact] = {}
        self.used: set[int] = set()
        for contact in contacts:
            if contact.bib:
                if not contact.event and len(events) > 1:
                    raise ContactsFault(
                        contact.line, "has a bib but no event, and there are several logs; add a column event"
                    )
                _put(self._by_bib, (contact.event or events[0], contact.bib), contact)
            elif contact.birth_year is None:
                raise ContactsFault(
                    contact.line, "has neither a bib nor a birth year; add one, since several people may have the name"
                )
            else:
                _put(self._by_name, _name(contact.first_name, contact.last_name, contact.birth_year), contact)

    def of(self, event: str, entry: Entry) -> Contact | None:
        """Return the contact of an entry; None when there is none, or when its birth year differs from the entry's."""
        contact = self._by_bib.get((event, entry.bib))
        if contact is None and entry.birth_year is not None:
            contact = self._by_name.get(_name(entry.given_name, entry.family_name, entry.birth_year))
        if contact is None or (contact.birth_year or entry.birth_year) != (entry.birth_year or contact.birth_year):
            return None
        self.used.add(contact.line)
        return contact


def _put(contacts: dict[_K, Contact], key: _K, contact: Contact) -> None:
    before = contacts.setdefault(key, contact)
    if before is not contact and msgspec.structs.replace(before, line=contact.line) != contact:
        raise ContactsFault(contact.line, f"differs from line {before.line}, which is of the same person; correct one")


def _name(given: str, family: str, birth_year: int) -> _Name:
    """Return the key of a person: accents, case and the order of names do not matter."""
    return tuple(sorted(without_accents(f"{family} {given}").casefold().split())), birth_year


# --- The ranking.


class Finish(NamedTuple):
    """A marathon finish of an athlete, with the places within the gender and overall."""

    event: str
    row: AthleteRow
    entry: Entry
    chip_us: int
    place: int
    place_no_sex: int


def marathons(definition: Definition) -> list[Race]:
    """Return the races over a marathon's distance, to the metre."""
    return [race for race in definition.races if abs(distance_km(race) - MARATHON_KM) < 0.001]


def finishes(made: Scored) -> Iterator[Finish]:
    """Yield all ranked finishers of an event's marathons."""
    definition, event = made.definition, made.event
    if definition is None or event is None:
        return
    for race in marathons(definition):
        orders = orders_of(event.orders, race.id)
        own = [row for row in made.athletes if row.race == race.id]
        places: dict[str | None, dict[str, int]] = {}
        for gender in ("M", "F", "X", None):
            ordered = msgspec.structs.replace(definition, boards=[_order(definition, race, gender)])
            places[gender] = {placed.bib: placed.place for placed in board(ordered, _ORDER, own, orders)}
        for row in own:
            if row.bib in places[None] and row.entry is not None and row.chip_us is not None:
                place = places[row.entry.gender][row.bib]
                yield Finish(event.event, row, row.entry, row.chip_us, place, places[None][row.bib])


def _order(definition: Definition, race: Race, gender: str | None) -> Board:
    """Return a board of all, or of a gender, that ranks like the race's board of that gender, else like its first."""
    own = [board for board in definition.boards if board.race == race.id and board.within is None]
    like = next((board for board in own if board.gender == gender), own[0] if own else None)
    rank_by = race.official_time if like is None else like.ranked_by()
    made = Board(id=_ORDER, race=race.id, rank_by=rank_by)
    if like is not None:
        made = msgspec.structs.replace(made, gun_places=like.gun_places)
    return made if gender is None else msgspec.structs.replace(made, gender=gender)


def fastest(finished: Iterable[Finish]) -> list[Finish]:
    """Return each athlete's fastest finish, fastest first. Each finish without a birth year counts by itself."""
    best: dict[object, Finish] = {}
    for finish in finished:
        entry = finish.entry
        who: object = (finish.event, entry.bib)
        if entry.birth_year is not None:
            who = (_name(entry.given_name, entry.family_name, entry.birth_year), entry.gender)
        if who not in best or finish.chip_us < best[who].chip_us:
            best[who] = finish
    return sorted(best.values(), key=lambda finish: (finish.chip_us, finish.event, bib_order(finish.row.bib)))


def wanda_table(finished: Iterable[Finish], contacts: Contacts) -> Table:
    """Return the twelve columns of each athlete's fastest finish."""
    return table("wanda", "AbbottWMM", COLUMNS, (_row(finish, contacts) for finish in fastest(finished)))


def _row(finish: Finish, contacts: Contacts) -> list[Cell]:
    entry = finish.entry
    contact = None if finish.row.hidden else contacts.of(finish.event, entry)
    names = ("", finish.row.bib) if finish.row.hidden else (entry.given_name, entry.family_name)
    return [
        "" if contact is None else contact.name_prefix,
        "" if contact is None else contact.name_suffix,
        *names,
        "" if contact is None else contact.email,
        finish.row.bib,
        "" if contact is None else contact.date_of_birth,
        entry.nationality or "",
        entry.gender,
        Duration(printed_s(finish.chip_us)),
        finish.place,
        finish.place_no_sex,
    ]
