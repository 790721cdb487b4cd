"""The short drill: a real Prometheus over a real stack with a clean race, races with troubles, and one of its own.

Meanwhile the dashboards' expressions are asked, until each had data.
"""

import asyncio
import re

import aiohttp

from loadtest.drill.prometheus import Prometheus
from loadtest.drill.run import CLEAN, Outcome, race_troubles, stack_troubles, staged
from loadtest.drill.troubles import TROUBLES, Scene
from tests.deploy.dashboards import expressions

SIZE = 500
CABLE = [trouble for trouble in TROUBLES if trouble.name == "a reader's cable pulled"]
ONLY_ELSEWHERE = {  # of troubles that are not in the short drill, of a reader's clock, and of a ClickHouse server
    "matline_ingest_clock_offset_seconds",
    "matline_ingest_halted_total",
    "matline_ingest_reader_failures_total",
    "matline_ingest_rejected_total",
    "matline_ingest_utc_differs_total",
    "matline_projections_clickhouse_free_bytes",
    "matline_scoring_rejected_total",
}


async def test_each_trouble_raises_exactly_its_alerts_a_clean_race_none_and_dashboards_have_data():
    outcomes: list[Outcome] = []
    async with staged() as scene, asyncio.timeout(900):
        looking = asyncio.create_task(looked_at(scene))
        await asyncio.gather(
            race_troubles(scene, SIZE, thin=True, report=outcomes.append),
            stack_troubles(scene, CABLE, outcomes.append),
        )
        await looking
        assert await served(next(iter((await scene.prometheus.firing()).values()))["runbook_url"])
    assert [outcome for outcome in outcomes if not outcome.is_right] == []


async def looked_at(scene: Scene) -> None:
    """Look at a board and publish results, as others do, until every expression of a dashboard has had data."""
    facts = f"http://127.0.0.1:{scene.stack.ingest_port}/v1/events/{CLEAN}/facts"
    summary = f"http://127.0.0.1:{scene.stack.live_port}/v1/events/{CLEAN}"
    published = {"type": "results_published", "event": CLEAN, "race": "5k", "state": "provisional"}
    waiting = {expression for expression in expressions() if not ONLY_ELSEWHERE & set(re.findall(r"\w+", expression))}
    async with aiohttp.ClientSession() as session:
        while waiting:
            headers = {"Authorization": f"Bearer {scene.stack.official_token}"}
            await (await session.post(facts, json=published, headers=headers)).read()
            await (await session.get(summary)).read()
            for expression in sorted(waiting):
                if await has_data(scene.prometheus, expression):
                    waiting.remove(expression)
            await asyncio.sleep(1.0)


async def has_data(prometheus: Prometheus, expression: str) -> bool:
    """Whether an expression gives anything, with the variables of a dashboard filled in."""
    values = {"__rate_interval": "30s", "event": ".*", "race": ".*"}
    return bool(await prometheus.query(re.sub(r"\$(\w+)", lambda variable: values[variable[1]], expression)))


async def served(url: str) -> bool:
    """Whether there is a page."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status == 200
