"""Athletes as the public sees them: names unless hidden, no chips, no birth years. Pure."""

from typing import Any

from msgspec import Struct

from schemas.results import AthleteRow, printed_s
from services.formatting.times import format_hms, format_instant, format_pace, speed_kmh
from services.live.feed.board_line import projection, shown_names, start_instant_us
from services.live.store import Head
from services.standings.event_index import EventIndex, age_group


class AthleteBoard(Struct, frozen=True, kw_only=True):
    """An athlete's place on one of his boards, null while he has none; `total` counts those with a place."""

    board: str
    title: str
    total: int
    place: int | None
    place_text: str | None
    time_s: int | None


def athlete_summary(view: EventIndex, row: AthleteRow) -> dict[str, Any]:
    """What a list of athletes says of one."""
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
        "age_group": age_group(view, row),
        "status": row.status,
        "time_s": row.time_s,
        "time": None if row.time_s is None else format_hms(row.time_s),
        "point": row.points[-1].point if row.points else None,
    }


def public_athlete(view: EventIndex, head: Head, row: AthleteRow) -> dict[str, Any]:
    """One athlete's result, without what depends on others."""
    race = view.races[row.race]
    entry = row.entry
    ahead = projection(race, row)
    return {
        "event": head.event,
        "revision": head.revision,
        "updated_at": format_instant(head.announced_at_us, view.zone, "milliseconds"),
        **athlete_summary(view, row),
        "race_name": race.name,
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
        "version": row.version,
        "next_point": None if ahead is None else ahead.point,
        "next_eta": None if ahead is None else format_instant(ahead.eta_us, view.zone),
        "projected_finish": None if ahead is None else format_instant(ahead.finish_us, view.zone),
    }


def result_of(view: EventIndex, row: AthleteRow, at: int) -> dict[str, Any]:
    """A point that an athlete took: when, since gun and start, and how fast he ran from the point before."""
    taken = row.points[at]
    kms = {point.id: point.km for point in view.races[row.race].points}
    start_us = start_instant_us(row)
    gun_us = None if row.gun_at_us is None else taken.at_us - row.gun_at_us
    chip_us = None if start_us is None else taken.at_us - start_us
    segment_us = taken.at_us - row.points[at - 1].at_us if at else None
    segment_km = kms.get(taken.point, 0.0) - kms.get(row.points[at - 1].point, 0.0) if at else 0.0
    return {
        "point": taken.point,
        "km": kms.get(taken.point, 0.0),
        "at_us": taken.at_us,
        "at": format_instant(taken.at_us, view.zone, "milliseconds"),
        "source": taken.source,
        "gun_us": gun_us,
        "gun_time": None if gun_us is None else format_hms(printed_s(gun_us)),
        "chip_us": chip_us,
        "chip_time": None if chip_us is None else format_hms(printed_s(chip_us)),
        "segment_us": segment_us,
        "segment_pace": None if segment_us is None else format_pace(segment_us, segment_km),
        "segment_speed_kmh": None if segment_us is None else speed_kmh(segment_us, segment_km),
    }
