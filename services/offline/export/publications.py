"""A log that keeps the results of each publication, as they were when it took effect."""

from msgspec import Struct

from schemas.definition import Definition
from schemas.results import Publication
from services.offline.scored_log import Log, scored
from services.scoring.core.rulings import Rulings
from services.standings import all_cases
from services.standings.document import Scored
from services.standings.publication import (
    PublicationKey,
    Published,
    RaceDocument,
    RaceResults,
    in_force,
    judged,
    publication_key,
    race_document,
    race_results,
    takes_effect,
)


class Kept(Struct, frozen=True):
    """A publication and the results that it published."""

    published: Published
    document: RaceDocument


class PublishingLog(Log):
    """A log that keeps, beside its state, the results of each of its publications, as the projections do."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[PublicationKey, Kept] = {}
        self._looked_at: tuple[Rulings, Definition | None, int] | None = None
        self._kept_at = -1

    def add(self, line: bytes) -> None:
        """Fold one line; the lines of one record count together. Raises BadLine."""
        super().add(line)
        due = self._due()
        if due:
            made = scored(self.state)
            self._kept_at = self.revision
            for publication in due:
                self.kept[publication_key(publication)] = _kept(made, publication, self.revision)

    def _due(self) -> list[Publication]:
        """Return the publications that take effect now, or in an earlier line of this record."""
        if self.state is None:
            return []
        rulings = self.state.rulings
        looked = (rulings, rulings.definition, len(rulings.publications))
        before, self._looked_at = self._looked_at, looked
        again = self._kept_at == self.revision
        same = (
            before is not None and before[0] is rulings and before[1] is rulings.definition and before[2] == looked[2]
        )
        if rulings.definition is None or (same and not again):
            return []
        held = self.kept
        return [
            publication
            for publication in rulings.publications
            if takes_effect(rulings.definition, publication)
            and (
                (key := publication_key(publication)) not in held
                or (again and held[key].published.revision == self.revision)
            )
        ]

    def in_force(self, made: Scored) -> list[Published]:
        """Return the publications in force, in log order."""
        return [] if made.event is None else in_force(made.event, (kept.published for kept in self.kept.values()))


def _kept(made: Scored, publication: Publication, revision: int) -> Kept:
    if made.event is None or made.definition is None:
        raise AssertionError(f"publication at {publication.offset} takes effect without a definition")
    cases = all_cases(made.athletes, made.standings)
    results = results_of(made, publication.race)
    published, _ = judged(made.definition, made.event, publication, cases, results, revision)
    return Kept(published, race_document(results))


def results_of(made: Scored, race: str) -> RaceResults:
    """Return the results of one race."""
    if made.definition is None:
        raise AssertionError("there are no races without a definition")
    ranked = made.standings
    return race_results(made.definition, race, made.athletes, ranked.boards, ranked.team_boards, ranked.delegations)
