"""Previews for officials, one at a time, worked out in a process of their own that is started for the first one."""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from typing import Any

from services.live.errors import Busy, Refused
from services.live.limits import LiveLimits
from services.live.preview_messages import LENGTH_BYTES, Outcome, PreviewRequest, packed, said
from services.live.preview_tables import PreviewTables
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.preview.folded_facts import Line

log = logging.getLogger(__name__)


class Previews:
    """Works out previews. Methods raise Refused, Busy and DatabaseUnavailable."""

    def __init__(self, store: Store, tables: PreviewTables, limits: LiveLimits) -> None:
        self._store = store
        self._tables = tables
        self._limits = limits
        self._asked = 0
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Outcome]] = set()

    async def close(self) -> None:
        """End what is being worked out, and the process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end()

    async def preview(self, newest: Callable[[], AnnouncedRevision], body: bytes) -> tuple[int, bytes]:
        """Return what the facts in a body would change at the newest revision: the revision, and a document as JSON."""
        if self._asked >= self._limits.previews:
            raise Busy(f"{self._asked} previews are being worked out; ask again a little later")
        self._asked += 1
        revision = -1

        async def in_turn() -> Outcome:
            nonlocal revision
            try:
                async with self._turn:
                    announced = newest()
                    revision = announced.revision
                    return await self._work_out(announced, body)
            finally:
                self._asked -= 1

        task = asyncio.create_task(in_turn())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        outcome = await asyncio.shield(task)  # goes on when the client leaves: half a dialogue would be no use
        if outcome.status == 503:
            raise Busy(f"{outcome.detail}; ask again soon")
        if outcome.status != 200:
            raise Refused(outcome.status, outcome.title, outcome.detail, **outcome.members)
        return revision, outcome.body

    def _done(self, task: "asyncio.Task[Outcome]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, even if the client has left

    async def _work_out(self, announced: AnnouncedRevision, body: bytes) -> Outcome:
        if self._ending is not None:
            self._ending.cancel()
        try:
            async with asyncio.timeout(self._limits.preview_s):
                ended = self._process is None or self._process.returncode is not None
                process = await self._start() if ended or self._process is None else self._process
                outcome = await self._dialogue(process, announced, body)
        except BaseException as error:  # also when cancelled: the process waits for an answer that does not come
            await self._end()
            if isinstance(error, (asyncio.IncompleteReadError, OSError, TimeoutError)):
                log.exception("the preview of event %s failed", announced.event)
                raise Refused(
                    500, "Preview failed", "the preview could not be worked out; the log of live says why"
                ) from None
            raise
        self._ending = asyncio.get_running_loop().call_later(self._limits.preview_idle_s, self._end_idle)
        return outcome

    async def _start(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.live.preview_worker", stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        return self._process

    async def _dialogue(self, process: Process, announced: AnnouncedRevision, body: bytes) -> Outcome:
        assert process.stdin is not None
        assert process.stdout is not None
        methods = self._methods(announced)
        message: Any = PreviewRequest(announced.event, announced.revision, body)
        while True:
            process.stdin.write(packed(message))
            await process.stdin.drain()
            length = await process.stdout.readexactly(LENGTH_BYTES)
            answer = said.decode(await process.stdout.readexactly(int.from_bytes(length)))
            if isinstance(answer, Outcome):
                return answer
            message = await methods[answer.method](*answer.arguments)

    def _methods(self, announced: AnnouncedRevision) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Return the answers to the questions of a `Source`."""
        event, until = announced.event, announced.revision

        async def facts_after(offset: int, ordinal: int) -> list[Line]:
            return await self._store.facts_after(event, (offset, ordinal), until)

        async def wait() -> bool:
            await asyncio.sleep(self._limits.preview_wait_s)
            return True

        return {
            "facts_after": facts_after,
            "event_row": lambda: self._tables.event_text(event, until),
            "rows_after": lambda version, bib: self._tables.row_texts(event, version, until, bib),
            "chips_read": lambda: self._tables.chips_read(event, until),
            "chips_read_by": lambda devices: self._tables.chips_read_by(event, devices, until),
            "reads_reach": lambda: self._tables.reads_reach(event, until),
            "reads_of": lambda chips: self._tables.chip_columns(event, chips, until),
            "wait": wait,
        }

    def _end_idle(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()  # it ends with its input

    async def _end(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()
