"""Ingest's settings, read once by the command."""

from msgspec import Struct, field

from services.ingest.sources import Source


class IngestSettings(Struct, frozen=True, kw_only=True):
    """Where ingest listens and writes. `kafka` are the options of the connection, as aiokafka names them; `partitions`
    is how many `race-log` has; port 0 takes a free one. A source without an address listens on `mylaps_port`."""

    kafka: dict[str, object]
    host: str = "127.0.0.1"
    port: int = 8701
    mylaps_port: int = 3097
    partitions: int = 4
    sources: list[Source] = field(default_factory=list)
