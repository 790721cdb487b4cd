"""Read a log file for a command, and print to standard error which of its lines were skipped."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from msgspec import Struct

from services.offline.scored_log import BadLine, Log

SKIPPED_SHOWN = 20  # lines named on standard error; the rest are counted

AnyLog = TypeVar("AnyLog", bound=Log)


class LogLimits(Struct, frozen=True):
    """The limit of a line. A line is one fact; an entry list of 100,000 is under 40 MB."""

    line_max_bytes: int = 64 * 1024 * 1024


DEFAULT_LIMITS = LogLimits()


class Stopped(Exception):
    """A command cannot go on; the message is for standard error, of a log as `LOG:LINE: reason`."""


def read_log(
    path: str,
    until: int | None,
    lenient: bool,
    limits: LogLimits = DEFAULT_LIMITS,
) -> Log:
    """Return the log in `path` (`-`: standard input) up to line `until`. Raises Stopped, as `read_into` does."""
    return read_into(Log(), path, until, lenient, limits)


def read_into(
    log: AnyLog,
    path: str,
    until: int | None,
    lenient: bool,
    limits: LogLimits = DEFAULT_LIMITS,
) -> AnyLog:
    """Read the log in `path` up to line `until`, and return it.

    Raises Stopped at the first line that is not a fact, or that scoring refuses. With `lenient` such lines are skipped,
    and named and counted on standard error.
    """
    skipped: list[BadLine] = []
    gc.freeze()
    gc.disable()  # folding makes no reference cycles, and looking for them doubles its time
    try:
        with _opened(path) as file:
            for line in _lines(file, path, until, limits):
                try:
                    log.add(line)
                except BadLine as bad:
                    if not lenient:
                        raise Stopped(f"{path}:{bad.line}: {bad.reason}") from None
                    skipped.append(bad)
    finally:
        gc.enable()
    _print_skipped(path, skipped, log.lines)
    return log


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise Stopped(f"{path}: cannot be opened: {error.strerror}") from None


def _lines(file: BinaryIO, path: str, until: int | None, limits: LogLimits) -> Iterator[bytes]:
    """Yield the lines of a file. Nothing after line `until` is read."""
    number = 0
    while until is None or number < until:
        line = file.readline(limits.line_max_bytes + 1)
        if not line:
            return
        number += 1
        if len(line) > limits.line_max_bytes:
            raise Stopped(f"{path}:{number}: is longer than {limits.line_max_bytes} bytes; each line is one fact")
        yield line


def _print_skipped(path: str, skipped: list[BadLine], lines: int) -> None:
    for bad in skipped[:SKIPPED_SHOWN]:
        print(f"{path}:{bad.line}: {bad.reason}", file=sys.stderr)
    if skipped:
        print(f"{path}: skipped {len(skipped)} of {lines} lines", file=sys.stderr)
