"""How much of what one sender sends may be put aside: beyond that he is halted, loudly, since something is wrong there.

A gateway set up wrongly, or a hostile one, would fill the topic and hide in it what a person has to see. Halted means
told to come again later, never dropped: once the cause is mended everything comes in.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec import Struct

from schemas.rejected import Rejection
from services.ingest.errors import Overloaded

AT_ONCE_BYTES = 16 * 1024 * 1024  # after a quiet time: more than the fullest request, all of it bad
BACK_BYTES_A_SECOND = 8 * 1024  # 700 MB a day of one sender, for as long as nobody looks
THING_BYTES = 512  # of a record of `rejected`, beside the bytes put aside
SENDERS_MAX = 4_096  # least recently heard ones are forgotten, and begin anew
SAY_EVERY_S = 60.0

log = logging.getLogger(__name__)

_Sender = tuple[str, str, str | None]


class _Left(Struct):
    left_bytes: float
    at_s: float
    said_s: float


class DeadLetterQuota:
    """What each sender (source, event, gateway) has left. `clock_s` is monotonic."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._senders: OrderedDict[_Sender, _Left] = OrderedDict()

    def take(self, rejections: Sequence[Rejection]) -> None:
        """Count them, which are of one sender. Raises Overloaded when he has no allowance left for them."""
        if not rejections:
            return
        first = rejections[0]
        sender = first.source, first.event, first.gateway
        now_s = self._clock_s()
        left = self._senders.get(sender)
        if left is None:
            left = self._senders[sender] = _Left(AT_ONCE_BYTES, now_s, now_s - SAY_EVERY_S)
            if len(self._senders) > SENDERS_MAX:
                self._senders.popitem(last=False)
        else:
            self._senders.move_to_end(sender)
        left.left_bytes = min(left.left_bytes + (now_s - left.at_s) * BACK_BYTES_A_SECOND, AT_ONCE_BYTES)
        left.at_s = now_s
        wanted_bytes = sum(len(one.raw) + THING_BYTES for one in rejections)
        if wanted_bytes > left.left_bytes and left.left_bytes < AT_ONCE_BYTES:
            if now_s - left.said_s >= SAY_EVERY_S:
                left.said_s = now_s
                log.error(
                    "%s of gateway %s, event %s is HALTED: too much of what it sends cannot be read, lately: %s",
                    first.source,
                    first.gateway,
                    first.event,
                    first.reason,
                )
            raise Overloaded(
                f"too much of what comes from here cannot be read, lately: {first.reason}; see `matline rejected list`,"
                " mend the cause, and send it again"
            )
        left.left_bytes -= wanted_bytes
