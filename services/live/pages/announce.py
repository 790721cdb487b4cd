"""What an announcer needs at the finish: who comes next, who has just finished, leaders, firsts and cut-offs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import Any

import msgspec
from msgspec import Struct

from schemas.course_times import clock_instant_us, duration_us
from schemas.definition import Board, Point, Race
from schemas.ids import US
from schemas.named import in_language
from schemas.names import public_name
from schemas.results import AthleteRow, printed_s
from services.formatting.times import format_gap, format_hms, format_instant
from services.formatting.words import place_text
from services.live.pages.athlete_page import athlete_boards, athlete_summary, boards_of
from services.live.pages.podium import podium_places
from services.live.pages.published import standing_of
from services.live.ranking import Placed, Ranking
from services.live.table_rows import AnnouncedRevision, Split
from services.standings.event_index import EventIndex, point_name, title
from services.standings.finish_estimate import Spreads, expected
from services.standings.podium import PodiumPlace
from services.standings.publication import Published
from services.standings.result_flags import CASE, public_flags

APPROACHING_MAX = 40  # athletes of a race who come next
FINISHED_MAX = 40  # athletes of a race who finished last
LEADERS = 3  # of each board that is not within another
OVERDUE_US = 600 * US  # after the finish at an even pace an athlete is not called next any more
CUTOFF_KEPT_US = 300 * US  # a cut-off is shown for this long after it


class AnnounceData(Struct, frozen=True, kw_only=True):
    """The data from which the announcer's answer is built, of one revision.

    `approaching` took the last point before the finish; `finished` are the last finishers with the instant of each.
    `before_finish` are the rankings at the last point before the finish by board, `rankings` those of boards and
    `on_course` those who follow them; `podiums` are the first places of boards that are within no other. `finish_us`
    are the finish instants of each race by bib, `passed` counts the athletes who took a point, by race and point, and
    `counts` athletes by race and status.
    """

    event: EventIndex
    announced: AnnouncedRevision
    approaching: Sequence[AthleteRow]
    finished: Sequence[AthleteRow]
    athletes: Mapping[str, AthleteRow]
    before_finish: Mapping[str, Ranking]
    rankings: Mapping[str, Ranking]
    podiums: Mapping[str, Sequence[PodiumPlace]]
    on_course: Mapping[str, Sequence[tuple[str, Placed]]]
    finish_us: Mapping[str, Mapping[str, int]]
    passed: Mapping[tuple[str, str], int]
    counts: Mapping[tuple[str, str], int]
    spreads: Mapping[str, Spreads]
    published: Sequence[Published]


def point_before_finish(race: Race) -> Point | None:
    """Return the last point before the finish, None when that is the start."""
    before = [point for point in race.points[:-1] if point.id != "START"]
    return before[-1] if before else None


def next_bibs(race: Race, last: Mapping[str, Split], finish: Mapping[str, Split], now_us: int) -> list[str]:
    """Return the bibs that took the last point before the finish and come next, if each keeps its pace so far."""
    point = point_before_finish(race)
    if point is None or point.km <= 0:
        return []
    share = (race.points[-1].km - point.km) / point.km
    even_us = {
        bib: split.at_us + round(max(split.chip_us, split.gun_us) * share)
        for bib, split in last.items()
        if bib not in finish
    }
    coming = (bib for bib, at_us in even_us.items() if at_us + OVERDUE_US >= now_us)
    return nsmallest(APPROACHING_MAX, coming, key=lambda bib: (even_us[bib], bib))


def last_finishers(finish: Mapping[str, Split]) -> list[str]:
    """Return the bibs that took the finish last, the last first."""
    return nlargest(FINISHED_MAX, finish, key=lambda bib: (finish[bib].at_us, bib))


def leading(ranking: Ranking, on_course: Sequence[tuple[str, Placed]], finish: str) -> list[tuple[str, Placed]]:
    """Return the leaders of a board with the point of each: finishers, then the furthest on the course."""
    return [*((finish, line) for line in ranking.lines[:LEADERS]), *on_course][:LEADERS]


def build_announce(data: AnnounceData) -> dict[str, Any]:
    """Return the announcer's answer."""
    event, announced = data.event, data.announced
    return {
        "event": announced.event,
        "revision": announced.revision,
        "updated_at": format_instant(announced.at_us, event.zone, "microseconds"),
        "name": in_language(event.definition.name, event.language),
        "language": event.language or next(iter(event.languages), None),
        "timezone": event.definition.timezone,
        "approaching": sorted(_approaching(data), key=lambda athlete: (athlete["expected_us"], athlete["bib"])),
        "finished": sorted(
            (_finished(data, row) for row in data.finished), key=lambda athlete: (-athlete["at_us"], athlete["bib"])
        ),
        "leaders": [_leaders(data, board) for board in event.definition.boards if board.within is None],
        "firsts": sorted(_firsts(data), key=lambda first: -first["at_us"]),
        "cutoffs": sorted(_cutoffs(data), key=lambda cutoff: cutoff["at_us"]),
    }


def _approaching(data: AnnounceData) -> Iterator[dict[str, Any]]:
    event = data.event
    for row in data.approaching:
        race = event.races[row.race]
        ahead = expected(race, row, data.spreads.get(race.id, {}))
        if ahead is None:
            continue
        last = row.points[-1].point
        yield {
            **_athlete(data, row),
            "point": last,
            "point_name": next(point_name(point, event.language) for point in race.points if point.id == last),
            "expected_us": ahead.next.median_us,
            "expected_low_us": ahead.next.low_us,
            "expected_high_us": ahead.next.high_us,
            "projected_finish": format_hms(printed_s(ahead.finish.median_us)),
            "boards": list(_places(event, row, data.before_finish)),
        }


def _finished(data: AnnounceData, row: AthleteRow) -> dict[str, Any]:
    boards = boards_of(data.event, row)
    places = athlete_boards(row.bib, boards, data.rankings, data.event.language)
    at_us = data.finish_us[row.race][row.bib]
    return {
        **_athlete(data, row),
        "at_us": at_us,
        "at": format_instant(at_us, data.event.zone, "milliseconds"),
        "state": standing_of(data.event, data.published, row.race).state,
        "boards": [msgspec.structs.asdict(place) for place in places if place.place is not None],
    }


def _athlete(data: AnnounceData, row: AthleteRow) -> dict[str, Any]:
    race = data.event.races[row.race]
    return {
        **athlete_summary(data.event, row),
        "race_name": in_language(race.name, data.event.language),
        "case_open": CASE in public_flags(row),
    }


def _places(event: EventIndex, row: AthleteRow, rankings: Mapping[str, Ranking]) -> Iterator[dict[str, Any]]:
    """Yield an athlete's places at the last point before the finish."""
    for board in boards_of(event, row):
        line = rankings[board.id].line(row.bib)
        if line is not None:
            yield {
                "board": board.id,
                "title": title(board, event.language),
                "place": line.place,
                "place_text": place_text(line.place, line.tied),
            }


def _leaders(data: AnnounceData, board: Board) -> dict[str, Any]:
    event = data.event
    race = event.races[board.race]
    names = {point.id: point_name(point, event.language) for point in race.points}
    podium = data.podiums[board.id]
    rivals = {rival.bib for place in podium for rival in place.rivals}
    rival_names = {bib: public_name(data.athletes[bib]) for bib in rivals if bib in data.athletes}
    lines = leading(data.rankings[board.id], data.on_course[board.id], race.points[-1].id)
    return {
        "board": board.id,
        "title": title(board, event.language),
        "race": race.id,
        "state": standing_of(event, data.published, race.id, board.id).state,
        "podium": podium_places(event, podium, rival_names),
        "rows": [
            {
                "place_text": place_text(line.place, line.tied),
                **athlete_summary(event, data.athletes[line.bib]),
                "point": point,
                "point_name": names[point],
                "time": format_hms(line.time_s),
                "gap": None if index == 0 or point != lines[0][0] else format_gap(line.time_s - lines[0][1].time_s),
            }
            for index, (point, line) in enumerate(lines)
            if line.bib in data.athletes
        ],
    }


def _firsts(data: AnnounceData) -> Iterator[dict[str, Any]]:
    """Yield the first of each board that somebody has finished on."""
    event = data.event
    for board in event.definition.boards:
        for line in data.rankings[board.id].lines:
            row, at_us = data.athletes.get(line.bib), data.finish_us[board.race].get(line.bib)
            if line.place > 1 or row is None or at_us is None:
                break
            yield {
                "board": board.id,
                "title": title(board, event.language),
                **athlete_summary(event, row),
                "time_s": line.time_s,
                "time": format_hms(line.time_s),
                "at_us": at_us,
                "at": format_instant(at_us, event.zone, "milliseconds"),
            }


def _cutoffs(data: AnnounceData) -> Iterator[dict[str, Any]]:
    """Yield the cut-offs that are ahead or have just been, with how many have passed and are on the course."""
    for race in data.event.races.values():
        for point in race.points:
            at_us = last_cutoff_us(data.event, race, point)
            if at_us is not None and at_us + CUTOFF_KEPT_US >= data.announced.at_us:
                yield {
                    "race": race.id,
                    "race_name": in_language(race.name, data.event.language),
                    "point": point.id,
                    "point_name": point_name(point, data.event.language),
                    "at_us": at_us,
                    "at": format_instant(at_us, data.event.zone),
                    "passed": data.passed.get((race.id, point.id), 0),
                    "on_course": data.counts.get((race.id, "ON_COURSE"), 0),
                }


def last_cutoff_us(event: EventIndex, race: Race, point: Point) -> int | None:
    """Return the instant of a point's cut-off for those who started last; None before a gun that it needs, or without.

    Where there are several kinds, the earliest applies. Source: R3.5.
    """
    if point.cutoff is None:
        return None
    guns_us = [gun.at_us for gun in event.row.guns if gun.race == race.id]
    instants = []
    for kind, text in point.cutoff.kinds():
        if kind == "clock":
            instants.append(clock_instant_us(event.definition, race, text))
        elif guns_us and (after_us := duration_us(text)) is not None:
            instants.append((min(guns_us) if kind == "gun" else max(guns_us)) + after_us)
    return min(instants, default=None)
