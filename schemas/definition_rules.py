"""Every way in which a definition of good shape can contradict itself. Source: R2."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Literal

from schemas.course_times import (
    clock_instant_us,
    clock_of,
    duration_us,
    earliest_after_start_us,
    min_duration_us,
    zone_of,
)
from schemas.definition import RULES_VERSION, Board, Definition, Limit, Point, Race
from schemas.definition_faults import Fault
from schemas.definition_shape import TABLES
from schemas.ids import US
from schemas.office_rules import office_faults

START_YEARS = range(1970, 2101)  # of a scheduled start: times of day after it stay within what instants can say


def contradictions(definition: Definition) -> Iterator[Fault]:
    yield from _head_faults(definition)
    for name in TABLES:
        yield from _repeated(name, ".id", [row.id for row in getattr(definition, name)])
    yield from _mat_faults(definition)
    if not definition.races:
        yield Fault("races", "is empty; an event has at least one race")
    for index, race in enumerate(definition.races):
        yield from _race_faults(definition, race, f"races[{index}]")
    yield from _board_faults(definition)
    yield from _team_faults(definition)
    yield from (Fault(path, reason) for path, reason in office_faults(definition))


def _head_faults(definition: Definition) -> Iterator[Fault]:
    if definition.rules_version != RULES_VERSION:
        yield Fault("rules_version", f"is {definition.rules_version}; this release knows {RULES_VERSION}")
    if not _is_date(definition.date):
        yield Fault("date", f"{definition.date!r} is no date; write 2026-01-04")
    if zone_of(definition.timezone) is None:
        yield Fault("timezone", f"{definition.timezone!r} is no time zone; write a name such as Asia/Ho_Chi_Minh")


def _repeated(table: str, column: str, ids: list[str]) -> Iterator[Fault]:
    counts = Counter(ids)
    for index, name in enumerate(ids):
        if counts[name] > 1 and name in ids[:index]:
            yield Fault(f"{table}[{index}]{column}", f"{name!r} stands twice in {table}")


def _mat_faults(definition: Definition) -> Iterator[Fault]:
    places: dict[str, str] = {}
    for index, mat in enumerate(definition.mats):
        if not mat.devices:
            yield Fault(f"mats[{index}].devices", f"is empty; mat {mat.id!r} needs a device that reads there")
        for name in ("devices", "backup_devices"):
            for at, device in enumerate(getattr(mat, name)):
                path = f"mats[{index}].{name}[{at}]"
                if device in places:
                    yield Fault(path, f"device {device!r} stands at {places[device]} already; a device is at one mat")
                places.setdefault(device, f"{path} (mat {mat.id!r})")


def _race_faults(definition: Definition, race: Race, path: str) -> Iterator[Fault]:
    mats = {mat.id for mat in definition.mats}
    points = race.points
    start_known = _is_local_time(race.start)
    if not start_known:
        yield Fault(f"{path}.start", f"{race.start!r} is no local time; write 2026-01-04T05:00:00, without a zone")
    elif datetime.fromisoformat(race.start).year not in START_YEARS:
        start_known = False
        yield Fault(f"{path}.start", f"{race.start!r} is not of the years {START_YEARS[0]} to {START_YEARS[-1]}")
    if len(points) < 2 or points[0].id != "START" or points[-1].id != "FINISH":
        yield Fault(f"{path}.points", "go from START to FINISH; the first point is START and the last FINISH")
    yield from _repeated(f"{path}.points", ".id", [point.id for point in points])
    for index, point in enumerate(points):
        at = f"{path}.points[{index}]"
        if point.mat not in mats:
            yield Fault(f"{at}.mat", f"mat {point.mat!r} is not among the mats")
        if index and point.km <= points[index - 1].km:
            before = points[index - 1]
            yield Fault(f"{at}.km", f"{point.id} at {point.km} km does not lie beyond {before.id} at {before.km} km")
        for name in ("cutoff", "earliest"):
            yield from _limit_faults(getattr(point, name), f"{at}.{name}")
    if not start_known or zone_of(definition.timezone) is None or any(_limits_faulty(point) for point in points):
        return
    yield from _cutoff_order_faults(definition, race, path)
    yield from _earliest_faults(definition, race, path)
    yield from _start_reach_faults(definition, race, path)


def _limit_faults(limit: Limit | None, path: str) -> Iterator[Fault]:
    if limit is None:
        return
    if limit.clock is None and limit.gun is None and limit.wave is None:
        yield Fault(path, "is empty; give `clock`, `gun` or `wave`")
    if limit.clock is not None and clock_of(limit.clock) is None:
        yield Fault(f"{path}.clock", f"{limit.clock!r} is no time of day; write 06:26:00")
    for name in ("gun", "wave"):
        text = getattr(limit, name)
        if text is not None and duration_us(text) is None:
            yield Fault(f"{path}.{name}", f"{text!r} is no duration; write hours, minutes and seconds as 2:08:00")


def _limits_faulty(point: Point) -> bool:
    return any(True for limit in (point.cutoff, point.earliest) for _ in _limit_faults(limit, ""))


_Limits = list[tuple[int, str, str, int]]
"""Limits of one kind in course order: the point's index and id, the limit's text, and its value in microseconds."""


def _limits(definition: Definition, race: Race, name: Literal["cutoff", "earliest"]) -> dict[str, _Limits]:
    kinds: dict[str, Callable[[str], int | None]] = {
        "clock": lambda text: clock_instant_us(definition, race, text),
        "gun": duration_us,
        "wave": duration_us,
    }
    found: dict[str, _Limits] = {kind: [] for kind in kinds}
    for index, point in enumerate(race.points):
        for kind, value_of in kinds.items():
            text: str | None = getattr(getattr(point, name), kind, None)
            value = None if text is None else value_of(text)
            if text is not None and value is not None:
                found[kind].append((index, point.id, text, value))
    return found


def _cutoff_order_faults(definition: Definition, race: Race, path: str) -> Iterator[Fault]:
    for kind, limits in _limits(definition, race, "cutoff").items():
        for (_, id_before, before, earlier), (index, _, after, later) in pairwise(limits):
            if later < earlier:
                yield Fault(
                    f"{path}.points[{index}].cutoff.{kind}", f"{after} is before the cut-off {before} of {id_before}"
                )


def _earliest_faults(definition: Definition, race: Race, path: str) -> Iterator[Fault]:
    """An earliest behind which nobody can be in time, or start."""
    cutoffs = _limits(definition, race, "cutoff")
    for kind, limits in _limits(definition, race, "earliest").items():
        for at, id_at, text, value in limits:
            over = next((one for one in cutoffs[kind] if one[0] >= at and one[3] < value), None)
            if over is not None:
                _, id_over, cutoff, _ = over
                yield Fault(
                    f"{path}.points[{at}].earliest.{kind}", f"{text} is after the cut-off {cutoff} of {id_over}"
                )
            if kind == "wave" and at == 0 and value > race.start_window_s * US:
                yield Fault(
                    f"{path}.points[{at}].earliest.wave",
                    f"{text} is after the start window of {race.start_window_s} s: nobody can pass {id_at}",
                )


def _start_reach_faults(definition: Definition, race: Race, path: str) -> Iterator[Fault]:
    """A later point on START's mat must be out of reach of the start window, else nobody can tell the two apart."""
    window_us = race.start_window_s * US
    start = race.points[0] if race.points else None
    for index, point in enumerate(race.points[1:], start=1):
        if start is None or point.mat != start.mat:
            continue
        if point.earliest is not None:
            if earliest_after_start_us(definition, race, point.earliest) <= window_us:
                yield Fault(
                    f"{path}.points[{index}].earliest",
                    f"{point.id} shares mat {point.mat!r} with START; its earliest must lie beyond the start window"
                    f" of {race.start_window_s} s",
                )
        elif min_duration_us(start.km, point.km, race.max_speed_mps) <= window_us:
            yield Fault(
                f"{path}.points[{index}].mat",
                f"{point.id} shares mat {point.mat!r} with START and can be reached within the start window of"
                f" {race.start_window_s} s; give it an `earliest` beyond that, or a shorter start_window_s",
            )


def _board_faults(definition: Definition) -> Iterator[Fault]:
    races = {race.id for race in definition.races}
    boards = {board.id: board for board in definition.boards}
    for index, board in enumerate(definition.boards):
        path = f"boards[{index}]"
        if board.race not in races:
            yield Fault(f"{path}.race", f"race {board.race!r} is not among the races")
        if board.born_from is not None and board.born_to is not None and board.born_from > board.born_to:
            yield Fault(f"{path}.born_from", f"{board.born_from} is after born_to {board.born_to}: nobody passes")
        if board.within is None:
            continue
        parent = boards.get(board.within)
        if parent is None:
            yield Fault(f"{path}.within", f"board {board.within!r} is not among the boards")
            continue
        if parent.race != board.race:
            yield Fault(f"{path}.within", f"board {parent.id!r} is of race {parent.race!r}, this one of {board.race!r}")
        if board.rank_by is not None and board.rank_by != parent.ranked_by():
            yield Fault(f"{path}.rank_by", f"a board within another has its order; {parent.id!r} ranks otherwise")
        if _within_itself(board, boards):
            yield Fault(f"{path}.within", "lies within itself")
        else:
            yield from _empty_within_faults(board, boards, path)


def _empty_within_faults(board: Board, boards: Mapping[str, Board], path: str) -> Iterator[Fault]:
    """A filter that nobody who passes those of the boards around it can pass."""
    around = boards.get(board.within or "")
    while around is not None:
        for name in ("gender", "division", "nationality", "club", "wave"):
            own, other = _filter(board, name), _filter(around, name)
            if own is not None and other is not None and own != other:
                yield Fault(f"{path}.{name}", f"{own!r} is not on board {around.id!r}, which is of {other!r}")
        if board.born_from is not None and around.born_to is not None and board.born_from > around.born_to:
            yield Fault(f"{path}.born_from", f"{board.born_from} is after born_to {around.born_to} of {around.id!r}")
        if board.born_to is not None and around.born_from is not None and board.born_to < around.born_from:
            yield Fault(f"{path}.born_to", f"{board.born_to} is before born_from {around.born_from} of {around.id!r}")
        around = boards.get(around.within or "")


def _filter(board: Board, name: str) -> str | None:
    value: str | None = getattr(board, name)
    return value.upper() if value is not None and name == "nationality" else value


def _within_itself(board: Board, boards: Mapping[str, Board]) -> bool:
    seen = {board.id}
    at = board
    while at.within is not None and at.within in boards:
        at = boards[at.within]
        if at.id in seen:
            return True
        seen.add(at.id)
    return False


def _team_faults(definition: Definition) -> Iterator[Fault]:
    boards = {board.id for board in definition.boards}
    teams = {board.id for board in definition.team_boards}
    for index, team in enumerate(definition.team_boards):
        if team.of not in boards:
            yield Fault(f"team_boards[{index}].of", f"board {team.of!r} is not among the boards")
        if team.counting > team.max_members:
            yield Fault(
                f"team_boards[{index}].counting", f"{team.counting} can never count of at most {team.max_members}"
            )
    for index, delegation in enumerate(definition.delegations):
        yield from _repeated(f"delegations[{index}].sum", "", delegation.sum)
        named = [(f"sum[{at}]", name) for at, name in enumerate(delegation.sum)]
        if delegation.tie is not None:
            named.append(("tie", delegation.tie))
        for key, name in named:
            if name not in teams:
                yield Fault(f"delegations[{index}].{key}", f"team board {name!r} is not among the team boards")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_local_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False
