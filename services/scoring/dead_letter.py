"""What scoring puts aside of the log, and when so much of it comes that copying it ends."""

from collections import deque
from typing import NamedTuple

from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection
from schemas.topics import RACE_LOG

MOST = 1_000  # things put aside of one partition within WITHIN_S; a gateway gone mad is stopped at ingest's door
WITHIN_S = 60.0
SOURCE = "scoring"


class Unfit(Exception):
    """A record, or a fact of it, is put aside. `reason` is one word for a metric, the message for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DeadLetter(NamedTuple):
    """What is put aside, and the word that it is counted under."""

    reason: str
    rejection: Rejection


def aside(
    event: str, unfit: Unfit, raw: bytes, now_us: int, partition: int, offset: int, index: int | None = None
) -> DeadLetter:
    """The record of `rejected` for a record of the log, or for its fact `index`."""
    made = Rejection(
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
    return DeadLetter(unfit.reason, made)


class Gate:
    """Counts what a partition has put aside lately, and closes when it is too much.

    Only ingest writes the log, and it checks everything: so much that cannot be used has one cause, and ten thousand
    copies say no more than a thousand. What comes while it is closed stays on the log, at its offset.
    """

    def __init__(self) -> None:
        self._at_s: deque[float] = deque(maxlen=MOST)

    def admit(self, now_s: float) -> bool:
        """Whether a further one may be copied."""
        if self.closed(now_s):
            return False
        self._at_s.append(now_s)
        return True

    def closed(self, now_s: float) -> bool:
        """Whether as many as may be came within the time."""
        return len(self._at_s) == MOST and now_s - self._at_s[0] < WITHIN_S
