"""Boards, team boards and delegations. The rows of boards are made of `feed.columns.COLUMNS`."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, defstruct

from services.live.documents.fields import InstantUs, LocalInstant, Place, Revision
from services.live.feed.columns import COLUMNS
from services.live.feed.event_columns import CLOCK_COLUMNS, COUNT_COLUMNS
from services.live.feed.table import Column
from services.live.feed.team_columns import DELEGATION_COLUMNS, TEAM_COLUMNS
from services.standings.publication import Ground, State

BoardPageRow = defstruct(
    "BoardPageRow",
    [(column.name, column.type | None) for column in COLUMNS],
    namespace={
        "__doc__": "A row of a board; null where there is nothing. docs/http.md has the meaning of each column."
    },
    module=__name__,
)


def _feed_row(name: str, columns: Sequence[Column[Any]]) -> type[Struct]:
    return defstruct(
        name,
        [(column.name, column.type) for column in columns if column.in_feeds],
        namespace={
            "__doc__": 'A row of a feed, whose columns are all there and of one type: "" or 0 where there is nothing.'
        },
        module=__name__,
    )


FeedRow = _feed_row("FeedRow", COLUMNS)
TeamFeedRow = _feed_row("TeamFeedRow", TEAM_COLUMNS)
DelegationFeedRow = _feed_row("DelegationFeedRow", DELEGATION_COLUMNS)
CountRow = _feed_row("CountRow", COUNT_COLUMNS)
ClockRow = _feed_row("ClockRow", CLOCK_COLUMNS)


class Rival(Struct, kw_only=True):
    """Who can still take a place by a finish, at `until` at the latest; null where only an official ends the doubt."""

    bib: str
    name: str
    until: LocalInstant | None
    until_us: InstantUs | None


class PodiumPlace(Struct, kw_only=True):
    """A place from 1 to 3, and whether it can still change without an official (R4.11).

    `decided`: nobody can take it any more. `result_open`: the athlete's own result, or that of someone ahead, can
    still change.
    """

    place: Place
    bib: str
    decided: bool
    result_open: bool
    rivals: list[Rival]
    rivals_left_out: int


class BoardPage(Struct, kw_only=True):
    """A page of a board: `total` rows in all, from `offset` on; `point` is the split whose order was asked for."""

    event: str
    board: str
    revision: Revision
    state: State
    changed_since_official: bool
    total: int
    offset: int
    point: str | None
    podium: list[PodiumPlace]
    rows: list[BoardPageRow]  # type: ignore[valid-type]  # made at run time


class SplitPage(Struct, kw_only=True):
    """A page of everybody of a race at a point: `total` rows in all, from `offset` on."""

    event: str
    race: str
    point: str
    revision: Revision
    state: State
    changed_since_official: bool
    total: int
    offset: int
    rows: list[BoardPageRow]  # type: ignore[valid-type]  # made at run time


class TeamMember(Struct, kw_only=True):
    """An athlete who counts for a team, or, of a team without a place, who has a score: a place, or seconds."""

    bib: str
    name: str
    score: int
    score_text: str


class DelegationPageRow(Struct, kw_only=True):
    """A line of a delegation; without a place on all team boards there is neither place nor score."""

    place: Place | None
    place_text: str | None
    team: str
    score: int | None
    score_text: str | None


class TeamPageRow(DelegationPageRow, kw_only=True):
    """A line of a team board, with the members who count, the best first."""

    members: list[TeamMember]


class TeamBoardAnswer(Struct, kw_only=True):
    """A team board; `of` is the board that gives places and times."""

    event: str
    board: str
    title: str
    of: str
    score: str
    revision: Revision
    state: State
    changed_since_official: bool
    total: int
    offset: int
    rows: list[TeamPageRow]


class DelegationAnswer(Struct, kw_only=True):
    """A delegation; `sum` are its team boards, `void` is why a later official publication of it is."""

    event: str
    board: str
    title: str
    sum: list[str]
    revision: Revision
    state: State
    changed_since_official: bool
    void: list[Ground]
    total: int
    offset: int
    rows: list[DelegationPageRow]


BOARD_KINDS: tuple[Any, ...] = (BoardPage, TeamBoardAnswer, DelegationAnswer)
