"""A simulated day beside what the scorer makes of its log."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

import races
from loadtest.mats import Spoken, as_sent
from loadtest.raw_reads import TEST_READER, RawRead
from loadtest.simulation import Simulation, simulate
from loadtest.truth import Truth
from schemas.codec import to_json
from schemas.definition_parse import definition_from_toml
from services.offline.scored_log import score_lines

NAMES = ["hanoi-half-2024", "tien-phong-2024", "vnexpress-hcmc-midnight-2024", "vnexpress-nha-trang-2023"]


@cache
def simulated(name: str, size: int, seed: int) -> Simulation:
    return simulate(definition_from_toml(races.definition_toml(name)), size, seed)


@cache
def document(name: str, size: int, seed: int) -> dict[str, Any]:
    """The standings of a simulated day."""
    return score_lines(simulated(name, size, seed).log_lines())


def expected(truth: Truth) -> dict[str, Any]:
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
    pairs = [(expected(truth), scored[bib]) for bib, truth in simulation.truth.items()]
    return [(truth, scored_row) for truth, scored_row in pairs if truth != scored_row]


def as_read(simulation: Simulation, protocols: Mapping[str, Spoken]) -> list[RawRead]:
    """Every read of the mats as the readers there tell it, with its strength."""
    mats = simulation.definition.mats
    mat_of = {device: mat.id for mat in mats for device in (*mat.devices, *mat.backup_devices)}
    reads = [simulation.reads.unpacked(packed, nth) for nth, packed in enumerate(simulation.reads.packed)]
    return [as_sent(read, protocols[mat_of[read.device]]) for read in reads if read.device != TEST_READER]


def over_http(simulation: Simulation, protocols: Mapping[str, Spoken]) -> dict[str, Any]:
    """The standings of the same reads, as their readers tell them, pushed by HTTP."""
    facts = [to_json(timed.fact) for timed in simulation.facts]
    push = {
        "type": "reads_received",
        "event": simulation.definition.event,
        "gateway": "http",
        "session": "1",
        "reads": as_read(simulation, protocols),
    }
    return score_lines([*facts, msgspec.json.encode(push)])


def equal_parts(document: dict[str, Any]) -> dict[str, Any]:
    """All that equal standings have alike. Source: R4."""
    unused = {reason: reads for reason, reads in document["unused_reads"].items() if reason != "repeat"}
    return {**document, "unused_reads": unused, "revision": None}
