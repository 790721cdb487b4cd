"""Divide a frame of rows into records of `results` that keep to the size limit."""

from msgspec.structs import replace

from schemas.codec import encode_frame
from schemas.results import Frame
from schemas.topics import RECORD_MAX_BYTES


def records_of(frame: Frame) -> list[bytes]:
    """Return the records that carry a frame: one, or several that share its rows in order if one would be too large.

    Only the first of them says `resends_all`, and only the last is `last` and has the heads. A row that is too large by
    itself gets a record of its own.
    """
    data = encode_frame(frame)
    if len(data) <= RECORD_MAX_BYTES or len(frame.events) + len(frame.rows) <= 1:
        return [data]
    events, rows = len(frame.events), len(frame.rows)
    if events and rows:
        first, rest = replace(frame, rows=[]), replace(frame, events=[])
    elif events:
        first, rest = (
            replace(frame, events=frame.events[: events // 2]),
            replace(frame, events=frame.events[events // 2 :]),
        )
    else:
        first, rest = replace(frame, rows=frame.rows[: rows // 2]), replace(frame, rows=frame.rows[rows // 2 :])
    return records_of(replace(first, last=False, heads={})) + records_of(replace(rest, resends_all=False))
