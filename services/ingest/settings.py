"""Ingest's settings, read once by the command."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from schemas.topics import PARTITIONS_DEFAULT
from services.ingest.sources import Source, SourcesRefused, parse_sources


class IngestSettings(Struct, frozen=True, kw_only=True):
    """Where ingest listens and writes. `kafka` are the options of the connection, as aiokafka names them; `partitions`
    is how many `race-log` has; port 0 takes a free one. A source without an address listens on `mylaps_port`."""

    kafka: dict[str, object]
    host: str = "127.0.0.1"
    port: int = 8701
    mylaps_port: int = 3097
    partitions: int = PARTITIONS_DEFAULT
    sources: list[Source] = field(default_factory=list)


class SettingsRefused(Exception):
    """A setting that will not do; the text names it and says what would."""


def settings_from(environment: Mapping[str, str]) -> IngestSettings:
    """The settings that MATLINE_ variables give. Raises SettingsRefused."""
    path = environment.get("MATLINE_SOURCES", "")
    return IngestSettings(
        kafka={"bootstrap_servers": environment.get("MATLINE_KAFKA", "127.0.0.1:9092")},
        host=environment.get("MATLINE_HOST", "127.0.0.1"),
        port=_number(environment, "MATLINE_INGEST_PORT", 8701),
        mylaps_port=_number(environment, "MATLINE_MYLAPS_PORT", 3097),
        partitions=_number(environment, "MATLINE_PARTITIONS", PARTITIONS_DEFAULT),
        sources=sources_of(Path(path)) if path else [],
    )


def sources_of(path: Path) -> list[Source]:
    """The sources of a file. Raises SettingsRefused that names the file and each fault in it."""
    try:
        return parse_sources(path.read_bytes())
    except OSError as error:
        raise SettingsRefused(f"{path} (MATLINE_SOURCES) cannot be read: {error.strerror}") from None
    except SourcesRefused as refused:
        raise SettingsRefused("\n".join(f"{path}: {fault}" for fault in refused.faults)) from None


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise SettingsRefused(f"{name}={text} is no number from 0 to 65535")
    return int(text)
