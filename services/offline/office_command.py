"""`matline office`: print the race office's lists from a log; no broker and no database.

Before the race these are entries to look into and declarations to collect; from the first read on, what is wrong with
clocks, guns, mats and chips, and which waivers are in force; afterwards prizes, titles and medals by the standings as
they are.
"""

import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from schemas.names import full_name
from schemas.results import AthleteRow
from services.formatting.terminal import clean, new_table, printable
from services.formatting.times import LocalClock, format_hms
from services.health.case_groups import plain_groups
from services.offline.chips_apart import chips_apart
from services.offline.health_tables import health_of, print_health
from services.offline.open_cases_table import open_cases_of, print_open_cases
from services.offline.read_log import Stopped, read_log
from services.offline.scored_log import Log, scored
from services.offline.waiting_table import plain_waiting, print_waiting, waiting_in
from services.offline.waivers_table import plain_waivers, print_waivers, waivers_of
from services.offline.withdrawn_entries import withdrawn_but_read
from services.standings.office.concern import Concern, Kind
from services.standings.office.report import OfficeLists, office_lists


def lists_of(log: Log) -> tuple[OfficeLists, dict[str, str]]:
    """Return the lists of a log as far as it was read, and the name on the latest entry of each bib."""
    result = scored(log.state)
    by_bib = {} if log.state is None else log.state.rulings.written
    in_log_order = sorted(chain.from_iterable(by_bib.values()), key=lambda written: written.position)
    entries = [written.entry for written in in_log_order]
    names = {entry.bib: full_name(entry) for entry in entries}
    event = "" if log.state is None else log.state.event
    if result.definition is None or result.event is None or log.state is None:
        return OfficeLists(event=event, revision=log.revision), names
    lists = office_lists(
        result.definition,
        result.event,
        log.revision,
        entries,
        result.athletes,
        result.standings,
        log.state.rulings.worn,
        [*chips_apart(log.state), *withdrawn_but_read(log.state)],
    )
    return lists, names


def run(path: str, until: int | None, style: str | None, lenient: bool) -> int:
    """Read a log and print the lists. Return the exit code: 0, or 2 when a line is refused."""
    try:
        log = read_log(path, until, lenient)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 2
    lists, names = lists_of(log)
    athletes = scored(log.state).athletes
    waiting = waiting_in(log, athletes)
    if (style or ("text" if sys.stdout.isatty() else "json")) == "text":
        _print_tables(lists, names, log, athletes)
        print_waiting(Console(), waiting)
    else:
        plain = {
            **_plain(lists),
            "waivers": plain_waivers(waivers_of(log, athletes)),
            "health": (report := health_of(log)),
            "open_cases": plain_groups(open_cases_of(log, report)),
            "waiting": plain_waiting(waiting),
        }
        sys.stdout.buffer.write(msgspec.json.encode(plain) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _plain(lists: OfficeLists) -> Any:
    """Return the lists with every field of each concern, so that a program that reads them needs no defaults."""
    plain = msgspec.to_builtins(lists)
    plain["concerns"] = [msgspec.structs.asdict(concern) for concern in lists.concerns]
    return plain


# --- Tables for people.


def _print_tables(lists: OfficeLists, names: dict[str, str], log: Log, athletes: list[AthleteRow]) -> None:
    console = Console()
    console.print(
        f"[bold]{lists.event}[/bold] at revision {lists.revision}: {lists.entries} entries, "
        f"{len(lists.concerns)} to look into",
        highlight=False,
    )
    report = health_of(log)
    if report is not None and log.state is not None and (definition := log.state.rulings.definition) is not None:
        print_health(console, report, definition)
        print_open_cases(console, open_cases_of(log, report))
        print_waivers(console, waivers_of(log, athletes), LocalClock(definition))
    _print_concerns(console, lists.concerns, names)
    if lists.attestations:
        shown = new_table("Declarations to collect with the bibs", "Athletes", "The athlete", "Asked by")
        for rule in lists.attestations:
            shown.add_row(str(len(rule.bibs)), Text(clean(rule.text)), Text(f"{rule.row} ({rule.article})"))
        console.print(shown)
    _print_prizes(console, lists, names)


_TITLES: dict[Kind, str] = {
    "race": "Unknown race",
    "double": "Entered twice",
    "bibs_alike": "Bibs alike",
    "no_chip": "No chip",
    "chip": "Chip on two entries",
    "chips_alike": "Chips alike",
    "unlikely_year": "Unlikely birth year",
    "chips_apart": "Chips of one bib in different places",
    "withdrawn": "Withdrawn, but read",
    "birth_year": "No birth year",
    "age": "Age",
    "consent": "Guardian's consent",
    "standard": "Standard",
    "division": "Division",
    "no_board": "On no board",
    "nationality": "No nationality",
    "wave": "Wave",
    "team_size": "Too many in a team",
    "composition": "Team members",
    "apart": "Team finished apart",
    "late_finish": "Finished long after everybody else",
    "together": "Chips that may be carried together",
}


def _print_concerns(console: Console, concerns: list[Concern], names: dict[str, str]) -> None:
    """Print a table for each kind of concern with the same rule and the same thing to do, which it then says once."""
    alike: dict[tuple[str, ...], list[Concern]] = {}
    for concern in concerns:
        rule = " ".join(part for part in (concern.row, f"({concern.article})" if concern.article else None) if part)
        alike.setdefault((_TITLES[concern.kind], rule, concern.todo), []).append(concern)
    for (kind, rule, todo), group in alike.items():
        title = f"{kind}: {printable(rule)}" if rule else kind
        shown = new_table(title, "Bib", "Name", "Race", "Why")
        shown.caption, shown.caption_justify = Text(clean(f"{len(group)} to do: {todo}")), "left"
        for concern in group:
            name = names.get(concern.bib, "")
            name += "" if concern.team is None else f" ({concern.team})"
            shown.add_row(*(Text(clean(cell)) for cell in (concern.bib, name, concern.race, concern.reason)))
        console.print(shown)


def _print_prizes(console: Console, lists: OfficeLists, names: dict[str, str]) -> None:
    if lists.prizes:
        why = any(award.why for award in lists.prizes)
        shown = new_table("Prizes", "Prize", "List", "Place", "Bib", "Name", *(["Rests on"] if why else []))
        for award in lists.prizes:
            name = names.get(award.bib or "", "") if award.team is None else award.team
            place = f"={award.place}" if award.shared else str(award.place)
            cells = [Text(award.what), Text(award.on), Text(place), Text(award.bib or "-"), Text(clean(name))]
            shown.add_row(*cells, *_rests_on(award.why, why))
        console.print(shown)
    if lists.titles:
        why = any(title.why for title in lists.titles)
        shown = new_table("Titles", "Title", "Bib", "Name", "Time", "By", *(["Rests on"] if why else []))
        for title in lists.titles:
            cells = [Text(title.name), Text(title.bib), Text(clean(names.get(title.bib, "")))]
            by = f"place {title.place}" if title.within_s is None else f"within {format_hms(title.within_s)}"
            shown.add_row(*cells, format_hms(title.time_s), by, *_rests_on(title.why, why))
        console.print(shown)
    if lists.medals:
        shown = new_table("Medals", "Medal", "Race", "Athletes", "With an open case")
        for medal in lists.medals:
            cases = Text(clean(", ".join(medal.open_cases) or "none"))
            shown.add_row(Text(medal.what), medal.race, str(len(medal.bibs)), cases)
        console.print(shown)


def _rests_on(why: Sequence[str], shown: bool) -> list[Text]:
    return [Text(clean("; ".join(why)))] if shown else []
