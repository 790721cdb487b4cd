"""Team boards and delegations. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schemas.definition import Delegation, TeamBoard
from schemas.results import AthleteRow
from services.formatting.times import format_hms
from services.formatting.words import place_text
from services.live.feed.board_line import shown_names
from services.live.feed.columns import CHANGED
from services.live.feed.team_columns import TeamMember, TeamRow
from services.live.http.query import Page
from services.live.pages.published import standing_of
from services.live.table_rows import AnnouncedRevision, TeamLine
from services.standings.event_index import EventIndex, title
from services.standings.publication import Published, Standing, delegation_standing


class TeamData(Struct, frozen=True, kw_only=True):
    """The data from which a team board is built.

    `athletes` are the members by bib; `changed` says whether the board was official and has changed since.
    """

    event: EventIndex
    announced: AnnouncedRevision
    team_board: TeamBoard
    lines: Sequence[TeamLine]
    athletes: Mapping[str, AthleteRow]
    published: Sequence[Published]
    changed: bool


class DelegationData(Struct, frozen=True, kw_only=True):
    """The data from which a delegation is built; `changed` says whether it was official and has changed since."""

    event: EventIndex
    announced: AnnouncedRevision
    delegation: Delegation
    lines: Sequence[TeamLine]
    published: Sequence[Published]
    changed: bool


def team_rows(data: TeamData, page: Page) -> list[TeamRow]:
    """Return the rows of a page of a team board."""
    timed = _is_timed(data.team_board)
    state = CHANGED if data.changed else team_state(data)
    return [
        _row(line, data.lines, timed, state, [_member(member, data.athletes, timed) for member in line.members])
        for line in data.lines[page.offset : page.offset + page.limit]
    ]


def delegation_rows(data: DelegationData, page: Page) -> list[TeamRow]:
    """Return the rows of a page of a delegation."""
    timed = all(map(_is_timed, _team_boards(data)))
    state = CHANGED if data.changed else delegation_state(data)
    return [_row(line, data.lines, timed, state) for line in data.lines[page.offset : page.offset + page.limit]]


def build_team_board(data: TeamData, page: Page) -> dict[str, Any]:
    """Return a page of a team board with the members who count."""
    team_board = data.team_board
    return {
        "event": data.announced.event,
        "board": team_board.id,
        "title": title(team_board, data.event.language),
        "of": team_board.of,
        "score": team_board.score,
        "revision": data.announced.revision,
        "state": team_state(data),
        "changed_since_official": data.changed,
        "total": len(data.lines),
        "offset": page.offset,
        "rows": [
            {**_plain(row), "members": [member._asdict() for member in row.members]} for row in team_rows(data, page)
        ],
    }


def build_delegation(data: DelegationData, page: Page) -> dict[str, Any]:
    """Return a page of a delegation."""
    own = delegation_standing(data.published, data.delegation.id)
    return {
        "event": data.announced.event,
        "board": data.delegation.id,
        "title": title(data.delegation, data.event.language),
        "sum": data.delegation.sum,
        "revision": data.announced.revision,
        "state": delegation_state(data),
        "changed_since_official": data.changed,
        "void": [] if own is None else msgspec.to_builtins(own.void),
        "total": len(data.lines),
        "offset": page.offset,
        "rows": list(map(_plain, delegation_rows(data, page))),
    }


def team_state(data: TeamData) -> str:
    """Return the state of a team board's results."""
    race = data.event.boards[data.team_board.of].race
    return standing_of(data.event, data.published, race, data.team_board.id).state


def official_delegation(published: Sequence[Published], delegation: str) -> Published | None:
    """Return the official publication of a delegation, or None when none is in force."""
    own = delegation_standing(published, delegation)
    return own.held if own is not None and own.state == "official" else None


def delegation_state(data: DelegationData) -> str:
    """Return the state of a delegation: that of its own publication, else the one in which its team boards agree."""
    own: Standing | None = delegation_standing(data.published, data.delegation.id)
    if own is not None and own.held is not None:
        return own.state
    states = {
        standing_of(data.event, data.published, data.event.boards[team_board.of].race, team_board.id).state
        for team_board in _team_boards(data)
    }
    return states.pop() if len(states) == 1 else "live"


def _team_boards(data: DelegationData) -> list[TeamBoard]:
    return [data.event.team_boards[name] for name in data.delegation.sum]


def _is_timed(team_board: TeamBoard) -> bool:
    """Return whether scores are seconds, not places."""
    return team_board.score != "sum_places"


def _row(
    line: TeamLine, lines: Sequence[TeamLine], timed: bool, state: str, members: Sequence[TeamMember] = ()
) -> TeamRow:
    tied = line.place is not None and sum(other.place == line.place for other in lines) > 1
    return TeamRow(
        place=line.place,
        place_text=None if line.place is None else place_text(line.place, tied),
        team=line.team,
        score=line.score,
        score_text=None if line.score is None else _score_text(line.score, timed),
        members=members,
        result_state=state,
    )


def _plain(row: TeamRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("place", "place_text", "team", "score", "score_text")}


def _member(member: Mapping[str, Any], athletes: Mapping[str, AthleteRow], timed: bool) -> TeamMember:
    row = athletes.get(member["bib"])
    name = member["bib"] if row is None else shown_names(row).name
    return TeamMember(member["bib"], name, member["score"], _score_text(member["score"], timed))


def _score_text(score: int, timed: bool) -> str:
    return format_hms(score) if timed else str(score)
