"""The core and the second scorer make the same document of thousands of small logs.

`MATLINE_AGREEMENT_LOGS` sets how many, `MATLINE_AGREEMENT_SEED` the first seed. A disagreement is shown with its seed
and with the log cut down to what is needed for it.
"""

import json
import os

import pytest

from services.offline.scored_log import score_lines
from tests.oracle.logs import EVENT, log_of
from tests.oracle.scorer import document

LOGS = int(os.environ.get("MATLINE_AGREEMENT_LOGS", "3000"))
FIRST_SEED = int(os.environ.get("MATLINE_AGREEMENT_SEED", "0"))
BLOCKS = 10


def of_core(log):
    """The core's document in the form of the second scorer's, which sorts where the rules give no order."""
    rescored = json.loads(json.dumps(score_lines(json.dumps(fact).encode() for fact in log)))
    assert (rescored.pop("event"), rescored.pop("revision")) == (EVENT, len(log))
    rescored["cases"].sort(key=lambda case: case["case"])
    return rescored


def differing(log):
    """The parts of the document in which the two disagree."""
    core, second = of_core(log), document(log)
    assert core.keys() == second.keys()
    return {part: {"core": core[part], "second": second[part]} for part in core if core[part] != second[part]}


def shortened(log):
    """The log without the facts, reads and entries that the disagreement does not need."""
    parts = set(differing(log))
    before = None
    while log != before:
        before = log
        for shorter in _shorter(log):
            if shorter and parts & set(differing(shorter)):
                log = shorter
                break
    return log


def _shorter(log):
    for offset, fact in enumerate(log):
        yield log[:offset] + log[offset + 1 :]
        for name in ("reads", "entries"):
            for nth in range(len(fact.get(name, ()))):
                rest = fact[name][:nth] + fact[name][nth + 1 :]
                yield [*log[:offset], {**fact, name: rest}, *log[offset + 1 :]]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_core_agrees_with_a_scorer_written_from_the_rules_alone(block):
    for seed in range(FIRST_SEED + block, FIRST_SEED + LOGS, BLOCKS):
        log = log_of(seed)
        if differing(log):
            short = shortened(log)
            lines = "\n".join(json.dumps(fact) for fact in short)
            pytest.fail(f"seed {seed}: {json.dumps(differing(short), indent=1)}\n{lines}")
