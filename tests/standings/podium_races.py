"""Simulated races without any official's fact after the guns, and what the podium says of them while they run.

The day is made harder than the simulator makes it: some start late within the start window, some mats miss more, some
batches come later still. A read reaches the log 20 minutes after its crossing at most, as R4.11 assumes.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

import msgspec

from loadtest.deliveries import Delivery
from loadtest.plans import Plan, RacePlan
from loadtest.raw_reads import RawRead
from loadtest.simulation import Simulation, Timed, simulate
from schemas.codec import to_json
from schemas.definition import Board, Definition
from schemas.definition_parse import parse_definition
from schemas.events import ClockCorrected
from schemas.ids import US
from schemas.results import AthleteRow, EventRow
from services.offline.scored_log import Log
from services.standings.boards import board, orders_of, passes, root_of
from services.standings.contenders import contender, podium_course
from services.standings.podium import LATE_US, PodiumPlace, podium, podium_leaders, prospects

EVENT = "podium"
LATE_STARTERS = 0.06
MISSED = 0.03  # of all chips at a device
DELAYED = 0.03  # of all batches

Line = tuple[int, str]
"""A place and a bib."""


class Order(NamedTuple):
    """A board, or its order at a point."""

    board: str
    point: str | None


class Standing(NamedTuple):
    """A board's lines, best first, and what the podium says of its first places."""

    lines: list[Line]
    podium: list[PodiumPlace]


def definition_of(rng: Random) -> tuple[Definition, Plan]:
    """A race that is timed and ranked in one of many ways."""
    finish_km = rng.choice([5, 10, 15, 21.0975])
    same_line = finish_km >= 10 and rng.random() < 0.5
    on_the_way = [km for km in (2.5, 4, 7.5, 12, 18) if km < finish_km][-rng.choice([1, 2, 3]) :]
    points: list[dict[str, Any]] = [{"id": "START", "mat": "line", "km": 0}]
    for km in on_the_way:
        mandatory = {} if rng.random() < 0.8 else {"mandatory": False}
        points.append({"id": f"{km}K", "mat": f"m{km}", "km": km, **mandatory})
    points.append({"id": "FINISH", "mat": "line" if same_line else "finish", "km": finish_km})
    mats = [
        {"id": mat, "devices": [f"{mat}-1".upper()], "backup_devices": [f"{mat}-X".upper()]}
        for mat in dict.fromkeys(point["mat"] for point in points)
    ]
    ranked = {"rank_by": rng.choice(["gun", "chip", "gun_then_chip"]), "gun_places": rng.choice([1, 2, 3, 5])}
    plain = {
        "event": EVENT,
        "name": "Podium",
        "date": "2026-01-04",
        "timezone": "Asia/Ho_Chi_Minh",
        "mats": mats,
        "races": [
            {
                "id": "r",
                "name": "R",
                "start": "2026-01-04T05:00:00",
                "start_window_s": rng.choice([300, 900]),
                "official_time": rng.choice(["gun", "chip"]),
                "gun_from": rng.choice(["race", "wave"]),
                "missing_start": rng.choice(["gun", "dnf"]),
                "missing_mat": rng.choice(["dnf", "dnf", "review", "ignore"]),
                "points": points,
            }
        ],
        "boards": [
            {"id": "all", "race": "r", **ranked},
            {"id": "women", "race": "r", "within": "all", "gender": "F"},
            {"id": "men-40", "race": "r", "within": "all", "gender": "M", "born_to": 1986},
        ],
    }
    return parse_definition(plain), Plan(races={"r": RacePlan(share=1.0, waves=rng.choice([1, 2, 4]))})


def race_lines(seed: int) -> list[tuple[int, bytes]]:
    """The log of a race: each line with the instant at which it comes."""
    rng = Random(f"podium {seed}")
    definition, plan = definition_of(rng)
    return list(lines_of(simulate(definition, rng.randint(60, 200), seed, plan), rng))


def lines_of(day: Simulation, rng: Random) -> Iterator[tuple[int, bytes]]:
    """Yield a day's lines: entries and clock corrections first, then guns and reads as they come."""
    for timed in day.opening:
        yield timed.due_us, to_json(timed.fact)
    for timed in day.rulings:
        if isinstance(timed.fact, ClockCorrected):
            yield day.opening[0].due_us, to_json(timed.fact)
    items: list[Timed | Delivery] = [*day.guns, *_harder(day, rng)]
    for item in sorted(items, key=lambda item: item.due_us):
        yield item.due_us, day.line(item)


def _harder(day: Simulation, rng: Random) -> Iterator[Delivery]:
    """Yield the deliveries of a day with late starters, missed chips and delays."""
    windows_us = {race.id: race.start_window_s * US for race in day.definition.races}
    shifts_us = {
        chip: rng.randint(60 * US, windows_us[entry.race] - 60 * US)
        for entry in day.entries
        for chip in entry.chips
        if rng.random() < LATE_STARTERS
    }
    missed: dict[tuple[str, str], bool] = {}
    for delivery in day.deliveries():
        delay_us = rng.randint(0, 60 * US) if rng.random() < DELAYED else 0
        kept = [
            read for read in delivery.reads if not missed.setdefault((read.device, read.chip), rng.random() < MISSED)
        ]
        for shift_us in {shifts_us.get(read.chip, 0): None for read in kept}:
            reads = [_shifted(read, shift_us) for read in kept if shifts_us.get(read.chip, 0) == shift_us]
            due_us = min(delivery.due_us + delay_us + shift_us, reads[0].at_us + LATE_US - 90 * US)
            due_us = max(due_us, max(read.at_us for read in reads))
            yield msgspec.structs.replace(delivery, due_us=due_us, reads=reads)


def _shifted(read: RawRead, shift_us: int) -> RawRead:
    return msgspec.structs.replace(read, at_us=read.at_us + shift_us)


def standings_now(log: Log) -> dict[Order, Standing]:
    """All boards of the event as far as the log was read, also at each point, with their podiums."""
    state = log.state
    assert state is not None
    event = state.event_row()
    if event.definition is None:
        return {}
    definition = parse_definition(event.definition)
    rows = [row for row in map(state.row, list(state.rulings.bibs())) if not row.gone]
    orders: dict[Order, Standing] = {}
    for race in definition.races:
        of_race = [row for row in rows if row.race == race.id]
        for point in (None, *(point.id for point in race.points[1:])):
            course = podium_course(definition, race, point, event)
            made = [contender(course, row) for row in of_race]
            ahead = prospects(course, {athlete.bib: athlete for athlete in made if athlete is not None})
            for defined in (known for known in definition.boards if known.race == race.id):
                root = root_of(definition, defined)
                lines = _lines(definition, event, defined, point, of_race)
                on_board, on_root = passes(definition, defined), passes(definition, root)
                leaders = podium_leaders(ahead, root, [row.bib for row in of_race if on_root(row)])
                places = podium(ahead, leaders, root, lines, [row.bib for row in of_race if on_board(row)])
                orders[Order(defined.id, point)] = Standing(lines, places)
    return orders


def _lines(
    definition: Definition, event: EventRow, defined: Board, point: str | None, rows: list[AthleteRow]
) -> list[Line]:
    if point is None:
        made = board(definition, defined.id, rows, orders_of(event.orders, defined.race))
        return [(row.place, row.bib) for row in made]
    on_board = passes(definition, defined)
    by_chip = root_of(definition, defined).ranked_by() == "chip"
    times: dict[str, int] = {}
    for row in filter(on_board, rows):
        taken = {split.point: split.at_us for split in row.points}
        zero_us = taken.get("START", row.own_gun_us) if by_chip else row.gun_at_us
        if point in taken and zero_us is not None:
            times[row.bib] = taken[point] - zero_us
    return [
        (1 + sum(other < time for other in times.values()), bib)
        for bib, time in sorted(times.items(), key=lambda i: i[1])
    ]


def sharing(lines: list[Line], bib: str) -> tuple[int, int] | None:
    """The place of a bib, and how many share it; None without a place."""
    place = next((place for place, other in lines if other == bib), None)
    return None if place is None else (place, sum(other == place for other, _ in lines))


def false_claims(before: Mapping[Order, Standing], after: Mapping[Order, Standing]) -> list[str]:
    """Places that were decided at one moment, and are not the same at a later one."""
    return [
        f"{order.board} at {order.point}: {place.place} of {place.bib} was decided, and became"
        f" {sharing(after[order].lines, place.bib)}"
        for order, standing in before.items()
        for place in standing.podium
        if place.decided and sharing(standing.lines, place.bib) != sharing(after[order].lines, place.bib)
    ]
