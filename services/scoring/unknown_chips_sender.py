"""Send the chips that nobody wears to `results`, beside the revisions: nobody's place depends on them.

Lists are whole, so they are sent at most every few seconds. Counting them again takes some microseconds for each chip
that was read since, and for every chip after a fact.
"""

import time

from schemas.codec import encode_frame
from schemas.results import Frame
from schemas.topics import FRAME_VERSION
from services.scoring.core.event import EventState
from services.scoring.core.partition import PartitionState
from services.scoring.publisher import Outlet
from services.scoring.time_slice import TimeSlice

EVERY_S = 5.0
CHIPS_A_SLICE = 2_000  # some 10 ms


class UnknownChipsSender:
    """Sends the lists of the events of one partition. `send` is only called while nothing is being folded."""

    def __init__(self, partition: int, outlet: Outlet, slices: TimeSlice) -> None:
        self._partition = partition
        self._outlet = outlet
        self._slices = slices
        self._sent_s = time.monotonic()

    async def send(self, state: PartitionState) -> None:
        """Send the lists that have changed, if it is time; return when Kafka has acknowledged them."""
        if time.monotonic() - self._sent_s < EVERY_S:
            return
        for event in list(state.events.values()):
            await self._send_of(event, state.next_offset - 1)
        await self._outlet.settle()
        self._sent_s = time.monotonic()

    async def send_last(self, state: PartitionState) -> None:
        """Send the lists of archived events that have changed, before their states are dropped."""
        for event in list(state.events.values()):
            if event.archived:
                await self._send_of(event, state.next_offset - 1)
        await self._outlet.settle()

    async def _send_of(self, event: EventState, through: int) -> None:
        done = False
        while not done:
            async with self._slices:
                done = event.check_chips(CHIPS_A_SLICE)
                chips = event.take_unknown_chips() if done else None
            if chips is not None:
                frame = Frame(
                    v=FRAME_VERSION,
                    partition=self._partition,
                    from_offset=through,
                    through_offset=through,
                    last=True,
                    unknown_chips=[chips],
                )
                await self._outlet.put(encode_frame(frame))
