"""A field of runners some of whom carry two chips, and others who run in groups and finish hand in hand.

Runners are those of the simulator, with the times that its mats give. To them come, all drawn from a seed:

- chips in a second hand: of a runner's two chips each is read by itself, some hundredths of a second before or after
  the instant of the crossing, and each is missed by some mats;
- groups: companions pass each mat some two seconds before or after a runner, and the finish within some tenths.
"""

from random import Random
from typing import NamedTuple

import msgspec

import races
from loadtest.simulation import simulate
from schemas.definition import Definition, Together
from schemas.definition_parse import definition_from_toml
from schemas.results import AthleteRow, PointTime
from services.standings.together import Pair, pairs_together

US = 1_000_000
MISSED = 0.005  # of the chips at a mat
READ_SIGMA_US = 40_000  # of each chip around the crossing: antennas are read in turn, and tags lie on different sides
ABREAST_SIGMA_US = 2_000_000  # of a companion on the way: some six metres
HAND_IN_HAND_SIGMA_US = 150_000  # of a companion at the finish: an arm's length


class Field(NamedTuple):
    """Rows of all runners, and the pairs of which one runner carries both chips."""

    definition: Definition
    rows: list[AthleteRow]
    carried: list[Pair]


class Found(NamedTuple):
    """How many of the carried pairs were there to be found and were, and how many others were taken for such."""

    carried: int
    recalled: int
    false: int


def field(definition: Definition, size: int, seed: int, pairs: int, groups: int) -> Field:
    """Make a field of `size` runners, to whom carried chips and companions are added."""
    rng = Random(seed)
    simulation = simulate(definition, size, seed)
    rows = [
        AthleteRow(
            event="e",
            bib=truth.bib,
            version=1,
            race=truth.race,
            points=[PointTime(taken.point, taken.at_us, taken.source) for taken in truth.points],
        )
        for truth in simulation.truth.values()
    ]
    finishers = [row for row in rows if row.points and row.points[-1].point == "FINISH"]
    chosen = rng.sample(finishers, pairs + groups)
    carriers = {row.bib for row in chosen[:pairs]}
    rows = [_read_again(rng, row, row.bib) if row.bib in carriers else row for row in rows]
    carried = [(row.bib, f"9{row.bib}") for row in chosen[:pairs]]
    rows += [_read_again(rng, row, f"9{row.bib}") for row in chosen[:pairs]]
    for row in chosen[pairs:]:
        rows += [_companion(rng, row, f"8{row.bib}-{number}") for number in range(rng.randint(1, 4))]
    return Field(definition, rows, carried)


def _read_again(rng: Random, row: AthleteRow, bib: str) -> AthleteRow:
    """The reads of one of two chips on a runner."""
    points = [
        PointTime(taken.point, taken.at_us + round(rng.gauss(0, READ_SIGMA_US)), taken.source)
        for taken in row.points
        if rng.random() >= MISSED
    ]
    return msgspec.structs.replace(row, bib=bib, points=points)


def _companion(rng: Random, row: AthleteRow, bib: str) -> AthleteRow:
    points = []
    for taken in row.points:
        sigma_us = HAND_IN_HAND_SIGMA_US if taken.point == "FINISH" else ABREAST_SIGMA_US
        points.append(PointTime(taken.point, taken.at_us + round(rng.gauss(0, sigma_us)), taken.source))
    return msgspec.structs.replace(row, bib=bib, points=points)


def look(made: Field, rule: Together) -> Found:
    """Look for the carried pairs. One that did not take enough points together cannot be found."""
    definition = msgspec.structs.replace(made.definition, together=rule)
    pairs = set(pairs_together(definition, made.rows))
    taken = {row.bib: {point.point for point in row.points if point.point != "START"} for row in made.rows}
    there = {pair for pair in made.carried if len(taken[pair[0]] & taken[pair[1]]) >= rule.points}
    return Found(len(there), len(there & pairs), len(pairs - set(made.carried)))


def shipped(name: str) -> Definition:
    """The definition of a race that comes with Matline."""
    return definition_from_toml(races.definition_toml(name))
