"""Whether a place on a podium can still change, in words. Pure. Source: R4.11."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.live.web.clock_words import time_of_day
from services.live.web.words import WORDS

NAMED_MAX = 1  # of those who can still take a place; a phone has no room for more
OPEN_STATES = frozenset({"live", "provisional"})  # the state of official results says more than a decided place


def podium_words(
    bib: str, podium: Sequence[Mapping[str, Any]], state: str | None, event: Mapping[str, Any], language: str
) -> str | None:
    """Return what becomes of the place that a bib has; None without a place on the podium, and for official results."""
    place = next((place for place in podium if place["bib"] == bib), None)
    if place is None or state not in OPEN_STATES:
        return None
    words = WORDS[language]
    if place["decided"]:
        return words["decided"].format(place=place["place"])
    if not place["rivals"]:
        return words["resultOpen"]
    names = [
        rival["name"]
        if rival["until"] is None
        else words["until"].format(name=rival["name"], time=time_of_day(rival["until"], event["timezone"]))
        for rival in place["rivals"][:NAMED_MAX]
    ]
    unnamed = place["rivals_left_out"] + len(place["rivals"][NAMED_MAX:])
    others = f" {words['othersToo'].format(count=unnamed)}" if unnamed else ""
    return words["takenBy"].format(names=", ".join(names) + others)
