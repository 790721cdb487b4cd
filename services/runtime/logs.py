"""Set up logging to standard error: one line when a state changes, never one for each read.

Kafka's client repeats a line many times a second while the broker is down, ClickHouse's at every try. So each of their
texts is logged only once in SAME_EVERY_S; `/readyz` and our own lines show the state.
"""

import logging
import sys
import time

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
        now_s, text = time.monotonic(), str(record.msg)
        if text.startswith(ORDINARY):
            return False
        before_s = self._logged_s.get(text)
        if before_s is not None and now_s - before_s < SAME_EVERY_S:
            return False
        if len(self._logged_s) >= TEXTS_MAX:
            self._logged_s.clear()
        self._logged_s[text] = now_s
        return True


class _Lines(logging.Formatter):
    """Format time, level and text, and the logger's name unless it is ours."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.name.startswith("services") else f"{text} ({record.name})"


def set_up(level: int = logging.INFO) -> None:
    """Log our lines from `level` on and those of libraries from WARNING on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.addFilter(_RepeatFilter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("services").setLevel(level)
