"""The last notices of an event: what changed since one of its newest revisions, without a question to ClickHouse."""

from collections import deque

import msgspec

from schemas.notices import NOTICE_BIBS_MAX, RevisionNotice

NOTICES_HELD = 200  # of an event; viewers are some ten revisions behind at most


class RecentNotices:
    """Notices that follow on each other. Pure."""

    def __init__(self) -> None:
        self._held: deque[tuple[int, RevisionNotice]] = deque(maxlen=NOTICES_HELD)

    def add(self, before: int, notice: RevisionNotice) -> None:
        """Hold the notice of the newest revision; `before` is the revision that it follows on."""
        self._held.append((before, notice))

    def since(self, revision: int) -> RevisionNotice | None:
        """Return what changed since a revision as one notice, that of the newest; None where that is not known.

        `accepted_us` is that of the earliest fact, and None where one is not known.
        """
        notices: list[RevisionNotice] = []
        follows_on = -1
        for before, notice in reversed(self._held):
            if notices and notice.revision != follows_on:
                break
            notices.append(notice)
            follows_on = before
            if before == revision:
                return _as_one(notices)
        return None


def _as_one(notices: list[RevisionNotice]) -> RevisionNotice:
    """Return several notices, the newest first, as one."""
    if len(notices) == 1:
        return notices[0]
    bibs: set[str] | None = set()
    for notice in notices:
        bibs = None if bibs is None or notice.bibs is None else bibs.union(notice.bibs)
    accepted_us = [notice.accepted_us for notice in notices if notice.accepted_us is not None]
    return msgspec.structs.replace(
        notices[0],
        accepted_us=min(accepted_us) if len(accepted_us) == len(notices) else None,
        boards=sorted({board for notice in notices for board in notice.boards}),
        bibs=None if bibs is None or len(bibs) > NOTICE_BIBS_MAX else sorted(bibs),
        results_only=all(notice.results_only for notice in notices),
    )
