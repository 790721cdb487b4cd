"""Run the programs that Matline is compared with, each in a process of its own."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

ENVIRONMENT = ".venv-alternatives/bin/python"
PATHWAY = ".venv-pathway/bin/python"  # by itself and only if wanted, since its licence is not a free one
RUN_S = 300.0


def require_alternatives() -> None:
    """Raise RuntimeError if the environment of the alternatives is missing."""
    if not os.access(ENVIRONMENT, os.X_OK):
        raise RuntimeError(f"{ENVIRONMENT} is missing; `make alternatives` installs what Matline is compared with")


def reported(python: str, program: str, order: Mapping[str, object]) -> Any:
    """Run a module with an order and return the report that it prints. Raises RuntimeError if it fails."""
    command = [python, "-m", program, json.dumps(order)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{program} has not ended after {RUN_S:.0f} s") from None
    report = re.search(r'\{"(?:reads|check)".*\}', done.stdout)  # Faust writes escape codes around it
    if report is None:
        raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")
    return json.loads(report[0])
