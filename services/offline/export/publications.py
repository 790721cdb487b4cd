"""A log that keeps what each publication published, as results were when it came."""

from msgspec import Struct

from schemas.definition import Definition
from schemas.results import Publication
from services.offline.scored_log import Log, scored
from services.scoring.core.rulings import Rulings
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
    """A publication and what it published."""

    published: Published
    document: RaceDocument


class PublishingLog(Log):
    """A log that beside its state keeps what each of its publications published, as the projections do."""

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
            for one in due:
                self.kept[publication_key(one)] = _kept(made, one, self.revision)

    def _due(self) -> list[Publication]:
        """Return the publications that take effect now, or did in this record if another line of it has come."""
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
            one
            for one in rulings.publications
            if takes_effect(rulings.definition, one)
            and ((key := publication_key(one)) not in held or (again and held[key].published.revision == self.revision))
        ]

    def in_force(self, made: Scored) -> list[Published]:
        """Return the publications in force, in log order."""
        return [] if made.event is None else in_force(made.event, (one.published for one in self.kept.values()))


def _kept(made: Scored, one: Publication, revision: int) -> Kept:
    if made.event is None or made.definition is None:
        raise AssertionError(f"publication at {one.offset} takes effect without a definition")
    cases = [case for row in made.athletes for case in row.cases] + made.standings.cases
    results = results_of(made, one.race)
    published, _ = judged(made.definition, made.event, one, cases, results, revision)
    return Kept(published, race_document(results))


def results_of(made: Scored, race: str) -> RaceResults:
    """Return the results of one race."""
    if made.definition is None:
        raise AssertionError("there are no races without a definition")
    ranked = made.standings
    return race_results(made.definition, race, made.athletes, ranked.boards, ranked.team_boards, ranked.delegations)
