"""Estimate how far devices' clocks are from ours by when their reads arrive, for protocols that never report the time.

A read arrives after it happened, so of several reads the one with the shortest delay shows the clock best. Stored reads
show nothing: they arrive late, and far faster than they happened. So reads are grouped into windows of some seconds,
and the shortest delay counts only when several windows agree. They do while people cross a mat, but not while a reader
sends stored reads, or while a race is played faster than real time.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct

from services.ingest.decoders.messages import DecodedRead, Message, Notice, Now
from services.ingest.decoders.reader_state import CLOCK_OFF_US, beside, is_far, signed_text

TURN_S = 2.0  # length of a window
TURNS_KEPT = 8  # the last windows that had reads
TURNS_AGREEING = 4  # how many have to agree before there is a notice
AGREEING_US = 3_000_000  # a poor mobile line delays reads by up to this
JUMP_US = 10_000_000  # more than a line that has become slow explains
DEVICES_MAX = 64  # of one source whose clocks are watched
QUARTER_US = 15 * 60 * 1_000_000  # zones differ by quarters of an hour
ZONE_MOST_US = 26 * 3600 * 1_000_000  # from the last zone to the first
DATE_US = 20 * 3600 * 1_000_000  # more is a wrong date, unless it is a difference of zones


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
        """How far each clock seems to be ahead of ours (behind: negative), where enough reads came to tell."""
        return {where: device.settled_us for where, device in self._devices.items() if device.settled_us is not None}

    def heard(self, messages: Iterable[Message], now: Now) -> list[Notice]:
        """Return notices of wrong clocks, judged by the reads among messages that have just come; each notice once."""
        latest: dict[str, int] = {}
        for message in messages:
            if isinstance(message, DecodedRead):
                latest[message.where] = max(latest.get(message.where, message.at_us), message.at_us)
        return [notice for where, at_us in latest.items() for notice in self.read(where, at_us, now)]

    def read(self, where: str, at_us: int, now: Now) -> list[Notice]:
        """Return the notices that follow from the newest of a device's reads that have just come together."""
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
    """Return the offset at the shortest delay when enough windows nearly agree on it, else null."""
    offsets_us = [turn.offset_us for turn in turns]
    best_us = max(offsets_us)
    agreeing = sum(best_us - offset_us <= AGREEING_US for offset_us in offsets_us)
    return best_us if agreeing >= TURNS_AGREEING else None


def _settled(where: str, device: _Device, seems_us: int, at_us: int, now: Now) -> list[Notice]:
    before_us, device.settled_us = device.settled_us, seems_us
    notices: list[Notice] = []
    if before_us is not None and abs(seems_us - before_us) > JUMP_US:
        text = f"by its reads, its clock jumped by {signed_text(seems_us - before_us)}; {beside(at_us, now)}"
        notices.append(Notice(where, "clock_jump", at_us, text))
    far = is_far(seems_us, device.far)
    if far and not device.far:
        text = f"by its reads, its clock is off by {signed_text(seems_us)}{_likely(seems_us)}; {beside(at_us, now)}"
        notices.append(Notice(where, "clock_off", at_us, text))
    device.far = far
    return notices


def _likely(off_us: int) -> str:
    """Return the likely cause of such a difference, to end a sentence; empty if there is none."""
    quarters = round(off_us / QUARTER_US)
    if quarters and abs(off_us) <= ZONE_MOST_US and abs(off_us - quarters * QUARTER_US) <= CLOCK_OFF_US:
        return f", as if in a zone {quarters / 4:+g} h away"
    return ", so its date is wrong" if abs(off_us) > DATE_US else ""
