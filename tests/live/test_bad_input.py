"""Requests that no client should send to live, and names that no list should have: no bug, no library's words."""

import asyncio
import csv
import io
import re
from xml.etree import ElementTree

import aiohttp
import pytest
from yarl import URL

from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT, defined, entries, entry, gun, run
from tests.live.racing import Racing, serving

HANG_S = 60.0
BASE = f"/v1/events/{EVENT}"
IDS = [
    "%00",
    "%ff",
    "..%2f..%2fetc",
    "%2e%2e",
    "%ed%a0%80",
    "a" * 3000,
    "%e2%80%ae",
    "%0d%0aX:%20y",
    "'%20or%201=1--",
    "9" * 60,
]
PATHS = [
    "/{}",
    "/static/{}",
    "/announce/{}",
    "/overlay/{}/leaderboard",
    "/events/{}",
    f"/events/{EVENT}/{{}}",
    "/v1/events/{}",
    "/v1/events/{}/boards/men.csv",
    "/v1/events/{}/stream",
    BASE + "/boards/{}",
    BASE + "/boards/{}.xml",
    BASE + "/boards/men?limit={}",
    BASE + "/boards/men?as_of={}",
    BASE + "/boards/men.json?columns={}",
    BASE + "/athletes/{}",
    BASE + "/athletes/{}/explain",
    BASE + "/athletes?q={}",
    BASE + "/changes?from={}",
    BASE + "/stream?board={}",
]
LIBRARIES_WORDS = re.compile(
    r"Expected `|got `|codec can't|recursion|bytearray|Traceback|NoneType|<class|[a-z](Error|Exception)\b"
)
HEADERS = {
    "Range": "bytes=0-10,5-",
    "If-None-Match": 'W/"x", *, junk',
    "Accept-Language": "\xff;q=x",
    "Accept": "a/b/c;;q",
}
NAMES = {
    "1": "\u202eevil",  # turns the text round
    "2": "Zoë\u200d\u200b",
    "3": '=HYPERLINK("http://x")',
    "4": "<script>alert(1)</script>",
    "5": "]]>&amp;\"'",
    "6": "𝔘𐍈🏃🏽\u200d♀️",
    "7": "\u0645\u0631\u064a\u0645 \u2067\u05d0\u05d1\u2069",  # from right to left
    "8": "a\x00b\x0b\x1b[2J\ufffe",  # what XML cannot hold, and what a terminal obeys
}


async def racing(database) -> Racing:
    race = Racing(database)
    named = [entry(bib, family_name=name) for bib, name in NAMES.items()]
    await race.announce(defined(), entries(*named), gun(0), *(run(bib) for bib in NAMES))
    return race


async def test_requests_that_make_no_sense_are_refused_without_a_bug_or_a_line(database, caplog):
    race = await racing(database)
    async with serving(race) as live, aiohttp.ClientSession() as session:
        for path in PATHS:
            for bad in IDS:
                for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
                    url = URL(live.base + path.format(bad), encoded=True)
                    async with session.request(method, url, headers=HEADERS) as response:
                        text = (await response.read()).decode()
                    about = f"{method} {path} {bad[:40]}: {response.status} {text[:300]}"
                    assert response.status < 500, about
                    assert not LIBRARIES_WORDS.search(text), about
                    assert "\nX: y" not in str(response.raw_headers), about
        async with session.get(URL(f"{live.base}/%00", encoded=True), headers={"Accept": "text/html"}) as response:
            assert response.status == 404
    assert caplog.text == ""


@pytest.mark.parametrize(
    "request_line", [b"GET /\xf0\x9f\x8f\x83 HTTP/1.1", b"\x16\x03\x01", b"GET /" + b"a" * 9000 + b" HTTP/1.1"]
)
async def test_what_is_no_request_is_answered_in_our_words_and_leaves_no_line(database, caplog, request_line):
    async with serving(database=database) as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(live.base).port)
        writer.write(request_line + b"\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(HANG_S):
            answer = await reader.read()
        writer.close()
    assert re.match(rb"HTTP/1\.[01] (400|431) ", answer)
    assert b"application/problem+json" in answer
    assert not LIBRARIES_WORDS.search(answer.decode())
    assert caplog.text == ""


@pytest.mark.parametrize("path", ["/overlay/{}/ograf.zip", "/{}/results/config"])
@pytest.mark.parametrize("host", [b"a:b", b"", b"ex\xe9"])
async def test_a_host_that_is_no_address_is_no_bug(database, path, host):
    race = await racing(database)
    async with serving(race) as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(live.base).port)
        request_line = f"GET {path.format(EVENT)} HTTP/1.1\r\n".encode()
        writer.write(request_line + b"Host: " + host + b"\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(HANG_S):
            status_line, _, rest = (await reader.read()).partition(b"\r\n")
        writer.close()
    assert int(status_line.split()[1]) < 500, rest[:300]


async def test_the_server_named_for_graphics_has_to_be_an_address(database):
    race = await racing(database)
    async with serving(race) as live:
        for wrong in ("http://%5Bx", "ftp://x", "x"):
            problem = await live.json(f"/overlay/{EVENT}/ograf.zip?server={wrong}", status=400)
            assert problem["title"] == "No address"


@pytest.mark.parametrize("last_id", ["9" * 5000, "-1", "1e9", "\u0663", "\xff", "0x10"])
async def test_a_stream_that_goes_on_from_what_is_no_revision_begins_anew(database, last_id):
    race = await racing(database)
    async with serving(race) as live, live.get(f"{BASE}/stream", headers={"Last-Event-ID": last_id}) as stream:
        assert stream.status == 200
        async with asyncio.timeout(HANG_S):
            assert b"event: snapshot" in await stream.content.readuntil(b"data:")


async def test_a_stream_ends_when_its_token_is_revoked(database, tmp_path):
    race = await racing(database)
    path = tmp_path / "tokens.json"
    shown, kept = new_token("reader", "tv", ["*"], [], "2026-01-01")
    path.write_bytes(tokens_bytes([kept]))
    limits = LiveLimits(check_tokens_s=0.0, heartbeat_s=0.05)
    async with serving(race, limits=limits, tokens=path) as live, live.get(f"{BASE}/stream?key={shown}") as stream:
        async with asyncio.timeout(HANG_S):
            await stream.content.readuntil(b"event: heartbeat")
            path.write_bytes(tokens_bytes([new_token("reader", "other", ["*"], [], "2026-01-01")[1]]))
            await stream.content.read()


async def test_names_of_any_characters_come_through_every_form_and_change_nothing_around_them(database):
    race = await racing(database)
    async with serving(race) as live:
        rows = await live.json(f"{BASE}/boards/men.json")
        assert {row["bib"]: row["family_name"] for row in rows} == NAMES
        table = list(csv.DictReader(io.StringIO(await live.text(f"{BASE}/boards/men.csv"))))
        assert [row["bib"] for row in table] == list(NAMES)
        assert not [value for row in table for name, value in row.items() if "name" in name and value[:1] == "="]
        document = ElementTree.fromstring(await live.text(f"{BASE}/boards/men.xml"))
        assert len(list(document)) == len(NAMES)
        page = await live.text(f"/{EVENT}?board=men")
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
