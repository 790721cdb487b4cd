"""(a) The client alone: fetch and decode, and nothing else."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.alternatives.job import Board, Meter, order
from loadtest.alternatives.records import envelope_of, read_of


async def main() -> None:
    """Read the topic to its end."""
    job = order()
    meter = Meter(job.reads, Board())
    consumer = AIOKafkaConsumer(bootstrap_servers=job.servers, max_partition_fetch_bytes=4 * 1024 * 1024)
    await consumer.start()
    partition = TopicPartition(job.topic, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    meter.note(0)
    while True:
        for record in (await consumer.getmany(timeout_ms=500, max_records=5_000)).get(partition, ()):
            if job.envelopes:
                meter.note(sum(len(fact.reads) for fact in envelope_of(record.value).facts))
            else:
                read_of(record.value)
                meter.note(1)


if __name__ == "__main__":
    asyncio.run(main())
