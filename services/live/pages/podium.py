"""Which first places of a board can still change, as answers have it. Pure. Source: R4.11."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.formatting.times import format_instant
from services.standings.event_index import EventIndex
from services.standings.podium import PodiumPlace


def podium_places(event: EventIndex, places: Sequence[PodiumPlace], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return places 1 to 3 of a board; `names` are the public names of those who can still take one, by bib."""
    return [_place(event, place, names) for place in places]


def _place(event: EventIndex, place: PodiumPlace, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "place": place.place,
        "bib": place.bib,
        "decided": place.decided,
        "result_open": place.result_open,
        "rivals": [
            {
                "bib": rival.bib,
                "name": names.get(rival.bib, rival.bib),
                "until": None if rival.until_us is None else format_instant(rival.until_us, event.zone),
                "until_us": rival.until_us,
            }
            for rival in place.rivals
        ],
        "rivals_left_out": place.rivals_left_out,
    }
