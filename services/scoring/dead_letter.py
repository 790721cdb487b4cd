"""Dead letters of scoring: records and facts of the log that cannot be used, copied to `rejected` within a limit."""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection
from schemas.topics import RACE_LOG
from services.scoring.metrics import ScoringMetrics

LETTERS_MAX = 1_000  # of one partition within WITHIN_S; ingest already stops a gateway that sends bad data
WITHIN_S = 60.0
KEPT_MAX = 10_000  # records of a fill whose letters are kept until the records are delivered
SOURCE = "scoring"

log = logging.getLogger(__name__)


class Unfit(Exception):
    """A record, or a fact in it, cannot be used. `reason` is a word for the metric; the message is for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DeadLetter(NamedTuple):
    """A record of `rejected`, and the word under which it is counted."""

    reason: str
    rejection: Rejection


def dead_letter(
    event: str, unfit: Unfit, raw: bytes, now_us: int, partition: int, offset: int, index: int | None = None
) -> DeadLetter:
    """Return the dead letter of a record of the log, or of its fact `index`."""
    rejection = Rejection(
        v=REJECTED_VERSION,
        event=event,
        source=SOURCE,
        reason=str(unfit),
        raw=raw[:RAW_MAX_BYTES],
        size=len(raw),
        topic=RACE_LOG.name,
        partition=partition,
        offset=offset,
        index=index,
        recorded_at_us=now_us,
    )
    return DeadLetter(unfit.reason, rejection)


class Gate:
    """Count the dead letters of a partition, and close when there are too many within a minute.

    Only ingest writes the log, and it checks everything, so that many letters have one cause, and ten thousand copies
    say no more than a thousand. Records that arrive while the gate is closed stay on the log, at their offsets.
    """

    def __init__(self) -> None:
        self._at_s: deque[float] = deque(maxlen=LETTERS_MAX)

    def admit(self, now_s: float) -> bool:
        """Return whether one more letter may be copied, and count it."""
        if self.closed(now_s):
            return False
        self._at_s.append(now_s)
        return True

    def closed(self, now_s: float) -> bool:
        """Return whether the number of letters has reached the limit."""
        return len(self._at_s) == LETTERS_MAX and now_s - self._at_s[0] < WITHIN_S


class DeadLetters:
    """The dead letters of one partition on their way to `rejected`. `publish` returns when Kafka has them."""

    def __init__(
        self, partition: int, publish: Callable[[Sequence[Rejection]], Awaitable[None]], metrics: ScoringMetrics
    ) -> None:
        self.gate = Gate()
        self._partition = partition
        self._publish = publish
        self._metrics = metrics
        self._waiting: list[DeadLetter] = []
        self._kept: dict[int, list[DeadLetter]] = {}

    def make(self, event: str, unfit: Unfit, raw: bytes, offset: int, index: int | None = None) -> DeadLetter:
        """Return the letter of a record of this partition, or of its fact `index`, dated now."""
        return dead_letter(event, unfit, raw, time.time_ns() // 1000, self._partition, offset, index)

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Queue letters for the next `write`."""
        self._waiting += letters

    def keep(self, offset: int, letters: list[DeadLetter]) -> None:
        """Keep the letters of a record that a fill has folded until the record is delivered."""
        if letters and len(self._kept) < KEPT_MAX:
            self._kept[offset] = letters

    def add_kept(self, offset: int) -> None:
        """Queue the kept letters of a record that is delivered now."""
        self._waiting += self._kept.pop(offset, ())

    async def write(self) -> None:
        """Write the queued letters, before their records are acknowledged."""
        waiting, self._waiting = self._waiting, []
        for letter in waiting:
            self._metrics.rejected.labels(letter.reason).inc()
        admitted = [letter.rejection for letter in waiting if self._admit(letter.rejection)]
        if admitted:
            await self._publish(admitted)

    def _admit(self, rejection: Rejection) -> bool:
        now_s = time.monotonic()
        was_closed = self.gate.closed(now_s)
        admitted = self.gate.admit(now_s)
        if not admitted and not was_closed:
            log.error(
                "race-log partition %d: over %d dead letters within %d s, so from offset %s on they are not copied to"
                " `rejected` (event %r: %s). Find the program that writes them to race-log, and stop it",
                self._partition,
                LETTERS_MAX,
                WITHIN_S,
                rejection.offset,
                rejection.event,
                rejection.reason,
            )
        return admitted
