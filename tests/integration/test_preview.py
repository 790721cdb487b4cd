"""A preview on a running stack, then the same facts through ingest: the standings differ in exactly what it said."""

import asyncio
from typing import Any

import aiohttp

import races
from loadtest.driver import Target, drive
from loadtest.simulation import simulate
from schemas.definition_parse import definition_from_toml
from services.demo.stack import Stack
from tests.live.test_preview import between
from tests.preview.previewed import comparable

RACE = "hanoi-half-2024"
SIZE = 60
WAIT_S = 120.0  # for a hang only


async def _standings(session: aiohttp.ClientSession, live: str, revision: int) -> Any:
    """Return the standings document once live has come to a revision."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with session.get(f"{live}/standings") as answer:
                document = await answer.json() if answer.status == 200 else {"revision": -1}
            if document["revision"] >= revision:
                return document
            await asyncio.sleep(0.1)


async def _preview(session: aiohttp.ClientSession, live: str, facts: list[dict[str, Any]]) -> Any:
    """Return a preview once the facts and reads behind the results are there."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with session.post(f"{live}/preview", json=facts) as answer:
                body = await answer.json()
                if answer.status == 200:
                    return body
                assert answer.status == 503, body


async def test_a_preview_is_what_the_same_facts_change_once_ingest_has_them(stack: Stack) -> None:
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), SIZE, 1)
    await stack.start()
    driven = await drive(simulation, Target(url=stack.ingest))
    event = simulation.definition.event
    live, ingest = f"{stack.live}/v1/events/{event}", f"{stack.ingest}/v1/events/{event}"
    bibs = [entry.bib for entry in simulation.entries]
    race = simulation.definition.races[0]
    mat = race.points[0].mat
    device = next(known.devices[0] for known in simulation.definition.mats if known.id == mat)
    tried: list[list[dict[str, Any]]] = [
        [{"type": "status_set", "bib": bibs[0], "status": "DQ", "reason": "jury", "id": "dq"}],
        [{"type": "gun_fired", "race": race.id, "at": race.start[11:], "id": "gun"}],
        [{"type": "clock_corrected", "device": device, "offset_us": 2_000_000, "id": "clock"}],
        [
            {"type": "penalty_set", "bib": bibs[1], "seconds": 30, "reason": "littering"},
            {"type": "race_closed", "race": race.id},
            {"type": "fact_withdrawn", "fact": "dq", "reason": "protest upheld"},
        ],
        [{"type": "fact_withdrawn", "fact": "clock", "reason": "was right"}],
    ]
    async with aiohttp.ClientSession() as session:
        before = await _standings(session, live, driven.revision or 0)
        for facts in [[{**fact, "event": event} for fact in sent] for sent in tried]:
            shown = comparable(await _preview(session, live, facts))
            del shown["counts"]
            async with session.post(f"{ingest}/facts", json=facts) as answer:
                assert answer.status == 200, await answer.text()
                revision = (await answer.json())["revision"]
            after = await _standings(session, live, revision)
            assert shown == between(before, after), facts
            assert any(shown.values()), facts
            before = after
