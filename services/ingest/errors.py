"""Ingest's errors: come again later (`Unavailable`, `Overloaded`), or not like this (`TooLarge`, `Refused`)."""

from typing import Any

from schemas.ids import REASON_CHARS


class IngestError(Exception):
    """Something that a client can act on; the text says how."""


class Unavailable(IngestError):
    """Kafka does not answer; nothing of this request is acknowledged, send it again unchanged."""


class Overloaded(IngestError):
    """As much as may wait for Kafka is waiting; send it again a little later."""


class TooLarge(IngestError):
    """One fact alone is larger than a record of the log may be."""


class Refused(IngestError):
    """A request that will not do as it is: an HTTP status, a short title, what to do, and members for machines."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.members = members


def shortened(error: Exception) -> str:
    """An error's words for whoever sent what caused it, without the megabytes of it that they may quote."""
    return str(error)[:REASON_CHARS]
