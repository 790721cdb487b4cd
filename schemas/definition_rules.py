"""Find the contradictions in a definition whose shape is right. Source: R2."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Literal, TypeAlias

from schemas.course_times import (
    START_YEARS,
    clock_of,
    duration_us,
    limit_us,
    local_start,
    out_of_reach_us,
    zone_of,
)
from schemas.definition import RULES_VERSION, Board, Definition, Limit, Race
from schemas.definition_faults import Contradiction, NotDefined
from schemas.definition_shape import TABLES
from schemas.ids import US
from schemas.office_rules import office_contradictions, repeated

Contradictions: TypeAlias = Iterator[Contradiction]


def contradictions(definition: Definition) -> Contradictions:
    """Yield every contradiction in a definition, each with the path of the value that is wrong."""
    yield from _head(definition)
    for name in TABLES:
        yield from _repeated_ids(name, [row.id for row in getattr(definition, name)])
    yield from _mats(definition)
    if not definition.races:
        yield Contradiction("races", "is empty; an event has at least one race")
    for index, race in enumerate(definition.races):
        yield from _race(definition, race, f"races[{index}]")
    yield from _boards(definition)
    yield from _team_boards(definition)
    yield from _delegations(definition)
    yield from office_contradictions(definition)


def _head(definition: Definition) -> Contradictions:
    if definition.rules_version != RULES_VERSION:
        yield Contradiction("rules_version", f"is {definition.rules_version}; this release knows only {RULES_VERSION}")
    if not _is_date(definition.date):
        yield Contradiction("date", f"{definition.date!r} is not a date; write it as 2026-01-04")
    if zone_of(definition.timezone) is None:
        reason = f"{definition.timezone!r} is not a time zone; write a name such as Asia/Ho_Chi_Minh"
        yield Contradiction("timezone", reason)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _repeated_ids(table: str, ids: list[str]) -> Contradictions:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield Contradiction(f"{table}[{index}].id", f"{name!r} is already the id of another row of {table}")
        seen.add(name)


def _mats(definition: Definition) -> Contradictions:
    places: dict[str, str] = {}
    for index, mat in enumerate(definition.mats):
        if not mat.devices:
            reason = f"is empty; mat {mat.id!r} needs a device that reads there"
            yield Contradiction(f"mats[{index}].devices", reason)
        for field in ("devices", "backup_devices"):
            for number, device in enumerate(getattr(mat, field)):
                path = f"mats[{index}].{field}[{number}]"
                if device in places:
                    reason = f"device {device!r} is already at {places[device]}; a device can be at one mat only"
                    yield Contradiction(path, reason)
                places.setdefault(device, f"{path} (mat {mat.id!r})")


# --- Races.


def _race(definition: Definition, race: Race, path: str) -> Contradictions:
    yield from _start(race, path)
    points = race.points
    if len(points) < 2 or points[0].id != "START" or points[-1].id != "FINISH":
        ends = (f"{path}.points[0].id", f"{path}.points[{len(points) - 1}].id")
        yield Contradiction(f"{path}.points", "must begin with START and end with FINISH", ends)
    yield from _repeated_ids(f"{path}.points", [point.id for point in points])
    mats = [mat.id for mat in definition.mats]
    for index, point in enumerate(points):
        point_path = f"{path}.points[{index}]"
        if point.mat not in mats:
            yield Contradiction(f"{point_path}.mat", NotDefined("mat", point.mat, mats), ("mats[].id",))
        if index and point.km <= points[index - 1].km:
            before = points[index - 1]
            reason = f"{point.id} at {point.km:g} km is not beyond {before.id} at {before.km:g} km"
            yield Contradiction(f"{point_path}.km", reason, (f"{path}.points[{index - 1}].km",))
        yield from _limit(point.cutoff, f"{point_path}.cutoff")
        yield from _limit(point.earliest, f"{point_path}.earliest")
    yield from _cutoff_order(definition, race, path)
    yield from _earliest_after_cutoff(definition, race, path)
    yield from _start_window(definition, race, path)


def _start(race: Race, path: str) -> Contradictions:
    start = local_start(race.start)
    if start is None:
        reason = f"{race.start!r} is not a local time; write it as 2026-01-04T05:00:00, without a zone"
        yield Contradiction(f"{path}.start", reason)
    elif start.year not in START_YEARS:
        reason = f"{race.start!r} is not within the years {START_YEARS[0]} to {START_YEARS[-1]}"
        yield Contradiction(f"{path}.start", reason)


def _limit(limit: Limit | None, path: str) -> Contradictions:
    if limit is None:
        return
    if not limit.kinds():
        kinds = (f"{path}.clock", f"{path}.gun", f"{path}.wave")
        yield Contradiction(path, "is empty; give `clock`, `gun` or `wave`", kinds)
    for kind, text in limit.kinds():
        if kind == "clock" and clock_of(text) is None:
            yield Contradiction(f"{path}.clock", f"{text!r} is not a time of day; write it as 06:26:00")
        elif kind != "clock" and duration_us(text) is None:
            reason = f"{text!r} is not a duration; write hours, minutes and seconds as 2:08:00"
            yield Contradiction(f"{path}.{kind}", reason)


_Limits: TypeAlias = list[tuple[int, str, str, int]]
"""Limits of one kind in course order: the point's index and id, the limit's text, and its value in microseconds."""


def _limits(definition: Definition, race: Race, name: Literal["cutoff", "earliest"]) -> dict[str, _Limits]:
    """Return the limits of a race by kind; those whose value is unknown are left out."""
    by_kind: dict[str, _Limits] = {"clock": [], "gun": [], "wave": []}
    for index, point in enumerate(race.points):
        limit: Limit | None = getattr(point, name)
        for kind, text in () if limit is None else limit.kinds():
            value = limit_us(definition, race, kind, text)
            if value is not None:
                by_kind[kind].append((index, point.id, text, value))
    return by_kind


def _cutoff_order(definition: Definition, race: Race, path: str) -> Contradictions:
    for kind, limits in _limits(definition, race, "cutoff").items():
        for (_, id_before, before, earlier_us), (index, _, after, later_us) in pairwise(limits):
            if later_us < earlier_us:
                reason = f"{after} is before the cut-off {before} of {id_before}"
                yield Contradiction(f"{path}.points[{index}].cutoff.{kind}", reason)


def _earliest_after_cutoff(definition: Definition, race: Race, path: str) -> Contradictions:
    """Yield each earliest time after which every passing is over a cut-off of the same kind."""
    cutoffs = _limits(definition, race, "cutoff")
    for kind, limits in _limits(definition, race, "earliest").items():
        for index, _, text, value_us in limits:
            over = next((cutoff for cutoff in cutoffs[kind] if cutoff[0] >= index and cutoff[3] < value_us), None)
            if over is not None:
                _, id_over, cutoff_text, _ = over
                reason = f"{text} is after the cut-off {cutoff_text} of {id_over}"
                yield Contradiction(f"{path}.points[{index}].earliest.{kind}", reason)


def _start_window(definition: Definition, race: Race, path: str) -> Contradictions:
    """Yield a start window in which nobody can pass START, or in which a later point could be taken for START."""
    if not race.points:
        return
    start, window_us = race.points[0], race.start_window_s * US
    rests_on = _start_window_rests_on(path)
    after_us = None if start.earliest is None or start.earliest.wave is None else duration_us(start.earliest.wave)
    if start.earliest is not None and after_us is not None and after_us > window_us:
        reason = f"{start.earliest.wave} is after the start window of {race.start_window_s} s, so no start would count"
        yield Contradiction(f"{path}.points[0].earliest.wave", reason, rests_on)
    for index, point in enumerate(race.points[1:], start=1):
        if point.mat != start.mat or point.km <= start.km:
            continue
        reached_us = out_of_reach_us(definition, race, point)
        if reached_us is None or reached_us > window_us:
            continue
        shares = f"{point.id} shares mat {point.mat!r} with START"
        if point.earliest is not None:
            reason = f"{shares}; its earliest must be after the start window of {race.start_window_s} s"
            yield Contradiction(f"{path}.points[{index}].earliest", reason, rests_on)
        else:
            reason = (
                f"{shares} and can be reached within the start window of {race.start_window_s} s; give it an `earliest`"
                " after that, or a shorter start_window_s"
            )
            yield Contradiction(f"{path}.points[{index}].mat", reason, rests_on)


def _start_window_rests_on(path: str) -> tuple[str, ...]:
    """Return the paths of the values that decide a start window and when later points can be reached."""
    of_points = ("mat", "km", "earliest.clock", "earliest.gun", "earliest.wave")
    of_race = ("start", "start_window_s", "max_speed_mps", *(f"points[].{name}" for name in of_points))
    return ("timezone", *(f"{path}.{name}" for name in of_race))


# --- Boards, teams and delegations.


def _boards(definition: Definition) -> Contradictions:
    races = [race.id for race in definition.races]
    boards = {board.id: board for board in definition.boards}
    path_of = {board.id: f"boards[{index}]" for index, board in enumerate(definition.boards)}
    for index, board in enumerate(definition.boards):
        path = f"boards[{index}]"
        if board.race not in races:
            yield Contradiction(f"{path}.race", NotDefined("race", board.race, races), ("races[].id",))
        if board.born_from is not None and board.born_to is not None and board.born_from > board.born_to:
            reason = f"{board.born_from} is after born_to {board.born_to}: nobody is on this board"
            yield Contradiction(f"{path}.born_from", reason)
        if board.within is None:
            continue
        parent = boards.get(board.within)
        if parent is None:
            yield Contradiction(f"{path}.within", NotDefined("board", board.within, boards), ("boards[].id",))
            continue
        parent_path = path_of[parent.id]
        if parent.race != board.race:
            reason = f"board {parent.id!r} is of race {parent.race!r}, this one of {board.race!r}"
            yield Contradiction(f"{path}.within", reason, (f"{path}.race", f"{parent_path}.race"))
        if board.rank_by is not None and board.rank_by != parent.ranked_by():
            reason = f"must be {parent.ranked_by()}, or left out: a board has the order of the one that it is within"
            yield Contradiction(f"{path}.rank_by", reason, (f"{parent_path}.rank_by",))
        if _within_itself(board, boards):
            yield Contradiction(f"{path}.within", f"board {board.id!r} is within itself")
        else:
            yield from _empty_within(board, boards, path)


def _empty_within(board: Board, boards: Mapping[str, Board], path: str) -> Contradictions:
    """Yield each filter that excludes everybody whom the boards around this one include."""
    for around in _boards_around(board, boards):
        for name in ("gender", "division", "nationality", "club", "wave"):
            own, other = _filter(board, name), _filter(around, name)
            if own is not None and other is not None and own != other:
                reason = f"nobody of {own!r} is on board {around.id!r}, which is for {other!r}"
                yield Contradiction(f"{path}.{name}", reason)
        if board.born_from is not None and around.born_to is not None and board.born_from > around.born_to:
            reason = f"{board.born_from} is after born_to {around.born_to} of board {around.id!r}"
            yield Contradiction(f"{path}.born_from", reason)
        if board.born_to is not None and around.born_from is not None and board.born_to < around.born_from:
            reason = f"{board.born_to} is before born_from {around.born_from} of board {around.id!r}"
            yield Contradiction(f"{path}.born_to", reason)


def _boards_around(board: Board, boards: Mapping[str, Board]) -> Iterator[Board]:
    """Yield the boards that a board is within, from the inside out; the board must not be within itself."""
    while board.within is not None and board.within in boards:
        board = boards[board.within]
        yield board


def _filter(board: Board, name: str) -> str | None:
    value: str | None = getattr(board, name)
    return value.upper() if value is not None and name == "nationality" else value


def _within_itself(board: Board, boards: Mapping[str, Board]) -> bool:
    seen = {board.id}
    around = board
    while around.within is not None and around.within in boards:
        around = boards[around.within]
        if around.id in seen:
            return True
        seen.add(around.id)
    return False


def _team_boards(definition: Definition) -> Contradictions:
    boards = {board.id: board for board in definition.boards}
    for index, team in enumerate(definition.team_boards):
        path = f"team_boards[{index}]"
        if team.of not in boards:
            yield Contradiction(f"{path}.of", NotDefined("board", team.of, boards), ("boards[].id",))
        if team.counting > team.max_members:
            reason = f"{team.counting} members cannot count where a team has at most {team.max_members} (max_members)"
            yield Contradiction(f"{path}.counting", reason, (f"{path}.max_members",))


def _delegations(definition: Definition) -> Contradictions:
    teams = {team.id: team for team in definition.team_boards}
    for index, delegation in enumerate(definition.delegations):
        path = f"delegations[{index}]"
        yield from repeated(f"{path}.sum", delegation.sum)
        named = [(f"{path}.sum[{number}]", name) for number, name in enumerate(delegation.sum)]
        if delegation.tie is not None:
            named.append((f"{path}.tie", delegation.tie))
        for name_path, name in named:
            if name not in teams:
                yield Contradiction(name_path, NotDefined("team board", name, teams), ("team_boards[].id",))
