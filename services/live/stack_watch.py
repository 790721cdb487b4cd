"""Looks at the services of the stack while somebody asks, and what is remembered of earlier looks for alerts."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from services.watch.alerts import COUNTED, HISTORY_S, Alert, Looks, Since, alerts
from services.watch.ask_services import Addresses, look_at
from services.watch.watched_service import Look, WatchedService

FRESH_S = 4.0  # a look serves all who ask within this time; pages ask every 5 s


class Watched(NamedTuple):
    """The newest look and the one before (itself, if there is none), the alerts, and since when the stack has been
    watched without a long pause (Unix time).
    """

    before: Look
    now: Look
    alerts: Sequence[Alert]
    since_s: float


class StackWatch:
    """Keeps what alerts need of earlier looks. After a pause of HISTORY_S it begins anew."""

    def __init__(self, services: Addresses) -> None:
        self._services = services
        self._earlier: list[Look] = []  # with the metrics of COUNTED alone
        self._holding: Since = {}
        self._watched: Watched | None = None
        self._looking = asyncio.Lock()

    async def watched(self) -> Watched:
        """Return how the stack is, by a look of now or of a little while ago."""
        async with self._looking:
            if self._watched is None or not 0 <= time.time() - self._watched.now.at_s < FRESH_S:
                self._watched = await self._look(self._watched)
            return self._watched

    async def _look(self, last: Watched | None) -> Watched:
        """Return a new look with its alerts. Of one that is cancelled, nothing is remembered."""
        now = await look_at(self._services)
        earlier = [look for look in self._earlier if now.at_s - HISTORY_S <= look.at_s < now.at_s]
        if last is None or not earlier:
            last = Watched(now, now, (), now.at_s)
        found, holding = await asyncio.to_thread(alerts, Looks(now, earlier), self._holding if earlier else {})
        counted = {name: _counted(service) for name, service in now.services.items()}
        self._earlier, self._holding = [*earlier, Look(now.at_s, counted)], holding
        return Watched(last.now, now, found, last.since_s)


def _counted(service: WatchedService) -> WatchedService:
    samples = [sample for sample in service.samples if sample.name in COUNTED]
    return structs.replace(service, samples=samples)
