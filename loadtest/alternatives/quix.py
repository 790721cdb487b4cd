"""(c) Quix Streams: a record for each read with its state store, or Matline's envelopes with state in memory."""

import tempfile

from quixstreams import Application, State

from loadtest.alternatives.fold import Fold
from loadtest.alternatives.job import Board, Meter, add, order
from loadtest.alternatives.records import envelope_of


def main() -> None:
    """Run until all reads are worked in."""
    job = order()
    board = Board()
    meter = Meter(job.reads, board)
    folder = tempfile.mkdtemp(prefix="matline-quix-")
    app = Application(
        broker_address=job.servers,
        consumer_group=f"quix-{folder[-8:]}",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )
    topic = app.topic(job.topic, value_deserializer="bytes" if job.envelopes else "json", key_deserializer="bytes")
    stream = app.dataframe(topic)
    if job.envelopes:
        fold = Fold(job, board)

        def add_envelope(value: bytes) -> int:
            meter.note(0)
            count = fold.add(envelope_of(value))
            meter.note(count)
            return count

        stream.apply(add_envelope)
    else:

        def add_read(read: dict[str, object], state: State) -> dict[str, object]:
            meter.note(0)
            points = state.get("points", {})
            mat, chip = job.mats.get(str(read["device"]), ""), str(read["chip"])
            add(points, mat, read["at_us"], read["rssi"])  # type: ignore[arg-type]  # JSON of our own driver
            state.set("points", points)
            if mat == job.finish:
                board.put(chip, points[mat][0])
            meter.note(1)
            return read

        stream.apply(add_read, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
