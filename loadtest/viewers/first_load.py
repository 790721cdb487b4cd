"""The bytes of a page's first load: what a browser fetches until it shows a board, compressed and not."""

import re
from collections.abc import Mapping

import aiohttp
from msgspec import Struct

PAGE_ROWS = 100  # as the page asks for
BROWSERS_ACCEPT = "gzip, deflate, br, zstd"
_LINKED = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_IMPORTED = re.compile(r'^import [^"]*"\./([^"]+)"', re.MULTILINE)


class Fetched(Struct, frozen=True):
    """An address that a first load fetches: bytes of its body as sent, and when no encoding is accepted."""

    path: str
    sent_bytes: int
    plain_bytes: int


class FirstLoad(Struct, frozen=True, kw_only=True):
    """Everything that a first load fetches."""

    fetched: list[Fetched]
    name: str = "first load of a board"
    case: str = "all that a page fetches"
    holds: bool = True

    @property
    def values(self) -> Mapping[str, float]:
        """The bytes of all answers."""
        return {
            "bytes sent": sum(answer.sent_bytes for answer in self.fetched),
            "bytes uncompressed": sum(answer.plain_bytes for answer in self.fetched),
        }

    def line(self) -> str:
        """Return one line for a person."""
        sent, plain = (sum(sizes) for sizes in zip(*((f.sent_bytes, f.plain_bytes) for f in self.fetched), strict=True))
        return f"{self.name:<24} {len(self.fetched)} answers of {sent:,} bytes in all, {plain:,} uncompressed"


async def first_load(url: str, event: str, board: str) -> FirstLoad:
    """Return everything that the first load of a board fetches, the page first. Raises aiohttp.ClientError."""
    async with aiohttp.ClientSession(url, auto_decompress=False, raise_for_status=True) as session:
        page = f"/{event}"
        text = await _text(session, page)
        paths = [page, *dict.fromkeys(_LINKED.findall(text))]
        for script in [path for path in paths if path.endswith(".js")]:
            folder = script.rpartition("/")[0]
            paths += [f"{folder}/{name}" for name in _IMPORTED.findall(await _text(session, script))]
        events = f"/v1/events/{event}"
        paths += [events, f"{events}/boards/{board}?limit={PAGE_ROWS}"]
        fetched = [
            Fetched(path, await _size(session, path, BROWSERS_ACCEPT), await _size(session, path, "identity"))
            for path in paths
        ]
    return FirstLoad(fetched=fetched)


async def _text(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        return await answer.text()


async def _size(session: aiohttp.ClientSession, path: str, encoding: str) -> int:
    async with session.get(path, headers={"Accept-Encoding": encoding}) as answer:
        return len(await answer.read())
