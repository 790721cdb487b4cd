"""The list of events as its template shows it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from services.live.web.addresses import PageQuery, address, event_address, in_language, kept
from services.live.web.words import WORDS, date_in_words


class ListedEvent(NamedTuple):
    """An event with its address, and its date and races in words."""

    name: str
    href: str
    details: str


class EventsPage(Struct, frozen=True, kw_only=True):
    """What the template of the list of events shows, the newest event first."""

    title: str
    description: str
    language_href: str
    events: Sequence[ListedEvent]


def events_page(events: Sequence[Mapping[str, Any]], query: PageQuery, language: str) -> EventsPage:
    """Return the list of events from their summaries."""
    words = WORDS[language]
    listed = [
        ListedEvent(event["name"], event_address(event["event"], kept(query)), _details(event, language))
        for event in events
    ]
    return EventsPage(
        title=words["title"],
        description=", ".join(event.name for event in listed[:3]) or words["none"],
        language_href=address("/", in_language(kept(query), words["otherLang"])),
        events=listed,
    )


def _details(event: Mapping[str, Any], language: str) -> str:
    """Return an event's date and races; of an event without a definition nothing is known."""
    date = [] if event["date"] is None else [date_in_words(event["date"], language)]
    return " · ".join(date + [race["name"] for race in event["races"]])
