"""Exponential backoff: how long to wait before something that failed is tried again."""

import random

from msgspec import Struct


class Backoff(Struct, frozen=True):
    """Wait `first_s` after the first failure, twice as long after each further one, `most_s` at most.

    `jitter` is the share of each pause, from 0 to 1, of which a random part is left out, so that many clients behind
    one switch do not try again all at the same instant.
    """

    first_s: float
    most_s: float
    jitter: float = 0.0

    def pause_s(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row (at least 1)."""
        doublings = min(failures - 1, 32)  # 2**32 seconds: beyond every bound, and far from a float's end
        pause_s = min(self.first_s * 2.0**doublings, self.most_s)
        return pause_s * random.uniform(1 - self.jitter, 1) if self.jitter else pause_s
