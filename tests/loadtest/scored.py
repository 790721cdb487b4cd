"""A simulated day beside what the scorer makes of its log."""

from functools import cache
from typing import Any

import races
from loadtest.race_day import Truth
from loadtest.simulation import Simulation, simulate
from schemas.definition import definition_from_toml
from services.document import score_lines

NAMES = ["hanoi-half-2024", "tien-phong-2024", "vnexpress-hcmc-midnight-2024", "vnexpress-nha-trang-2023"]


@cache
def simulated(name: str, size: int, seed: int) -> Simulation:
    return simulate(definition_from_toml(races.definition_toml(name)), size, seed)


@cache
def document(name: str, size: int, seed: int) -> dict[str, Any]:
    """The standings of a simulated day."""
    return score_lines(simulated(name, size, seed).log_lines())


def told(truth: Truth) -> dict[str, Any]:
    """A runner's truth in the words of the standings document."""
    return {
        "bib": truth.bib,
        "race": truth.race,
        "status": truth.status,
        "gun_us": truth.gun_us,
        "chip_us": truth.chip_us,
        "time_s": truth.time_s,
        "cut_at": truth.cut_at,
        "missed": truth.missed,
        "points": [{"point": p.point, "at_us": p.at_us, "source": p.source} for p in truth.points],
    }


def differences(simulation: Simulation, scored_document: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Athletes whose truth is not what was scored, as (truth, scored)."""
    scored = {
        athlete["bib"]: {key: value for key, value in athlete.items() if key != "flags"}
        for athlete in scored_document["athletes"]
    }
    assert scored.keys() == simulation.truth.keys()
    pairs = [(told(truth), scored[bib]) for bib, truth in simulation.truth.items()]
    return [(truth, found) for truth, found in pairs if truth != found]
