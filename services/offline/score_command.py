"""`matline score`: score a log and print the standings document; no broker and no database. Source: R5."""

import sys
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.names import public_name
from schemas.results import AthleteRow
from services.formatting.terminal import clean, new_table
from services.formatting.times import format_hms, format_ms
from services.offline.read_log import Stopped, read_log
from services.offline.scored_log import scored
from services.offline.waiting_table import print_waiting, waiting_in
from services.standings import all_cases
from services.standings.boards import BoardRow
from services.standings.document import Scored, document
from services.standings.result_flags import flag_words, legend


def run(path: str, until: int | None, style: str | None, lenient: bool) -> int:
    """Score a log and print the standings. Return the exit code: 0, or 2 when a line is refused."""
    try:
        log = read_log(path, until, lenient)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 2
    result = scored(log.state)
    event = "" if log.state is None else log.state.event
    if (style or ("text" if sys.stdout.isatty() else "json")) == "text":
        _print_tables(event, log.revision, result)
        print_waiting(Console(), waiting_in(log, result.athletes))
    else:
        sys.stdout.buffer.write(msgspec.json.encode(document(event, log.revision, result)) + b"\n")
        sys.stdout.buffer.flush()
        for line in () if result.event is None else result.event.pending:
            print(f"{path}: pending: {line}", file=sys.stderr)
    return 0


# --- Tables for people.


def _print_tables(event: str, revision: int, result: Scored) -> None:
    console = Console()
    console.print(f"[bold]{event}[/bold] at revision {revision}, {len(result.athletes)} athletes", highlight=False)
    shown = result.with_all_cases()
    athletes = {row.bib: row for row in shown}
    for name, rows in result.standings.boards.items():
        console.print(_board(name, rows, athletes))
    for name, teams in result.standings.team_boards.items():
        table = new_table(name, "Place", "Team", "Score", "Members")
        for team in teams:
            members = ", ".join(f"{member.bib} ({member.score})" for member in team.members)
            table.add_row(_or_dash(team.place), Text(clean(team.team)), _or_dash(team.score), Text(members))
        console.print(table)
    for name, delegations in result.standings.delegations.items():
        table = new_table(name, "Place", "Delegation", "Score")
        for delegation in delegations:
            table.add_row(_or_dash(delegation.place), Text(clean(delegation.team)), _or_dash(delegation.score))
        console.print(table)
    _print_rest(console, result, shown)


def _board(name: str, rows: Sequence[BoardRow], athletes: Mapping[str, AthleteRow]) -> Table:
    """Return a board as a table; with the column "Flags" where a result has one."""
    flags = [flag_words(athletes[row.bib]) for row in rows]
    table = new_table(name, "Place", "Bib", "Name", "Time", "Gun", "Chip", *(["Flags"] if any(flags) else []))
    for row, words in zip(rows, flags, strict=True):
        table.add_row(
            str(row.place),
            Text(row.bib),
            Text(clean(public_name(athletes[row.bib]))),
            format_hms(row.time_s),
            format_ms(row.gun_us),
            format_ms(row.chip_us),
            *([words] if any(flags) else []),
        )
    return table


def _print_rest(console: Console, result: Scored, shown: Sequence[AthleteRow]) -> None:
    """Print the athletes who are on no board, the cases, and the unused reads; `shown` are all with all their cases."""
    table = new_table("Not finished", "Bib", "Name", "Race", "Status", "Last point", "Why")
    for row in shown:
        if row.status not in ("FINISHED", "NOT_STARTED"):
            last = row.points[-1].point if row.points else "-"
            missed = ", ".join(f"missed {point}" for point in row.missed)
            why = f"cut off at {row.cut_at}" if row.cut_at else missed
            reasons = "; ".join(filter(None, (why, flag_words(row))))
            table.add_row(Text(row.bib), Text(clean(public_name(row))), row.race, row.status, last, reasons)
    if table.row_count:
        console.print(table)
    for line in legend(shown):
        console.print(line, highlight=False)
    cases = list(all_cases(result.athletes, result.standings))
    if cases:
        table = new_table("Cases", "Case", "Race", "State")
        for case in cases:
            table.add_row(Text(clean(case.case)), case.race, "open" if case.open else "decided")
        console.print(table)
    if result.unused:
        console.print("Unused reads: " + ", ".join(f"{count} {reason}" for reason, count in result.unused.items()))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
