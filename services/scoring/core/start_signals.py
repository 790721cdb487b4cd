"""Guns and triggers that readers report: officials see them, and nobody starts by them."""

from collections.abc import Iterable

from schemas.events import NoticeReceived
from schemas.results import StartSignal
from services.scoring.core.rulings import Rulings
from services.scoring.core.withdrawals import Withdrawals

SIGNALS_MAX = 50  # of an event: a trigger may also be a photocell at the finish, which reports every athlete


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
