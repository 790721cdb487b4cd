"""Notices that wait for the log, because the upload that caused them may not come again."""

from collections.abc import Sequence

from services.ingest.decoders.messages import Notice

PENDING_MAX = 64  # beyond it the oldest are dropped: their state was reported again since, or is over


class PendingNotices:
    """Keep notices until the log has them."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []

    def add(self, notices: Sequence[Notice]) -> list[Notice]:
        """Take more notices, and return all that wait for the log."""
        self._notices = [*self._notices, *notices][-PENDING_MAX:]
        return list(self._notices)

    def logged(self, notices: Sequence[Notice]) -> None:
        """Drop notices that the log has."""
        self._notices = [notice for notice in self._notices if notice not in notices]
