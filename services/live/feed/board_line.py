"""A board's line before it becomes columns: the athlete, the place, and what both give together. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from schemas.definition import Board, Race
from schemas.names import public_name, without_accents
from schemas.results import AthleteRow
from services.live.ranking import Placed, Ranking
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex
from services.standings.finish_estimate import Expected, Spreads, expected


class Listing(Struct, frozen=True, kw_only=True):
    """Values that all lines of one order share.

    `point` is the requested point, None for the board itself. `state` is the state of the board's results. `spreads`
    are those of the race's own finishers.
    """

    event: EventIndex
    board: Board
    race: Race
    point: str | None
    leader: Placed | None
    state: str
    spreads: Spreads
    by_chip: bool


class Source(NamedTuple):
    """All that a line is made of, so that equal ones give equal lines.

    `place_before` is the place at the point before, None when it is not known. `first_with` is the revision that first
    had the athlete's result. `changed`: the row differs from the official one. `decided` says of places 1 to 3 whether
    nobody can take the place any more.
    """

    listing: Listing
    placed: Placed
    athlete: AthleteRow
    place_before: int | None
    first_with: AnnouncedRevision
    changed: bool
    decided: bool | None


class Names(NamedTuple):
    """Names as the public sees them; `ascii` has no character beyond ASCII."""

    name: str
    ascii: str
    family: str
    given: str


class BoardLine(NamedTuple):
    """A line of a board: columns are computed from it.

    `point` and `km` are where the line's times were taken. `move` is how many places were gained (+) or lost (-) since
    the point before, None when the place there is not known.
    """

    source: Source
    names: Names
    point: str
    km: float
    move: int | None
    ahead: Expected | None

    @property
    def listing(self) -> Listing:
        """The order that the line is of."""
        return self.source.listing

    @property
    def placed(self) -> Placed:
        """The place and the times."""
        return self.source.placed

    @property
    def athlete(self) -> AthleteRow:
        """The athlete's result."""
        return self.source.athlete


def place_before(listing: Listing, athlete: AthleteRow, earlier: Mapping[str, Ranking]) -> int | None:
    """Return an athlete's place at the point before; `earlier` are the board's rankings, as far as known."""
    before = point_before(athlete, shown_point(listing.race, listing.point, athlete))
    ranking = None if before is None else earlier.get(before)
    placed = None if ranking is None else ranking.line(athlete.bib)
    return None if placed is None else placed.place


def board_line(source: Source) -> BoardLine:
    """Return an athlete's line."""
    listing, athlete = source.listing, source.athlete
    point = shown_point(listing.race, listing.point, athlete)
    return BoardLine(
        source=source,
        names=shown_names(athlete),
        point=point,
        km=next((course.km for course in listing.race.points if course.id == point), 0.0),
        move=None if source.place_before is None else source.place_before - source.placed.place,
        ahead=expected(listing.race, athlete, listing.spreads),
    )


def shown_point(race: Race, asked: str | None, athlete: AthleteRow) -> str:
    """Return the point whose times a line shows: the one asked for, else the last that the athlete took."""
    return asked or (athlete.points[-1].point if athlete.points else race.points[-1].id)


def point_before(athlete: AthleteRow, point: str) -> str | None:
    """Return the point that an athlete took last before another; None for START, where nobody has a place yet."""
    taken = [split.point for split in athlete.points]
    index = taken.index(point) if point in taken else 0
    return taken[index - 1] if index > 0 and taken[index - 1] != "START" else None


def shown_names(athlete: AthleteRow) -> Names:
    """Return an athlete's names, or the bib instead when they are hidden."""
    name = public_name(athlete)
    folded = " ".join(without_accents(name).encode("ascii", "ignore").decode().split()) or athlete.bib
    if athlete.hidden or athlete.entry is None:
        return Names(name, folded, athlete.bib, "")
    return Names(name, folded, athlete.entry.family_name, athlete.entry.given_name)
