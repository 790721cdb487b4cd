"""`matline gateway import`: send files out of devices' memories to ingest, and show what it says of them."""

import asyncio
import gzip
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp
import msgspec
from msgspec import UNSET, Struct
from rich.console import Console

from services.formatting.terminal import clean, new_table, printable
from services.ingest.http.file_imports import FILE_MAX_BYTES, ImportAnswer
from services.ingest.memory_files.device_reads import DeviceSummary
from services.operate.ingest_client import ingest_address, token_headers, why
from services.runtime.faults import StartFault

EXIT_FAILED = 1
ANSWER_WAIT_S = 300.0  # a long file is compared with the whole log
TRIES_MAX = 5  # while ingest asks to send it again later
PLACES_SHOWN = 4  # of a device
CHIPS_SHOWN = 8  # that nobody wears
LINES_SHOWN = 20  # that cannot be read, and guns


class ImportOrder(Struct, frozen=True, kw_only=True):
    """How files are to be read, in the words of the request; null and empty: as ingest does by default."""

    event: str
    devices: Sequence[str] = ()
    zone: str | None = None
    day: str | None = None
    began: str | None = None
    shift: str | None = None
    columns: Sequence[str] = ()
    gateway: str | None = None
    dry_run: bool = False
    to: str | None = None

    def query(self) -> list[tuple[str, str]]:
        """Return the parameters of the request."""
        single = {
            "zone": self.zone,
            "day": self.day,
            "began": self.began,
            "shift": self.shift,
            "gateway": self.gateway,
        }
        return [
            *(("device", device) for device in self.devices),
            *(("column", column) for column in self.columns),
            *((name, value) for name, value in single.items() if value is not None),
            *([("dry_run", "1")] if self.dry_run else []),
        ]


class NotTaken(Exception):
    """A file was not taken; the message says why."""


def main(environment: Mapping[str, str], files: Iterable[Path], order: ImportOrder) -> int:
    """Send the files, one after the other, and return the exit code."""
    try:
        address = order.to or ingest_address(environment)
        return asyncio.run(_send_all(address.rstrip("/"), token_headers(environment), files, order))
    except StartFault as fault:
        print(f"matline gateway import: {fault}", file=sys.stderr)
        return EXIT_FAILED


async def _send_all(address: str, headers: Mapping[str, str], files: Iterable[Path], order: ImportOrder) -> int:
    code = 0
    console = Console(highlight=False)
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=ANSWER_WAIT_S)) as session:
        for path in files:
            try:
                answer = await _send(session, f"{address}/v1/events/{order.event}/import", path, order)
            except NotTaken as reason:
                print(f"{path}: {clean(str(reason))}", file=sys.stderr)
                code = EXIT_FAILED
                continue
            _show(console, path, answer)
            if answer.rejected_total:
                code = EXIT_FAILED
    return code


async def _send(session: aiohttp.ClientSession, url: str, path: Path, order: ImportOrder) -> ImportAnswer:
    """Return what ingest answers for a file. Raises NotTaken."""
    body = gzip.compress(_content(path), compresslevel=1)
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
    for _ in range(TRIES_MAX):
        try:
            async with session.post(url, params=order.query(), data=body, headers=headers) as response:
                answer = await response.read()
                if response.status == 200:
                    return msgspec.json.decode(answer, type=ImportAnswer)
                if response.status not in (429, 503):
                    raise NotTaken(_detail(answer, response.status))
                await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotTaken(f"ingest cannot be reached at {url}{why(error)}; --to gives another address") from None
    raise NotTaken(f"ingest did not take it in {TRIES_MAX} tries; try again later: {_detail(answer, response.status)}")


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            raise NotTaken(f"it is over {FILE_MAX_BYTES // 2**20} MiB; split it between two lines")
        return path.read_bytes()
    except OSError as error:
        raise NotTaken(f"it cannot be read: {error.strerror or error}") from None


def _detail(body: bytes, status: int) -> str:
    try:
        return str(msgspec.json.decode(body)["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"ingest refused it with status {status}"


def _show(console: Console, path: Path, answer: ImportAnswer) -> None:
    day = f", from {answer.day} on" if answer.day else ""
    title = f"{clean(str(path))}: {answer.title}, zone {answer.zone}{day}"
    table = new_table(printable(title), "Device", "Mat", "In the file", "Reads", "Chips", "On the log", "First", "Last")
    for summary in answer.devices:
        table.add_row(*map(printable, _cells(summary)))
    console.print(table)
    for line in summary_lines(str(path), answer):
        print(line)


def _cells(summary: DeviceSummary) -> Iterator[str]:
    more = len(summary.places) - PLACES_SHOWN
    yield summary.device or "?"
    yield "?" if summary.mat is UNSET else summary.mat or "none"
    yield ", ".join(place or "-" for place in summary.places[:PLACES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    yield from (str(count) for count in (summary.reads, summary.chips, summary.on_log))
    yield from (summary.first, summary.last)


def summary_lines(path: str, answer: ImportAnswer) -> Iterator[str]:
    """Yield the lines below the table of devices; faults as FILE:LINE: REASON."""
    for bad in answer.rejected[:LINES_SHOWN]:
        yield clean(f"{path}:{bad.line}: {bad.reason}")
    if answer.rejected_total > LINES_SHOWN:
        yield f"{path}: {answer.rejected_total - LINES_SHOWN} more lines cannot be read"
    for mark in answer.marks[:LINES_SHOWN]:
        yield clean(f"{path}:{mark.line}: {mark.kind} at {mark.at or 'an incomplete time'}: {mark.text}")
    for warning in answer.warnings:
        yield clean(f"{path}: {warning}")
    if answer.unknown_chips_total:
        shown = ", ".join(f"{unknown.chip} ({unknown.reads})" for unknown in (answer.unknown_chips or [])[:CHIPS_SHOWN])
        more = answer.unknown_chips_total - CHIPS_SHOWN
        others = f" and {more} more" if more > 0 else ""
        counts = f"chips: {answer.known_chips} known, {answer.unknown_chips_total} that nobody wears"
        yield clean(f"{counts}, with their reads: {shown}{others}")
    elif answer.known_chips is not None:
        yield f"chips: {answer.known_chips}, all known"
    done = f"would write {answer.new}" if answer.dry_run is True else f"wrote {answer.written}"
    yield f"{done} of {answer.reads} reads; {answer.on_log} are on the log already"
