"""Team boards and delegations. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from schemas.definition import Delegation, TeamBoard
from schemas.results import AthleteRow
from services.formatting.times import format_hms
from services.formatting.words import place_text
from services.live.feed.board_line import shown_names
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


def build_team_board(data: TeamData) -> dict[str, Any]:
    """Return a team board with the members who count."""
    team_board = data.team_board
    race = data.event.boards[team_board.of].race
    timed = _is_timed(team_board)
    return {
        "event": data.announced.event,
        "board": team_board.id,
        "title": title(team_board, data.event.language),
        "of": team_board.of,
        "score": team_board.score,
        "revision": data.announced.revision,
        "state": standing_of(data.event, data.published, race, team_board.id).state,
        "changed_since_official": data.changed,
        "total": len(data.lines),
        "rows": [
            {
                **_team_line(line, data.lines, timed),
                "members": [_member(member, data.athletes, timed) for member in line.members],
            }
            for line in data.lines
        ],
    }


def build_delegation(data: DelegationData) -> dict[str, Any]:
    """Return a delegation; its state is that of its own publication, else the one in which its team boards agree."""
    team_boards = [data.event.team_boards[name] for name in data.delegation.sum]
    timed = all(map(_is_timed, team_boards))
    return {
        "event": data.announced.event,
        "board": data.delegation.id,
        "title": title(data.delegation, data.event.language),
        "sum": data.delegation.sum,
        "revision": data.announced.revision,
        "state": _delegation_state(data, team_boards),
        "changed_since_official": data.changed,
        "total": len(data.lines),
        "rows": [_team_line(line, data.lines, timed) for line in data.lines],
    }


def official_delegation(published: Sequence[Published], delegation: str) -> Published | None:
    """Return the official publication of a delegation, or None when none is in force."""
    own = delegation_standing(published, delegation)
    return own.held if own is not None and own.state == "official" else None


def _delegation_state(data: DelegationData, team_boards: Sequence[TeamBoard]) -> str:
    own: Standing | None = delegation_standing(data.published, data.delegation.id)
    if own is not None and own.held is not None:
        return own.state
    states = {
        standing_of(data.event, data.published, data.event.boards[team_board.of].race, team_board.id).state
        for team_board in team_boards
    }
    return states.pop() if len(states) == 1 else "live"


def _is_timed(team_board: TeamBoard) -> bool:
    """Return whether scores are seconds, not places."""
    return team_board.score != "sum_places"


def _team_line(line: TeamLine, lines: Sequence[TeamLine], timed: bool) -> dict[str, Any]:
    tied = line.place is not None and sum(other.place == line.place for other in lines) > 1
    return {
        "place": line.place,
        "place_text": None if line.place is None else place_text(line.place, tied),
        "team": line.team,
        "score": line.score,
        "score_text": None if line.score is None else _score_text(line.score, timed),
    }


def _member(member: Mapping[str, Any], athletes: Mapping[str, AthleteRow], timed: bool) -> dict[str, Any]:
    row = athletes.get(member["bib"])
    return {
        "bib": member["bib"],
        "name": member["bib"] if row is None else shown_names(row).name,
        "score": member["score"],
        "score_text": _score_text(member["score"], timed),
    }


def _score_text(score: int, timed: bool) -> str:
    return format_hms(score) if timed else str(score)
