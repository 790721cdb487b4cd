"""Log lines for people."""

import logging
import subprocess
import sys

_SAY = """
import logging
from services.runtime import logs
logs.set_up()
logging.getLogger("services.x").info("ours")
for _ in range(5):
    logging.getLogger("aiokafka.client").error("away %d", _)
    logging.getLogger("services.x").warning("again")
logging.getLogger("aiokafka.client").info("chatter")
"""


def test_a_clients_line_comes_once_in_a_while_and_ours_always() -> None:
    said = subprocess.run([sys.executable, "-c", _SAY], capture_output=True, text=True, check=True).stderr.splitlines()
    texts = [line.split(" ", 3)[3] for line in said]
    assert texts == ["ours", "away 0 (aiokafka.client)", *["again"] * 5]
    assert said[0].split()[2] == logging.getLevelName(logging.INFO)
