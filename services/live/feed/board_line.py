"""A board's lines as broadcasters get them, column by column. Pure. Source: docs/http.md."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.definition import Board, Race
from schemas.names import public_name, without_accents
from schemas.results import AthleteRow, printed_s
from services.formatting.times import ceil_ms, format_gap, format_hms, format_instant, format_pace, speed_kmh
from services.formatting.words import place_text
from services.live.ranking import Placed
from services.live.store import Head
from services.standings.age_grade import finisher_grade
from services.standings.event_index import EventIndex, age_group

CHANGED = "changed_since_official"


class BoardLine(Struct, frozen=True, kw_only=True):
    """A line of a board, null where there is nothing. Of the fields all but the last three are the columns of feeds.

    `point` and `km` are where the times were taken; `gap` is behind the leader, in the time that ranks; `move` counts
    places gained (+) since the point before. `time_s`, `gun_us` and `chip_us` are exact.
    """

    place: int
    place_text: str
    bib: str
    name: str
    name_ascii: str
    family_name: str
    given_name: str
    team: str | None
    club: str | None
    nationality: str | None
    gender: str
    age_group: str | None
    point: str
    km: float
    time: str
    time_ms: int
    gun_time: str
    chip_time: str
    gap: str | None
    gap_ms: int
    pace: str | None
    speed_kmh: float | None
    move: int | None
    next_eta: str | None
    projected_finish: str | None
    status: str
    result_state: str
    updated_at: str
    revision: int
    age_grade: float | None
    time_s: int
    gun_us: int
    chip_us: int


class Projection(NamedTuple):
    """Where an athlete on the course comes next and when, and when he finishes, at the even pace so far."""

    point: str
    km: float
    eta_us: int
    finish_us: int


class Listing(Struct, frozen=True):
    """What the lines of one answer share: the board and race, its leader, what state results are in, the revision.

    `changed`: whose rows are not as they were published as official.
    """

    view: EventIndex
    board: Board
    race: Race
    state: str
    head: Head
    leader: Placed | None
    point: str | None
    changed: frozenset[str]


def board_line(listing: Listing, placed: Placed, row: AthleteRow, before: Mapping[str, Mapping[str, int]]) -> BoardLine:
    """A line; `before` gives the places at points of the course, by point and bib, as far as they are known."""
    point, km = _taken_at(listing, row)
    names = shown_names(row)
    ahead = projection(listing.race, row)
    leader = listing.leader
    gap_us = 0 if leader is None else placed.ranked_us - leader.ranked_us
    gap_s = 0 if leader is None else printed_s(placed.ranked_us) - printed_s(leader.ranked_us)
    entry = row.entry
    zone = listing.view.zone
    return BoardLine(
        place=placed.place,
        place_text=place_text(placed.place, placed.tied),
        bib=row.bib,
        name=names.name,
        name_ascii=names.ascii,
        family_name=names.family,
        given_name=names.given,
        team=None if entry is None else entry.team or None,
        club=None if entry is None else entry.club or None,
        nationality=None if entry is None else entry.nationality,
        gender="" if entry is None else entry.gender,
        age_group=age_group(listing.view, row),
        point=point,
        km=km,
        time=format_hms(placed.time_s),
        time_ms=ceil_ms(placed.shown_us),
        gun_time=format_hms(printed_s(placed.gun_us)),
        chip_time=format_hms(printed_s(placed.chip_us)),
        gap=None if leader is None or placed.place == 1 else format_gap(gap_s),
        gap_ms=ceil_ms(gap_us),
        pace=format_pace(placed.shown_us, km),
        speed_kmh=speed_kmh(placed.shown_us, km),
        move=_move(placed, row, point, before),
        next_eta=None if ahead is None else format_instant(ahead.eta_us, zone),
        projected_finish=None if ahead is None else format_instant(ahead.finish_us, zone),
        status=row.status,
        result_state=CHANGED if row.bib in listing.changed else listing.state,
        updated_at=format_instant(listing.head.announced_at_us, zone, "milliseconds"),
        revision=listing.head.revision,
        age_grade=_age_grade(listing, placed, row, point),
        time_s=placed.time_s,
        gun_us=placed.gun_us,
        chip_us=placed.chip_us,
    )


def _age_grade(listing: Listing, placed: Placed, row: AthleteRow, point: str) -> float | None:
    """A finisher's by the time that is printed; of a hidden one none, since it tells his age."""
    if row.hidden or point != listing.race.points[-1].id:
        return None
    return finisher_grade(listing.view.definition, listing.race, row, placed.time_s)


def _taken_at(listing: Listing, row: AthleteRow) -> tuple[str, float]:
    """The point that a line's times are of: the one asked for, else the last that he took."""
    point = listing.point or (row.points[-1].point if row.points else listing.race.points[-1].id)
    return point, next((one.km for one in listing.race.points if one.id == point), 0.0)


def point_before(row: AthleteRow, point: str) -> str | None:
    """The point that an athlete took last before another; None at START, where nobody has a place yet."""
    taken = [one.point for one in row.points]
    at = taken.index(point) if point in taken else 0
    return taken[at - 1] if at > 0 and taken[at - 1] != "START" else None


def _move(placed: Placed, row: AthleteRow, point: str, before: Mapping[str, Mapping[str, int]]) -> int | None:
    last = point_before(row, point)
    place = None if last is None else before.get(last, {}).get(row.bib)
    return None if place is None else place - placed.place


def projection(race: Race, row: AthleteRow) -> Projection | None:
    """What lies ahead of an athlete on the course, at the even pace since his start passing, or his own gun."""
    start_us = start_instant_us(row)
    if row.status != "ON_COURSE" or not row.points or start_us is None:
        return None
    last = row.points[-1]
    at = next((index for index, point in enumerate(race.points) if point.id == last.point), len(race.points) - 1)
    if at == len(race.points) - 1 or race.points[at].km <= 0:
        return None
    us_per_km = (last.at_us - start_us) / race.points[at].km
    ahead, finish = race.points[at + 1], race.points[-1]
    return Projection(
        ahead.id, ahead.km, start_us + round(us_per_km * ahead.km), start_us + round(us_per_km * finish.km)
    )


def start_instant_us(row: AthleteRow) -> int | None:
    """When an athlete started: his start passing, or his own gun where he has none."""
    if row.points and row.points[0].point == "START":
        return row.points[0].at_us
    return row.own_gun_us


# --- Names.


class Names(NamedTuple):
    """Names as the public sees them."""

    name: str
    ascii: str
    family: str
    given: str


def shown_names(row: AthleteRow) -> Names:
    """An athlete's names, or his bib where they are hidden; `ascii` has no letter beyond ASCII."""
    name = public_name(row)
    folded = " ".join(without_accents(name).encode("ascii", "ignore").decode().split()) or row.bib
    if row.hidden or row.entry is None:
        return Names(name, folded, row.bib, "")
    return Names(name, folded, row.entry.family_name, row.entry.given_name)


# --- Feeds: the same columns, each always there and of one type.

COLUMNS: tuple[str, ...] = BoardLine.__struct_fields__[:-3]
MISSING: dict[str, str | int | float] = {**dict.fromkeys(COLUMNS, ""), "speed_kmh": 0.0, "move": 0, "age_grade": 0.0}
"""What stands in a feed where there is nothing; the other numbers are always there."""
FREE_TEXT = frozenset({"bib", "name", "name_ascii", "family_name", "given_name", "team", "club", "nationality"})
"""Columns that hold what came from outside; the other texts are made here."""


def feed_row(line: BoardLine) -> dict[str, str | int | float]:
    """A line's columns without nulls: 0 for a number, "" for a text."""
    row: dict[str, str | int | float] = {}
    for name in COLUMNS:
        value = getattr(line, name)
        row[name] = MISSING[name] if value is None else value
    return row


def feed_rows(lines: Sequence[BoardLine]) -> list[dict[str, str | int | float]]:
    """All lines' columns."""
    return [feed_row(line) for line in lines]
