"""(f) Pathway: a record for each read, grouped by chip and mat. Its licence, BSL 1.1, is why it is installed apart."""

import pathway as pw

from loadtest.alternatives.job import Board, Meter, order


class ReadRecord(pw.Schema):  # type: ignore[misc]  # it is not installed where types are checked
    """A read."""

    device: str
    chip: str
    at_us: int
    rssi: float


def main() -> None:
    """Run until all reads are worked in."""
    job = order()
    board = Board()
    meter = Meter(job.reads, board)
    settings = {"bootstrap.servers": job.servers, "group.id": "pathway", "auto.offset.reset": "earliest"}
    records = pw.io.kafka.read(settings, topic=job.topic, format="json", schema=ReadRecord, autocommit_duration_ms=100)

    def mat_of(device: str) -> str:
        meter.note(0)
        return job.mats.get(device, "")

    reads = records.select(
        records.chip, records.at_us, records.rssi, mat=pw.apply_with_type(mat_of, str, records.device)
    )
    points = reads.groupby(reads.chip, reads.mat).reduce(
        reads.chip,
        reads.mat,
        first_us=pw.reducers.min(reads.at_us),
        last_us=pw.reducers.max(reads.at_us),
        strongest=pw.reducers.argmax(reads.rssi),
        reads=pw.reducers.count(),
    )
    counted: dict[tuple[str, str], int] = {}

    def changed(key: pw.Pointer, row: dict[str, object], time: int, is_addition: bool) -> None:
        if not is_addition:
            return
        chip, mat, reads_now = str(row["chip"]), str(row["mat"]), int(str(row["reads"]))
        if mat == job.finish:
            board.put(chip, int(str(row["first_us"])))
        reads_before = counted.get((chip, mat), 0)
        counted[chip, mat] = reads_now
        meter.note(reads_now - reads_before)

    pw.io.subscribe(points, on_change=changed)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
