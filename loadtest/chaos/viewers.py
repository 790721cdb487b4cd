"""Viewers of a live event that come back after each cut, and note every revision and publication they are shown."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
import msgspec

from loadtest.chaos.evidence import Evidence, Shown, ShownPublication

POLL_S = 0.1
PUBLISHED_POLL_S = 1.0
COME_BACK_S = 0.2
CUT_EVERY = 40  # events of a stream, after which the viewer itself hangs up and comes back
LOOK_BACK_S = 180.0  # for all publications of a run
SILENT_S = 15.0  # three heartbeats; then the viewer hangs up
TIMEOUT = aiohttp.ClientTimeout(total=10.0)

AWAY = (aiohttp.ClientError, TimeoutError, msgspec.DecodeError)


async def follow_stream(url: str, evidence: Evidence) -> None:
    """Follow the event stream until cancelled, and come back with the last id, as a browser does."""
    last_id: str | None = None
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            headers = {} if last_id is None else {"Last-Event-ID": last_id}
            with suppress(*AWAY):
                async with session.get(f"{url}/stream", headers=headers, raise_for_status=True) as answer:
                    seen = 0
                    async for line in answer.content:
                        if line.startswith(b"id:"):
                            last_id = line[3:].strip().decode()
                            evidence.shown.append(Shown("stream", time.monotonic(), int(last_id)))
                            seen += 1
                            if seen == CUT_EVERY:
                                break
            await asyncio.sleep(COME_BACK_S)


async def poll_board(url: str, board: str, evidence: Evidence) -> None:
    """Ask for a board again and again until cancelled."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        while True:
            with suppress(*AWAY):
                async with session.get(f"{url}/boards/{board}") as answer:
                    if answer.status == 200:
                        revision = msgspec.json.decode(await answer.read())["revision"]
                        evidence.shown.append(Shown("board", time.monotonic(), revision))
            await asyncio.sleep(POLL_S)


async def poll_publications(url: str, races: Sequence[str], evidence: Evidence) -> None:
    """Ask for what is published of each race until cancelled."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        while True:
            for race in races:
                with suppress(*AWAY):
                    await _note_publication(session, url, race, None, evidence)
            await asyncio.sleep(PUBLISHED_POLL_S)


async def look_back(url: str, evidence: Evidence) -> None:
    """Ask again for each publication that was ever shown, as of then. Raises TimeoutError if one is not served."""
    shown = {(publication.race, publication.revision) for publication in evidence.publications}
    async with asyncio.timeout(LOOK_BACK_S), aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for race, revision in sorted(shown):
            while True:
                with suppress(*AWAY):
                    if await _note_publication(session, url, race, revision, evidence):
                        break
                await asyncio.sleep(COME_BACK_S)  # a busy machine may answer 503


async def _note_publication(
    session: aiohttp.ClientSession, url: str, race: str, as_of: int | None, evidence: Evidence
) -> bool:
    """Note a publication as it is served; return whether it was."""
    query = "" if as_of is None else f"?as_of={as_of}"
    async with session.get(f"{url}/published/{race}{query}") as answer:
        if answer.status != 200:
            return False
        publication = msgspec.json.decode(await answer.read())["publication"]
    revision = publication["document_revision"]
    async with session.get(f"{url}/published/{race}/document?as_of={revision}") as answer:
        if answer.status != 200:
            return False
        evidence.publications.append(ShownPublication(race, revision, publication["sha256"], await answer.read()))
    return True
