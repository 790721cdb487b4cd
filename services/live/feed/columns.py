"""The columns of a board: COLUMNS is the one place where a column is declared. Pure. Source: docs/http.md.

The rows of a board's JSON answer have every column, null where there is nothing. Feeds (`.json`, `.csv`, `.xml`) have
those with `in_feeds`, each always there and of one type: "" or 0 stands for nothing.
"""

from schemas.results import printed_s
from services.formatting.times import ceil_ms, format_gap, format_hms, format_instant, format_pace, speed_kmh
from services.formatting.words import place_text
from services.live.feed.board_line import BoardLine
from services.live.feed.table import Column, Value
from services.live.ranking import Placed
from services.standings.age_grade import finisher_grade
from services.standings.event_index import age_group
from services.standings.result_flags import public_flags

CHANGED = "changed_since_official"


def _gap_s(line: BoardLine) -> int:
    leader = line.listing.leader
    return 0 if leader is None else line.placed.time_s - leader.time_s


def _gap(line: BoardLine) -> str | None:
    return None if line.listing.leader is None or line.placed.place == 1 else format_gap(_gap_s(line))


def _gap_ms(line: BoardLine) -> int:
    leader = line.listing.leader
    return 0 if leader is None else ceil_ms(line.placed.shown_us - leader.shown_us)


def _ranked_us(line: BoardLine, placed: Placed) -> int:
    """Return a time of the kind by which the leader has their place."""
    return placed.chip_us if line.listing.by_chip else placed.gun_us


def _rank_gap(line: BoardLine) -> str | None:
    leader = line.listing.leader
    if leader is None or line.placed.place == 1:
        return None
    return format_gap(printed_s(_ranked_us(line, line.placed)) - printed_s(_ranked_us(line, leader)))


def _rank_gap_ms(line: BoardLine) -> int:
    leader = line.listing.leader
    return 0 if leader is None else ceil_ms(_ranked_us(line, line.placed) - _ranked_us(line, leader))


def _at(line: BoardLine) -> str | None:
    at_us = next((taken.at_us for taken in line.athlete.points if taken.point == line.point), None)
    return None if at_us is None else format_instant(at_us, line.listing.event.zone, "milliseconds")


def _next_eta(line: BoardLine) -> str | None:
    return None if line.ahead is None else format_instant(line.ahead.next.median_us, line.listing.event.zone)


def _projected_finish(line: BoardLine) -> str | None:
    return None if line.ahead is None else format_hms(printed_s(line.ahead.finish.median_us))


def _projected_low(line: BoardLine) -> str | None:
    return None if line.ahead is None else format_hms(printed_s(line.ahead.finish.low_us))


def _projected_high(line: BoardLine) -> str | None:
    return None if line.ahead is None else format_hms(printed_s(line.ahead.finish.high_us))


def _result_state(line: BoardLine) -> str:
    return CHANGED if line.source.changed else line.listing.state


def _updated_at(line: BoardLine) -> str:
    return format_instant(line.source.first_with.at_us, line.listing.event.zone, "microseconds")


def _decided(line: BoardLine) -> int | None:
    decided = line.source.decided
    return None if decided is None else int(decided)


def _age_grade(line: BoardLine) -> float | None:
    """Return a finisher's age grade by the printed time; None for a hidden athlete, since it reveals the age."""
    race = line.listing.race
    if line.athlete.hidden or line.point != race.points[-1].id:
        return None
    return finisher_grade(line.listing.event.definition, race, line.athlete, line.placed.time_s)


COLUMNS: tuple[Column[BoardLine], ...] = (
    Column("place", int, lambda line: line.placed.place),
    Column("place_text", str, lambda line: place_text(line.placed.place, line.placed.tied), ours=True),
    Column("bib", str, lambda line: line.athlete.bib),
    Column("name", str, lambda line: line.names.name),
    Column("name_ascii", str, lambda line: line.names.ascii),
    Column("family_name", str, lambda line: line.names.family),
    Column("given_name", str, lambda line: line.names.given),
    Column("team", str, lambda line: (line.athlete.entry and line.athlete.entry.team) or None),
    Column("club", str, lambda line: (line.athlete.entry and line.athlete.entry.club) or None),
    Column("nationality", str, lambda line: (line.athlete.entry and line.athlete.entry.nationality) or None),
    Column("gender", str, lambda line: line.athlete.entry.gender if line.athlete.entry else ""),
    Column("age_group", str, lambda line: age_group(line.listing.event, line.athlete)),
    Column("point", str, lambda line: line.point),
    Column("km", float, lambda line: line.km),
    Column("time", str, lambda line: format_hms(line.placed.time_s), ours=True),
    Column("time_ms", int, lambda line: ceil_ms(line.placed.shown_us)),
    Column("gun_time", str, lambda line: format_hms(printed_s(line.placed.gun_us)), ours=True),
    Column("chip_time", str, lambda line: format_hms(printed_s(line.placed.chip_us)), ours=True),
    Column("gap", str, _gap, ours=True),
    Column("gap_ms", int, _gap_ms),
    Column("pace", str, lambda line: format_pace(line.placed.shown_us, line.km), ours=True),
    Column("speed_kmh", float, lambda line: speed_kmh(line.placed.shown_us, line.km)),
    Column("move", int, lambda line: line.move),
    Column("next_eta", str, _next_eta, ours=True),
    Column("projected_finish", str, _projected_finish, ours=True),
    Column("status", str, lambda line: line.athlete.status, ours=True),
    Column("result_state", str, _result_state, ours=True),
    Column("flags", str, lambda line: " ".join(public_flags(line.athlete)) or None, ours=True),
    Column("updated_at", str, _updated_at, ours=True),
    Column("revision", int, lambda line: line.source.first_with.revision),
    Column("age_grade", float, _age_grade),
    Column("projected_low", str, _projected_low, ours=True),
    Column("projected_high", str, _projected_high, ours=True),
    Column("decided", int, _decided),
    Column("at", str, _at, ours=True),
    Column("rank_gap", str, _rank_gap, ours=True),
    Column("rank_gap_ms", int, _rank_gap_ms),
    Column("missed", str, lambda line: " ".join(line.athlete.missed) or None, ours=True),
    Column("time_s", int, lambda line: line.placed.time_s, in_feeds=False),
    Column("gun_us", int, lambda line: line.placed.gun_us, in_feeds=False),
    Column("chip_us", int, lambda line: line.placed.chip_us, in_feeds=False),
)


def board_row(line: BoardLine) -> dict[str, Value | None]:
    """Return every column of a line by name, None where there is nothing."""
    return {column.name: column.value(line) for column in COLUMNS}
