"""The events that bring streams from one revision of an event to another, each made and encoded once."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from schemas.definition import Board
from schemas.ids import bib_order
from schemas.results import AthleteRow, Case
from services.live.async_cache import AsyncCache
from services.live.board_pages import BoardPages
from services.live.errors import Refused
from services.live.http.answer_cache import AnswerCache
from services.live.http.answers import Answer
from services.live.http.query import BoardQuery, ListQuery
from services.live.limits import LiveLimits
from services.live.loader import Loader
from services.live.pages.athlete_page import boards_of
from services.live.pages.board import EncodedPage
from services.live.pages.cases import event_team_cases
from services.live.pages.result_states import (
    RaceStates,
    ResultState,
    boards_of_changes,
    delegation_result_state,
    delegation_state_changes,
    race_states,
    state_changes,
)
from services.live.stream_events import StreamEvent, board_event, case_events, encode_event, stream_events
from services.live.stream_viewer import Subject
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex, in_asked_language

EVENTS_HELD_BYTES = 16 * 1024 * 1024
CHANGES_HELD = 20_000  # results before and after, some 2 KB each

_json = msgspec.json.Encoder()


class Changes(Struct, frozen=True, kw_only=True):
    """The differences between two revisions of an event.

    `boards` are those with changed rows, and `rows` the bibs of these by board, None where that is not known. `bibs` is
    None when more athletes changed than are sent one by one; then `before` and `after` are empty. `shared` are athletes
    with a case with another that changed: their rows did not, but their flags. `states` are the changes of the states
    of races and delegations. `ruled`: the event itself changed, such as its definition or a publication.
    """

    boards: list[str]
    rows: dict[str, list[str]] | None
    bibs: list[str] | None
    states: list[dict[str, Any]]
    ruled: bool
    before: dict[str, AthleteRow] = {}
    after: dict[str, AthleteRow] = {}
    shared: frozenset[str] = frozenset()

    def concern(self, subject: Subject, race: str) -> bool:
        """Return whether a board of a race may differ, given that no result of its members changed.

        Anyone of its race counts: estimates depend on all who finished, and whether a place of the podium is decided
        on how far the reads of the race have come.
        """
        if self.ruled or self.shared or self.states or subject.board in self.boards:
            return True
        return any(row.race == race for rows in (self.before, self.after) for row in rows.values())


class ChangeEvents:
    """Makes events and keeps them for the other viewers. Methods raise Refused and DatabaseUnavailable."""

    def __init__(self, loader: Loader, pages: BoardPages, answers: AnswerCache, limits: LiveLimits) -> None:
        self._loader = loader
        self._pages = pages
        self._answers = answers
        self._limits = limits
        self._events: AsyncCache[bytes] = AsyncCache(EVENTS_HELD_BYTES, lambda data: 100 + len(data))
        self._changes: AsyncCache[Changes] = AsyncCache(CHANGES_HELD, lambda changes: 1 + len(changes.after))

    async def close(self) -> None:
        """Cancel all calls in progress."""
        await self._events.close()
        await self._changes.close()

    async def between(
        self, subject: Subject, since: int, newest: AnnouncedRevision, accepted_us: int | None = None
    ) -> bytes:
        """Return the events that bring viewers from one revision to the newest; empty when none concerns them.

        `accepted_us` is when ingest accepted the earliest fact of the newest revision, as far as known.
        """
        key = (subject, since, newest.revision)
        events = self._events.held(key)
        if events is None:
            events = await self._make(subject, since, newest, accepted_us)
            self._events.hold(key, events)
        return events

    async def returning(self, subject: Subject, since: int, newest: AnnouncedRevision) -> bytes:
        """Return the same for a viewer that comes back, made once for all that do so at the same time."""
        if since == newest.revision:
            return b""
        return await self._events.get(
            (subject, since, newest.revision), lambda: self._make(subject, since, newest, None)
        )

    async def prepare(self, subjects: Iterable[Subject], newest: AnnouncedRevision) -> None:
        """Load the results of all athletes whom viewers follow at once."""
        bibs = [subject.bib for subject in subjects if subject.bib is not None]
        if bibs:
            await self._loader.store.rows.athletes(newest.event, bibs, newest.revision)

    async def snapshot(self, subject: Subject, newest: AnnouncedRevision) -> bytes:
        """Return the event with everything there is of a subject."""
        return encode_event("snapshot", newest.revision, (await self._answer(subject, newest)).body)

    async def _answer(self, subject: Subject, newest: AnnouncedRevision) -> Answer:
        """Return the answer that an HTTP request for the subject gets."""
        if subject.bib is not None:
            return await self._answers.athlete(newest, subject.bib, subject.language)
        if subject.board is None:
            return await self._answers.event_snapshot(newest, subject.language)
        event = await self._loader.events.defined(newest)
        if subject.board in event.team_boards:
            return await self._answers.team_board(newest, subject.board, ListQuery(language=subject.language))
        if subject.board in event.delegations:
            return await self._answers.delegation(newest, subject.board, ListQuery(language=subject.language))
        return await self._answers.board(newest, subject.board, _query(subject, subject.limit))

    async def _make(self, subject: Subject, since: int, newest: AnnouncedRevision, accepted_us: int | None) -> bytes:
        key = (newest.event, since, newest.revision)
        changes = await self._changes.get(key, lambda: self._load(since, newest))
        if subject.board is None and subject.bib is None:
            events = await self._event_events(since, newest, changes, accepted_us)
        elif changes.bibs is None:
            snapshot = await self.snapshot(subject, newest)
            event = await self._loader.events.defined(newest)
            return snapshot + _encoded(newest, self._states(event, subject, changes, None))
        else:
            event = in_asked_language(await self._loader.events.defined(newest), subject.language)
            if subject.bib is not None:
                events = await self._athlete_events(event, since, newest, subject, changes)
            elif subject.board in event.boards:
                made = await self._board_events(event, since, newest, subject, changes)
                if made is None:
                    return await self.snapshot(subject, newest)
                events = [*made, *self._states(event, subject, changes, None)]
            else:
                events = self._team_events(event, newest, subject, changes)
        return _encoded(newest, events)

    # --- What changed

    async def _load(self, since: int, newest: AnnouncedRevision) -> Changes:
        store = self._loader.store
        before, event, states, differing = await asyncio.gather(
            self._event_at(since, newest),
            self._loader.events.event(newest.event, newest.revision),
            self._state_changes(since, newest),
            self._differing(since, newest),
        )
        ruled = (before and before.row) != (event and event.row)
        boards, bibs, rows = differing
        if len(bibs) > self._limits.athletes_of_change:
            return Changes(boards=boards, rows=None, bibs=None, states=states, ruled=ruled)
        rows_before, rows_after, shared = await asyncio.gather(
            store.rows.athletes(newest.event, bibs, since),
            store.rows.athletes(newest.event, bibs, newest.revision),
            self._loader.together_changed(newest, since),
        )
        return Changes(
            boards=boards,
            rows=rows,
            bibs=bibs,
            states=states,
            ruled=ruled,
            before=rows_before,
            after=rows_after,
            shared=shared,
        )

    async def _differing(
        self, since: int, newest: AnnouncedRevision
    ) -> tuple[list[str], list[str], dict[str, list[str]] | None]:
        """Return the boards and bibs that differ, and the bibs whose rows on each board do, as far as at hand."""
        store = self._loader.store
        steps = await store.rows.steps(newest.event, since, newest.revision)
        if steps is None:
            boards = await store.boards_changed(newest.event, since, newest.revision)
            return boards, await store.changed(newest.event, since, newest.revision), None
        rows: dict[str, dict[str, None]] = {}
        for step in steps:
            for board, cells in step.cells.items():
                rows.setdefault(board, {}).update(dict.fromkeys(cells))
        boards = sorted({board for step in steps for board in step.boards})
        bibs = sorted({bib for step in steps for bib in step.athletes}, key=bib_order)
        return boards, bibs, {board: sorted(changed, key=bib_order) for board, changed in rows.items()}

    async def _event_at(self, since: int, newest: AnnouncedRevision) -> EventIndex | None:
        return await self._loader.events.event(newest.event, since)

    async def _state_changes(self, since: int, newest: AnnouncedRevision) -> list[dict[str, Any]]:
        past = await self._loader.history.announced(newest, since)
        if past is None:
            return []
        races = state_changes(await self._race_states(past), await self._race_states(newest))
        return [*races, *await self._delegation_changes(past, newest)]

    async def _race_states(self, announced: AnnouncedRevision) -> dict[str, RaceStates]:
        event = await self._loader.events.event(announced.event, announced.revision)
        if event is None:
            return {}
        results = self._loader.results
        differences = {race: await results.differences(event, announced, race) for race in event.races}
        return race_states(event, await results.published(event), differences)

    async def _delegation_changes(self, past: AnnouncedRevision, newest: AnnouncedRevision) -> list[dict[str, Any]]:
        before, after = await self._event_at(past.revision, newest), await self._event_at(newest.revision, newest)
        if before is None or after is None or not (before.row.publications or after.row.publications):
            return []
        return delegation_state_changes(
            await self._delegation_states(before, past), await self._delegation_states(after, newest)
        )

    async def _delegation_states(self, event: EventIndex, announced: AnnouncedRevision) -> dict[str, ResultState]:
        return {
            name: delegation_result_state(await self._loader.delegation(event, announced, delegation))
            for name, delegation in event.delegations.items()
        }

    # --- Events of each kind of subject

    async def _event_events(
        self, since: int, newest: AnnouncedRevision, changes: Changes, accepted_us: int | None
    ) -> list[StreamEvent]:
        boards = sorted({*changes.boards, *boards_of_changes(changes.states)})
        summary = summary_of(newest, boards, changes.bibs, accepted_us)
        states = [StreamEvent("publication", state) for state in changes.states]
        return [summary, *states, *await self._case_events(since, newest, changes)]

    async def _case_events(self, since: int, newest: AnnouncedRevision, changes: Changes) -> list[StreamEvent]:
        """Return the cases that changed: among the changed athletes, or among all when too many changed."""
        before, after = await self._event_at(since, newest), await self._event_at(newest.revision, newest)
        if before is None or after is None:
            return []
        past = AnnouncedRevision(newest.event, since, 0)
        if changes.bibs is None:
            return case_events(await self._loader.cases(before, past), await self._loader.cases(after, newest))
        cases_before = [case for row in changes.before.values() for case in row.cases if not row.gone]
        cases_after = [case for row in changes.after.values() for case in row.cases if not row.gone]
        if changes.shared or changes.ruled:
            cases_before += await self._loader.together(before, past)
            cases_after += await self._loader.together(after, newest)
        if changes.ruled or {*before.team_boards, *after.team_boards}.intersection(changes.boards):
            cases_before += await self._team_cases(before, past)
            cases_after += await self._team_cases(after, newest)
        return case_events(cases_before, cases_after)

    async def _shared_case_events(self, since: int, newest: AnnouncedRevision, bib: str) -> list[StreamEvent]:
        """Return the changed cases of an athlete with another one, which are in the rows of neither."""
        before, after = await self._event_at(since, newest), await self._event_at(newest.revision, newest)
        if before is None or after is None:
            return []
        cases_before = await self._loader.together(before, AnnouncedRevision(newest.event, since, 0))
        cases_after = await self._loader.together(after, newest)
        return case_events(
            [case for case in cases_before if bib in (case.bib, case.other)],
            [case for case in cases_after if bib in (case.bib, case.other)],
        )

    async def _team_cases(self, event: EventIndex, announced: AnnouncedRevision) -> list[Case]:
        if not event.team_boards:
            return []
        return event_team_cases(event, await self._loader.store.crowded_teams(announced.event, announced.revision))

    def _states(
        self, event: EventIndex, subject: Subject, changes: Changes, row: AthleteRow | None
    ) -> list[StreamEvent]:
        """Return the changes of states that concern a board or an athlete."""
        if subject.bib is not None:
            wanted = [state for state in changes.states if row is not None and state["race"] == row.race]
        else:
            wanted = [state for state in changes.states if subject.board in boards_of_changes([state])]
        return [StreamEvent("publication", state) for state in wanted]

    async def _athlete_events(
        self, event: EventIndex, since: int, newest: AnnouncedRevision, subject: Subject, changes: Changes
    ) -> list[StreamEvent]:
        bib = subject.bib or ""
        row, before = changes.after.get(bib), changes.before.get(bib)
        events = [] if row is None else stream_events(event, before, row)
        if row is not None:
            events += case_events([] if before is None else before.cases, row.cases)
        if bib in changes.shared:
            events += await self._shared_case_events(since, newest, bib)
        if row is None:
            row = (await self._loader.store.rows.athletes(newest.event, [bib], newest.revision)).get(bib)
        if row is not None and not row.gone:
            boards = boards_of(event, row)
            if any(board.id in changes.boards for board in boards):
                places = await self._loader.athlete_boards(event, newest, bib, boards)
                listed = [msgspec.structs.asdict(place) for place in places]
                events.append(StreamEvent("board", {"bib": bib, "boards": listed}))
        return [*events, *self._states(event, subject, changes, row)]

    def _team_events(
        self, event: EventIndex, newest: AnnouncedRevision, subject: Subject, changes: Changes
    ) -> list[StreamEvent]:
        if subject.board not in event.team_boards and subject.board not in event.delegations:
            raise Refused(404, "No such board", f"event {newest.event!r} has no board {subject.board!r} any more")
        refetch: dict[str, Any] = {"board": subject.board, "total": None, "rows": None, "removed": []}
        states = self._states(event, subject, changes, None)
        differs = subject.board in changes.boards or states or changes.ruled
        return [*([StreamEvent("board", refetch)] if differs else []), *states]

    async def _board_events(
        self, event: EventIndex, since: int, newest: AnnouncedRevision, subject: Subject, changes: Changes
    ) -> list[StreamEvent] | None:
        """Return the events of a board; None when there was none before, so that its viewers need a snapshot."""
        board = event.boards[subject.board or ""]
        members = list(_changed_members(event, board, changes))
        if not members and not changes.concern(subject, board.race):
            return []
        events: list[StreamEvent] = []
        for before, after, is_member in members:
            if is_member:
                events += stream_events(event, before, after)
            else:
                events.append(StreamEvent("retract", {"bib": after.bib, "race": after.race, "point": None}))
        bibs = dict.fromkeys(after.bib for _, after, _ in members)
        if changes.rows is not None:
            bibs.update(dict.fromkeys(changes.rows.get(board.id, ())))
        elif board.id in changes.boards:
            rows = await self._loader.store.rows_changed(newest.event, board.id, since, newest.revision)
            bibs.update(dict.fromkeys(rows))
        bibs.update(dict.fromkeys(sorted(changes.shared, key=bib_order)))
        changed = await self._rows_event(since, newest, subject, list(bibs))
        return None if changed is None else [*events, *changed]

    async def _rows_event(
        self, since: int, newest: AnnouncedRevision, subject: Subject, bibs: list[str]
    ) -> list[StreamEvent] | None:
        past = await self._loader.history.announced(newest, since)
        if past is None:
            return None
        try:
            before = await self._page(subject, past)
        except Refused:  # the board or its point is new
            return None
        after = await self._page(subject, newest)
        elsewhere = [bib for bib in dict.fromkeys([*before.rows, *bibs]) if bib not in after.rows]
        elsewhere = elsewhere[: subject.limit + self._limits.rows_of_event]
        on_board = await self._rows_of(newest, subject, elsewhere)
        changed = set(bibs)
        below = [row for bib, row in on_board.items() if bib in changed][: self._limits.rows_of_event]
        made = board_event(before, after, below, [bib for bib in elsewhere if bib not in on_board])
        return [] if made is None else [made]

    async def _page(self, subject: Subject, announced: AnnouncedRevision) -> EncodedPage:
        """Return the page of a board that a subject follows. Raises Refused when the event has no such board."""
        event = await self._loader.events.defined(announced)
        board = event.boards.get(subject.board or "")
        if board is None:
            raise Refused(404, "No such board", f"event {announced.event!r} has no board {subject.board!r}")
        return await self._pages.page(event, announced, board, _query(subject, subject.limit))

    async def _rows_of(self, newest: AnnouncedRevision, subject: Subject, bibs: list[str]) -> dict[str, bytes]:
        """Return the rows of these bibs on a board, without those that have none."""
        if not bibs:
            return {}
        event = await self._loader.events.defined(newest)
        board = event.boards[subject.board or ""]
        data = await self._loader.board(event, newest, board, _query(subject, len(bibs)), frozenset(bibs))
        return (await self._pages.encoded(data, 0)).rows


def _query(subject: Subject, limit: int) -> BoardQuery:
    return BoardQuery(limit=limit, point=subject.point, on_course=subject.on_course)


def _changed_members(
    event: EventIndex, board: Board, changes: Changes
) -> Iterator[tuple[AthleteRow | None, AthleteRow, bool]]:
    """Yield the changed athletes who are or were on a board: the result before (None when they were not on it), the
    result after, and whether they are on it now.
    """
    on_board = event.on_board[board.id]
    for bib, after in changes.after.items():
        before = changes.before.get(bib)
        if on_board(after):
            yield before if before is not None and on_board(before) else None, after, True
        elif before is not None and on_board(before):
            yield before, after, False


def summary_of(
    newest: AnnouncedRevision, boards: list[str], bibs: list[str] | None, accepted_us: int | None
) -> StreamEvent:
    """Return the event that viewers of a whole event get for a revision."""
    summary = {"boards": boards, "bibs": bibs, "announced_at_us": newest.at_us, "accepted_us": accepted_us}
    return StreamEvent("board", summary)


def _encoded(newest: AnnouncedRevision, events: list[StreamEvent]) -> bytes:
    return b"".join(encoded(newest, event) for event in events)


def encoded(newest: AnnouncedRevision, event: StreamEvent) -> bytes:
    """Return an event of a revision as it goes over the wire."""
    data = {"event": newest.event, "revision": newest.revision, **event.data}
    return encode_event(event.kind, newest.revision, _json.encode(data))
