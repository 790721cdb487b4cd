"""Who earns a title, by time or by place, regardless of higher titles. Pure. Source: R2.8."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from schemas.definition import Board, Definition
from schemas.ids import US, bib_order
from schemas.office import Title
from schemas.results import AthleteRow, JudgesOrder, printed_s
from services.standings.boards import board, boards_around, orders_of, passes

_TITLE = "-"  # the id of a board for a title's places; no board of a definition has it


FILTERS = ("gender", "division", "born_from", "born_to", "nationality", "club", "wave")
"""All conditions that a board may have."""


class Earned(NamedTuple):
    """The place and the printed seconds with which a title was earned; no place where it goes by time."""

    place: int | None
    time_s: int


def earned_title(
    definition: Definition, title: Title, rows: Iterable[AthleteRow], orders: Sequence[JudgesOrder]
) -> dict[str, Earned]:
    """Return the finishers who earn a title by bib, the best first."""
    if title.places is not None:
        return _by_place(definition, title, title.places, rows, orders)
    times = _within(definition, title, title.within_s or 0, rows)
    in_order = sorted(times.items(), key=lambda item: (item[1], bib_order(item[0])))
    return {bib: Earned(None, time_s) for bib, time_s in in_order}


def _by_place(
    definition: Definition, title: Title, places: list[int], rows: Iterable[AthleteRow], orders: Sequence[JudgesOrder]
) -> dict[str, Earned]:
    """Return those at the places of a title: on the board of the same athletes, else on one made for it."""
    first, last = places
    like = None if title.by else next((known for known in definition.boards if _is_for(definition, known, title)), None)
    made = definition if like else replace(definition, boards=[_board_of(definition, title)])
    ranked = board(made, _TITLE if like is None else like.id, rows, orders_of(orders, title.race))
    return {row.bib: Earned(row.place, row.time_s) for row in ranked if first <= row.place <= last}


def _is_for(definition: Definition, known: Board, title: Title) -> bool:
    """Return whether a board, with those around it, has just the conditions of a title."""
    chain = boards_around(definition, known)
    asked = {
        name: next((value for chained_board in chain if (value := getattr(chained_board, name)) is not None), None)
        for name in FILTERS
    }
    if asked["nationality"] is not None:
        asked["nationality"] = asked["nationality"].upper()
    nationality = None if title.nationality is None else title.nationality.upper()
    wanted = {"gender": title.gender, "division": title.division, "nationality": nationality}
    return known.race == title.race and asked == {**dict.fromkeys(FILTERS), **wanted}


def _board_of(definition: Definition, title: Title) -> Board:
    """Return a board of those who pass a title's conditions, by the title's time."""
    return Board(
        id=_TITLE,
        race=title.race,
        gender=title.gender,
        division=title.division,
        nationality=title.nationality,
        rank_by=title.by or next(race.official_time for race in definition.races if race.id == title.race),
    )


def _within(definition: Definition, title: Title, within_s: int, rows: Iterable[AthleteRow]) -> dict[str, int]:
    """Return the printed seconds of the ranked finishers within a time, by bib."""
    meant = _board_of(definition, title)
    by_gun, is_meant = meant.rank_by == "gun", passes(definition, meant)
    times: dict[str, int] = {}
    for row in rows:
        time_us = row.gun_us if by_gun else row.chip_us
        if time_us is not None and is_meant(row) and time_us <= within_s * US:  # as printed seconds, rounded up
            times[row.bib] = printed_s(time_us)
    return times
