"""A log line for senders without a valid token: the first request of an address, and each hundredth.

A gateway with a mistyped token repeats itself for hours, and a scan comes in thousands: both are to be seen, neither
is to fill the log.
"""

import logging
from collections import OrderedDict

LOGGED_EVERY = 100
ADDRESSES_MAX = 1_000  # beyond it, the address that was refused least recently is forgotten

log = logging.getLogger(__name__)


class RefusedSenders:
    """Counts refused requests by the address that they come from."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def note(self, address: str | None, event: str, reason: str) -> None:
        """Count a refused request, and log it if it is due. `address` is None where the connection is gone already."""
        name = address or "unknown"
        count = self._counts.pop(name, 0) + 1
        self._counts[name] = count
        if len(self._counts) > ADDRESSES_MAX:
            self._counts.popitem(last=False)
        if count == 1 or count % LOGGED_EVERY == 0:
            log.warning(
                "refused a request from %s, the %d. from there without a valid token: %s",
                name,
                count,
                reason,
                extra={"event": event, "address": name},
            )
