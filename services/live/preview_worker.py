"""The process that works out previews, so that boards do not wait for them: Python runs one thread at a time.

It is asked on standard input and answers on standard output, and asks live for what it needs from the tables. It ends
with the pipe, so never later than live. Sources: `preview_messages`, `services.preview`.
"""

import gc
import os
import sys
from typing import Any, BinaryIO, TypeVar

import msgspec

from services.fact_effects.request_problem import FACTS_REFUSED, problem_of
from services.live.preview_messages import Outcome, PreviewRequest, Question, packed, read_message
from services.preview.folded_facts import Line
from services.preview.previewer import NotThereYet, Previewer
from services.preview.source import ChipColumns

NICENESS = 5  # boards go first

T = TypeVar("T")

_request = msgspec.msgpack.Decoder(PreviewRequest)


class LiveGone(Exception):
    """The pipe from live has ended."""


class PipeSource:
    """A `Source` that asks live."""

    def __init__(self, asked: BinaryIO, answers: BinaryIO) -> None:
        self._asked = asked
        self._answers = answers

    def facts_after(self, offset: int, ordinal: int) -> list[Line]:
        """Return the next facts."""
        return self._ask(list[Line], "facts_after", offset, ordinal)

    def event_row(self) -> str | None:
        """Return the event's row."""
        text: str | None = self._ask(str | None, "event_row")  # type: ignore[arg-type]  # a union is no class
        return text

    def rows_after(self, version: int, bib: str) -> list[str]:
        """Return the next athletes' rows."""
        return self._ask(list[str], "rows_after", version, bib)

    def chips_read(self) -> list[str]:
        """Return every chip that was read."""
        return self._ask(list[str], "chips_read")

    def chips_read_by(self, devices: list[str]) -> list[str]:
        """Return the chips that devices read."""
        return self._ask(list[str], "chips_read_by", devices)

    def reads_reach(self) -> int:
        """Return the offset of the last read that has arrived."""
        return self._ask(int, "reads_reach")

    def reads_of(self, chips: list[str]) -> list[ChipColumns]:
        """Return the reads of chips."""
        return self._ask(list[ChipColumns], "reads_of", chips)

    def wait(self) -> None:
        """Let live wait."""
        self._ask(bool, "wait")

    def _ask(self, kind: type[T], method: str, *arguments: Any) -> T:
        self._asked.write(packed(Question(method, list(arguments))))
        self._asked.flush()
        data = read_message(self._answers)
        if data is None:
            raise LiveGone
        return msgspec.msgpack.decode(data, type=kind)


def outcome_of(previewer: Previewer, source: PipeSource, request: PreviewRequest) -> Outcome:
    """Return the answer to a request."""
    try:
        preview = previewer.preview(source, request.event, request.revision, request.body)
    except FACTS_REFUSED as error:
        status, title, detail, members = problem_of(error)
        return Outcome(status, title=title, detail=detail, members=members)
    except NotThereYet:
        return Outcome(503, title="Not here yet", detail="the facts and reads behind the results have not all arrived")
    return Outcome(200, body=msgspec.json.encode(preview))


def main() -> None:
    """Answer requests until standard input ends."""
    os.nice(NICENESS)
    gc.disable()  # folding and scoring make no reference cycles, and looking for them doubles their time
    asked, answers = sys.stdout.buffer, sys.stdin.buffer
    previewer, source = Previewer(), PipeSource(asked, answers)
    while (data := read_message(answers)) is not None:
        try:
            outcome = outcome_of(previewer, source, _request.decode(data))
        except LiveGone:
            return
        asked.write(packed(outcome))
        asked.flush()
        gc.collect(0)  # what the preview left; the state is older


if __name__ == "__main__":
    main()
