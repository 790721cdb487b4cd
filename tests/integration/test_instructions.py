"""The work of the scoring core, in instructions of the processor: they do not depend on how busy the machine is.

Callgrind counts the same number each time. It differs between builds of Python, so the number is compared with that of
a small fixed job over the same records by the same interpreter: the fold that other stream processors do in
`loadtest.bench`. Their ratio is the figure that must not grow.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import races
from loadtest.simulation import simulate
from schemas.codec import encode_envelope, fact_from_json, logged
from schemas.definition_parse import definition_from_toml

ATHLETES = 60
RATIO = 6.76  # Python 3.11
MARGIN = 1.15  # builds of Python differ; a change that is worth more writes its figure above
ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "tests.integration.counted_work")


def test_scoring_a_race_takes_no_more_instructions_than_it_did(tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed; `make packages` installs it")
    simulation = simulate(definition_from_toml(races.definition_toml("hanoi-half-2024")), ATHLETES, 1)
    facts = map(fact_from_json, simulation.log_lines())
    log = tmp_path / "log.msgpack"
    log.write_bytes(msgspec.msgpack.encode([encode_envelope(fact.event, [logged(fact)]) for fact in facts]))
    subprocess.run([*PROGRAM, "nothing", str(log)], cwd=ROOT, check=True)  # compiles what all of them import
    nothing, fold, score = (instructions(work, log) for work in ("nothing", "fold", "score"))
    ratio = (score - nothing) / (fold - nothing)
    print(f"scoring {score - nothing:,} instructions, the fold {fold - nothing:,}, ratio {ratio:.2f}")
    assert ratio <= RATIO * MARGIN


def instructions(work: str, log: Path) -> int:
    """Return how many instructions an interpreter takes to do some work on a log, and to start."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *PROGRAM, work, str(log)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    counted = re.search(r"Collected : (\d+)", done.stderr)
    assert counted is not None, done.stderr
    return int(counted[1])
