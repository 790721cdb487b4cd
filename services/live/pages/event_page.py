"""An event with its races and boards, and its line in the list of events. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schemas.definition import Race
from schemas.named import in_language
from schemas.results import Case
from services.formatting.times import format_instant
from services.live.pages.published import Differences, publication_life, standing_of
from services.live.ranking import root_board
from services.live.table_rows import AnnouncedRevision
from services.standings.event_index import EventIndex, point_name, title
from services.standings.publication import Published


class EventData(Struct, frozen=True, kw_only=True):
    """The data from which an answer about an event is built.

    `counts` are athletes by race and status, `differences` from official results by race. `open_cases` may be empty
    unless results of a race wait (`published.waits_for_official`).
    """

    event: EventIndex
    announced: AnnouncedRevision
    counts: Mapping[tuple[str, str], int]
    published: Sequence[Published]
    differences: Mapping[str, Differences]
    open_cases: Sequence[Case]


def build_event_summary(
    announced: AnnouncedRevision, event: EventIndex | None, published: Sequence[Published]
) -> dict[str, Any]:
    """Return an event's line in the list of events; `event` is None while it has no definition."""
    if event is None:
        return {
            "event": announced.event,
            "name": announced.event,
            "revision": announced.revision,
            "date": None,
            "races": [],
        }
    definition = event.definition
    return {
        "event": announced.event,
        "name": in_language(definition.name, event.language),
        "date": definition.date,
        "timezone": definition.timezone,
        "revision": announced.revision,
        "updated_at": format_instant(announced.at_us, event.zone, "microseconds"),
        "archived": event.row.archived,
        "races": [
            {
                "race": race.id,
                "name": in_language(race.name, event.language),
                "state": standing_of(event, published, race.id).state,
            }
            for race in definition.races
        ],
    }


def build_event(data: EventData) -> dict[str, Any]:
    """Return an event with its races, boards, and counts by status."""
    definition, language = data.event.definition, data.event.language
    total: dict[str, int] = {}
    for (_, status), count in sorted(data.counts.items()):
        total[status] = total.get(status, 0) + count
    return {
        "event": data.announced.event,
        "revision": data.announced.revision,
        "updated_at": format_instant(data.announced.at_us, data.event.zone, "microseconds"),
        "name": in_language(definition.name, language),
        "language": language or next(iter(data.event.languages), None),
        "languages": data.event.languages,
        "date": definition.date,
        "timezone": definition.timezone,
        "archived": data.event.row.archived,
        "counts": total,
        "races": [_race(data, race) for race in definition.races],
        "boards": [
            {
                "board": board.id,
                "title": title(board, language),
                "race": board.race,
                "within": board.within,
                "gender": board.gender,
                "rank_by": root_board(data.event, board).ranked_by(),
                **_state(data, board.race, board.id),
            }
            for board in definition.boards
        ],
        "team_boards": [
            {
                "board": team_board.id,
                "title": title(team_board, language),
                "of": team_board.of,
                "race": race,
                "score": team_board.score,
                "counting": team_board.counting,
                **_state(data, race, team_board.id),
            }
            for team_board in definition.team_boards
            for race in (data.event.boards[team_board.of].race,)
        ],
        "delegations": [
            {"board": delegation.id, "title": title(delegation, language), "sum": delegation.sum}
            for delegation in definition.delegations
        ],
    }


def _state(data: EventData, race: str, board: str) -> dict[str, Any]:
    current = standing_of(data.event, data.published, race, board)
    return {
        "state": current.state,
        "changed_since_official": data.differences[race].changed(board),
        "void": msgspec.to_builtins(current.void),
    }


def _race(data: EventData, race: Race) -> dict[str, Any]:
    event = data.event
    current = standing_of(event, data.published, race.id)
    counts = {status: count for (of_race, status), count in sorted(data.counts.items()) if of_race == race.id}
    return {
        "race": race.id,
        "name": in_language(race.name, event.language),
        "start": race.start,
        "official_time": race.official_time,
        "guns": [
            {"wave": gun.wave, "at_us": gun.at_us, "at": format_instant(gun.at_us, event.zone, "milliseconds")}
            for gun in event.row.guns
            if gun.race == race.id
        ],
        "closed": race.id in event.row.closed,
        "closed_at_us": event.row.closed_at_us.get(race.id),
        "state": current.state,
        "official_void": "; ".join(ground.text for ground in current.void) or None,
        "changed_since_official": data.differences[race.id].any(),
        **publication_life(event, data.published, data.open_cases, race.id),
        "on_course": counts.get("ON_COURSE", 0),
        "counts": counts,
        "points": [
            {"point": point.id, "name": point_name(point, event.language), "km": point.km} for point in race.points
        ],
    }
