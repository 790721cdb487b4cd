"""What a viewer of a board or an athlete is told of two results, one after the other. Pure."""

from typing import Any, Literal, NamedTuple

from schemas.results import AthleteRow
from services.live.feed.board_line import shown_names
from services.live.pages.athlete_fields import result_of
from services.standings.event_index import EventIndex

Kind = Literal["snapshot", "split", "board", "status", "retract"]


class StreamEvent(NamedTuple):
    """An event of a stream and its data."""

    kind: Kind
    data: dict[str, Any]


def stream_events(view: EventIndex, before: AthleteRow | None, after: AthleteRow) -> list[StreamEvent]:
    """How an athlete's result differs: points taken anew or at another instant (`corrected`), points taken back, his
    status.
    """
    if after.gone or after.race not in view.races:
        return [] if before is None or before.gone else [StreamEvent("retract", {**_head(before), "point": None})]
    head = _head(after)
    if before is not None and before.race != after.race:
        before = None
    was = {} if before is None else {taken.point: taken for taken in before.points}
    told = []
    for at, taken in enumerate(after.points):
        if was.get(taken.point) != taken:
            split = {**head, **result_of(view, after, at), "corrected": taken.point in was}
            told.append(StreamEvent("split", split))
    now = {taken.point for taken in after.points}
    told += [
        StreamEvent("retract", {**head, "point": taken.point, "at_us": taken.at_us})
        for point, taken in was.items()
        if point not in now
    ]
    earlier = "NOT_STARTED" if before is None else before.status
    if after.status != earlier:
        told.append(
            StreamEvent(
                "status",
                {**head, "status": after.status, "before": earlier, "cut_at": after.cut_at, "time_s": after.time_s},
            )
        )
    return told


def _head(row: AthleteRow) -> dict[str, Any]:
    return {"bib": row.bib, "name": shown_names(row).name, "race": row.race}
