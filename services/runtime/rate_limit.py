"""So much a second, and some at once after a quiet time: what is more takes its turn."""

import time
from collections.abc import Callable


class RateLimiter:
    """Turns of one kind: `a_second` of them (requests, bytes), `at_once` after a quiet time. `clock_s` is monotonic."""

    def __init__(self, a_second: float, at_once: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._each_s = 1 / a_second
        self._quiet_s = at_once / a_second
        self._clock_s = clock_s
        self._turn_s = clock_s() - self._quiet_s

    def take(self, number: int = 1) -> float:
        """Take the next turns; the seconds until the last of them."""
        now_s = self._clock_s()
        self._turn_s = max(self._turn_s, now_s - self._quiet_s) + number * self._each_s
        return max(0.0, self._turn_s - now_s)
