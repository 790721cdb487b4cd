"""Puts onto `results` what the core makes of facts, cut into frames at will: scoring without its worker."""

import msgspec
from aiokafka import AIOKafkaProducer

from schemas import codec
from schemas.events import Fact
from schemas.results import Frame
from schemas.topics import FRAME_VERSION, RACE_LOG, RESULTS
from services.runtime.kafka import KafkaOptions
from services.scoring.core.partition import PartitionState
from tests.builders import Plain


def fact(plain: Plain) -> Fact:
    """A fact from its plain form."""
    return codec.fact_from_json(msgspec.json.encode(plain))


class ResultsWriter:
    """Folds records of one event and makes frames of them."""

    def __init__(self, partition: int = 0, rows_a_frame: int = 500) -> None:
        self.state = PartitionState(partition)
        self.partition = partition
        self._rows = rows_a_frame

    def frames(self, *plain: Plain, accepted_us: int | None = None) -> tuple[bytes, list[Frame]]:
        """The `race-log` record of these facts, and the frames that scoring makes of it."""
        offset = self.state.next_offset
        facts = [codec.logged(fact(item)) for item in plain]
        record = codec.encode_envelope(facts[0].event, facts)
        assert self.state.fold(offset, codec.decode_envelope(record)) == []
        return record, self.rest(offset, accepted_us)

    def again(self) -> list[Frame]:
        """Everybody once more, as after a fill."""
        self.state.mark_all()
        first, *others = self.rest(self.state.next_offset - 1)
        return [msgspec.structs.replace(first, resends_all=True), *others]

    def rest(self, offset: int, accepted_us: int | None = None) -> list[Frame]:
        """Frames of all rows that are due; the last is `last`."""
        made: list[Frame] = []
        while True:
            events, rows = self.state.take(self._rows)
            last = not self.state.pending()
            made.append(
                Frame(
                    v=FRAME_VERSION,
                    partition=self.partition,
                    from_offset=offset,
                    through_offset=offset,
                    last=last,
                    accepted_us=accepted_us,
                    heads=self.state.heads() if last else {},
                    events=events,
                    rows=rows,
                )
            )
            if last:
                self.state.clear_heads()
                return made


async def publish(kafka: KafkaOptions, partition: int, record: bytes | None, frames: list[Frame]) -> None:
    """Write a record and its frames to their topics."""
    async with AIOKafkaProducer(**kafka.client(), max_request_size=2**22) as producer:
        if record is not None:
            await producer.send_and_wait(RACE_LOG.name, record, partition=partition)
        for frame in frames:
            await producer.send_and_wait(RESULTS.name, codec.encode_frame(frame), partition=partition)
