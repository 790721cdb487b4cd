"""Live's errors: requests that cannot be answered as they are, with what to do about it."""

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
    """This process serves as many streams as it may; come again later, or ask another process."""


class Behind(LiveError):
    """The data asked for is not in ClickHouse yet, and will be soon."""


def known_ids(ids: Iterable[str]) -> str:
    """Return the first ids of many as a list in a sentence."""
    return ", ".join(list(ids)[:KNOWN_LISTED])
