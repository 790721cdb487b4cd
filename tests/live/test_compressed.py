"""Compressed answers over a real socket, read by a client that decompresses nothing by itself."""

import asyncio

import aiohttp
import cramjam
import msgspec
import pytest

from tests.builders import EVENT, defined, entries, gun, run
from tests.live.racing import Racing, serving

BASE = f"/v1/events/{EVENT}"
BIBS = [str(number) for number in range(1, 101)]
DECOMPRESS = {"br": cramjam.brotli.decompress, "gzip": cramjam.gzip.decompress}


async def full_race(database) -> Racing:
    race = Racing(database)
    runs = [run(bib, 1, 2000 + index, 4000 + 3 * index) for index, bib in enumerate(BIBS)]
    await race.announce(defined(), entries(*BIBS), gun(0), *runs)
    return race


async def fetch(live, path: str, coding: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        sent = {"Accept-Encoding": coding, **headers}
        async with session.get(live.base + path, headers=sent) as response:
            return response, await response.read()


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_every_large_answer_is_compressed_for_clients_that_accept_it(database, coding):
    race = await full_race(database)
    paths = [
        f"{BASE}/boards/men",
        f"{BASE}/boards/men.csv",
        f"{BASE}/boards/men.xml",
        f"{BASE}/standings",
        f"{BASE}/athletes/7",
        f"{BASE}/athletes/7/explain",
        f"{BASE}/changes?from=0",
        f"{BASE}/health",
        "/",
        "/static/app.js",
        f"/overlay/{EVENT}/leaderboard",
        f"/announce/{EVENT}",
        "/metrics",
    ]
    async with serving(race) as live:
        for path in paths:
            plain, body = await fetch(live, path, "identity")
            assert plain.status == 200, path
            assert "Accept-Encoding" in plain.headers["Vary"].split(", "), path
            assert "Content-Encoding" not in plain.headers, path
            response, sent = await fetch(live, path, coding)
            assert (response.status, response.headers["Vary"]) == (200, plain.headers["Vary"]), path
            if len(body) < 1024:
                assert "Content-Encoding" not in response.headers, path
                continue
            assert response.headers["Content-Encoding"] == coding, path
            assert int(response.headers["Content-Length"]) == len(sent) < len(body), path
            if path not in ("/metrics", f"{BASE}/health"):  # these two change from one request to the next
                assert bytes(DECOMPRESS[coding](sent)) == body, path
        _, board = await fetch(live, f"{BASE}/boards/men", coding)
        _, plain_board = await fetch(live, f"{BASE}/boards/men", "")
        assert len(board) * 6 < len(plain_board)


async def test_the_first_load_of_a_live_board_takes_60_kb_at_most(database):
    race = await full_race(database)
    paths = [
        f"/{EVENT}",
        "/static/app.js",
        "/static/connection.js",
        "/static/favourites.js",
        "/static/phrases.js",
        "/static/icon.svg",
        "/static/words.js",
        "/static/style.css",
        BASE,
        f"{BASE}/boards/men?offset=0&limit=100&on_course=1",
    ]
    async with serving(race) as live:
        assert sum([len((await fetch(live, path, "gzip"))[1]) for path in paths]) <= 60_000


async def test_each_coding_has_a_strong_tag_of_its_own_and_honours_it(database):
    race = await full_race(database)
    path = f"{BASE}/boards/men"
    async with serving(race) as live:
        tags = {}
        for coding in ("identity", "gzip", "br"):
            response, _ = await fetch(live, path, coding)
            tags[coding] = response.headers["ETag"]
        assert len(set(tags.values())) == 3
        assert all(tag.startswith('"') and tag.endswith('"') for tag in tags.values())
        for coding in tags:
            for known, tag in tags.items():
                response, body = await fetch(live, path, coding, **{"If-None-Match": tag})
                assert response.status == (304 if known == coding else 200), (coding, known)
                if response.status == 304:
                    assert (body, response.headers["ETag"]) == (b"", tag)
                    assert response.headers["Vary"] == "Accept-Encoding"
                    assert "Content-Encoding" not in response.headers


async def test_answers_that_do_not_shrink_or_are_small_are_sent_as_they_are(database):
    race = await full_race(database)
    async with serving(race) as live:
        package, _ = await fetch(live, f"/overlay/{EVENT}/ograf.zip", "gzip, br")
        assert "Content-Encoding" not in package.headers
        clock, body = await fetch(live, "/v1/time", "gzip, br")
        assert "Content-Encoding" not in clock.headers
        assert "now_us" in msgspec.json.decode(body)


async def test_long_problems_and_previews_are_compressed_too(database):
    race = await full_race(database)
    async with serving(race) as live, aiohttp.ClientSession(auto_decompress=False) as session:
        faulty = [{"type": "status_set", "event": EVENT, "bib": "7", "status": "GONE", "reason": "-"}] * 20
        sent = {"Accept-Encoding": "gzip"}
        async with session.post(f"{live.base}{BASE}/preview", json=faulty, headers=sent) as response:
            assert (response.status, response.headers["Content-Encoding"]) == (400, "gzip")
            problem = msgspec.json.decode(bytes(cramjam.gzip.decompress(await response.read())))
            assert len(problem["faults"]) == 20


async def test_a_stream_is_not_compressed(database):
    race = await full_race(database)
    async with serving(race) as live, aiohttp.ClientSession(auto_decompress=False) as session:
        sent = {"Accept-Encoding": "gzip, br"}
        async with session.get(f"{live.base}{BASE}/stream?board=men", headers=sent) as stream:
            assert "Content-Encoding" not in stream.headers
            assert (await stream.content.readline()).startswith((b"event:", b"id:", b"retry:", b":"))


async def test_concurrent_clients_of_one_coding_get_the_same_bytes(database):
    race = await full_race(database)
    async with serving(race) as live:
        got = await asyncio.gather(*(fetch(live, f"{BASE}/boards/men", "br") for _ in range(20)))
        assert len({body for _, body in got}) == 1
        await race.announce(run("1", 1, 2000, 3990))
        changed, _ = await fetch(live, f"{BASE}/boards/men", "br")
        assert changed.headers["ETag"] != got[0][0].headers["ETag"]
