"""What a service says on standard error: a line when something changes its state, none a read.

Kafka's client says the same line many times a second while the broker is away, ClickHouse's at every try; so each of
their texts is let through once in a while only; what state that means, `/readyz` and our own lines say.
"""

import logging
import sys
import time

SAME_EVERY_S = 30.0
TEXTS_MAX = 500  # remembered; then all may speak again
ORDINARY = ("Group Coordinator Request failed",)  # until a new broker has its first group; the client tries on
NOISY = ("aiokafka", "kafka", "faust", "mode", "asyncio", "clickhouse_connect", "urllib3")


class _OnceInAWhile(logging.Filter):
    """Lets a text through when it was not said lately."""

    def __init__(self) -> None:
        super().__init__()
        self._said_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(NOISY):
            return True
        now_s, text = time.monotonic(), str(record.msg)
        if text.startswith(ORDINARY):
            return False
        before_s = self._said_s.get(text)
        if before_s is not None and now_s - before_s < SAME_EVERY_S:
            return False
        if len(self._said_s) >= TEXTS_MAX:
            self._said_s.clear()
        self._said_s[text] = now_s
        return True


class _Lines(logging.Formatter):
    """Time, level and text; who says it only where that is not one of ours."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.name.startswith("services") else f"{text} ({record.name})"


def set_up(level: int = logging.INFO) -> None:
    """Our lines from `level` on, others' from WARNING on, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.addFilter(_OnceInAWhile())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("services").setLevel(level)
