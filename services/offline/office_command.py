"""`matline office`: the race office's lists from a log; no broker and no database.

Before the race: entries to look into, and what athletes have to declare. Afterwards: prizes, titles and medals by the
standings as they are.
"""

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from services.formatting.times import format_hms
from services.offline.score_command import SET_ASIDE_SHOWN, Stopped, clean, new_table, printable, read_log
from services.offline.scored_log import Log, scored
from services.standings.office.concern import Concern
from services.standings.office.report import OfficeLists, office_lists


def lists_of(log: Log) -> tuple[OfficeLists, dict[str, str]]:
    """The lists of a log as far as it was read, and the name on the latest entry of each bib."""
    made = scored(log.state)
    written = [] if log.state is None else [one for own in log.state.book.written.values() for one in own]
    entries = [one.entry for one in sorted(written, key=lambda one: one.position)]
    names = {one.bib: f"{one.family_name} {one.given_name}".strip() for one in entries}
    event = "" if log.state is None else log.state.event
    if made.definition is None:
        return OfficeLists(event=event, revision=log.revision), names
    return office_lists(made.definition, log.revision, entries, made.athletes, made.standings), names


def run(path: str, until: int | None, style: str | None, lenient: bool) -> int:
    """Read, and print the lists; the exit code: 0, or 2 when a line is refused."""
    try:
        log, aside = read_log(path, until, lenient)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 2
    for bad in aside[:SET_ASIDE_SHOWN]:
        print(f"{path}:{bad.line}: {bad.reason}", file=sys.stderr)
    if aside:
        print(f"{path}: {len(aside)} lines set aside of {log.lines}", file=sys.stderr)
    lists, names = lists_of(log)
    if (style or ("text" if sys.stdout.isatty() else "json")) == "text":
        _print_tables(lists, names)
    else:
        sys.stdout.buffer.write(msgspec.json.encode(_plain(lists)) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _plain(lists: OfficeLists) -> Any:
    """The lists with every field of a concern, there or not, so that who reads them needs no defaults."""
    plain = msgspec.to_builtins(lists)
    plain["concerns"] = [msgspec.structs.asdict(one) for one in lists.concerns]
    return plain


# --- Tables for a person.


def _print_tables(lists: OfficeLists, names: dict[str, str]) -> None:
    console = Console()
    console.print(
        f"[bold]{lists.event}[/bold] at revision {lists.revision}: {lists.entries} entries, "
        f"{len(lists.concerns)} to look into",
        highlight=False,
    )
    _print_concerns(console, lists.concerns, names)
    if lists.attestations:
        shown = new_table("To be declared when numbers are handed out", "Athletes", "Declares that he", "Asked by")
        for rule in lists.attestations:
            shown.add_row(str(len(rule.bibs)), Text(clean(rule.text)), Text(f"{rule.row} ({rule.article})"))
        console.print(shown)
    _print_prizes(console, lists, names)


def _print_concerns(console: Console, concerns: list[Concern], names: dict[str, str]) -> None:
    """A table for each kind of concern, row that asks it and thing to do, so that these are said once."""
    alike: dict[tuple[str, ...], list[Concern]] = {}
    for one in concerns:
        asked = " ".join(part for part in (one.row, f"({one.article})" if one.article else None) if part)
        alike.setdefault((one.kind.replace("_", " "), asked, one.todo), []).append(one)
    for (kind, asked, todo), some in alike.items():
        title = f"{kind.capitalize()}: {printable(asked)}" if asked else kind.capitalize()
        shown = new_table(title, "Bib", "Name", "Race", "Why")
        shown.caption, shown.caption_justify = Text(clean(f"{len(some)} to do: {todo}")), "left"
        for one in some:
            who = names.get(one.bib, "") if one.team is None else f"{names.get(one.bib, '')} ({one.team})"
            shown.add_row(*(Text(clean(cell)) for cell in (one.bib, who, one.race, one.reason)))
        console.print(shown)


def _print_prizes(console: Console, lists: OfficeLists, names: dict[str, str]) -> None:
    if lists.prizes:
        shown = new_table("Prizes", "Prize", "List", "Place", "Bib", "Name")
        for award in lists.prizes:
            name = names.get(award.bib or "", "") if award.team is None else award.team
            place = f"={award.place}" if award.shared else str(award.place)
            shown.add_row(Text(award.what), award.on, place, Text(award.bib or "-"), Text(clean(name)))
        console.print(shown)
    if lists.titles:
        shown = new_table("Titles", "Title", "Bib", "Name", "Time", "Within")
        for title in lists.titles:
            name = clean(names.get(title.bib, ""))
            shown.add_row(
                Text(title.name), Text(title.bib), Text(name), format_hms(title.time_s), format_hms(title.within_s)
            )
        console.print(shown)
    if lists.medals:
        shown = new_table("Medals", "Medal", "Race", "Athletes")
        for medal in lists.medals:
            shown.add_row(Text(medal.what), medal.race, str(len(medal.bibs)))
        console.print(shown)
