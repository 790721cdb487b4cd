"""A stack, a Prometheus that watches it, and what it raises: races with troubles all at once, others one by one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from msgspec import Struct

import races
from loadtest.devices.mylaps import Exporter
from loadtest.drill.planted import (
    PLANTED,
    PlantedRace,
    opening_alone,
    planted_races,
    race,
    thinned,
    with_chip,
)
from loadtest.drill.prometheus import Labels, Prometheus, running_prometheus
from loadtest.drill.troubles import CHIP, EVENT, PLACES, ZONE, Scene, Trouble, repeated, sources, steady
from loadtest.driver import Target, drive
from loadtest.stack import free_ports, running_stack
from schemas.definition import Definition
from schemas.definition_parse import definition_from_toml

RACE = "hanoi-half-2024"
CLEAN = f"{PLANTED}clean"
SIZE = 500  # of a race with a trouble, so that it is sure to be found
READS_A_SECOND = 400.0  # of each of these races, so that no gateway comes far behind the others
WHOLE_READS_A_SECOND = 1_200.0  # of a race that has all reads of each crossing
ENTRANTS = 50  # of the event whose reads come while the stack has its troubles
RAISED_S = 600.0  # for a hang only
QUIET_S = 5.0  # after the last alert that is due, for those that are not
WATCHED_S = 45.0  # of a trouble that raises nothing: longer than a critical alert waits
ENDED_S = 90.0
POLL_S = 0.5
OF_THE_MACHINE = frozenset({"BoardsSlow", "DiskFull", "LoopLate"})
"""Alerts that a slow machine or its full disk raises by itself: they are shown, and only count where they are due."""


class Outcome(Struct, frozen=True, kw_only=True):
    """A trouble, the alerts that it had to raise, and those that it raised with the seconds until then.

    A trouble of a race counts from when all its reads are sent. `ended` is whether all alerts ended once it was mended,
    None where nobody waited for that.
    """

    trouble: str
    due: frozenset[str]
    raised: dict[str, float]
    ended: bool | None = None

    @property
    def is_right(self) -> bool:
        """Whether exactly the alerts that were due came, and ended."""
        return self.raised.keys() - (OF_THE_MACHINE - self.due) == self.due and self.ended is not False


Report = Callable[[Outcome], None]


@asynccontextmanager
async def staged() -> AsyncIterator[Scene]:
    """Start a stack with two connected readers, and a Prometheus that scrapes all services of it."""
    prometheus_port, reader_port, wrong_zone_port, spare_port = free_ports(4)
    async with (
        running_stack(sources=sources(reader_port, wrong_zone_port)) as stack,
        running_prometheus(prometheus_port) as prometheus,
        Exporter("127.0.0.1", reader_port, PLACES[:1], ZONE) as reader,
        Exporter("127.0.0.1", wrong_zone_port, PLACES[1:], ZONE) as wrong_zone_reader,
    ):
        scene = Scene(stack, prometheus, reader, wrong_zone_reader, reader_port, spare_port)
        prometheus.scrape(scene.targets())
        await reader.heard()
        await wrong_zone_reader.heard()

        async def all_up() -> bool:
            return len(await prometheus.query("up == 1")) == len(scene.targets())

        await _until(all_up, RAISED_S)
        yield scene


async def race_troubles(scene: Scene, clean_size: int, thin: bool, report: Report) -> None:
    """Send a clean race and one for each trouble of races, all at once, and report what each raised.

    `thin` sends one read of each crossing of the clean race, as of the others, and not seven.
    """
    clean = race(_definition(), CLEAN, clean_size, seed=0)
    planted = [
        PlantedRace(
            trouble=f"none: a race of {clean_size:,}",
            alerts=frozenset(),
            simulation=thinned(clean) if thin else clean,
        ),
        *planted_races(_definition(), SIZE, time.time_ns() // 1000),
    ]
    raised_s: dict[str, dict[str, float]] = {sent.event: {} for sent in planted}
    sent_s: dict[str, float] = {}

    async def send(sent: PlantedRace) -> None:
        rate = READS_A_SECOND if thin or sent.alerts else WHOLE_READS_A_SECOND
        await drive(sent.simulation, _target(scene), pace=lambda _: rate)
        sent_s[sent.event] = time.monotonic()

    async def watch() -> None:
        while True:
            for labels in await scene.prometheus.firing():
                named = dict(labels)
                raised_s.get(named.get("event", ""), {}).setdefault(named["alertname"], time.monotonic())
            await asyncio.sleep(POLL_S)

    async def all_raised() -> bool:
        return all(sent.alerts <= raised_s[sent.event].keys() for sent in planted)

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.TaskGroup() as group:
            for sent in planted:
                group.create_task(send(sent))
        await _until(all_raised, RAISED_S)
        await asyncio.sleep(QUIET_S)
    finally:
        watching.cancel()
    for sent in planted:
        seconds = {name: max(0.0, at_s - sent_s[sent.event]) for name, at_s in raised_s[sent.event].items()}
        report(Outcome(trouble=sent.trouble, due=sent.alerts, raised=seconds))


async def stack_troubles(scene: Scene, troubles: Iterable[Trouble], report: Report) -> None:
    """Plant each trouble while reads come, wait until its alerts are there, mend it, and report."""
    await drive(with_chip(opening_alone(race(_definition(), EVENT, ENTRANTS, seed=0)), CHIP), _target(scene))
    async with repeated("reads", "good_token", steady)(scene):
        for trouble in troubles:
            report(await _tried(scene, trouble))


async def _tried(scene: Scene, trouble: Trouble) -> Outcome:
    before = (await scene.prometheus.firing()).keys()
    new: set[Labels] = set()
    raised: dict[str, float] = {}
    async with trouble.plant(scene):
        planted_s = time.monotonic()
        until_s = planted_s + (trouble.patience_s if trouble.alerts else WATCHED_S)
        while time.monotonic() < until_s:
            for labels in (await scene.prometheus.firing()).keys() - before - new:
                named = dict(labels)
                if not named.get("event", "").startswith(PLANTED):
                    new.add(labels)
                    raised.setdefault(named["alertname"], time.monotonic() - planted_s)
            if trouble.alerts and trouble.alerts <= raised.keys():
                until_s = min(until_s, planted_s + max(raised[name] for name in trouble.alerts) + QUIET_S)
            await asyncio.sleep(POLL_S)
    ended = await _ended(scene.prometheus, new) if trouble.ends else None
    return Outcome(trouble=trouble.name, due=trouble.alerts, raised=raised, ended=ended)


async def _ended(prometheus: Prometheus, alerts: set[Labels]) -> bool:
    """Return whether alerts end within a while, those of the machine aside."""
    planted = {labels for labels in alerts if dict(labels)["alertname"] not in OF_THE_MACHINE}

    async def all_over() -> bool:
        return planted.isdisjoint(await prometheus.firing())

    try:
        await _until(all_over, ENDED_S)
    except TimeoutError:
        return False
    return True


def _definition() -> Definition:
    return definition_from_toml(races.definition_toml(RACE))


def _target(scene: Scene) -> Target:
    return Target(
        url=f"http://127.0.0.1:{scene.stack.ingest_port}",
        gateway_token=scene.stack.good_token,
        official_token=scene.stack.official_token,
    )


async def _until(condition: Callable[[], Awaitable[bool]], patience_s: float) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while True:
            if await condition():
                return
            await asyncio.sleep(POLL_S)
