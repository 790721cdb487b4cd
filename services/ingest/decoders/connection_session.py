"""Name the session of reads that the reader does not number: one for each connection, and we number its reads."""

from datetime import UTC, datetime

from services.ingest.decoders.messages import Now


def connection_session(name: str, now: Now) -> str:
    """Return a name that no other connection of this source has: `name` and when the connection began, in UTC."""
    began = datetime.fromtimestamp(now.wall_us // 1_000_000, UTC).replace(microsecond=now.wall_us % 1_000_000)
    return f"{name} {began:%Y-%m-%dT%H:%M:%S.%f}Z"
