"""What simulated readers that post to ingest share: a post that is not answered OK is sent again unchanged.

Each post has a connection of its own. How real readers repeat a post is not documented; these repeat it for ever.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from urllib.parse import quote

from loadtest.devices.simulated import Sighted, Site, places

AGAIN_S = 0.1
ANSWER_WAIT_S = 10.0

Body = Callable[[Sequence[Sighted], str], bytes]
"""A function that returns reads as a reader of this kind posts them, of a reader called so."""


class PostingReader:
    """A reader at one mat, which is named in its address; the reader's number there is its antenna.

    `word` names the protocol in the path, `body` makes what it posts.
    """

    def __init__(self, site: Site, word: str, body: Body) -> None:
        self.trouble = site.trouble
        self.posts = 0
        [self._mat] = site.mats
        self._site = site
        self._body = body
        self._path = f"/v1/events/{quote(site.event)}/{word}/{quote(site.gateway)}?device={quote(site.gateway)}"

    async def start(self) -> None:
        """Do nothing: it has nothing to say yet."""

    async def heard(self) -> None:
        """Return once ingest takes its posts."""
        await self._post(b"")

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        """Post reads, again and again until they are taken."""
        await self._post(self._body(seen, self._site.gateway))

    async def all_sent(self) -> None:
        """Return at once: `send_reads` has waited for the answer."""

    async def close(self) -> None:
        """Do nothing: it keeps no connection."""

    def source(self) -> dict[str, object]:
        """Return the fields that its `[[sources]]` table has beside protocol, event, gateway and zone."""
        return {"devices": {f"{self._site.gateway}/{place}": device for place, device in places(self._mat)}}

    async def _post(self, body: bytes) -> None:
        head = f"POST {self._path} HTTP/1.1\r\nHost: {self._site.host}\r\nContent-Length: {len(body)}\r\n\r\n"
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_WAIT_S):
                    if await self._answered_ok(head.encode() + body):
                        return
            await asyncio.sleep(AGAIN_S)

    async def _answered_ok(self, request: bytes) -> bool:
        """Send a request on a connection of its own. Raises OSError."""
        reader, writer = await asyncio.open_connection(self._site.host, self._site.port)
        try:
            self.posts += 1
            await self.trouble.send(writer, request)
            return (await reader.readline()).split()[1:2] == [b"200"]
        finally:
            writer.transport.abort()
