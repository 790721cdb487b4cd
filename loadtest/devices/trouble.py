"""Faults on the way from a reader, by a seed: frames come in pieces, twice, with garbage between them, or the
connection breaks in the middle of one.
"""

import asyncio
import random


class Trouble:
    """Writes frames with faults; each chance is for one frame. `cut` breaks the connection within it, `repeat` sends
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
        """Let nothing go wrong from now on."""
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
            await self._whole(writer, frame)

    async def _whole(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        rest = frame
        while len(rest) > 1 and self.random.random() < self.chance_split:
            at = self.random.randrange(1, len(rest))
            writer.write(rest[:at])
            await writer.drain()
            await asyncio.sleep(0)
            rest = rest[at:]
        writer.write(rest)
        await writer.drain()
