"""`matline export`: write results and lists of a log to files; no broker and no database.

A table is a CSV file or a sheet of a workbook. A fault ends the command with one line and exit code 2, before
anything is written.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from services.offline.export.lists import medal_table, prize_tables, start_lists
from services.offline.export.publications import PublishingLog
from services.offline.export.result_tables import Table
from services.offline.export.results import results_tables
from services.offline.export.table_files import csv_text, xlsx_bytes
from services.offline.export.wanda import (
    Contact,
    Contacts,
    ContactsFault,
    contacts_from_csv,
    finishes,
    marathons,
    wanda_table,
)
from services.offline.read_log import Stopped, read_into
from services.offline.scored_log import scored
from services.standings.document import Scored, document
from services.standings.publication import race_standing

CONTACTS_MAX_BYTES = 64 * 1024 * 1024

Style = Literal["csv", "xlsx"]
Kind = Literal["results", "start-list", "medals", "prizes"]

_MAKE: dict[Kind, Callable[[PublishingLog, Scored, str | None], list[Table]]] = {
    "results": results_tables,
    "start-list": lambda _, made, language: start_lists(made, language),
    "medals": lambda _, made, language: medal_table(made, language),
    "prizes": lambda _, made, language: prize_tables(made, language),
}


class Order(NamedTuple):
    """The tables to write (all, or those in `only`), and `out`: a file, or a folder for several CSV tables.

    Without `out` the table is printed. `language` is that of names by language; None for the first of each name.
    """

    only: Sequence[str]
    style: Style | None
    out: Path | None
    lenient: bool
    language: str | None = None


def export_tables(kind: Kind, path: str, order: Order) -> int:
    """Write the tables of a log. Return the exit code."""
    try:
        log, made = _read(path, order.lenient)
        tables = _MAKE[kind](log, made, order.language)
        if not tables:
            raise Stopped(f"{path}: has no race definition, so there is nothing to export")
        _write(_chosen(tables, order.only), order)
    except (Stopped, OSError) as stopped:
        return _failed(stopped)
    return 0


def export_standings(path: str, out: Path | None, lenient: bool) -> int:
    """Write the standings document, as `matline score` prints it. Return the exit code. Source: R5."""
    try:
        log, made = _read(path, lenient)
        event = "" if log.state is None else log.state.event
        _put(out, msgspec.json.encode(document(event, log.revision, made)) + b"\n")
    except (Stopped, OSError) as stopped:
        return _failed(stopped)
    return 0


def export_wanda(paths: Sequence[str], contacts: Path | None, order: Order) -> int:
    """Write the twelve columns for the marathons of several logs. Return the exit code."""
    try:
        finished = []
        events = []
        for path in paths:
            log, made = _read(path, order.lenient)
            if made.definition is None or not marathons(made.definition):
                raise Stopped(f"{path}: has no race over 42.195 km; the rankings take only marathons")
            if made.definition.event in events:
                raise Stopped(
                    f"{path}: is of event {made.definition.event!r}, and so is an earlier log; give one of them"
                )
            events.append(made.definition.event)
            finished += list(finishes(made))
            _print_states(path, log, made)
        known = Contacts([] if contacts is None else _contacts(contacts), events)
        written = wanda_table(finished, known)
        _write([written], order)
    except (Stopped, OSError) as stopped:
        return _failed(stopped)
    except ContactsFault as fault:
        return _failed(f"{contacts}:{fault.line}: {fault}")
    without = sum(row[written.columns.index("email")] == "" for row in written.rows)
    _print(f"{len(written.rows)} athletes with {len(finished)} finishes; {without} without an e-mail address")
    return 0


def _contacts(path: Path) -> list[Contact]:
    data = path.read_bytes()
    if len(data) > CONTACTS_MAX_BYTES:
        raise Stopped(f"{path}: is longer than {CONTACTS_MAX_BYTES} bytes, so it cannot be a file of contacts")
    try:
        return contacts_from_csv(data.decode())
    except UnicodeDecodeError:
        raise Stopped(f"{path}: is not UTF-8; save it as CSV in UTF-8") from None


def _print_states(path: str, log: PublishingLog, made: Scored) -> None:
    """Print the races whose results are not official. The rankings require official ones, but all are written."""
    if made.definition is None:
        return
    for race in marathons(made.definition):
        state = race_standing(made.definition, log.in_force(made), race.id).state
        if state != "official":
            _print(f"{path}: the results of race {race.id} are {state}, not official")


# --- Reading and writing.


def _read(path: str, lenient: bool) -> tuple[PublishingLog, Scored]:
    """Return a log and its results. Raises Stopped."""
    log = read_into(PublishingLog(), path, None, lenient)
    return log, scored(log.state)


def _chosen(tables: list[Table], only: Sequence[str]) -> list[Table]:
    """Return the tables with these ids; all when none is given. Raises Stopped."""
    known = [table.id for table in tables]
    for name in only:
        if name not in known:
            raise Stopped(f"there is no table {name!r}; the tables are {', '.join(known)}")
    return [table for table in tables if not only or table.id in only]


def _write(tables: Sequence[Table], order: Order) -> None:
    """Write tables to the ordered place. Raises Stopped, OSError."""
    out = order.out
    style = order.style or ("xlsx" if out is not None and out.suffix.lower() == ".xlsx" else "csv")
    if style == "xlsx":
        if out is None:
            raise Stopped("a workbook cannot be printed; give --out FILE.xlsx")
        _put(out, xlsx_bytes(tables))
    elif len(tables) == 1 and (out is None or out.suffix):
        _put(out, csv_text(tables[0]).encode())
    elif out is None or out.suffix:
        ids = ", ".join(listed.id for listed in tables)
        raise Stopped(
            f"there are {len(tables)} tables ({ids}); give --out FOLDER or --out FILE.xlsx, or choose one with --only"
        )
    else:
        out.mkdir(parents=True, exist_ok=True)
        for listed in tables:
            _put(out / f"{listed.id}.csv", csv_text(listed).encode())


def _put(out: Path | None, data: bytes) -> None:
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(data)
        _print(f"wrote {out}")


def _print(line: str) -> None:
    print(line, file=sys.stderr)


def _failed(error: Exception | str) -> int:
    _print(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error))
    return 2
