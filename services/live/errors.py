"""Live's errors: requests that cannot be answered, with a text that says what to do."""

from collections.abc import Iterable
from typing import Any

KNOWN_LISTED = 50  # ids named in an answer to an unknown one


class LiveError(Exception):
    """An error that a client can act on; the text says how."""


class Refused(LiveError):
    """An HTTP status, a short title, a text that says what to do, and `members` for programs."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.members = members


class TooManyViewers(LiveError):
    """This process serves its maximum of streams; try again later, or ask another process."""


class Busy(LiveError):
    """Too many previews are being worked out, or what this one needs is not there yet; ask again a little later."""


class Behind(LiveError):
    """The requested data is not in ClickHouse yet, but will be soon."""


def known_ids(ids: Iterable[str]) -> str:
    """Return the first ids of many as a list in a sentence."""
    return ", ".join(list(ids)[:KNOWN_LISTED])
