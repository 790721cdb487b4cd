"""How long accepted facts of each event have been waiting to be on its boards: pure state, told by the two followers.

The audit sees each record of the race log as it comes, and frames of `results` say up to which offset the boards are.
"""

from msgspec import Struct

JOINED_US = 500_000  # records of an event that came within this time wait together: bounds the memory


class _Records(Struct):
    """Records of an event that came together: their first and last offset, and when the first one came."""

    event: str
    first: int
    last: int
    at_us: int


class BoardLag:
    """Records of the race log that are not on the boards yet, by partition."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[_Records]] = {}
        self._newest: dict[str, _Records] = {}
        self._through: dict[int, int] = {}

    def accepted(self, partition: int, offset: int, event: str, at_us: int) -> None:
        """Note a record of the log, in the order of the log; `at_us` is when Kafka got it."""
        if offset <= self._through.get(partition, -1):
            return
        newest = self._newest.get(event)
        if newest is not None and at_us - newest.at_us < JOINED_US:
            newest.last = offset
            return
        records = self._newest[event] = _Records(event, offset, offset, at_us)
        self._waiting.setdefault(partition, []).append(records)

    def shown(self, partition: int, through: int) -> None:
        """Note that the boards have everything of a partition up to and including an offset."""
        self._through[partition] = max(through, self._through.get(partition, -1))
        waiting = self._waiting.get(partition, [])
        if not waiting or waiting[0].first > through:
            return
        for records in waiting:
            if records.last <= through and self._newest.get(records.event) is records:
                del self._newest[records.event]
        self._waiting[partition] = [records for records in waiting if records.last > through]

    def lag_us(self, now_us: int) -> dict[str, int]:
        """Return how long the oldest waiting fact of each event has waited; an event without any is left out."""
        oldest_us: dict[str, int] = {}
        for waiting in self._waiting.values():
            for records in waiting:
                oldest_us[records.event] = min(records.at_us, oldest_us.get(records.event, records.at_us))
        return {event: max(0, now_us - at_us) for event, at_us in oldest_us.items()}
