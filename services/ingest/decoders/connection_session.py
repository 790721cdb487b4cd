"""The session of reads that their reader does not number: one connection, which we number ourselves."""

from datetime import UTC, datetime

from services.ingest.decoders.messages import Now


def connection_session(name: str, now: Now) -> str:
    """A name that no other connection of this source has: what it carries, and when it stood, in UTC."""
    began = datetime.fromtimestamp(now.wall_us // 1_000_000, UTC).replace(microsecond=now.wall_us % 1_000_000)
    return f"{name} {began:%Y-%m-%dT%H:%M:%S.%f}Z"
