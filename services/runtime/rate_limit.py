"""A rate limiter: a number a second, and a burst after a pause.

`take` makes callers wait in turn; `try_take` refuses a caller who would have to wait.
"""

import time
from collections.abc import Callable


class RateLimiter:
    """Limit requests or bytes to `a_second`, with a burst of `at_once` after a pause.

    `clock_s` is monotonic.
    """

    def __init__(self, a_second: float, at_once: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._each_s = 1 / a_second
        self._burst_s = at_once / a_second
        self._clock_s = clock_s
        self._taken_until_s = clock_s() - self._burst_s  # the instant up to which the rate is used up

    def take(self, number: int = 1) -> float:
        """Take `number` and return the seconds to wait until the last of them is due."""
        now_s = self._clock_s()
        self._taken_until_s = max(self._taken_until_s, now_s - self._burst_s) + number * self._each_s
        return max(0.0, self._taken_until_s - now_s)

    def try_take(self, number: int = 1, more_when_full: bool = False) -> bool:
        """Take `number` if none of them has to wait, else take nothing and return false.

        With `more_when_full` a limiter with its full burst gives even more than that at once, and is then overdrawn.
        """
        now_s = self._clock_s()
        free_from_s = max(self._taken_until_s, now_s - self._burst_s)
        full = free_from_s == now_s - self._burst_s
        if free_from_s + number * self._each_s > now_s and not (full and more_when_full):
            return False
        self._taken_until_s = free_from_s + number * self._each_s
        return True
