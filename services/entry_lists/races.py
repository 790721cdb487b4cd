"""The races of an event by the names that people give them."""

import re
from collections.abc import Mapping, Sequence

from schemas.ids import SLUG_PATTERN
from services.entry_lists.cells import BadCell, clean
from services.entry_lists.spelling import plain, shown

RACES_NAMED = 20  # in a message; no event has as many

_SLUG = re.compile(SLUG_PATTERN)


class RaceNames:
    """The names of races; case, accents, blanks and punctuation do not matter. A name that two races share names none.

    None: the races are not known, and ids are taken as they stand.
    """

    def __init__(self, races: Mapping[str, Sequence[str]] | None) -> None:
        self._ids = None if races is None else list(races)
        self._names = races or {}
        called: dict[str, set[str]] = {}
        for race, names in self._names.items():
            for name in (race, *names):
                called.setdefault(plain(name), set()).add(race)
        self._by_name = {name: min(ids) for name, ids in called.items() if len(ids) == 1}
        self._by_text = {race: race for race in self._names}

    def id_of(self, cell: str) -> str:
        """Return the id of a race. Raises BadCell that names the races there are."""
        text = clean(cell)
        if self._ids is None:
            return _slug(text)
        if (race := self._by_text.get(text)) is not None:
            return race
        if text and (race := self._by_name.get(plain(text))) is not None:
            self._by_text[text] = race  # grows by the spellings of these names only
            return race
        wrong = f"{shown(text)} is not a race of this event" if text else "is empty"
        raise BadCell(f"{wrong}; {self._named()}")

    def only(self) -> str | None:
        """Return the event's race if it has a single one."""
        return self._ids[0] if self._ids is not None and len(self._ids) == 1 else None

    def _named(self) -> str:
        races = [
            f"{race} ({names[0]})" if names and plain(names[0]) != plain(race) else race
            for race, names in self._names.items()
        ]
        if len(races) == 1:
            return f"the only race is {races[0]}"
        more = f" and {len(races) - RACES_NAMED} more" if len(races) > RACES_NAMED else ""
        return f"the races are {', '.join(races[:RACES_NAMED])}{more}"


def _slug(text: str) -> str:
    if _SLUG.match(text) is None:
        wrong = f"{shown(text)} is not the id of a race" if text else "is empty"
        raise BadCell(f"{wrong}; an id has 1 to 64 letters, digits, `.`, `_` and `-`, as 21k")
    return text
