"""A limit on the dead letters that one sender may cause. A sender beyond it is halted, and the log says so.

A gateway that is set up wrongly, or a hostile one, would fill the topic and hide what a person has to see. A halted
sender has to send the same again later, and loses nothing: once the cause is fixed, everything is accepted.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec import Struct

from schemas.rejected import Rejection
from services.ingest.errors import Overloaded
from services.runtime.rate_limit import RateLimiter

REJECTION_BYTES = 512  # of a record of `rejected`, beside the bytes that could not be read
WARN_EVERY_S = 60.0

log = logging.getLogger(__name__)


class QuotaLimits(Struct, frozen=True, kw_only=True):
    """The quota of each sender, and how many senders are remembered."""

    at_once_bytes: float = 16 * 1024 * 1024  # after a pause: more than the largest request, if all of it is bad
    bytes_a_second: float = 8 * 1024  # 700 MB a day from one sender that nobody attends to
    senders_max: int = 4_096  # beyond it, the sender heard least recently is forgotten and starts with a full quota


_Sender = tuple[str, str, str | None]


class _Account(Struct):
    limiter: RateLimiter
    warned_s: float


class DeadLetterQuota:
    """The quota of each sender (source, event, gateway). `clock_s` is monotonic."""

    def __init__(self, clock_s: Callable[[], float], limits: QuotaLimits | None = None) -> None:
        self._clock_s = clock_s
        self._limits = limits or QuotaLimits()
        self._senders: OrderedDict[_Sender, _Account] = OrderedDict()

    def take(self, rejections: Sequence[Rejection]) -> None:
        """Count dead letters of one sender. Raises Overloaded when its quota has no room for them."""
        if not rejections:
            return
        first = rejections[0]
        account = self._account((first.source, first.event, first.gateway))
        size = sum(len(rejection.raw) + REJECTION_BYTES for rejection in rejections)
        if account.limiter.try_take(size, more_when_full=True):
            return
        now_s = self._clock_s()
        if now_s - account.warned_s >= WARN_EVERY_S:
            account.warned_s = now_s
            log.error(
                "source %s, gateway %s of event %s is HALTED: too many of its messages cannot be read; see"
                " `matline rejected list`",
                first.source,
                first.gateway,
                first.event,
                extra={"event": first.event, "gateway": first.gateway},
            )
        raise Overloaded(
            f"too many messages of this sender cannot be read, most recently: {first.reason}; look at them with"
            " `matline rejected list`, fix the cause, and send this again"
        )

    def _account(self, sender: _Sender) -> _Account:
        account = self._senders.get(sender)
        if account is None:
            limiter = RateLimiter(self._limits.bytes_a_second, self._limits.at_once_bytes, self._clock_s)
            account = self._senders[sender] = _Account(limiter, self._clock_s() - WARN_EVERY_S)
            if len(self._senders) > self._limits.senders_max:
                self._senders.popitem(last=False)
        else:
            self._senders.move_to_end(sender)
        return account
