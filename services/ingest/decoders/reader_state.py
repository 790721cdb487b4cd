"""What a source's readers have told of their state, so that it is told once and not anew by every connection."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.ingest.decoders.messages import Notice, Now

CLOCK_JUMP_US = 3_000_000  # a question's way there and back on a poor mobile line, not a step of a clock
SUBJECTS_MAX = 1_000  # remembered; those first told of are forgotten, and told again
CLOCKS_MAX = 64  # of one source that are remembered
CLOCK_OFF_US = 60_000_000  # more is a wrong zone or a clock never set: its times are useless until corrected


class ReaderStateNotices:
    """Notices last given, by subject, and how far each reader's clock was off; one for all connections of a source."""

    def __init__(self) -> None:
        self._state: dict[str, str] = {}
        self._offset_us: dict[str, int] = {}

    @property
    def offsets_us(self) -> Mapping[str, int]:
        """How far each reader's clock was ahead of ours when it last told it (behind: negative)."""
        return self._offset_us

    def change(self, where: str, kind: str, text: str, at_us: int | None) -> list[Notice]:
        """A notice when `text` is not the last one of this kind; an empty text, all is well, is only remembered."""
        key = f"{where} {kind}"
        before = self._state.get(key, "")
        if key not in self._state and len(self._state) >= SUBJECTS_MAX:
            del self._state[next(iter(self._state))]
        self._state[key] = text
        return [Notice(where, kind, at_us, text)] if text and text != before else []

    def note(self, where: str, at_us: int, now: Now) -> int:
        """Remember what a reader's clock shows now; how far ahead of ours that is, in microseconds."""
        offset_us = at_us - now.wall_us
        if where in self._offset_us or len(self._offset_us) < CLOCKS_MAX:
            self._offset_us[where] = offset_us
        return offset_us

    def clock(self, where: str, at_us: int, now: Now) -> list[Notice]:
        """What a reader's clock shows now: a notice when it jumped since it was last asked, or is far off."""
        before_us = self._offset_us.get(where)
        offset_us = self.note(where, at_us, now)
        notices: list[Notice] = []
        if before_us is not None and abs(offset_us - before_us) > CLOCK_JUMP_US:
            text = f"its clock jumped by {(offset_us - before_us) / 1e6:+.1f} s; {beside(at_us, now)}"
            notices.append(Notice(where, "clock_jump", at_us, text))
        far = abs(offset_us) > CLOCK_OFF_US
        # The text names both clocks, which differ each time: what is remembered is only that it is far off.
        if self.change(where, "clock_off", "far" if far else "", at_us):
            notices.append(
                Notice(
                    where, "clock_off", at_us, f"its clock is off by {offset_us / 1e6:+.0f} s; " + beside(at_us, now)
                )
            )
        return notices


def beside(at_us: int, now: Now) -> str:
    """Both clocks, for a notice."""
    return f"it showed {_text(at_us)} when ours showed {_text(now.wall_us)}"


def _text(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%dT%H:%M:%S}Z"
