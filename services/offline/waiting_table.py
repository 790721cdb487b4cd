"""The facts of a log that wait for something, on a terminal and as plain objects."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events import kind_of
from schemas.results import AthleteRow
from services.fact_effects.athletes import OutlinedRows
from services.fact_effects.waiting_facts import WaitingFact, waiting_facts
from services.formatting.terminal import clean, new_table
from services.offline.scored_log import Log


def waiting_in(log: Log, rows: Iterable[AthleteRow]) -> list[WaitingFact]:
    """Return the facts of a log that wait, given the rows of all athletes."""
    return [] if log.state is None else waiting_facts(log.state, OutlinedRows({row.bib: row for row in rows}))


def plain_waiting(waiting: Iterable[WaitingFact]) -> list[dict[str, Any]]:
    """Return the facts that wait as plain objects; `record` is their line or, where lines have one, their offset."""
    return [
        {
            "record": logged.offset,
            "type": kind_of(logged.fact),
            "id": logged.fact.id,
            "waits_for": fact.waits_for(),
        }
        for fact in waiting
        for logged in (fact.logged,)
    ]


def print_waiting(console: Console, waiting: Iterable[WaitingFact]) -> None:
    """Print a table of the facts that wait; nothing where none does."""
    table = new_table("Facts that wait", "Record", "Fact", "Id", "Waits because")
    for fact in plain_waiting(waiting):
        why = "; ".join(fact["waits_for"])
        table.add_row(str(fact["record"]), fact["type"], Text(clean(fact["id"] or "-")), Text(clean(why)))
    if table.row_count:
        console.print(table)
