"""Looks at the services of the stack while somebody asks, and what is remembered of earlier looks for alerts."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from services.watch.alerts import COUNTED, HISTORY_S, Alert, Looks, Since, alerts
from services.watch.ask_services import Addresses, look_at
from services.watch.stack_state import StackState, stack_state
from services.watch.watched_service import Look, WatchedService

FRESH_S = 4.0  # a look serves all who ask within this time; pages ask every 5 s


class Watched(NamedTuple):
    """The stack as it is, its alerts, and since when it has been watched without a long pause (Unix time)."""

    state: StackState
    alerts: Sequence[Alert]
    at_s: float
    since_s: float


class StackWatch:
    """Keeps what alerts need of earlier looks. After a pause of HISTORY_S it begins anew."""

    def __init__(self, services: Addresses) -> None:
        self._services = services
        self._last: Look | None = None
        self._earlier: list[Look] = []  # with the metrics of COUNTED alone
        self._holding: Since = {}
        self._since_s = 0.0
        self._watched: Watched | None = None
        self._looking = asyncio.Lock()

    async def watched(self) -> Watched:
        """Return how the stack is, by a look of now or of a little while ago."""
        async with self._looking:
            if self._watched is None or not 0 <= time.time() - self._watched.at_s < FRESH_S:
                look = await look_at(self._services)
                self._watched = await asyncio.to_thread(self._judge, look)
            return self._watched

    def _judge(self, now: Look) -> Watched:
        self._earlier = [look for look in self._earlier if now.at_s - HISTORY_S <= look.at_s < now.at_s]
        if self._last is None or not self._earlier:
            self._last, self._holding, self._since_s = now, {}, now.at_s
        found, self._holding = alerts(Looks(now, self._earlier), self._holding)
        state = stack_state(self._last, now)
        self._earlier.append(Look(now.at_s, {name: _counted(service) for name, service in now.services.items()}))
        self._last = now
        return Watched(state, found, now.at_s, self._since_s)


def _counted(service: WatchedService) -> WatchedService:
    samples = [sample for sample in service.samples if sample.name in COUNTED]
    return structs.replace(service, samples=samples)
