"""Remember the state of a source's readers, so that a change gives one notice and not one for each connection."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.ingest.decoders.messages import Notice, Now

CLOCK_JUMP_US = 3_000_000  # more than a round trip on a poor mobile line explains
SUBJECTS_MAX = 1_000  # remembered; beyond it the oldest is forgotten, and may give its notice again
CLOCKS_MAX = 64  # of one source that are remembered
CLOCK_OFF_US = 60_000_000  # more means a wrong zone or a clock never set: times are useless until corrected
CLOCK_NEAR_US = 50_000_000  # closer than this it is no more far off; between the two nothing changes
CLOCK_SLACK_US = 1_000_000  # an answer is under way for part of a second


class ReaderStateNotices:
    """The last notice by subject and the offset of each clock; one object for all connections of a source."""

    def __init__(self) -> None:
        self._state: dict[str, str] = {}
        self._offset_us: dict[str, int] = {}
        self._noticed_us: dict[str, int] = {}  # the offset in the last notice of each clock that is off

    @property
    def offsets_us(self) -> Mapping[str, int]:
        """How far each reader's clock was ahead of ours when it last reported it (behind: negative)."""
        return self._offset_us

    def change(self, where: str, kind: str, text: str, at_us: int | None) -> list[Notice]:
        """Return a notice if `text` differs from the last one of this kind; none for an empty text (all is well)."""
        key = f"{where} {kind}"
        before = self._state.get(key, "")
        if key not in self._state and len(self._state) >= SUBJECTS_MAX:
            del self._state[next(iter(self._state))]
        self._state[key] = text
        return [Notice(where, kind, at_us, text)] if text and text != before else []

    def note(self, where: str, at_us: int, now: Now) -> int:
        """Remember what a reader's clock shows now, and return how far ahead of ours that is, in microseconds."""
        offset_us = at_us - now.wall_us
        if where in self._offset_us or len(self._offset_us) < CLOCKS_MAX:
            self._offset_us[where] = offset_us
        return offset_us

    def clock(self, where: str, at_us: int, now: Now) -> list[Notice]:
        """Return a notice when a reader's clock jumped since it was last asked, or is far off."""
        before_us = self._offset_us.get(where)
        offset_us = self.note(where, at_us, now)
        notices: list[Notice] = []
        if before_us is not None and abs(offset_us - before_us) > CLOCK_JUMP_US:
            text = f"its clock jumped by {_jump_text(offset_us - before_us)}; {beside(at_us, now)}"
            notices.append(Notice(where, "clock_jump", at_us, text))
        far = is_far(offset_us, was_far=bool(self._state.get(f"{where} clock_off")))
        # The text names both clocks, which differ each time, so only that it is far off is remembered.
        if self.change(where, "clock_off", "far" if far else "", at_us):
            notices.append(
                Notice(
                    where, "clock_off", at_us, f"its clock is off by {signed_text(offset_us)}; " + beside(at_us, now)
                )
            )
        return notices

    def off(self, where: str, at_us: int, now: Now) -> list[Notice]:
        """Return a notice when a reader's clock is off, or by more or less than noticed before; never for jitter."""
        offset_us = self.note(where, at_us, now)
        if abs(offset_us - self._noticed_us.get(where, 0)) <= CLOCK_SLACK_US:
            return []
        self._noticed_us.pop(where, None)
        if abs(offset_us) <= CLOCK_SLACK_US or len(self._noticed_us) == CLOCKS_MAX:
            return []
        self._noticed_us[where] = offset_us
        return [Notice(where, "clock", at_us, f"the reader's clock is off by {signed_text(offset_us)}")]


def is_far(offset_us: int, was_far: bool) -> bool:
    """Return whether a clock is far off, which it stays until it is clearly nearer."""
    return abs(offset_us) > (CLOCK_NEAR_US if was_far else CLOCK_OFF_US)


SPANS_S = ((86_400, 2 * 86_400, "days"), (3_600, 2 * 3_600, "h"), (60, 600, "min"))
"""Units of a long span: their seconds, from how many seconds on they are used, and their name."""


def span_text(span_us: float) -> str:
    """Return a span in seconds, or a long one in a unit in which a person can picture it, without its sign."""
    seconds = abs(span_us) / 1e6
    for unit_s, least_s, name in SPANS_S:
        if seconds >= least_s:
            return f"{seconds / unit_s:,.1f}".removesuffix(".0") + f" {name}"
    return f"{seconds:.0f} s"


def signed_text(span_us: float) -> str:
    """Return a span as `span_text` does, with its sign."""
    return f"{'-' if span_us < 0 else '+'}{span_text(span_us)}"


def _jump_text(span_us: int) -> str:
    return f"{span_us / 1e6:+.1f} s" if abs(span_us) < 120_000_000 else signed_text(span_us)


def beside(at_us: int, now: Now) -> str:
    """Return what both clocks showed, to end the text of a notice."""
    return f"it showed {_text(at_us)} when ours showed {_text(now.wall_us)}"


def _text(at_us: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%dT%H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):  # of a damaged message
        return f"{at_us} microseconds since 1970"
