"""Log lines, for people and for log stores."""

import json
import logging
import subprocess
import sys

import pytest

from services.runtime import logs
from services.runtime.faults import StartFault

_SAY = """
import logging
from services.runtime import logs
logs.set_up()
logging.getLogger("services.x").info("ours", extra={"event": "e", "revision": 7})
for _ in range(5):
    logging.getLogger("aiokafka.client").error("away %d", _)
    logging.getLogger("services.x").warning("again")
logging.getLogger("aiokafka.client").info("chatter")
"""
_SAY_AS_JSON = """
import logging
from services.runtime import logs
logs.set_up(chosen="json", service="scoring", worker="scoring-0")
logging.getLogger("services.x").warning("Đà Nẵng %d", 3, extra={"event": "e", "gateway": "start", "revision": 7})
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("services.x").exception("a bug")
"""


def said(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.splitlines()


def test_a_clients_line_comes_once_in_a_while_and_ours_always_with_what_it_is_about() -> None:
    lines = said(_SAY)
    texts = [line.split(" ", 3)[3] for line in lines]
    assert texts == ["ours event=e revision=7", "away 0 (aiokafka.client)", *["again"] * 5]
    assert lines[0].split()[2] == logging.getLevelName(logging.INFO)


def test_as_json_each_line_is_an_object_with_time_service_worker_and_what_it_is_about() -> None:
    line, bug = map(json.loads, said(_SAY_AS_JSON))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "message": "Đà Nẵng 3",
        "logger": "services.x",
        "service": "scoring",
        "worker": "scoring-0",
        "event": "e",
        "gateway": "start",
        "revision": 7,
    }
    assert "ZeroDivisionError" in bug["exc_info"]


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    assert logs.log_format({}) == "text"
    assert logs.log_format({"MATLINE_LOG_FORMAT": "json"}) == "json"
    with pytest.raises(StartFault, match="MATLINE_LOG_FORMAT=xml is not a format; write text or json"):
        logs.log_format({"MATLINE_LOG_FORMAT": "xml"})
