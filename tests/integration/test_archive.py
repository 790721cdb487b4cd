"""An event archived and reopened on a running stack, through processes killed on the way."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.demo.stack import Stack
from services.operate.archive import ArchiveRefused, Services, archive, reopen
from services.operate.backup import check_file
from services.runtime.kafka import KafkaOptions
from tests.builders import EVENT, Plain, defined, definition, entries, fact, gun, read, reads, run, status

WAIT_S = 300.0  # for a hang only
OTHER = "other-2026"  # with other events around it on the log


def matline(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.cli", *words, f"--stack={stack.data}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False, cwd=stack.data)


async def sent(session: aiohttp.ClientSession, stack: Stack, event: str, *facts: Plain) -> tuple[int, Any]:
    """Return the status and the answer of ingest for facts of an event."""
    body = [{**item, "event": event} for item in facts]
    async with session.post(f"{stack.ingest}/v1/events/{event}/facts", json=body) as answer:
        return answer.status, await answer.json()


async def pushed(session: aiohttp.ClientSession, stack: Stack, event: str, *of: Plain) -> tuple[int, Any]:
    """Return the status and the answer of ingest for the reads of facts."""
    every = [item for plain in of for item in plain["reads"]]
    body = {"gateway": "van", "session": "1", "reads": [{**item, "seq": seq} for seq, item in enumerate(every, 1)]}
    async with session.post(f"{stack.ingest}/v1/events/{event}/reads", json=body) as answer:
        return answer.status, await answer.json()


async def shown(session: aiohttp.ClientSession, stack: Stack, event: str, revision: int = 0) -> Any:
    """Return live's answer about an event, once it is of a revision."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                async with session.get(f"{stack.live}/v1/events/{event}") as answer:
                    body = await answer.json()
                    if answer.status == 200 and body["revision"] >= revision:
                        return body
            except aiohttp.ClientError:
                pass  # live was killed, too
            await asyncio.sleep(0.1)


async def standings(session: aiohttp.ClientSession, stack: Stack) -> Any:
    async with session.get(f"{stack.live}/v1/events/{EVENT}/standings") as answer:
        return {part: value for part, value in (await answer.json()).items() if part not in ("revision", "updated_at")}


async def answered(session: aiohttp.ClientSession, stack: Stack, path: str) -> int:
    """Return the status that live answers about the event, once the facts behind the boards have arrived."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with session.get(f"{stack.live}/v1/events/{EVENT}/{path}") as answer:
                if answer.status != 503:
                    return answer.status
            await asyncio.sleep(0.1)


async def metrics(session: aiohttp.ClientSession, port: int) -> str:
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return await answer.text()


async def killed(stack: Stack, *services: str) -> None:
    """Kill processes of the stack with -9, and return when others have taken their places."""
    before = {service: stack.processes[service] for service in services}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        while any(stack.processes[service] == pid for service, pid in before.items()):
            await asyncio.sleep(0.1)


async def test_an_archived_event_costs_nothing_shows_its_boards_and_comes_back_the_same(
    stack: Stack, tmp_path: Path
) -> None:
    await stack.start()
    async with aiohttp.ClientSession() as session:
        for event in (EVENT, OTHER):
            facts = defined(definition(event=event)), entries("7", "8", "9"), gun()
            assert (await sent(session, stack, event, *facts))[0] == 200
            assert (await pushed(session, stack, event, run("7"), run("8"), reads(read("S1", "NOBODY", 5))))[0] == 200
        _, body = await sent(session, stack, EVENT, status("9", "DNS"))
        await shown(session, stack, EVENT, body["revision"])
        before = await standings(session, stack)

        services = Services(kafka=KafkaOptions(servers=stack.kafka), live=stack.live, ingest=stack.ingest, headers={})
        with pytest.raises(ArchiveRefused, match="minutes ago, so the race may be on"):
            await archive(services, EVENT, tmp_path / "refused.jsonl.gz", despite_reads=False)
        out = tmp_path / "race.jsonl.gz"
        words = ("event", "archive", EVENT, "--despite-reads", f"--out={out}")
        done = await asyncio.to_thread(matline, stack, *words)
        assert done.returncode == 0, done.stderr
        assert "is archived at revision" in done.stdout
        assert check_file(out)[0] == EVENT
        assert "is archived already" in await archive(services, EVENT, out, despite_reads=True)

        for attempt in range(2):  # as it was archived, and after everything was killed and began anew
            assert (await shown(session, stack, EVENT))["archived"] is True
            assert await standings(session, stack) == before
            for path in ("athletes/7/explain", "health", "cases", "changes?from=0"):
                assert await answered(session, stack, path) == 200, path
            series = await metrics(session, stack.ports.projections)
            assert f'event="{EVENT}"' not in series
            assert f'event="{OTHER}"' in series
            code, body = await pushed(session, stack, EVENT, run("9"))
            assert (code, body["title"]) == (409, "Event archived")
            assert f"`matline event reopen {EVENT}`" in body["detail"]
            assert (await sent(session, stack, EVENT, status("9", "OK")))[0] == 409
            if attempt == 0:
                await killed(stack, "scoring", "projections", "ingest")
                _, body = await sent_when_back(session, stack, OTHER, status("9", "DNS"))
                await shown(session, stack, OTHER, body["revision"])
                await until_known(session, stack)
        _, body = await sent(session, stack, EVENT, fact("event_reopened"))
        await killed(stack, "scoring")  # the next one reads it in a fill
        assert (await shown(session, stack, EVENT, body["revision"]))["archived"] is False
        assert await standings(session, stack) == before
        assert await effect_when_known(session, stack, status("9", "OK")) in ("applied", "no_change")
        _, body = await pushed(session, stack, EVENT, run("9"))
        counts = (await shown(session, stack, EVENT, body["revision"]))["counts"]
        assert counts == {"FINISHED": 3}

        await archive(services, EVENT, tmp_path / "again.jsonl.gz", despite_reads=True)
        assert "its boards are those that it was archived with" in await reopen(services, EVENT)
        assert "is not archived" in await reopen(services, EVENT)


async def sent_when_back(session: aiohttp.ClientSession, stack: Stack, event: str, *facts: Plain) -> tuple[int, Any]:
    """Return what ingest answers once it runs again."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                code, body = await sent(session, stack, event, *facts)
                if code == 200:
                    return code, body
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def effect_when_known(session: aiohttp.ClientSession, stack: Stack, plain: Plain) -> str:
    """Return the effect of a fact, sent again until ingest has read the log of the event that is open again."""
    async with asyncio.timeout(WAIT_S):
        while True:
            code, body = await sent(session, stack, EVENT, plain)
            assert code == 200
            effect: str = body["facts"][0]["effect"]
            if effect != "unknown":
                return effect


async def until_known(session: aiohttp.ClientSession, stack: Stack) -> None:
    """Return once ingest has read the log, from which it knows what is archived."""
    async with asyncio.timeout(WAIT_S):
        while "matline_ingest_follower_up 1.0" not in await metrics(session, stack.ports.ingest):
            await asyncio.sleep(0.1)
