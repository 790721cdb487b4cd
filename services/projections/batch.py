"""From frames of `results` to batches for ClickHouse: pure state, one object for all partitions.

A revision is whole at a frame with `last`; until then its rows wait here. What has become whole since the last batch
goes out together, an event's several revisions as the newest of them. But one that publishes results stays by itself:
what was published is the standings as they were then, not as they are when the batch goes out.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from schemas.notices import NOTICE_BIBS_MAX, NOTICE_VERSION, RevisionNotice
from schemas.results import AthleteRow, EventRow, Frame, Publication
from services.projections.rows import (
    Publishing,
    TableRows,
    athlete_row,
    event_row,
    published_rows,
    split_changes,
    standings_rows,
)
from services.standings.incremental import EventStandings
from services.standings.publication import PublicationKey, publication_key, race_results, takes_effect
from services.standings.teams import team_cases


class Waiting(Struct):
    """Rows of one partition whose revision is not whole yet, the newest of each athlete and event."""

    rows: dict[tuple[str, str], AthleteRow] = field(default_factory=dict)
    events: dict[str, EventRow] = field(default_factory=dict)


class Whole(Struct):
    """An event's rows of one or more whole revisions, `revision` the newest; `publishes`: nothing newer comes to it."""

    revision: int = -1
    accepted_us: int | None = None
    rows: dict[str, AthleteRow] = field(default_factory=dict)
    event: EventRow | None = None
    publishes: bool = False


class Batch(Struct, frozen=True):
    """What goes into ClickHouse together, and the notices that go out once it is there (their time still missing)."""

    tables: TableRows
    notices: list[RevisionNotice]
    rows: int
    publishing: list[Publishing] = field(default_factory=list)

    def published(self) -> TableRows:
        """The rest of the tables: what results that are published with it say. May take seconds, in any thread."""
        return published_rows(self.publishing)


class Results:
    """The results of all events as the projections hold them."""

    def __init__(self) -> None:
        self.events: dict[str, EventStandings] = {}
        self.revisions: dict[str, int] = {}
        self._waiting: dict[int, Waiting] = {}
        self._whole: dict[str, list[Whole]] = {}
        self._published: dict[str, set[PublicationKey]] = {}

    def restore(
        self,
        event: EventRow | None,
        rows: Iterable[AthleteRow],
        name: str,
        revision: int,
        published: Iterable[PublicationKey],
    ) -> None:
        """Take in an event as ClickHouse has it."""
        standings = self.events[name] = EventStandings()
        standings.apply(rows, event)
        self.revisions[name] = revision
        self._published[name] = set(published)

    def add(self, frame: Frame) -> None:
        """Take in a frame; frames of a partition come in order."""
        waiting = self._waiting.setdefault(frame.partition, Waiting())
        for row in frame.rows:
            held = waiting.rows.get((row.event, row.bib))
            if held is None or row.version > held.version:
                waiting.rows[row.event, row.bib] = row
        for event in frame.events:
            waiting.events[event.event] = event
        if frame.last:
            del self._waiting[frame.partition]
            self._complete(frame, waiting)

    def _complete(self, frame: Frame, waiting: Waiting) -> None:
        for name, head in frame.heads.items():
            whole = self._open(name)
            whole.revision = max(whole.revision, head)
            if frame.accepted_us is not None:
                whole.accepted_us = min(frame.accepted_us, whole.accepted_us or frame.accepted_us)
        for (name, bib), row in waiting.rows.items():
            whole = self._open(name)
            held = whole.rows.get(bib)
            if held is None or row.version > held.version:
                whole.rows[bib] = row
        for name, event in waiting.events.items():
            whole = self._open(name)
            earlier = [one.event for one in self._whole[name] if one.event is not None]
            known = self._published.get(name, set()).union(map(publication_key, _publications(earlier)))
            whole.event = event
            whole.publishes = not known.issuperset(map(publication_key, event.publications))

    def _open(self, name: str) -> Whole:
        """Return the standings that take the next rows of an event."""
        wholes = self._whole.setdefault(name, [])
        if not wholes or wholes[-1].publishes:
            wholes.append(Whole())
        return wholes[-1]

    def is_whole(self) -> bool:
        """Whether anything is ready for a batch."""
        return bool(self._whole)

    def unfinished(self) -> set[int]:
        """The partitions of which a revision has begun and is not whole."""
        return set(self._waiting)

    def take(self) -> Batch:
        """The batch of all that is whole now. Announced is an event whose revision rises; after a fill of scoring, rows
        come again that are known, and an event without anything new is left out.
        """
        batch = Batch(TableRows(), [], 0)
        for name, wholes in self._whole.items():
            for whole in wholes:
                batch = self._put(name, whole, batch)
        self._whole = {}
        return batch

    def _put(self, name: str, whole: Whole, batch: Batch) -> Batch:
        tables = batch.tables
        standings = self.events.setdefault(name, EventStandings())
        known = self.revisions.get(name, -1)
        newer = [row for row in whole.rows.values() if _is_newer(standings, row)]
        revision = max(known, whole.revision, *(row.version for row in newer), -1)
        news = whole.event if whole.event is not None and _is_news(standings, whole.event) else None
        if revision == known and not newer and news is None:
            return batch
        for row in newer:
            tables.add("splits", split_changes(standings.rows.get(row.bib), row))
        tables.add("athlete_versions", map(athlete_row, newer))
        if news is not None:
            tables.add("event_versions", [event_row(news)])
        changes = standings.apply(newer, news)
        for table, rows in standings_rows(name, revision, changes).tables.items():
            tables.add(table, rows)
        self.revisions[name] = revision
        bibs = [row.bib for row in newer]
        notice = RevisionNotice(
            v=NOTICE_VERSION,
            event=name,
            revision=revision,
            announced_at_us=0,
            accepted_us=whole.accepted_us,
            boards=changes.boards(),
            bibs=sorted(bibs) if len(bibs) <= NOTICE_BIBS_MAX else None,
        )
        publishing = [] if news is None else self._publishing(standings, news, revision)
        return Batch(tables, [*batch.notices, notice], batch.rows + len(newer), batch.publishing + publishing)

    def _publishing(self, standings: EventStandings, event: EventRow, revision: int) -> list[Publishing]:
        """The publications that take effect with this revision."""
        definition = standings.definition
        published = self._published.setdefault(event.event, set())
        found: list[Publishing] = []
        for one in event.publications:
            if definition is None or publication_key(one) in published or not takes_effect(definition, one):
                continue
            published.add(publication_key(one))
            rows = list(standings.rows.values())
            cases = [case for row in rows if not row.gone for case in row.cases]
            for team in definition.team_boards:
                cases += team_cases(definition, team, standings.teams[team.id].crowded, event.decided)
            results = race_results(
                definition,
                one.race,
                rows,
                {board.id: standings.board(board.id) for board in definition.boards if board.race == one.race},
                {name: team.rows for name, team in standings.teams.items()},
                standings.delegations,
            )
            found.append(Publishing(definition, event, one, cases, results, revision))
        return found


def _publications(events: Iterable[EventRow]) -> Iterator[Publication]:
    for event in events:
        yield from event.publications


def _is_newer(standings: EventStandings, row: AthleteRow) -> bool:
    held = standings.rows.get(row.bib)
    return held is None or row.version > held.version


def _is_news(standings: EventStandings, event: EventRow) -> bool:
    return standings.event is None or event.version > standings.event.version
