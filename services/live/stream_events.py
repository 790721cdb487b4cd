"""The events that lead from one revision to the next: of an athlete, a board, and cases. Pure."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from schemas.ids import bib_order
from schemas.results import AthleteRow, Case
from services.live.feed.board_line import shown_names
from services.live.pages.athlete_page import point_result
from services.live.pages.board import EncodedPage
from services.standings.event_index import EventIndex

EventKind = Literal["snapshot", "split", "board", "status", "retract", "publication", "case"]


class StreamEvent(NamedTuple):
    """An event of a stream and its data."""

    kind: EventKind
    data: dict[str, Any]


def encode_event(kind: EventKind, revision: int, data: bytes) -> bytes:
    """Return an event as it goes over the wire; `data` is JSON in one line."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), revision, data)


def stream_events(event: EventIndex, before: AthleteRow | None, after: AthleteRow) -> list[StreamEvent]:
    """Return how an athlete's result differs: points that are new or have another instant (`corrected`), points that
    were taken back, and the status.
    """
    if after.gone or after.race not in event.races:
        if before is None or before.gone:
            return []
        return [StreamEvent("retract", {**_athlete(before), "point": None})]
    athlete = _athlete(after)
    if before is not None and before.race != after.race:
        before = None
    taken_before = {} if before is None else {split.point: split for split in before.points}
    events = []
    for index, split in enumerate(after.points):
        if taken_before.get(split.point) != split:
            corrected = split.point in taken_before
            events.append(
                StreamEvent("split", {**athlete, **point_result(event, after, index), "corrected": corrected})
            )
    taken_now = {split.point for split in after.points}
    events += [
        StreamEvent("retract", {**athlete, "point": point, "at_us": split.at_us})
        for point, split in taken_before.items()
        if point not in taken_now
    ]
    status_before = "NOT_STARTED" if before is None else before.status
    if after.status != status_before:
        status = {"status": after.status, "before": status_before, "cut_at": after.cut_at, "time_s": after.time_s}
        events.append(StreamEvent("status", {**athlete, **status}))
    return events


def board_event(
    before: EncodedPage, after: EncodedPage, below: Iterable[bytes], removed: Iterable[str]
) -> StreamEvent | None:
    """Return the event that leads from one page of a board to the next, None when they are alike.

    Its `rows` are all rows of the page that differ, and those `below`, of athletes behind the page's last row whose
    results changed. `order` are all bibs of the page, None when they are the same as before. What a page says beside
    its rows is there as a whole.
    """
    rows = [row for bib, row in after.rows.items() if before.rows.get(bib) != row]
    rows += below
    order, order_before = list(after.rows), list(before.rows)
    beside, beside_before = (
        {name: value for name, value in page.beside.items() if name not in ("revision", "offset")}
        for page in (after, before)
    )
    gone = list(removed)
    if beside == beside_before and order == order_before and not (rows or gone):
        return None
    shown_order = None if order == order_before else order
    return StreamEvent("board", {**beside, "rows": list(map(msgspec.Raw, rows)), "order": shown_order, "removed": gone})


def case_events(before: Iterable[Case], after: Iterable[Case]) -> list[StreamEvent]:
    """Return the cases that were opened, decided or opened again, and those whose ground is gone, by bib and name."""
    known = {case.case: case for case in before}
    now = {case.case: case for case in after}
    changed = [case for name, case in {**known, **now}.items() if known.get(name) != now.get(name)]
    changed.sort(key=lambda case: (bib_order(case.bib or ""), case.case))
    return [
        StreamEvent("case", {"case": case.case, "bib": case.bib, "race": case.race, **_case_state(now.get(case.case))})
        for case in changed
    ]


def _case_state(case: Case | None) -> dict[str, Any]:
    if case is None:
        return {"open": False, "state": "gone"}
    return {"open": case.open, "state": "open" if case.open else "decided"}


def _athlete(row: AthleteRow) -> dict[str, Any]:
    return {"bib": row.bib, "name": shown_names(row).name, "race": row.race}
