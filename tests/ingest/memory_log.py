"""A race log in memory: the second implementation of `Log`, for all of ingest that is not about Kafka."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from schemas import codec
from schemas.events import LoggedFact, NoticeReceived
from schemas.rejected import Rejection, decode_rejection, encode_rejection
from services.ingest.errors import DiskFull, Overloaded, Unavailable
from services.ingest.race_log import pack


class MemoryLog:
    """Keeps records as Kafka would return them. While `answering` is cleared it takes records and acknowledges
    none.
    """

    def __init__(self) -> None:
        self.records: list[tuple[str, list[LoggedFact]]] = []
        self.dead_letters: list[Rejection] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.full = False
        self.disk_fault: str | None = None
        self.asked = 0

    async def append(self, event: str, facts: Sequence[LoggedFact], wait_s: float | None = None) -> int:
        self.asked += 1
        if self.disk_fault is not None:
            raise DiskFull(self.disk_fault)
        if self.full:
            raise Overloaded("more comes in than Kafka takes; send it again unchanged, and more slowly")
        packed = [pack(fact) for fact in facts]
        await self._answer(wait_s)
        for fact in packed:
            record = codec.encode_packed(event, [fact.raw], fact.version)
            self.records.append((event, codec.decode_envelope(record).facts))
        return len(self.records) - 1

    async def put_dead_letters(self, rejections: Sequence[Rejection], wait_s: float | None = None) -> None:
        await self._answer(wait_s)
        self.dead_letters += [decode_rejection(encode_rejection(rejection)) for rejection in rejections]

    async def _answer(self, wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self.answering.wait()
        except TimeoutError:
            raise Unavailable("Kafka did not answer; send it again unchanged") from None

    async def values(self, event: str) -> AsyncGenerator[bytes, None]:
        for named, facts in self.records:
            if named == event:
                packed = [pack(fact) for fact in facts]
                yield codec.encode_packed(event, [fact.raw for fact in packed], max(fact.version for fact in packed))

    async def room(self) -> None:
        return

    def fault(self) -> str | None:
        return None if self.answering.is_set() else "Kafka does not answer"

    def facts(self) -> list[LoggedFact]:
        """All facts, in log order."""
        return [fact for _, facts in self.records for fact in facts]

    def notices(self) -> list[NoticeReceived]:
        """The notices among them."""
        return [fact for fact in self.facts() if isinstance(fact, NoticeReceived)]
