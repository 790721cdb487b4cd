"""Check a file of readers, by itself and against the race definitions that are checked with it."""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from schemas.course_times import zone_of
from schemas.definition import Definition
from schemas.definition_faults import Fault, NotDefined
from services.ingest.decoders.local_time import parse_zone
from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source

READERS_NAME = "matline.toml"  # a file of this name is never a definition
READER_FIELDS = frozenset(("protocol", "gateway"))  # no table of a definition has them


def names_readers(data: bytes, path: str) -> bool:
    """Return whether a file names readers, or is meant to, and is not a definition."""
    if path.replace("\\", "/").rpartition("/")[2] == READERS_NAME:
        return True
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return False  # reading it as a definition reports the fault
    if "event" in document:
        return False
    tables = [table for value in document.values() for table in (value if isinstance(value, list) else [value])]
    return "sources" in document or any(isinstance(table, dict) and READER_FIELDS & table.keys() for table in tables)


def readers_against_races(sources: Iterable[Source], definitions: list[Definition]) -> Iterator[Fault]:
    """Yield what in a file of readers no race definition knows: events, and devices on the log."""
    events = {definition.event: definition for definition in definitions}
    for index, source in enumerate(sources):
        definition = events.get(source.event)
        if definition is None:
            yield Fault(f"sources[{index}].event", str(NotDefined("event", source.event, list(events))))
            continue
        known = [device for mat in definition.mats for device in (*mat.devices, *mat.backup_devices)]
        for place, device in source.devices.items():
            if device not in known:
                yield Fault(f"sources[{index}].devices.{place}", str(NotDefined("device", device, known)))


def notes_on_readers(sources: list[Source], definitions: list[Definition]) -> Iterator[Fault]:
    """Yield what may be meant so but is rarely right: a clock in another zone, and devices that no reader names."""
    events = {definition.event: definition for definition in definitions}
    for index, source in enumerate(sources):
        definition = events.get(source.event)
        if definition is not None and PROTOCOLS[source.protocol].has_zone and _apart(source, definition):
            reason = f"the race is in {definition.timezone}; is the reader's clock really set to another zone?"
            yield Fault(f"sources[{index}].zone", reason)
    for event, definition in events.items():
        own = [source for source in sources if source.event == event]
        named = {device for source in own for device in source.devices.values()}
        if not own or any(not source.devices for source in own):
            continue  # devices come by HTTP, or readers call themselves as the log does
        for mat in definition.mats:
            if missing := [device for device in mat.devices if device not in named]:
                yield Fault("sources", f"no reader gives device {', '.join(missing)} of mat {mat.id} of {event}")


def _apart(source: Source, definition: Definition) -> bool:
    """Return whether the clocks of a reader and of its race show different times at noon of the race's day."""
    noon = datetime.fromisoformat(definition.date).replace(tzinfo=UTC) + timedelta(hours=12)
    return (
        noon.astimezone(parse_zone(source.zone)).utcoffset()
        != noon.astimezone(zone_of(definition.timezone)).utcoffset()
    )
