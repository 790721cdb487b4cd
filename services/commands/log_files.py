"""Commands that work from a log file, a race definition or nothing at all: no broker, no database."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.commands.options import (
    Event,
    Lang,
    Lenient,
    Log,
    Only,
    Out,
    Stack,
    TableFormat,
    TextOrJson,
    Until,
    stack_environment,
)
from services.commands.plain_help import CommandGroup

HEADING = "Work from files, without a broker or a database"

commands = CommandGroup(text="Work from files.")


@commands.command(rich_help_panel=HEADING)
def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Race definitions (TOML or JSON), or a matline.toml that names readers; with --for, entry lists.",
        ),
    ],
    race: Annotated[
        str | None,
        typer.Option("--for", metavar="RACE", help="Check entry lists (CSV, XLSX or JSON) for this race definition."),
    ] = None,
    repeat: Annotated[
        Literal["refuse", "last"],
        typer.Option(metavar="refuse|last", help="Of lines with the same bib or chip, refuse all or take the last."),
    ] = "refuse",
    names: Annotated[
        Literal["family_first", "given_first"] | None,
        typer.Option(metavar="family_first|given_first", help="The order of full names; by default found out."),
    ] = None,
) -> None:
    """Check race definitions, readers and entry lists.

    Every fault is shown at once, as FILE:LINE: PATH: REASON. Of a file without faults, its contents are summed up.
    """
    from services.offline.check_command import run
    from services.offline.check_entries import run as check_entries

    if race is None:
        sys.exit(run(files))
    sys.exit(check_entries(files, race, repeat, names))


@commands.command(rich_help_panel=HEADING)
def score(log: Log, until: Until = None, style: TextOrJson = None, lenient: Lenient = False) -> None:
    """Score a log and print the standings.

    This runs the same scoring code as the services do.
    """
    from services.offline.score_command import run

    sys.exit(run(log, until, style, lenient))


@commands.command(rich_help_panel=HEADING)
def explain(
    log: Log,
    bib: Annotated[str, typer.Argument(metavar="BIB", help="The athlete whose result is explained.")],
    until: Until = None,
    style: TextOrJson = None,
    lenient: Lenient = False,
) -> None:
    """Explain an athlete's time and place.

    Shows every read, used or not, the rules that applied, and the facts with their authors and times. This includes
    officials' reasons and excluded reads; the live API shows less of it to the public.
    """
    from services.offline.explain_command import run

    sys.exit(run(log, bib, until, style, lenient))


@commands.command(rich_help_panel=HEADING)
def office(log: Log, until: Until = None, style: TextOrJson = None, lenient: Lenient = False) -> None:
    """List entries to check, prizes, titles and medals.

    First come the entries that the race office should look into, with the reason, then prizes, titles and medals as
    they stand. The definition's tables eligibility, compositions, waves, prizes, titles and medals decide. An entry
    stands until the office rules on it.
    """
    from services.offline.office_command import run

    sys.exit(run(log, until, style, lenient))


export = CommandGroup(text="Write results, lists and logs to files.")
commands.add_typer(export, name="export", rich_help_panel=HEADING)


@export.command("results")
def export_results(
    log: Log, only: Only = None, style: TableFormat = None, out: Out = None, lang: Lang = None, lenient: Lenient = False
) -> None:
    """Write boards, team boards and delegations.

    Each table has splits and age grades, and the athletes who did not finish. A spreadsheet gets one sheet for each
    table, a folder one CSV file for each:

    \b
      matline export results race.jsonl --out results.xlsx
      matline export results race.jsonl --out results/
    """
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("results", log, Order(only or [], style, out, lenient, lang)))


@export.command("start-list")
def export_start_list(
    log: Log, only: Only = None, style: TableFormat = None, out: Out = None, lang: Lang = None, lenient: Lenient = False
) -> None:
    """Write the entries of each race by wave and bib."""
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("start-list", log, Order(only or [], style, out, lenient, lang)))


@export.command("medals")
def export_medals(
    log: Log, style: TableFormat = None, out: Out = None, lang: Lang = None, lenient: Lenient = False
) -> None:
    """Write the athletes who get a finisher's medal.

    The definition's table medals sets the limits.
    """
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("medals", log, Order([], style, out, lenient, lang)))


@export.command("prizes")
def export_prizes(
    log: Log, only: Only = None, style: TableFormat = None, out: Out = None, lang: Lang = None, lenient: Lenient = False
) -> None:
    """Write prizes, overall and by category, and titles.

    The definition's tables prizes and titles decide. There are two tables, prizes and titles; to print CSV, choose one
    of them by --only.
    """
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("prizes", log, Order(only or [], style, out, lenient, lang)))


@export.command("wanda")
def export_wanda(
    logs: Annotated[
        list[str], typer.Argument(metavar="LOG", help="The logs of one or more events, each with a marathon.")
    ],
    contacts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A CSV file with the personal columns; see above.")
    ] = None,
    style: TableFormat = None,
    out: Out = None,
    lenient: Lenient = False,
) -> None:
    """Write finishers for the AbbottWMM Wanda rankings.

    Twelve columns, with each athlete's fastest chip time over a marathon.

    No log holds personal data, so these columns come from --contacts: email, date_of_birth, name_prefix and
    name_suffix. Its rows name athletes by bib (and by event, with several logs), or by first_name, last_name and
    birth_year or date_of_birth.
    """
    from services.offline.export.command import Order
    from services.offline.export.command import export_wanda as run

    sys.exit(run(logs, contacts, Order([], style, out, lenient)))


@export.command("standings")
def export_standings(log: Log, out: Out = None, lenient: Lenient = False) -> None:
    """Write the standings as JSON, as matline score prints them."""
    from services.offline.export.command import export_standings as run

    sys.exit(run(log, out, lenient))


@export.command("log")
def export_log(event: Event, stack: Stack = None) -> None:
    """Print an event's log from Kafka.

    One fact as JSON a line, up to the present end of the log. All commands that take a log read this form.

    MATLINE_KAFKA is Kafka's address. A matline up on this machine is found with its ports by --stack.
    """
    from services.operate.export_log import main

    sys.exit(main(event, stack_environment(stack)))


@commands.command(rich_help_panel=HEADING)
def schema() -> None:
    """Print the JSON Schemas of facts and results.

    They are for programs that send facts to Matline or read its results.
    """
    from services.offline.json_schema import text

    sys.stdout.write(text())
