"""How far devices' clocks are from ours, by when their reads arrive: for protocols that never report the time.

A read arrives after it happened, so of several reads the one with the shortest delay shows the clock best. Stored reads
show nothing: they arrive late, and far faster than they happened. So the least delay of a few turns of some seconds is
taken, and only where several turns agree, as they do while people cross a mat, and not while a reader sends stored
reads, or while a race is played faster than it was.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct

from services.ingest.decoders.messages import DecodedRead, Message, Notice, Now
from services.ingest.decoders.reader_state import CLOCK_OFF_US, beside

TURN_S = 2.0  # reads of so long count together
TURNS_KEPT = 8  # the last ones that had reads
TURNS_AGREEING = 4  # so many have to, before there is a notice
AGREEING_US = 3_000_000  # a poor mobile line delays reads by as much
JUMP_US = 10_000_000  # a line that has become slow is not a clock that jumped
DEVICES_MAX = 64  # of one source whose clocks are watched
QUARTER_US = 15 * 60 * 1_000_000  # zones differ by quarters of an hour
ZONE_MOST_US = 26 * 3600 * 1_000_000  # from the last zone to the first
DATE_US = 20 * 3600 * 1_000_000  # beyond it is a wrong date, unless it is a whole zone


class _Turn(Struct):
    number: int
    offset_us: int


class _Device(Struct):
    turns: deque[_Turn]
    settled_us: int | None = None
    far: bool = False


class ArrivalClocks:
    """The clocks of one source's devices, over all its connections."""

    def __init__(self, turn_s: float = TURN_S) -> None:
        self._turn_s = turn_s
        self._devices: dict[str, _Device] = {}

    @property
    def offsets_us(self) -> Mapping[str, int]:
        """How far each clock seems to be ahead of ours (behind: negative), where enough reads came to say so."""
        return {where: device.settled_us for where, device in self._devices.items() if device.settled_us is not None}

    def heard(self, messages: Iterable[Message], now: Now) -> list[Notice]:
        """Return notices of what is wrong with clocks, by the reads among messages that have just come; each once."""
        latest: dict[str, int] = {}
        for message in messages:
            if isinstance(message, DecodedRead):
                latest[message.where] = max(latest.get(message.where, message.at_us), message.at_us)
        return [notice for where, at_us in latest.items() for notice in self.read(where, at_us, now)]

    def read(self, where: str, at_us: int, now: Now) -> list[Notice]:
        """Return the notices that the newest of a device's reads, which have just come together, gives rise to."""
        device = self._devices.get(where)
        if device is None:
            if len(self._devices) == DEVICES_MAX:
                return []
            device = self._devices[where] = _Device(deque(maxlen=TURNS_KEPT))
        offset_us, number = at_us - now.wall_us, int(now.steady_s // self._turn_s)
        if device.turns and device.turns[-1].number == number:
            device.turns[-1].offset_us = max(device.turns[-1].offset_us, offset_us)
        else:
            device.turns.append(_Turn(number, offset_us))
        seems_us = _agreed(device.turns)
        return [] if seems_us is None else _settled(where, device, seems_us, at_us, now)


def _agreed(turns: Iterable[_Turn]) -> int | None:
    """Return the least delay of the turns, where enough of them have nearly the same; null where they do not."""
    offsets_us = [turn.offset_us for turn in turns]
    least_us = max(offsets_us)
    agreeing = sum(least_us - offset_us <= AGREEING_US for offset_us in offsets_us)
    return least_us if agreeing >= TURNS_AGREEING else None


def _settled(where: str, device: _Device, seems_us: int, at_us: int, now: Now) -> list[Notice]:
    before_us, device.settled_us = device.settled_us, seems_us
    notices: list[Notice] = []
    if before_us is not None and abs(seems_us - before_us) > JUMP_US:
        text = f"by its reads its clock jumped by {(seems_us - before_us) / 1e6:+.0f} s; {beside(at_us, now)}"
        notices.append(Notice(where, "clock_jump", at_us, text))
    far = abs(seems_us) > CLOCK_OFF_US
    if far and not device.far:
        text = f"by its reads its clock is off by {seems_us / 1e6:+.0f} s{_likely(seems_us)}; {beside(at_us, now)}"
        notices.append(Notice(where, "clock_off", at_us, text))
    device.far = far
    return notices


def _likely(off_us: int) -> str:
    """Return what is likely to be the cause of such a difference."""
    quarters = round(off_us / QUARTER_US)
    if quarters and abs(off_us) <= ZONE_MOST_US and abs(off_us - quarters * QUARTER_US) <= CLOCK_OFF_US:
        return f", as of a zone {quarters / 4:+g} h away"
    return ", a wrong date" if abs(off_us) > DATE_US else ""
