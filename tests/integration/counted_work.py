"""A program whose instructions `test_instructions.py` counts: it scores a log, or folds its reads in the simplest way.

Each work imports and reads the same, so that what they differ by is the work.
"""

import sys
from pathlib import Path

import msgspec

from loadtest.alternatives.fold import Fold
from loadtest.alternatives.job import Board, Order
from loadtest.alternatives.records import envelope_of
from schemas.codec import decode_envelope, envelope_head
from services.scoring.core.partition import PartitionState

RECORDS_A_BATCH = 8  # scored together, as in a race at some hundred reads a second


def main() -> None:
    """Do the work that the first argument names on the records in the file that the second names."""
    work, log = sys.argv[1:]
    records = msgspec.msgpack.decode(Path(log).read_bytes(), type=list[bytes])
    of_reads = [record for record in records if envelope_head(record).facts[0].type == "reads_received"]
    if work == "score":
        state = PartitionState(0)
        for offset, record in enumerate(records):
            state.fold(offset, decode_envelope(record))
            if offset % RECORDS_A_BATCH == RECORDS_A_BATCH - 1:
                state.take(sys.maxsize)
    elif work == "fold":
        fold = Fold(Order("", "", 0, True, {}, ""), Board())
        for record in of_reads:
            fold.add(envelope_of(record))


if __name__ == "__main__":
    main()
