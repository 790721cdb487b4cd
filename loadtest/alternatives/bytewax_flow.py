"""(e) Bytewax: a record for each read keyed by chip, or Matline's envelopes keyed by their event."""

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, cluster_main

from loadtest.alternatives.fold import Fold
from loadtest.alternatives.job import Board, Meter, Points, add, order
from loadtest.alternatives.records import JsonRead, envelope_of, read_of


def main() -> None:
    """Run until all reads are worked in."""
    job = order()
    board = Board()
    meter = Meter(job.reads, board)
    flow = Dataflow("passings")
    source = KafkaSource([job.servers], [job.topic], tail=False, batch_size=1_000)
    records = op.input("reads", flow, source)
    if job.envelopes:

        def add_envelope(fold: Fold | None, record: KafkaSourceMessage) -> tuple[Fold, int]:
            meter.note(0)
            fold = Fold(job, board) if fold is None else fold
            count = fold.add(envelope_of(record.value))
            meter.note(count)
            return fold, count

        keyed = op.key_on("event", records, lambda record: record.key.decode())
        counts = op.stateful_map("fold", keyed, add_envelope)
        op.output("end", op.filter("none", counts, lambda _: False), TestingSink([]))
    else:

        def add_read(points: Points | None, read: JsonRead) -> tuple[Points, str]:
            meter.note(0)
            points = {} if points is None else points
            mat = job.mats.get(read.device, "")
            add(points, mat, read.at_us, -999.0 if read.rssi is None else read.rssi)
            if mat == job.finish:
                board.put(read.chip, points[mat][0])
            meter.note(1)
            return points, read.chip

        reads = op.map("decode", records, lambda record: read_of(record.value))
        chips = op.stateful_map("fold", op.key_on("chip", reads, lambda read: read.chip), add_read)
        op.output("end", op.filter("none", chips, lambda _: False), TestingSink([]))
    cluster_main(flow, [], 0)


if __name__ == "__main__":
    main()
