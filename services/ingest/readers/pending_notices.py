"""Notices of ours that wait for the log, where what brought them may not come again if the log does not take it."""

from collections.abc import Sequence

from services.ingest.decoders.messages import Notice

UNTOLD_MAX = 64  # the oldest go: what they told of has been told again since, or is over


class PendingNotices:
    """Notices until the log has them."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []

    def add(self, notices: Sequence[Notice]) -> list[Notice]:
        """Take some more; all that wait, to be offered to the log."""
        self._notices = [*self._notices, *notices][-UNTOLD_MAX:]
        return list(self._notices)

    def told(self, notices: Sequence[Notice]) -> None:
        """The log has these."""
        self._notices = [one for one in self._notices if one not in notices]
