"""An event as its officials' facts and the published results say it: all that can be known without its reads."""

from collections.abc import Iterator

from schemas.definition import Definition
from schemas.events import EntriesAdded, Entry, LoggedFact
from schemas.results import AthleteRow
from services.fact_effects.effects import FactEffect, effect_of
from services.fact_effects.encoded_athletes import EncodedAthletes
from services.scoring.core.officials_facts import OfficialsFacts


class KnownEvent:
    """The officials' facts of an event, folded as scoring folds them, and the outlines of its athletes."""

    def __init__(self, event: str) -> None:
        self._state = OfficialsFacts(event)
        self._athletes = EncodedAthletes()
        self._ordinal = 0

    def fold(self, offset: int, fact: LoggedFact) -> None:
        """Fold the next fact of the log. Of reads only the id counts. A fact that scoring refuses has no effect."""
        if offset != self._state.head:
            self._ordinal = 0
        self._state.fold(offset, self._ordinal, fact)
        self._ordinal += fact.ordinals()

    def put(self, row: AthleteRow) -> None:
        """Take in an athlete's published result."""
        self._athletes.put(row)

    def effect_of(self, fact: LoggedFact) -> FactEffect:
        """Return the effect that a fact has if it is folded next."""
        return effect_of(self._state, fact, self._athletes)

    # --- Questions.

    @property
    def is_archived(self) -> bool:
        """Whether the last fact archives the event."""
        return self._state.archived

    @property
    def definition(self) -> Definition | None:
        """The definition in force."""
        return self._state.rulings.definition

    def entry(self, bib: str) -> Entry | None:
        """Return the entry in force of a bib."""
        written = self._state.rulings.entry_of(bib)
        return None if written is None else written.entry

    def entries(self) -> Iterator[Entry]:
        """Return all entries in force, in the order of their bibs' first entries."""
        return (entry for bib in self._state.rulings.bibs() if (entry := self.entry(bib)) is not None)

    def owner_of(self, chip: str) -> str | None:
        """Return the bib that owns a chip by the entries in force."""
        return self._state.rulings.owner_of(chip)

    def wearer_of(self, chip: str, device: str, at_us: int) -> str | None:
        """Return the bib that wears a chip when a device reads it at `at_us` by its own clock."""
        rulings = self._state.rulings
        return rulings.wearer_of(chip, rulings.corrected_us(device, at_us), rulings.owner_of(chip))

    def mat_of(self, device: str, at_us: int) -> str | None:
        """Return the mat at which a device stands at `at_us` by its own clock, null if it stands at none."""
        rulings = self._state.rulings
        place = rulings.place_of(device, rulings.corrected_us(device, at_us))
        return None if place is None else place.mat

    def is_withdrawn(self, fact: EntriesAdded) -> bool:
        """Return whether a withdrawal names the id of the fact, or of the upload that it is a part of."""
        return self._state.is_withdrawn(fact)

    def has_fact(self, fact_id: str) -> bool:
        """Return whether an id is in use."""
        return fact_id in self._state.ids
