"""Set up logging to standard error: one line when a state changes, never one for each read.

Lines are text for people or, by MATLINE_LOG_FORMAT=json, an object each for a log store. What a line is about stands in
fields of their own, given as `extra`: event, gateway, revision and the others of FIELDS. No line has a secret, an
athlete's name or a chip.

Kafka's client repeats a line many times a second while the broker is down, ClickHouse's at every try. So each of their
texts is logged only once in SAME_EVERY_S; `/readyz` and our own lines show the state.
"""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Literal, cast, get_args

from pythonjsonlogger.json import JsonFormatter

from services.runtime.environment import text
from services.runtime.faults import StartFault

LogFormat = Literal["text", "json"]
FIELDS = ("event", "race", "gateway", "revision", "partition", "fact", "address")
"""What a line can be about, in the order in which text shows it."""

SAME_EVERY_S = 30.0
TEXTS_MAX = 500  # remembered; then all are forgotten
ORDINARY = (
    "Group Coordinator Request failed",
)  # logged until a new broker has its first group; the client tries again
NOISY = ("aiokafka", "kafka", "faust", "mode", "asyncio", "clickhouse_connect", "urllib3")


class _RepeatFilter(logging.Filter):
    """Pass a library's text if it was not logged lately."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(NOISY):
            return True
        now_s, template = time.monotonic(), str(record.msg)
        if template.startswith(ORDINARY):
            return False
        before_s = self._logged_s.get(template)
        if before_s is not None and now_s - before_s < SAME_EVERY_S:
            return False
        if len(self._logged_s) >= TEXTS_MAX:
            self._logged_s.clear()
        self._logged_s[template] = now_s
        return True


class _Lines(logging.Formatter):
    """Format time, level, text and fields, and the logger's name unless it is ours."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line without the traceback, which comes below it."""
        line = super().formatMessage(record)
        fields = "".join(
            f" {name}={getattr(record, name)}" for name in FIELDS if getattr(record, name, None) is not None
        )
        return f"{line}{fields}" if record.name.startswith("services") else f"{line}{fields} ({record.name})"


def log_format(environment: Mapping[str, str]) -> LogFormat:
    """Return the format that MATLINE_LOG_FORMAT gives. Raises StartFault."""
    named = text(environment, "MATLINE_LOG_FORMAT", "text")
    if named not in get_args(LogFormat):
        raise StartFault(f"MATLINE_LOG_FORMAT={named} is not a format; write text or json")
    return cast(LogFormat, named)


def _formatter(chosen: LogFormat, about: Mapping[str, str]) -> logging.Formatter:
    if chosen == "text":
        return _Lines("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
    return JsonFormatter(
        "{levelname}{message}{name}",
        style="{",
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields=dict(about),
        timestamp="time",
        json_ensure_ascii=False,
    )


def set_up(level: int = logging.INFO, chosen: LogFormat = "text", **about: str) -> None:
    """Log our lines from `level` on and those of libraries from WARNING on to standard error.

    `about` are fields of every line as JSON, such as the service and its worker.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(chosen, about))
    handler.addFilter(_RepeatFilter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("services").setLevel(level)
