"""What an event's feeds count and show as a whole: athletes by status and point, and the clocks of the races. Pure."""

from collections.abc import Mapping, Sequence
from typing import get_args

from schemas.course_times import start_instant_us
from schemas.definition import Race
from schemas.named import in_language
from schemas.results import Status
from services.live.feed.event_columns import Count, RaceClock
from services.live.pages.published import standing_of
from services.standings.event_index import EventIndex
from services.standings.publication import Published

STATUSES: tuple[Status, ...] = get_args(Status)


def count_athletes(
    event: EventIndex, counts: Mapping[tuple[str, str], int], passed: Mapping[tuple[str, str], int]
) -> list[Count]:
    """Return, race by race, how many are entered, have each status, and passed each point.

    `counts` are athletes by race and status, `passed` by race and point. There is a row for each, also of 0.
    """
    return [row for race in event.races.values() for row in _race_counts(event, race, counts, passed)]


def _race_counts(
    event: EventIndex, race: Race, counts: Mapping[tuple[str, str], int], passed: Mapping[tuple[str, str], int]
) -> list[Count]:
    name = in_language(race.name, event.language)
    by_status = [(status, counts.get((race.id, status), 0)) for status in STATUSES]
    return [
        Count(race.id, name, "total", "ENTERED", 0.0, sum(count for _, count in by_status)),
        *(Count(race.id, name, "status", status, 0.0, count) for status, count in by_status),
        *(
            Count(race.id, name, "point", point.id, float(point.km), passed.get((race.id, point.id), 0))
            for point in race.points
        ),
    ]


def race_clocks(event: EventIndex, published: Sequence[Published], now_us: int) -> list[RaceClock]:
    """Return the clock of each race at an instant."""
    clocks = []
    for race in event.races.values():
        guns_us = [gun.at_us for gun in event.row.guns if gun.race == race.id]
        clocks.append(
            RaceClock(
                race=race.id,
                race_name=in_language(race.name, event.language),
                closed=race.id in event.row.closed,
                result_state=standing_of(event, published, race.id).state,
                scheduled_us=start_instant_us(event.definition, race),
                gun_us=min(guns_us, default=None),
                now_us=now_us,
                zone=event.zone,
            )
        )
    return clocks
