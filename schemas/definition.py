"""The race definition: its shape, and every way in which one can contradict itself. Source: R2.

TOML in `races/`, the same shape as JSON in `event_defined`. `parse_definition` reads either, once decoded to plain
objects, and refuses a faulty one whole with all its faults at once, each with its path in the file, because a person
mends such a file in one go.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from schemas.ids import DeviceId, Name, Nationality, Slug, Text
from schemas.office import TABLES, Composition, Eligibility, Medal, Prize, Title, Waves, office_faults

RULES_VERSION = 1
US = 1_000_000
LIST_MAX = 1_000  # mats, races, boards of one definition
POINTS_MAX = 200
START_YEARS = range(1970, 2101)  # of a scheduled start: times of day after it stay within what instants can say
FAULTS_MAX = 200  # enough to mend a file by; more would be one fault many times

Pick = Literal["first", "last", "strongest", "peak"]
"""What a point takes from a passing: the time of its first, last or strongest read, or the instant at which a parabola
through the strengths of its reads is highest (the strongest read's, where that cannot be told)."""
RankBy = Literal["gun", "chip", "gun_then_chip"]
Seconds = Annotated[int, Meta(ge=0, le=1_000_000)]
Year = Annotated[int, Meta(ge=0, le=9999)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A cut-off or earliest: `clock` a local time of day, `gun` since the race's earliest gun, `wave` since his own."""

    clock: str | None = None
    gun: str | None = None
    wave: str | None = None


class Mat(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line on the road; several races and points may share one."""

    id: Slug
    devices: Annotated[list[DeviceId], Meta(max_length=LIST_MAX)]
    backup_devices: Annotated[list[DeviceId], Meta(max_length=LIST_MAX)] = field(default_factory=list)


class Point(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place on the course where passings count; `mandatory` false: may be missed without consequence."""

    id: Slug
    mat: Slug
    km: Annotated[float, Meta(ge=0, le=10_000)]
    cutoff: Limit | None = None
    earliest: Limit | None = None
    mandatory: bool = True
    pick: Pick | None = None

    def picked(self) -> Pick:
        """What of its passing this point takes: by default START the last read, others the first."""
        return self.pick or ("last" if self.id == "START" else "first")


class Race(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A race of the event: its course and how it is timed. `start` is the scheduled one, in local time."""

    id: Slug
    name: Name
    start: str
    points: Annotated[list[Point], Meta(max_length=POINTS_MAX)]
    official_time: Literal["gun", "chip"] = "gun"
    gun_from: Literal["race", "wave"] = "race"
    start_window_s: Seconds = 1800
    missing_start: Literal["gun", "dnf"] = "gun"
    missing_mat: Literal["dnf", "review", "ignore"] = "dnf"
    max_speed_mps: Annotated[float, Meta(gt=0, le=100)] = 7.5


class Board(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One ranked list. With `within`, that board's athletes and order, the own filters on top, places numbered anew."""

    id: Slug
    race: Slug
    name: Name | None = None
    within: Slug | None = None
    gender: Literal["M", "F", "X"] | None = None
    division: Text | None = None
    born_from: Year | None = None
    born_to: Year | None = None
    nationality: Nationality | None = None
    club: Text | None = None
    wave: Text | None = None
    rank_by: RankBy | None = None
    gun_places: Annotated[int, Meta(ge=0, le=100_000)] = 5

    def ranked_by(self) -> RankBy:
        """How the board ranks; of a board within another only that other's counts."""
        return self.rank_by or "gun"


class TeamBoard(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Team standings of a board; a team is the entries' `team`."""

    id: Slug
    of: Slug
    name: Name | None = None
    score: Literal["sum_places", "sum_times", "last_time"] = "sum_places"
    counting: Annotated[int, Meta(ge=1, le=100)] = 3
    max_members: Annotated[int, Meta(ge=1, le=1000)] = 5
    non_finisher: Literal["n_plus_1", "none"] = "n_plus_1"


class Delegation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The sum of a team's scores on several team boards; a tie goes to the better place on the board `tie`."""

    id: Slug
    sum: Annotated[list[Slug], Meta(min_length=1, max_length=LIST_MAX)]
    tie: Slug | None = None
    name: Name | None = None


class Definition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A whole event as its organiser defines it. `date` and the races' `start` are ISO texts of local time.

    The tables from `eligibility` on are the race office's (`schemas.office`); no result depends on them.
    """

    event: Slug
    name: Name
    date: str
    timezone: str
    mats: Annotated[list[Mat], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    races: Annotated[list[Race], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    boards: Annotated[list[Board], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    team_boards: Annotated[list[TeamBoard], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    delegations: Annotated[list[Delegation], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    eligibility: Annotated[list[Eligibility], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    prizes: Annotated[list[Prize], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    medals: Annotated[list[Medal], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    titles: Annotated[list[Title], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    compositions: Annotated[list[Composition], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    waves: Annotated[list[Waves], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    rules_version: int = 1
    protest_window_s: Seconds = 600
    passing_gap_s: Annotated[float, Meta(ge=0, le=86_400)] = 20


class Fault(Struct, frozen=True):
    """One contradiction: where in the file, and what to do about it."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DefinitionRefused(Exception):
    """A definition contradicts itself or is not one; `faults` has all that was found, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def definition_from_toml(data: bytes) -> Definition:
    """A definition from a TOML file. Raises DefinitionRefused."""
    return parse_definition(plain_from_toml(data))


def plain_from_toml(data: bytes) -> dict[str, Any]:
    """The definition of a TOML file as JSON would hold it (dates and times as ISO texts). Raises DefinitionRefused."""
    try:
        plain: dict[str, Any] = _iso(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionRefused([Fault("$", f"is no TOML: {error}")]) from None
    except RecursionError:
        raise DefinitionRefused([Fault("$", "is nested more deeply than any definition")]) from None
    return plain


def _iso(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _iso(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_iso(item) for item in value]
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return value


def parse_definition(plain: Any) -> Definition:
    """A definition from plain objects (decoded JSON or TOML). Raises DefinitionRefused with every fault."""
    faults = list(_shape_faults(plain))
    if faults:
        raise DefinitionRefused(faults[:FAULTS_MAX])
    definition = msgspec.convert(plain, Definition)
    faults = list(_contradictions(definition))
    if faults:
        raise DefinitionRefused(faults[:FAULTS_MAX])
    return definition


# --- Shape: every table is converted by itself, so that one bad field does not hide the next.

_Table = TypeVar("_Table", bound=Struct)
_TABLES: dict[str, type[Struct]] = {
    "mats": Mat,
    "races": Race,
    "boards": Board,
    "team_boards": TeamBoard,
    "delegations": Delegation,
    **TABLES,
}


def _shape_faults(plain: Any) -> Iterator[Fault]:
    if not isinstance(plain, Mapping):
        yield Fault("$", "is no table; a definition has fields such as event, name and races")
        return
    tables = {name: plain[name] for name in _TABLES if name in plain}
    head = {key: value for key, value in plain.items() if key not in tables}
    yield from _convert_faults(head, Definition, "$")
    for name, rows in tables.items():
        if not isinstance(rows, list):
            yield Fault(name, f"is a list of tables, [[{name}]] in TOML")
            continue
        for index, row in enumerate(rows):
            yield from _convert_faults(row, _TABLES[name], f"{name}[{index}]")
        if len(rows) > LIST_MAX:
            yield Fault(name, f"has {len(rows)} tables; at most {LIST_MAX} are taken")


def _convert_faults(value: Any, kind: type[Struct], path: str) -> Iterator[Fault]:
    """The faults of one table: each field is tried by itself, then what is missing, then what is unknown."""
    if not isinstance(value, Mapping):
        yield Fault(path, "is no table")
        return
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    for key in value:
        at = str(key) if path == "$" else f"{path}.{key}"
        if key not in fields:
            near = get_close_matches(str(key), fields, n=1)
            meant = f"did you mean `{near[0]}`? Known" if near else "known"
            yield Fault(at, f"is unknown here; {meant} are {', '.join(sorted(fields))}")
            continue
        yield from _value_faults(value[key], fields[key].type, at)
    for key, f in fields.items():
        if f.required and key not in value:
            yield Fault(path if path != "$" else key, f"needs `{key}`")


def _value_faults(value: Any, kind: Any, path: str) -> Iterator[Fault]:
    """The faults of a field's value; a list or a table shows those of each thing in it."""
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        text = str(error)
    inside: list[Fault] = []
    for one in _kinds(kind):
        if isinstance(value, Mapping) and isinstance(one, type) and issubclass(one, Struct):
            inside += _convert_faults(value, one, path)
        elif isinstance(value, list) and get_origin(one) is list:
            for at, item in enumerate(value):
                inside += _value_faults(item, get_args(one)[0], f"{path}[{at}]")
    yield from inside or [Fault(path, _in_words(value, kind, text))]


def _kinds(kind: Any) -> Iterator[Any]:
    """The plain types that an annotation allows: without their limits, the members of a union one by one."""
    if get_origin(kind) is Annotated:
        yield from _kinds(get_args(kind)[0])
    elif get_origin(kind) in (None, list, Literal):
        yield kind
    else:
        for one in get_args(kind):
            yield from _kinds(one)


def _in_words(value: Any, kind: Any, text: str) -> str:
    """What is wrong with a value, for whoever writes the file."""
    if "enum value" in text:
        known = [str(name) for one in _kinds(kind) if get_origin(one) is Literal for name in get_args(one)]
        return f"{value!r} is unknown here; known are {', '.join(known)}"
    if "matching regex" in text:
        what = "three letters" if "{3}" in text else "an id: letters, digits, `.`, `_` and `-`, 64 at most"
        return f"{value!r} does not do; write {what}"
    plain = text[:1].lower() + text[1:].partition(" - at `$")[0].replace(" | null", "")
    return re.sub(r"`(\w+)`", lambda found: _WORDS.get(found[1], found[0]), plain)


_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


# --- Contradictions between tables that are well shaped each.


def _contradictions(definition: Definition) -> Iterator[Fault]:
    yield from _head_faults(definition)
    for name in _TABLES:
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


def earliest_after_start_us(definition: Definition, race: Race, limit: Limit) -> int:
    """How long after the gun (`clock`, `gun`: the scheduled start) the latest of the limit's kinds lies, in us."""
    start_us = start_instant_us(definition, race)
    after = [duration_us(text) or 0 for text in (limit.gun, limit.wave) if text is not None]
    if limit.clock is not None:
        after.append(clock_instant_us(definition, race, limit.clock) - start_us)
    return max(after)


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


# --- Values in a definition, exact.


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone, or None when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a path-like name a ValueError
        return None


def clock_of(text: str) -> time | None:
    """A local time of day, or None. `06:26` and `06:26:00` are the same."""
    try:
        value = time.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is None else None


def duration_us(text: str) -> int | None:
    """Microseconds of `h:mm:ss`, with decimals of a second if need be, or None."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * US)


_DURATION = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,6})?)")


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


def start_instant_us(definition: Definition, race: Race) -> int:
    """The scheduled start as an instant, from a definition that was parsed."""
    return _instant_us(datetime.fromisoformat(race.start), ZoneInfo(definition.timezone))


def clock_instant_us(definition: Definition, race: Race, clock: str) -> int:
    """The first such local time of day after the race's scheduled start. Source: R3.5."""
    zone = ZoneInfo(definition.timezone)
    start = datetime.fromisoformat(race.start)
    start_us = _instant_us(start, zone)
    at = clock_of(clock)
    if at is None:
        raise ValueError(f"{clock!r} is no time of day")
    day = start.date()
    while (instant := _instant_us(datetime.combine(day, at), zone)) <= start_us:
        day += timedelta(days=1)
    return instant


def _instant_us(local: datetime, zone: ZoneInfo) -> int:
    aware = local.replace(tzinfo=zone)
    return (aware - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(microseconds=1)


def min_duration_us(km_from: float, km_to: float, max_speed_mps: float) -> int:
    """The least whole microseconds in which a stretch can be covered at `max_speed_mps`.

    Exact: kilometres and speed are taken as the decimal numbers that the file spells, not as binary fractions.
    """
    metres = (Fraction(repr(km_to)) - Fraction(repr(km_from))) * 1000
    return -int((-metres * US) // Fraction(repr(max_speed_mps)))
