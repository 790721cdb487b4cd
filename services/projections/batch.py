"""Make batches for ClickHouse from frames of `results`: pure state, one object for all partitions.

A frame with `last` completes a revision; until then its rows wait here. All revisions that were completed since the
last batch go out together, several of one event as the newest of them. But a revision that publishes results stays
separate: the standings at that revision are published, not those at the time of the batch.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct, field

from schemas.notices import NOTICE_BIBS_MAX, NOTICE_VERSION, RevisionNotice
from schemas.results import AthleteRow, Case, EventRow, Frame, Publication, UnknownChips
from services.health.counts import PointCounts, count_points
from services.projections.rows import (
    Publishing,
    TableRows,
    athlete_row,
    event_row,
    published_rows,
    split_changes,
    standings_rows,
    unknown_chips_row,
)
from services.standings.incremental import EventStandings
from services.standings.publication import PublicationKey, publication_key, race_results, takes_effect
from services.standings.teams import team_cases


class Waiting(Struct):
    """Rows of one partition whose revision is not complete yet: the newest of each athlete and event."""

    rows: dict[tuple[str, str], AthleteRow] = field(default_factory=dict)
    events: dict[str, EventRow] = field(default_factory=dict)


class CompleteRows(Struct):
    """An event's rows of one or more complete revisions; `revision` is the newest.

    `publishes`: it publishes results, so no newer rows are added.
    """

    revision: int = -1
    accepted_us: int | None = None
    rows: dict[str, AthleteRow] = field(default_factory=dict)
    event: EventRow | None = None
    publishes: bool = False


class Batch(Struct, frozen=True):
    """Rows that go into ClickHouse together, and the notices that are sent after that, their time still missing."""

    tables: TableRows
    notices: list[RevisionNotice]
    rows: int
    publishing: list[Publishing] = field(default_factory=list)

    def published(self) -> TableRows:
        """Return the rows of the results that the batch publishes. This may take seconds, in any thread."""
        return published_rows(self.publishing)


class Results:
    """The results of all events as the projections hold them.

    Of the events in `archived` ClickHouse alone has the rows; their revisions are known.
    """

    def __init__(self) -> None:
        self.events: dict[str, EventStandings] = {}
        self.revisions: dict[str, int] = {}
        self.archived: set[str] = set()
        self.points: dict[str, PointCounts] = {}
        self.unknown_chips: dict[str, int] = {}
        self._waiting: dict[int, Waiting] = {}
        self._unknown_chips: dict[str, UnknownChips] = {}
        self._ready: dict[str, list[CompleteRows]] = {}
        self._published: dict[str, set[PublicationKey]] = {}

    def restore(
        self,
        event: EventRow | None,
        rows: Iterable[AthleteRow],
        name: str,
        revision: int,
        published: Iterable[PublicationKey],
    ) -> None:
        """Restore an event as ClickHouse has it."""
        self.archived.discard(name)
        standings = self.events[name] = EventStandings()
        standings.apply(rows, event)
        self.revisions[name] = revision
        self._published[name] = set(published)
        self._count_all(name, standings)

    def leave(self, name: str, revision: int) -> None:
        """Leave the rows of an archived event to ClickHouse, which has them up to its revision."""
        self.archived.add(name)
        self.revisions[name] = revision
        for held in (self.events, self.points, self.unknown_chips, self._published):
            held.pop(name, None)

    def returning(self) -> list[str]:
        """Return the archived events that have to be restored before `take`, since newer rows of them are ready.

        Rows that are not newer, which a restart reads again, are dropped: ClickHouse has them.
        """
        ready = [name for name in self._ready if name in self.archived]
        returning = [
            name for name in ready if any(_is_beyond(rows, self.revisions[name]) for rows in self._ready[name])
        ]
        for name in set(ready) - set(returning):
            del self._ready[name]
        return returning

    def add(self, frame: Frame) -> None:
        """Add a frame; frames of a partition arrive in order."""
        waiting = self._waiting.setdefault(frame.partition, Waiting())
        for row in frame.rows:
            held = waiting.rows.get((row.event, row.bib))
            if held is None or row.version > held.version:
                waiting.rows[row.event, row.bib] = row
        for event in frame.events:
            waiting.events[event.event] = event
        for chips in frame.unknown_chips:
            self._unknown_chips[chips.event] = chips
            self.unknown_chips[chips.event] = len(chips.chips) + chips.left_out
        if frame.last:
            del self._waiting[frame.partition]
            self._complete(frame, waiting)

    def _complete(self, frame: Frame, waiting: Waiting) -> None:
        for name, head in frame.heads.items():
            complete = self._open(name)
            complete.revision = max(complete.revision, head)
            if frame.accepted_us is not None:
                complete.accepted_us = min(frame.accepted_us, complete.accepted_us or frame.accepted_us)
        for (name, bib), row in waiting.rows.items():
            complete = self._open(name)
            held = complete.rows.get(bib)
            if held is None or row.version > held.version:
                complete.rows[bib] = row
        for name, event in waiting.events.items():
            complete = self._open(name)
            earlier = [ready.event for ready in self._ready[name] if ready.event is not None]
            known = self._published.get(name, set()).union(map(publication_key, _publications(earlier)))
            complete.event = event
            complete.publishes = not known.issuperset(map(publication_key, event.publications))

    def _open(self, name: str) -> CompleteRows:
        """Return the rows to which the next rows of an event are added."""
        ready = self._ready.setdefault(name, [])
        if not ready or ready[-1].publishes:
            ready.append(CompleteRows())
        return ready[-1]

    def is_ready(self) -> bool:
        """Return whether anything is ready for a batch: a complete revision, or a list of unknown chips."""
        return bool(self._ready or self._unknown_chips)

    def unfinished(self) -> set[int]:
        """Return the partitions with a revision that has begun and is not complete."""
        return set(self._waiting)

    def take(self) -> Batch:
        """Return the batch of all complete revisions. None may be of an archived event; see `returning`.

        An event is announced if its revision rises. After scoring has filled its state, it sends known rows again; an
        event without any change is left out.
        """
        batch = Batch(TableRows(), [], 0)
        for name, ready in self._ready.items():
            for complete in ready:
                batch = self._put(name, complete, batch)
            standings = self.events.get(name)
            if standings is not None and standings.event is not None and standings.event.archived:
                self.leave(name, self.revisions[name])
        self._ready = {}
        batch.tables.add("unknown_chips", map(unknown_chips_row, self._unknown_chips.values()))
        self._unknown_chips = {}
        return batch

    def _put(self, name: str, complete: CompleteRows, batch: Batch) -> Batch:
        tables = batch.tables
        standings = self.events.setdefault(name, EventStandings())
        known = self.revisions.get(name, -1)
        newer = [row for row in complete.rows.values() if _is_newer(standings, row)]
        revision = max(known, complete.revision, *(row.version for row in newer), -1)
        news = complete.event if complete.event is not None and _is_news(standings, complete.event) else None
        if revision == known and not newer and news is None:
            return batch
        for row in newer:
            tables.add("splits", split_changes(standings.rows.get(row.bib), row))
        tables.add("athlete_versions", map(athlete_row, newer))
        if news is not None:
            tables.add("event_versions", [event_row(news)])
        points = self.points.get(name)
        if points is not None:
            for row in newer:
                points.put(standings.rows.get(row.bib), row)
        defined = standings.definition
        results_only = _rules_as_before(standings.event, news) and not any(
            _changes_cases(standings, row) for row in newer
        )
        crowded = _crowded(standings)
        changes = standings.apply(newer, news)
        results_only = results_only and not changes.together and _crowded(standings) == crowded
        if standings.definition is not defined:
            self._count_all(name, standings)
        for table, rows in standings_rows(name, revision, changes).tables.items():
            tables.add(table, rows)
        self.revisions[name] = revision
        bibs = [row.bib for row in newer]
        notice = RevisionNotice(
            v=NOTICE_VERSION,
            event=name,
            revision=revision,
            announced_at_us=0,
            accepted_us=complete.accepted_us,
            boards=changes.boards(),
            bibs=sorted(bibs) if len(bibs) <= NOTICE_BIBS_MAX else None,
            results_only=results_only and not (standings.event and standings.event.publications),
        )
        publishing = [] if news is None else self._publishing(standings, news, revision)
        return Batch(tables, [*batch.notices, notice], batch.rows + len(newer), batch.publishing + publishing)

    def _count_all(self, name: str, standings: EventStandings) -> None:
        definition = standings.definition
        if definition is None:
            self.points.pop(name, None)
        else:
            self.points[name] = count_points(definition.races, standings.rows.values())

    def _publishing(self, standings: EventStandings, event: EventRow, revision: int) -> list[Publishing]:
        """Return the publications that take effect with this revision."""
        definition = standings.definition
        published = self._published.setdefault(event.event, set())
        publishing: list[Publishing] = []
        for publication in event.publications:
            key = publication_key(publication)
            if definition is None or key in published or not takes_effect(definition, publication):
                continue
            published.add(key)
            rows = list(standings.rows.values())
            cases = [case for row in rows if not row.gone for case in row.cases]
            cases += standings.together.values()
            for team in definition.team_boards:
                cases += team_cases(definition, team, standings.teams[team.id].crowded, event.decided)
            results = race_results(
                definition,
                publication.race,
                rows,
                {board.id: standings.board(board.id) for board in definition.boards if board.race == publication.race},
                {name: team.rows for name, team in standings.teams.items()},
                standings.delegations,
            )
            publishing.append(Publishing(definition, event, publication, cases, results, revision))
        return publishing


def dated(notices: Iterable[RevisionNotice], now_us: int, announced_us: Mapping[str, int]) -> list[RevisionNotice]:
    """Return notices with the instants at which they are announced: now, but after all earlier ones of the same event.

    So an instant names one revision, even when several are announced together or the clock was set back.
    `announced_us` is when each event was last announced.
    """
    latest_us = dict(announced_us)
    announced = []
    for notice in notices:
        at_us = max(now_us, latest_us.get(notice.event, now_us - 1) + 1)
        latest_us[notice.event] = at_us
        announced.append(msgspec.structs.replace(notice, announced_at_us=at_us))
    return announced


def _publications(events: Iterable[EventRow]) -> Iterator[Publication]:
    for event in events:
        yield from event.publications


def _rules_as_before(held: EventRow | None, news: EventRow | None) -> bool:
    """Return whether an event differs in nothing but guns, start signals and what facts wait for."""
    if news is None:
        return True
    return held is not None and held == msgspec.structs.replace(
        news, version=held.version, guns=held.guns, signals=held.signals, pending=held.pending
    )


def _changes_cases(standings: EventStandings, row: AthleteRow) -> bool:
    held = standings.rows.get(row.bib)
    return _cases(row) != ([] if held is None else _cases(held))


def _cases(row: AthleteRow) -> list[Case]:
    return [] if row.gone else row.cases


def _crowded(standings: EventStandings) -> list[tuple[str, list[str]]]:
    return [(name, team.crowded) for name, team in standings.teams.items() if team.crowded]


def _is_beyond(complete: CompleteRows, revision: int) -> bool:
    """Return whether anything of complete rows is newer than a revision."""
    versions = [row.version for row in complete.rows.values()]
    versions += [] if complete.event is None else [complete.event.version]
    return max([complete.revision, *versions]) > revision


def _is_newer(standings: EventStandings, row: AthleteRow) -> bool:
    held = standings.rows.get(row.bib)
    return held is None or row.version > held.version


def _is_news(standings: EventStandings, event: EventRow) -> bool:
    return standings.event is None or event.version > standings.event.version
