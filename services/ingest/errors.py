"""Ingest's errors: try again later (`Unavailable`, `Overloaded`), or change the request (`TooLarge`, `Refused`)."""

from typing import Any

from schemas.ids import REASON_CHARS


class IngestError(Exception):
    """An error that a client can act on; its text says how."""


class Unavailable(IngestError):
    """Kafka does not answer; nothing of this request is acknowledged. Send it again unchanged."""

    title = "Kafka does not answer"


class DiskFull(Unavailable):
    """The disk of a Kafka on this machine is nearly full; nothing of this request is taken. Send it again unchanged."""

    title = "Disk full"


class Archived(Unavailable):
    """The event is archived; nothing of this request is taken before it is reopened."""

    title = "Event archived"


class MaybeArchived(Unavailable):
    """The event was archived as far as ingest has read, but ingest has not read everything. Send it again unchanged."""

    title = "Log not read yet"


class Overloaded(IngestError):
    """Too much is waiting for Kafka; send it again a little later."""


class TooLarge(IngestError):
    """A single fact is larger than a record of the log may be."""


class Refused(IngestError):
    """A request that has to be changed: an HTTP status, a short title, what to do, and members for machines."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.members = members


class NotKnown(IngestError):
    """Ingest does not know the event yet, or not at present; the text says why. Ask again a little later."""


def shortened(error: Exception) -> str:
    """Return an error's text for the sender, without the megabytes of its request that it may quote."""
    return str(error)[:REASON_CHARS]
