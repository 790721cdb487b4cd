"""Live's errors: what a request asks for will not do as it is."""

from typing import Any


class LiveError(Exception):
    """Something that a client can act on; the text says how."""


class Refused(LiveError):
    """An HTTP status, a short title, what to do about it, and members for machines."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.members = members


class TooManyViewers(LiveError):
    """As many streams are open as one process serves; come again later, or ask another."""


class Behind(LiveError):
    """What was asked for is not in ClickHouse yet; it comes by itself."""
