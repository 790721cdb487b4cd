"""A bare producer of ready records: `aiokafka`, which ingest uses, or `librdkafka`, which most others do.

It runs with the packages of Matline for the first and with those of the alternatives for the second.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

LINGER_MS = 5
BATCH_BYTES = 256 * 1024


class Order(NamedTuple):
    """Where to write what: `records` is a file with a list of bytes in msgpack, which have `reads` reads in all."""

    servers: str
    topic: str
    records: str
    reads: int
    client: str


def main() -> None:
    """Write all records, wait until Kafka has acknowledged each, and report what that took."""
    order = Order(**json.loads(sys.argv[1]))
    records = msgspec.msgpack.decode(Path(order.records).read_bytes(), type=list[bytes])
    clock_s, processor_s = time.monotonic(), time.process_time()
    CLIENTS[order.client](order, records)
    report = {"seconds": time.monotonic() - clock_s, "processor_s": time.process_time() - processor_s}
    print(json.dumps({"reads": order.reads, **report}))


def write_by_aiokafka(order: Order, records: list[bytes]) -> None:
    """Write records by the client that is plain Python but for its codec of records."""
    from aiokafka import AIOKafkaProducer

    async def write() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=order.servers, acks="all", linger_ms=LINGER_MS, max_batch_size=BATCH_BYTES
        )
        await producer.start()
        try:
            await asyncio.gather(*[await producer.send(order.topic, record) for record in records])
        finally:
            await producer.stop()

    asyncio.run(write())


def write_by_librdkafka(order: Order, records: list[bytes]) -> None:
    """Write records by the client in C. Raises RuntimeError if Kafka refused one."""
    from confluent_kafka import Producer

    settings = {"bootstrap.servers": order.servers, "acks": "all", "linger.ms": LINGER_MS, "batch.size": BATCH_BYTES}
    producer = Producer(settings)
    refused: list[str] = []

    def acknowledged(error: object, _: object) -> None:
        if error is not None:
            refused.append(str(error))

    for record in records:
        producer.produce(order.topic, record, on_delivery=acknowledged)
        producer.poll(0)
    producer.flush()
    if refused:
        raise RuntimeError(f"Kafka refused {len(refused)} records: {refused[0]}")


CLIENTS: dict[str, Callable[[Order, list[bytes]], None]] = {
    "aiokafka": write_by_aiokafka,
    "librdkafka": write_by_librdkafka,
}


if __name__ == "__main__":
    main()
