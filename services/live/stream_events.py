"""The events that lead from one result of an athlete to the next. Pure."""

from typing import Any, Literal, NamedTuple

from schemas.results import AthleteRow
from services.live.feed.board_line import shown_names
from services.live.pages.athlete_page import point_result
from services.standings.event_index import EventIndex

EventKind = Literal["snapshot", "split", "board", "status", "retract"]


class StreamEvent(NamedTuple):
    """An event of a stream and its data."""

    kind: EventKind
    data: dict[str, Any]


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


def _athlete(row: AthleteRow) -> dict[str, Any]:
    return {"bib": row.bib, "name": shown_names(row).name, "race": row.race}
