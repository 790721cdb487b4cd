"""Which reads are on the log already: it is read from its beginning, since ingest keeps no reads."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from aiokafka.errors import KafkaError

from schemas import codec
from schemas.events import ReadRow, ReadsLogged, kind_of
from services.ingest.errors import Unavailable
from services.ingest.memory_files.device_reads import ReadKey
from services.runtime.topic_records import LogUnavailable

RECORDS_A_TURN = 50  # decoded in a thread at once: 25,000 reads take a tenth of a second
READS = kind_of(ReadsLogged(event="", gateway="", session="", reads=[]))


class LoggedReads:
    """The reads of the log with the device and instant of one of these rows, with their highest signal strengths."""

    def __init__(self, rows: Iterable[ReadRow]) -> None:
        self._wanted = {(row.device, row.chip, row.at_us) for row in rows}
        self.strengths: dict[ReadKey, float | None] = {}

    async def look(self, values: AsyncGenerator[bytes, None]) -> None:
        """Take in the event's records. Raises Unavailable."""
        turn: list[bytes] = []
        try:
            async with aclosing(values) as every_value:
                async for value in every_value:
                    turn.append(value)
                    if len(turn) == RECORDS_A_TURN:
                        await asyncio.to_thread(self.take, turn)
                        turn = []
            await asyncio.to_thread(self.take, turn)
        except (KafkaError, LogUnavailable, codec.UnknownVersion) as error:
            raise Unavailable(f"the log cannot be read: {error}; send the file again unchanged") from None

    def take(self, values: Sequence[bytes]) -> None:
        """Take in records. Raises UnknownVersion; a record that cannot be read has no reads."""
        for value in values:
            try:
                if any(fact.type == READS for fact in codec.envelope_head(value).facts):
                    self._take_facts(codec.decode_envelope(value).facts)
            except codec.UnreadableRecord:
                continue  # scoring makes a dead letter of it

    def _take_facts(self, facts: Sequence[object]) -> None:
        for fact in facts:
            if not isinstance(fact, ReadsLogged):
                continue
            for row in fact.reads:
                key = (row.device, row.chip, row.at_us)
                if key in self._wanted:
                    known = [rssi for rssi in (row.rssi, self.strengths.get(key)) if rssi is not None]
                    self.strengths[key] = max(known, default=None)
