"""Frames cut into records."""

import pytest

from schemas.codec import decode_frame, encode_frame
from schemas.results import AthleteRow, EventRow, Frame
from schemas.topics import FRAME_VERSION, RECORD_MAX_BYTES
from services.scoring.result_records import records_of


def row(bib: int, flag_bytes: int = 0) -> AthleteRow:
    """A row; `flag_bytes` makes it larger."""
    return AthleteRow(event="e", bib=str(bib), version=bib, race="hm", flags=["x" * flag_bytes])


def frame(rows: list[AthleteRow], events: list[EventRow] | None = None) -> Frame:
    """The last frame of a revision."""
    return Frame(
        v=FRAME_VERSION,
        partition=3,
        from_offset=7,
        through_offset=9,
        last=True,
        accepted_us=5,
        heads={"e": 9},
        events=events or [],
        rows=rows,
    )


def test_a_frame_that_fits_is_one_record() -> None:
    sent_frame = frame([row(1), row(2)], [EventRow(event="e", version=9)])
    assert records_of(sent_frame) == [encode_frame(sent_frame)]


def test_a_frame_that_is_too_large_is_cut_and_only_the_last_record_completes_the_revision() -> None:
    rows = [row(bib, flag_bytes=RECORD_MAX_BYTES // 3) for bib in range(9)]
    events = [EventRow(event=name, version=9, pending=["p" * (RECORD_MAX_BYTES // 2)]) for name in "abc"]
    records = records_of(frame(rows, events))
    cut = [decode_frame(record) for record in records]
    assert all(len(record) <= RECORD_MAX_BYTES for record in records)
    assert [event for part in cut for event in part.events] == events
    assert [row for part in cut for row in part.rows] == rows
    assert [part.last for part in cut] == [False] * (len(cut) - 1) + [True]
    assert [part.heads for part in cut] == [{}] * (len(cut) - 1) + [{"e": 9}]
    assert {(part.partition, part.from_offset, part.through_offset, part.accepted_us) for part in cut} == {(3, 7, 9, 5)}


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_row_that_alone_is_too_large_goes_alone(last: int) -> None:
    rows = [row(bib, flag_bytes=RECORD_MAX_BYTES * (bib == last)) for bib in range(3)]
    cut = [decode_frame(record) for record in records_of(frame(rows))]
    assert [[row.bib for row in part.rows] for part in cut if str(last) in {row.bib for row in part.rows}] == [
        [str(last)]
    ]
    assert [row for part in cut for row in part.rows] == rows
