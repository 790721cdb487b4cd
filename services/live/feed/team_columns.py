"""The columns of team boards and delegations as feeds. Pure. Source: docs/http.md."""

from collections.abc import Sequence
from typing import NamedTuple

from services.live.feed.table import Column


class TeamMember(NamedTuple):
    """A member who counts, with the score in seconds or as a place, and as text."""

    bib: str
    name: str
    score: int
    score_text: str


class TeamRow(NamedTuple):
    """A row of a team board, or of a delegation, which has no members."""

    place: int | None
    place_text: str | None
    team: str
    score: int | None
    score_text: str | None
    members: Sequence[TeamMember]
    result_state: str


DELEGATION_COLUMNS: tuple[Column[TeamRow], ...] = (
    Column("place", int, lambda row: row.place),
    Column("place_text", str, lambda row: row.place_text, ours=True),
    Column("team", str, lambda row: row.team),
    Column("score", int, lambda row: row.score),
    Column("score_text", str, lambda row: row.score_text, ours=True),
    Column("result_state", str, lambda row: row.result_state, ours=True),
)

TEAM_COLUMNS: tuple[Column[TeamRow], ...] = (
    *DELEGATION_COLUMNS,
    Column("members", str, lambda row: ", ".join(member.bib for member in row.members)),
    Column("member_names", str, lambda row: ", ".join(member.name for member in row.members)),
    Column("member_scores", str, lambda row: ", ".join(member.score_text for member in row.members), ours=True),
)
