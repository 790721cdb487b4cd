"""Guns and triggers that readers report: officials see them, and nobody starts by them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from schemas.events import NoticeReceived
from schemas.results import StartSignal
from services.scoring.core.rulings import Rulings
from services.scoring.core.withdrawals import Withdrawals

SIGNALS_MAX = 50  # of an event: a trigger may also be a photocell at the finish, which reports every athlete


def latest_signals(notices: Sequence[NoticeReceived]) -> list[NoticeReceived]:
    """Return notices in log order without one too many: the first of the device that has most of them.

    So a photocell does not push out the gun that another device reported.
    """
    if len(notices) <= SIGNALS_MAX:
        return list(notices)
    (device, _), *_ = Counter(notice.device for notice in notices).most_common(1)
    first = next(index for index, notice in enumerate(notices) if notice.device == device)
    return [*notices[:first], *notices[first + 1 :]]


def signals_in_force(
    notices: Iterable[NoticeReceived], rulings: Rulings, withdrawals: Withdrawals
) -> list[StartSignal]:
    """Return the start signals that no official has withdrawn, by their instants after clock corrections."""
    signals = [
        StartSignal(notice.device, notice.kind, rulings.corrected_us(notice.device, notice.at_us), notice.id)
        for notice in notices
        if notice.at_us is not None and not withdrawals.hit(notice)
    ]
    return sorted(signals, key=lambda signal: (signal.at_us, signal.device))
