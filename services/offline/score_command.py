"""`matline score`: a log in, the standings document out; no broker and no database. Source: R5."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from schemas.results import AthleteRow
from services.formatting.times import format_hms, format_ms
from services.offline.scored_log import BadLine, Log, scored
from services.standings.document import Scored, document

LINE_MAX_BYTES = 64 * 1024 * 1024  # one fact; an entry list of 100,000 is under 40 MB
SET_ASIDE_SHOWN = 20  # lines named on standard error with --lenient; the rest is counted


class Stopped(Exception):
    """The log cannot be scored; the message is for standard error, as `LOG:LINE: reason`."""


def read_log(path: str, until: int | None, lenient: bool) -> tuple[Log, list[BadLine]]:
    """The log in `path` (`-`: standard input) up to line `until`, and the lines set aside. Raises Stopped."""
    log = Log()
    return log, read_into(log, path, until, lenient)


def read_into(log: Log, path: str, until: int | None, lenient: bool) -> list[BadLine]:
    """Read the log in `path` up to line `until`; the lines set aside. Raises Stopped."""
    aside: list[BadLine] = []
    gc.freeze()
    gc.disable()  # the fold makes no garbage in circles, and looking for some doubles its time
    try:
        with _opened(path) as file:
            for line in _lines(file, path, until):
                try:
                    log.add(line)
                except BadLine as bad:
                    if not lenient:
                        raise Stopped(f"{path}:{bad.line}: {bad.reason}") from None
                    aside.append(bad)
    finally:
        gc.enable()
    return aside


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise Stopped(f"{path}: cannot be opened: {error.strerror}") from None


def _lines(file: BinaryIO, path: str, until: int | None) -> Iterator[bytes]:
    """The lines of a file; nothing behind line `until` is read."""
    at = 0
    while until is None or at < until:
        line = file.readline(LINE_MAX_BYTES + 1)
        if not line:
            return
        at += 1
        if len(line) > LINE_MAX_BYTES:
            raise Stopped(f"{path}:{at}: is longer than {LINE_MAX_BYTES} bytes; one fact is one line")
        yield line


def run(path: str, until: int | None, style: str | None, lenient: bool) -> int:
    """Score and print; the exit code: 0, or 2 when a line is refused."""
    try:
        log, aside = read_log(path, until, lenient)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 2
    for bad in aside[:SET_ASIDE_SHOWN]:
        print(f"{path}:{bad.line}: {bad.reason}", file=sys.stderr)
    if aside:
        print(f"{path}: {len(aside)} lines set aside of {log.lines}", file=sys.stderr)
    made = scored(log.state)
    event = "" if log.state is None else log.state.event
    if (style or ("text" if sys.stdout.isatty() else "json")) == "text":
        _print_tables(event, log.revision, made)
    else:
        sys.stdout.buffer.write(msgspec.json.encode(document(event, log.revision, made)) + b"\n")
        sys.stdout.buffer.flush()
    for line in () if made.event is None else made.event.pending:
        print(f"{path}: pending: {line}", file=sys.stderr)
    return 0


# --- Tables for a person.


def _print_tables(event: str, revision: int, made: Scored) -> None:
    console = Console()
    console.print(f"[bold]{event}[/bold] at revision {revision}, {len(made.athletes)} athletes", highlight=False)
    athletes = {row.bib: row for row in made.athletes}
    for name, rows in made.standings.boards.items():
        table = new_table(name, "Place", "Bib", "Name", "Time", "Gun", "Chip")
        for row in rows:
            table.add_row(
                str(row.place),
                Text(row.bib),
                Text(shown_name(athletes[row.bib])),
                format_hms(row.time_s),
                format_ms(row.gun_us),
                format_ms(row.chip_us),
            )
        console.print(table)
    for name, teams in made.standings.team_boards.items():
        table = new_table(name, "Place", "Team", "Score", "Members")
        for team in teams:
            members = ", ".join(f"{member.bib} ({member.score})" for member in team.members)
            table.add_row(_or_dash(team.place), Text(clean(team.team)), _or_dash(team.score), Text(members))
        console.print(table)
    for name, delegations in made.standings.delegations.items():
        table = new_table(name, "Place", "Delegation", "Score")
        for one in delegations:
            table.add_row(_or_dash(one.place), Text(clean(one.team)), _or_dash(one.score))
        console.print(table)
    _print_rest(console, made)


def _print_rest(console: Console, made: Scored) -> None:
    """Who is on no board, the cases, and the unused reads."""
    table = new_table("Not finished", "Bib", "Name", "Race", "Status", "Last point", "Why")
    for row in made.athletes:
        if row.status not in ("FINISHED", "NOT_STARTED"):
            last = row.points[-1].point if row.points else "-"
            why = f"over the limit at {row.cut_at}" if row.cut_at else ", ".join(f"missed {one}" for one in row.missed)
            table.add_row(Text(row.bib), Text(shown_name(row)), row.race, row.status, last, why)
    if table.row_count:
        console.print(table)
    cases = [case for row in made.athletes for case in row.cases] + made.standings.cases
    if cases:
        table = new_table("Cases", "Case", "Race", "State")
        for case in cases:
            table.add_row(Text(clean(case.case)), case.race, "open" if case.open else "decided")
        console.print(table)
    if made.unused:
        console.print("Unused reads: " + ", ".join(f"{count} {reason}" for reason, count in made.unused.items()))


def new_table(title: str, *columns: str) -> Table:
    """An empty table with its title; columns of numbers are right-aligned and never wrapped."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        right = column in ("Place", "Bib", "Time", "Gun", "Chip", "Score")
        made.add_column(column, justify="right" if right else "left", no_wrap=right)
    return made


def shown_name(row: AthleteRow) -> str:
    """The athlete's name for a terminal, or his bib where his name is hidden."""
    if row.hidden or row.entry is None:
        return row.bib
    return clean(f"{row.entry.given_name} {row.entry.family_name}".strip())


def clean(text: str) -> str:
    """Text from outside, safe for a terminal: no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def printable(text: str) -> str:
    """The same within rich's markup, where brackets mean something."""
    return escape(clean(text))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
