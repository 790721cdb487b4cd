"""Athletes as the public sees them: names unless hidden, no chips, no birth years. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schemas.definition import Board
from schemas.named import in_language
from schemas.results import AthleteRow, printed_s
from services.formatting.times import format_hms, format_instant, format_pace, speed_kmh
from services.formatting.words import place_text
from services.live.errors import Refused
from services.live.feed.board_line import shown_names
from services.live.pages.published import standing_of
from services.live.ranking import Ranking, rank_at_point, root_board
from services.live.table_rows import AnnouncedRevision, AthleteVersion, Split
from services.standings.event_index import EventIndex, age_group, point_name, title
from services.standings.finish_estimate import Spreads, expected, start_instant_us
from services.standings.incremental import Cell
from services.standings.publication import Published
from services.standings.result_flags import CASE, public_flags, waived_points

FINISH_QUANTILES = ("low", "finish", "high")  # of an expected time, as answers name them after `projected_`


class AthleteData(Struct, frozen=True, kw_only=True):
    """The data from which an answer about an athlete is built.

    `boards` are the athlete's (`boards_of`), with the `rankings` and the `members` of each by id; `splits` are of the
    points that the athlete took, by point and bib; START, where nobody has a rank, may be missing. `spreads` are those
    by which athletes on the course are estimated.
    """

    event: EventIndex
    announced: AnnouncedRevision
    athlete: AthleteRow
    boards: Sequence[Board]
    rankings: Mapping[str, Ranking]
    members: Mapping[str, Mapping[str, Cell]]
    splits: Mapping[str, Mapping[str, Split]]
    versions: Sequence[AthleteVersion]
    published: Sequence[Published]
    spreads: Spreads


class AthleteBoard(Struct, frozen=True, kw_only=True):
    """An athlete's place on a board, null while there is none; `total` counts the athletes with a place."""

    board: str
    title: str
    total: int
    place: int | None
    place_text: str | None
    time_s: int | None


def known_athlete(event: EventIndex, announced: AnnouncedRevision, bib: str, row: AthleteRow | None) -> AthleteRow:
    """Return the row of a bib. Raises Refused when the event has no such bib, or its entry was withdrawn."""
    if row is None or row.gone or row.race not in event.races:
        raise Refused(
            404, "No such bib", f"event {announced.event!r} has no bib {bib!r} at revision {announced.revision}"
        )
    return row


def boards_of(event: EventIndex, row: AthleteRow) -> list[Board]:
    """Return the boards whose filters an athlete passes, in the order of the definition."""
    return [board for board in event.definition.boards if board.race == row.race and event.on_board[board.id](row)]


def build_athlete(data: AthleteData) -> dict[str, Any]:
    """Return an athlete with splits, the ranks at each, and places."""
    row = data.athlete
    places = athlete_boards(row.bib, data.boards, data.rankings, data.event.language)
    return {
        **_public_athlete(data.event, data.announced, row, data.spreads),
        "points": [
            {**point_result(data.event, row, index), "ranks": _ranks(data, split.point)}
            for index, split in enumerate(row.points)
        ],
        "boards": [msgspec.structs.asdict(place) for place in places],
        "result_state": standing_of(data.event, data.published, row.race).state,
        "versions": [version._asdict() for version in data.versions],
    }


def _ranks(data: AthleteData, point: str) -> dict[str, int]:
    """Return the athlete's rank at a point on each board; none at START."""
    if point == "START":
        return {}
    splits = data.splits[point]
    ranks = {
        board.id: rank_at_point(root_board(data.event, board), data.members[board.id], splits, data.athlete.bib)
        for board in data.boards
    }
    return {board: rank for board, rank in ranks.items() if rank is not None}


def athlete_boards(
    bib: str, boards: Sequence[Board], rankings: Mapping[str, Ranking], language: str | None
) -> list[AthleteBoard]:
    """Return an athlete's places on boards, with their titles in a language."""
    places = []
    for board in boards:
        line = rankings[board.id].line(bib)
        places.append(
            AthleteBoard(
                board=board.id,
                title=title(board, language),
                total=len(rankings[board.id].lines),
                place=None if line is None else line.place,
                place_text=None if line is None else place_text(line.place, line.tied),
                time_s=None if line is None else line.time_s,
            )
        )
    return places


def build_search(
    event: EventIndex, announced: AnnouncedRevision, total: int, athletes: Sequence[AthleteRow]
) -> dict[str, Any]:
    """Return a page of the athletes that a search found, out of `total`."""
    return {
        "event": announced.event,
        "revision": announced.revision,
        "total": total,
        "athletes": [athlete_summary(event, row) for row in athletes],
    }


def athlete_summary(event: EventIndex, row: AthleteRow) -> dict[str, Any]:
    """Return an athlete as a list of athletes has it."""
    names = shown_names(row)
    entry = row.entry
    return {
        "bib": row.bib,
        "name": names.name,
        "name_ascii": names.ascii,
        "family_name": names.family,
        "given_name": names.given,
        "race": row.race,
        "gender": None if entry is None else entry.gender,
        "nationality": None if entry is None else entry.nationality,
        "team": None if entry is None else entry.team or None,
        "club": None if entry is None else entry.club or None,
        "age_group": age_group(event, row),
        "status": row.status,
        "time_s": row.time_s,
        "time": None if row.time_s is None else format_hms(row.time_s),
        "point": row.points[-1].point if row.points else None,
    }


def _public_athlete(
    event: EventIndex, announced: AnnouncedRevision, row: AthleteRow, spreads: Spreads
) -> dict[str, Any]:
    """Return the part of an athlete's result that does not depend on others."""
    race = event.races[row.race]
    entry = row.entry
    return {
        "event": announced.event,
        "revision": announced.revision,
        "updated_at": format_instant(announced.at_us, event.zone, "microseconds"),
        **athlete_summary(event, row),
        "race_name": in_language(race.name, event.language),
        "division": None if entry is None else entry.division or None,
        "wave": None if entry is None else entry.wave or None,
        "ranked": entry is not None and entry.ranked,
        "hidden": row.hidden,
        "gun_us": row.gun_us,
        "chip_us": row.chip_us,
        "gun_time": None if row.gun_us is None else format_hms(printed_s(row.gun_us)),
        "chip_time": None if row.chip_us is None else format_hms(printed_s(row.chip_us)),
        "cut_at": row.cut_at,
        "missed": row.missed,
        "flags": row.flags,
        "case_open": CASE in public_flags(row),
        "waived": waived_points(race, row),
        **{name: getattr(row, name) for name in row.ADJUSTMENTS},
        "version": row.version,
        **_expected_fields(event, row, spreads),
    }


def _expected_fields(event: EventIndex, row: AthleteRow, spreads: Spreads) -> dict[str, Any]:
    """Return when an athlete is expected at the next point, and the expected official time; null off the course."""
    ahead = expected(event.races[row.race], row, spreads)
    finish = {} if ahead is None else dict(zip(FINISH_QUANTILES, ahead.finish, strict=True))
    return {
        "next_point": None if ahead is None else ahead.point,
        "next_eta": None if ahead is None else format_instant(ahead.next.median_us, event.zone),
        "next_eta_us": None if ahead is None else ahead.next.median_us,
        "next_low_us": None if ahead is None else ahead.next.low_us,
        "next_high_us": None if ahead is None else ahead.next.high_us,
        **{f"projected_{name}": format_hms(printed_s(finish[name])) if finish else None for name in FINISH_QUANTILES},
        **{f"projected_{name}_us": finish.get(name) for name in FINISH_QUANTILES},
    }


def point_result(event: EventIndex, row: AthleteRow, index: int) -> dict[str, Any]:
    """Return a point that an athlete took: the instant, the times since gun and start, the pace from the last point."""
    taken = row.points[index]
    course = {point.id: point for point in event.races[row.race].points}
    known = course.get(taken.point)
    kms = {name: point.km for name, point in course.items()}
    start_us = start_instant_us(row)
    gun_us = None if row.gun_at_us is None else taken.at_us - row.gun_at_us
    chip_us = None if start_us is None else taken.at_us - start_us
    segment_us = taken.at_us - row.points[index - 1].at_us if index else None
    segment_km = kms.get(taken.point, 0.0) - kms.get(row.points[index - 1].point, 0.0) if index else 0.0
    return {
        "point": taken.point,
        "name": taken.point if known is None else point_name(known, event.language),
        "km": kms.get(taken.point, 0.0),
        "at_us": taken.at_us,
        "at": format_instant(taken.at_us, event.zone, "milliseconds"),
        "source": taken.source,
        "gun_us": gun_us,
        "gun_time": None if gun_us is None else format_hms(printed_s(gun_us)),
        "chip_us": chip_us,
        "chip_time": None if chip_us is None else format_hms(printed_s(chip_us)),
        "segment_us": segment_us,
        "segment_pace": None if segment_us is None else format_pace(segment_us, segment_km),
        "segment_speed_kmh": None if segment_us is None else speed_kmh(segment_us, segment_km),
    }
