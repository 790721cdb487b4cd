"""Publications of a race or a board, and the state of its results. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.results import Case
from services.formatting.times import format_instant
from services.live.errors import Refused, known_ids
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.publication import (
    Difference,
    Published,
    Standing,
    official_from_us,
    open_grounds,
    race_standing,
    ranked_of,
    standing,
)

NO_DIFFERENCE = Difference([], {}, {}, {})


class Differences(NamedTuple):
    """The current differences from the official results of a race (None) and of its boards."""

    by_board: Mapping[str | None, Difference]

    def any(self) -> bool:
        """Return whether any of the race's results has changed since it was official."""
        return any(map(bool, self.by_board.values()))

    def changed(self, board: str | None) -> bool:
        """Return whether a board or team board, or (None) anything of the race, has changed since it was official."""
        if board is None:
            return self.any()
        since_official = self.by_board.get(board, NO_DIFFERENCE)
        return board in since_official.boards or board in since_official.team_boards

    def bibs(self, board: str | None) -> frozenset[str]:
        """Return the bibs whose rows on a board, or (None) whose results, have changed since these were official."""
        since_official = self.by_board.get(board, NO_DIFFERENCE)
        return since_official.changed_athletes() if board is None else since_official.bibs(board)


class PublishedData(Struct, frozen=True, kw_only=True):
    """The data from which an answer about a publication is built.

    `published` are all publications in force, `held` the one that is served with its `document` and `delegations`, and
    `difference` how results differ from it now. `open_cases` may be empty unless results wait (`waits_for_official`).
    """

    event: EventIndex
    announced: AnnouncedRevision
    race: str
    board: str | None
    published: Sequence[Published]
    held: Published
    document: bytes
    delegations: Any
    difference: Difference
    open_cases: Sequence[Case]


def standing_of(event: EventIndex, published: Sequence[Published], race: str, board: str | None = None) -> Standing:
    """Return the standing of the results of a board, or of the race as a whole."""
    return race_standing(event.definition, published, race) if board is None else standing(published, race, board)


def waits_for_official(event: EventIndex, published: Sequence[Published], race: str, board: str | None = None) -> bool:
    """Return whether results are provisional, so that open cases stand in the way of official ones."""
    return standing_of(event, published, race, board).state == "provisional"


def publication_life(
    event: EventIndex,
    published: Sequence[Published],
    open_cases: Sequence[Case],
    race: str,
    board: str | None = None,
) -> dict[str, Any]:
    """Return which publication of a race or board is served, and why a later official one is void.

    For provisional results also from when they may be official, and which cases and protests are still in the way.
    """
    current = standing_of(event, published, race, board)
    waits = current.state == "provisional"
    from_us = official_from_us(event.definition, event.row, race, board) if waits else None
    return {
        "publication": None if current.held is None else _publication(event, current.held),
        "void": msgspec.to_builtins(current.void),
        "official_from_us": from_us,
        "official_from": None if from_us is None else format_instant(from_us, event.zone, "milliseconds"),
        "in_the_way": msgspec.to_builtins(open_grounds(event.row, race, open_cases) if waits else []),
    }


def _publication(event: EventIndex, published: Published) -> dict[str, Any]:
    recorded_us = published.recorded_at_us
    return {
        "state": published.state,
        "boards": published.boards,
        "offset": published.offset,
        "document_revision": published.revision,
        "recorded_at_us": recorded_us,
        "recorded_at": None if recorded_us is None else format_instant(recorded_us, event.zone, "milliseconds"),
        "sha256": published.sha256,
    }


def held_publication(event: EventIndex, published: Sequence[Published], race: str, board: str | None) -> Published:
    """Return the publication whose document is served. Raises Refused when there is none, or it was withdrawn."""
    if race not in event.races:
        raise Refused(404, "No such race", f"there is no race {race!r}; known are {known_ids(event.races)}")
    ranked = ranked_of(event.definition, race)
    if board is not None and board not in ranked:
        raise Refused(404, "No such board", f"race {race!r} has no board {board!r}; known are {known_ids(ranked)}")
    held = standing_of(event, published, race, board).held
    subject = f"race {race!r}" if board is None else f"board {board!r}"
    if held is None:
        raise Refused(404, "Nothing is published", f"no results of {subject} have been published yet")
    if held.state == "withdrawn":
        raise Refused(404, "Withdrawn", f"the results of {subject} are withdrawn")
    return held


def build_published(data: PublishedData) -> dict[str, Any]:
    """Return the publication of a race or board with its document, and how results differ from it now."""
    return {
        "event": data.announced.event,
        "race": data.race,
        "board": data.board,
        "revision": data.announced.revision,
        "state": data.held.state,
        "changed_since_official": data.held.state == "official" and bool(data.difference),
        **publication_life(data.event, data.published, data.open_cases, data.race, data.board),
        "difference": msgspec.to_builtins(data.difference),
        "document": msgspec.Raw(data.document),
        "delegations": data.delegations,
    }
