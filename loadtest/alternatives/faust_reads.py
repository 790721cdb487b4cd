"""(b) Faust with a record for each read. Its state is a dict: a table would write each read to Kafka once more."""

import tempfile

import faust

from loadtest.alternatives.job import Board, Meter, Points, add, order


class ReadRecord(faust.Record, serializer="json"):
    """A read."""

    device: str
    chip: str
    at_us: int
    rssi: float


def create_app() -> faust.App:
    """Return the app; its name is new each time, so that it begins at the first record."""
    job = order()
    board = Board()
    meter = Meter(job.reads, board)
    folder = tempfile.mkdtemp(prefix="matline-faust-")
    app = faust.App(
        f"faust-{folder[-8:]}",
        broker=f"kafka://{job.servers}",
        datadir=folder,
        topic_partitions=1,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    topic = app.topic(job.topic, key_type=str, value_type=ReadRecord)
    chips: dict[str, Points] = {}

    @app.agent(topic)
    async def passings(stream: faust.StreamT[ReadRecord]) -> None:
        meter.note(0)
        async for read in stream:
            points = chips.setdefault(read.chip, {})
            mat = job.mats.get(read.device, "")
            add(points, mat, read.at_us, read.rssi)
            if mat == job.finish:
                board.put(read.chip, points[mat][0])
            meter.note(1)

    return app


if __name__ == "__main__":
    faust.Worker(create_app(), quiet=True, loglevel="WARN").execute_from_commandline()
