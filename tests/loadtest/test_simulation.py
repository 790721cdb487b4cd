"""The simulator: the same day for a seed, a day with everything in it, and a truth that the scorer finds again."""

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import races
from loadtest.deliveries import BATCH_READS_MAX, MYLAPS_GATEWAY, Delivery
from loadtest.race_day import NotSimulated
from loadtest.simulation import Simulation, Timed, simulate
from schemas.codec import to_json
from schemas.definition import Definition
from schemas.definition_parse import definition_from_toml, parse_definition
from services.ingest.readers.sources import parse_sources
from services.offline.scored_log import score_lines
from tests.loadtest.scored import NAMES, differences, document, simulated

GOLDEN = Path(__file__).parents[1] / "data" / "simulated.json"


def digest(simulation: Simulation) -> str:
    digest = hashlib.sha256()
    for line in simulation.log_lines():
        digest.update(line + b"\n")
    return digest.hexdigest()


def statuses(simulation: Simulation) -> Counter[str]:
    return Counter(truth.status for truth in simulation.truth.values())


def summary(name: str) -> dict[str, Any]:
    """What of a race is kept beside the code: bytes by their hash, and who was first on each board."""
    simulation = simulated(name, 300, 1)
    made = document(name, 300, 1)
    return {
        "log_sha256": digest(simulation),
        "reads": len(simulation.reads),
        "statuses": dict(sorted(statuses(simulation).items())),
        "first": {board: [rows[0]["bib"], rows[0]["time_s"]] for board, rows in made["boards"].items() if rows},
        "teams": {board: [rows[0]["team"], rows[0]["score"]] for board, rows in made["team_boards"].items() if rows},
        "delegations": {board: rows[0]["team"] for board, rows in made["delegations"].items() if rows},
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_race_is_the_same_for_ever(name: str):
    golden = json.loads(GOLDEN.read_text())
    assert summary(name) == golden[name]


def test_hash_order_changes_nothing():
    code = (
        "import hashlib, races; from loadtest.simulation import simulate;"
        "from schemas.definition_parse import definition_from_toml as d;"
        "s = simulate(d(races.definition_toml('hanoi-half-2024')), 300, 1);"
        "print(hashlib.sha256(b''.join(l + b'\\n' for l in s.log_lines())).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == digest(simulated("hanoi-half-2024", 300, 1))


def test_another_seed_is_another_day():
    assert digest(simulated("hanoi-half-2024", 300, 1)) != digest(simulated("hanoi-half-2024", 300, 2))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_the_scorer_finds_the_truth(name: str, seed: int):
    simulation = simulated(name, 350, seed)
    assert differences(simulation, document(name, 350, seed)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_stays_when_deliveries_are_shuffled_and_repeated(name: str):
    simulation = simulated(name, 350, 1)
    lines = [simulation.line(delivery) for delivery in simulation.deliveries()]
    rng = random.Random(name)
    lines += rng.sample(lines, k=len(lines) // 3)
    rng.shuffle(lines)
    facts = [to_json(timed.fact) for timed in simulation.facts]
    cut = len(lines) // 2  # half of the reads before anything else is known, the others after everything
    rescored = score_lines([*lines[:cut], *facts, *lines[cut:]])
    straight = document(name, 350, 1)
    assert differences(simulation, rescored) == []
    assert {key: value for key, value in rescored.items() if key not in ("revision", "unused_reads")} == {
        key: value for key, value in straight.items() if key not in ("revision", "unused_reads")
    }
    assert {k: v for k, v in rescored["unused_reads"].items() if k != "repeat"} == {
        k: v for k, v in straight["unused_reads"].items() if k != "repeat"
    }


def test_a_day_has_everything_in_it_that_makes_race_days_hard():
    days = [simulated(name, 350, seed) for name in NAMES for seed in (1, 2, 3, 4)]
    documents = [document(name, 350, seed) for name in NAMES for seed in (1, 2, 3, 4)]
    unused = sum((Counter(document["unused_reads"]) for document in documents), Counter())
    assert set(unused) >= {
        "repeat",
        "unknown_device",
        "unknown_chip",
        "before_gun",
        "backup_duplicate",
        "too_fast",
        "not_on_course",
        "superseded",
    }
    counts = sum(map(statuses, days), Counter())
    assert set(counts) == {"NOT_STARTED", "FINISHED", "OTL", "DNF", "DNS", "DQ"}
    sources = Counter(p.source for day in days for truth in day.truth.values() for p in truth.points)
    assert set(sources) == {"main", "backup", "official"}
    kinds = Counter(type(timed.fact).__name__ for day in days for timed in day.facts)
    assert set(kinds) == {
        "EventDefined",
        "EntriesAdded",
        "ChipAssigned",
        "GunFired",
        "ClockCorrected",
        "TimeSet",
        "StatusSet",
        "RaceClosed",
        "CaseDecided",
    }
    assert {case["open"] for document in documents for case in document["cases"]} == {True, False}
    assert any(not entry.ranked for day in days for entry in day.entries)
    assert any(entry.wave == "B" for day in days for entry in day.entries)
    assert any(entry.personal_best_s is None for day in days for entry in day.entries)


@pytest.mark.parametrize("name", NAMES)
def test_mats_miss_as_often_as_real_ones_do(name: str):
    days = [simulated(name, 350, seed) for seed in (1, 2, 3, 4)]
    finished = [
        truth
        for day in days
        for truth in day.truth.values()
        if any(p.point == "FINISH" and p.source != "official" for p in truth.points)
    ]
    points = {race.id: len(race.points) for race in days[0].definition.races}
    crossings = sum(points[truth.race] for truth in finished)
    lost = crossings - sum(len(truth.points) for truth in finished)
    assert 0.0005 < lost / crossings < 0.015


@pytest.mark.parametrize("name", NAMES)
def test_a_crossing_makes_many_reads_with_strengths_a_tag_has(name: str):
    simulation = simulated(name, 350, 1)
    points = sum(len(truth.points) for truth in simulation.truth.values())
    assert 10 < len(simulation.reads) / points < 40
    strengths = [read.rssi for delivery in simulation.deliveries() for read in delivery.reads]
    assert -90 < min(strengths) < -60 < -45 < max(strengths) < -30


def test_deliveries_come_in_order_of_their_arrival_in_small_batches_numbered_by_session():
    simulation = simulated("vnexpress-hcmc-midnight-2024", 350, 1)
    deliveries = list(simulation.deliveries())
    assert [d.due_us for d in deliveries] == sorted(d.due_us for d in deliveries)
    assert max(len(d.reads) for d in deliveries) <= BATCH_READS_MAX
    sessions: dict[tuple[str, str], set[int]] = {}
    for delivery in deliveries:
        assert [read.seq for read in delivery.reads] == sorted(read.seq for read in delivery.reads)
        sessions.setdefault((delivery.gateway, delivery.session), set()).update(r.seq for r in delivery.reads)
    assert all(numbers == set(range(len(numbers))) for numbers in sessions.values())
    assert any(session.endswith("-2") for _, session in sessions), "no gateway had an outage"
    assert sum(len(d.reads) for d in deliveries if not d.resent) == len(simulation.reads)


def test_some_deliveries_come_twice_unchanged_and_some_after_younger_ones():
    deliveries = list(simulated("tien-phong-2024", 350, 1).deliveries())
    seen: dict[tuple[str, str, int], Delivery] = {}
    disorder = again = 0
    newest: dict[tuple[str, str], int] = {}
    for delivery in deliveries:
        key = (delivery.gateway, delivery.session, delivery.reads[0].seq)
        if key in seen:
            again += 1
            assert seen[key].reads == delivery.reads
        seen[key] = delivery
        way = (delivery.gateway, delivery.session)
        disorder += delivery.reads[0].seq < newest.get(way, -1)
        newest[way] = max(newest.get(way, -1), delivery.reads[0].seq)
    assert again > 5
    assert disorder > again


def test_every_instant_is_a_whole_millisecond_and_every_chip_fits_into_mylaps():
    simulation = simulated("hanoi-half-2024", 350, 1)
    reads = [read for delivery in simulation.deliveries() for read in delivery.reads]
    assert all(read.at_us % 1000 == 0 for read in reads)
    assert {len(chip) for chip in simulation.reads.chips} == {7}
    assert all(chip.isascii() and chip.isalnum() and chip.isupper() for chip in simulation.reads.chips)
    points = [p for truth in simulation.truth.values() for p in truth.points]
    assert all(p.at_us % 1000 == 0 for p in points)


def test_the_field_is_marked_as_made_up_and_has_the_size_that_was_asked_for():
    simulation = simulated("vnexpress-hcmc-midnight-2024", 350, 1)
    assert simulation.definition.name.endswith("(simulated)")
    assert len(simulation.entries) == simulation.size == 350
    assert len({entry.bib for entry in simulation.entries}) == 350
    nations = Counter(entry.nationality for entry in simulated("vnexpress-hcmc-midnight-2024", 4000, 1).entries)
    assert 0.03 < 1 - nations["VIE"] / 4000 < 0.065
    assert len(nations) > 8


def test_divisions_and_teams_are_those_that_the_rules_allow():
    simulation = simulated("tien-phong-2024", 350, 1)
    for entry in simulation.entries:
        if entry.division == "advanced-junior":
            assert (entry.birth_year or 0) >= 2005
        if entry.division in ("advanced-senior", "advanced"):
            assert (entry.birth_year or 9999) <= 2008
    teams = Counter(
        (entry.race, entry.division, entry.gender, entry.team) for entry in simulation.entries if entry.team
    )
    assert max(teams.values()) == 5
    families = Counter(e.team for e in simulated("hanoi-half-2024", 350, 1).entries if e.race == "family")
    assert set(families.values()) == {2}


def test_waves_go_by_personal_best_and_who_names_none_is_in_the_last():
    entries = [e for e in simulated("hanoi-half-2024", 350, 1).entries if e.race == "21k"]
    last = max(e.wave or "" for e in entries)
    assert {e.wave for e in entries if e.personal_best_s is None} == {last}
    bests = {wave: [e.personal_best_s for e in entries if e.wave == wave and e.personal_best_s] for wave in "AB"}
    assert max(bests["A"]) <= min(bests["B"])


def test_sources_name_the_mylaps_mats_so_that_ingest_takes_them():
    simulation = simulated("hanoi-half-2024", 350, 1)
    (source,) = parse_sources(simulation.sources_toml("127.0.0.1:3097").encode())
    assert (source.event, source.gateway, source.zone) == ("hanoi-half-2024", MYLAPS_GATEWAY, "Asia/Ho_Chi_Minh")
    assert set(source.devices.values()) == {"LINE-A", "LINE-B", "LINE-X"}
    by_mylaps = {r.device for d in simulation.deliveries() if d.via == "mylaps" for r in d.reads}
    assert by_mylaps == set(source.devices)


def test_the_log_begins_with_the_definition_and_ends_with_the_jury():
    simulation = simulated("hanoi-half-2024", 350, 1)
    timeline = list(simulation.timeline())
    assert [item.due_us for item in timeline] == sorted(item.due_us for item in timeline)
    assert isinstance(timeline[0], Timed)
    assert timeline[0].fact.definition["event"] == "hanoi-half-2024"
    assert len({timed.fact.id for timed in simulation.facts}) == len(simulation.facts)


def with_points(points: list[dict[str, Any]], **more: Any) -> Definition:
    mats = [{"id": name, "devices": [name.upper()]} for name in dict.fromkeys(point["mat"] for point in points)]
    race = {"id": "r", "name": "R", "start": "2026-01-04T05:00:00", "start_window_s": 600, "points": points, **more}
    return parse_definition(
        {
            "event": "own",
            "name": "Own",
            "date": "2026-01-04",
            "timezone": "Europe/Berlin",
            "mats": mats,
            "races": [race],
            "boards": [{"id": "all", "race": "r"}],
        }
    )


@pytest.mark.parametrize("missing_start", ["gun", "dnf"])
@pytest.mark.parametrize("missing_mat", ["dnf", "review", "ignore"])
def test_the_truth_holds_for_other_definitions_too(missing_start: str, missing_mat: str):
    points = [
        {"id": "START", "mat": "a", "km": 0, "pick": "strongest"},
        {"id": "HALF", "mat": "b", "km": 6, "pick": "last", "mandatory": False},
        {"id": "LATE", "mat": "c", "km": 9, "cutoff": {"gun": "1:20:00", "wave": "1:10:00"}},
        {"id": "FINISH", "mat": "a", "km": 12, "pick": "strongest"},
    ]
    definition = with_points(points, missing_start=missing_start, missing_mat=missing_mat, gun_from="wave")
    simulation = simulate(definition, 400, 5)
    assert differences(simulation, score_lines(simulation.log_lines())) == []


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([("START", "a", 0), ("5K", "b", 5), ("10K", "b", 10), ("FINISH", "c", 15)], "crosses a mat twice"),
        ([("START", "a", 0), ("5K", "a", 5), ("FINISH", "c", 15)], "crosses a mat twice"),
        ([("START", "a", 0), ("X", "b", 0.1), ("FINISH", "c", 15)], "under 200 m"),
    ],
)
def test_a_definition_without_known_true_results_is_refused(points: list[tuple[str, str, float]], reason: str):
    definition = with_points([{"id": id, "mat": mat, "km": km} for id, mat, km in points])
    with pytest.raises(NotSimulated, match=reason):
        simulate(definition, 10, 1)


@pytest.mark.parametrize("size", [0, 100_001])
def test_a_field_of_an_impossible_size_is_refused(size: int):
    with pytest.raises(ValueError, match="from 1 to 100000"):
        simulate(definition_from_toml(races.definition_toml("hanoi-half-2024")), size, 1)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_tiny_field_has_its_truth_too(size: int):
    for name in NAMES:
        simulation = simulated(name, size, 3)
        assert differences(simulation, score_lines(simulation.log_lines())) == []


if __name__ == "__main__":  # rewrites the golden file after an intended change of the simulator
    GOLDEN.write_text(json.dumps({name: summary(name) for name in NAMES}, indent=1, ensure_ascii=False) + "\n")
