"""Faults on a reader's connection, by a seed: frames come in pieces, twice, after garbage, or are cut off."""

import asyncio
import random


class Trouble:
    """Write frames with faults; each chance applies to one frame. `cut` breaks the connection within it, `repeat` sends
    it again, `garbage` sends random bytes before it (with `end` after them, so that the next frame is intact),
    `split` sends it in pieces, each a segment of its own.
    """

    def __init__(
        self,
        seed: int,
        cut: float = 0.0,
        repeat: float = 0.0,
        garbage: float = 0.0,
        split: float = 0.0,
        end: bytes = b"\r\n",
    ) -> None:
        self.random = random.Random(seed)
        self.chance_cut = cut
        self.chance_repeat = repeat
        self.chance_garbage = garbage
        self.chance_split = split
        self.end = end
        self.cuts = 0
        self.repeats = 0
        self.garbage = 0

    def calm(self) -> None:
        """Cause no more faults."""
        self.chance_cut = self.chance_repeat = self.chance_garbage = self.chance_split = 0.0

    async def send(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        """Send a frame. Raises ConnectionResetError when it breaks the connection."""
        chance = self.random.random
        if chance() < self.chance_garbage:
            self.garbage += 1
            writer.write(self.random.randbytes(self.random.randrange(1, 40)).translate(None, b"\r\n\0") + self.end)
        if chance() < self.chance_cut:
            self.cuts += 1
            writer.write(frame[: self.random.randrange(len(frame))])
            await writer.drain()
            writer.close()
            raise ConnectionResetError("cut by the simulation")
        again = chance() < self.chance_repeat
        self.repeats += again
        for _ in range(1 + again):
            await self._send_in_pieces(writer, frame)

    async def _send_in_pieces(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        rest = frame
        while len(rest) > 1 and self.random.random() < self.chance_split:
            cut = self.random.randrange(1, len(rest))
            writer.write(rest[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            rest = rest[cut:]
        writer.write(rest)
        await writer.drain()
