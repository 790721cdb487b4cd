"""The `matline` command. Each command imports its service only when it runs, so that `--help` answers at once."""

import os
import sys
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="matline",
    help="Event-sourced race timing: reads in, boards out. Start with `matline demo` or `matline up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _matline() -> None:
    """Without this, a single command would take the place of the list."""


@app.command()
def score(
    log: Annotated[str, typer.Argument(help="A log, one fact as JSON a line; `-` reads standard input.")],
    until: Annotated[int | None, typer.Option(min=0, help="Stop after this line and read no further.")] = None,
    style: Annotated[
        Literal["json", "text"] | None,
        typer.Option("--format", help="`json`, the default when not at a terminal, or `text`, tables."),
    ] = None,
    lenient: Annotated[bool, typer.Option(help="Set lines aside that are no fact, and count them.")] = False,
) -> None:
    """Score a log and print the standings: no broker, no database, the same code as the services."""
    from services.score import run

    sys.exit(run(log, until, style, lenient))


@app.command()
def ingest() -> None:
    """Take reads by HTTP and TCP, and officials' facts; write them to the race log.

    Set by MATLINE_KAFKA (127.0.0.1:9092), MATLINE_HOST (127.0.0.1), MATLINE_INGEST_PORT (8701), MATLINE_PARTITIONS,
    and MATLINE_SOURCES: a TOML file with one [[sources]] table for each reader that connects by TCP (protocol, event,
    gateway, zone, devices), by default on MATLINE_MYLAPS_PORT (3097).
    """
    from services.ingest.command import main

    sys.exit(main(os.environ))


@app.command()
def schema() -> None:
    """Print JSON Schemas of facts and results, for those who write gateways or read results."""
    from services.json_schema import text

    sys.stdout.write(text())


export = typer.Typer(no_args_is_help=True, help="Write out what the pipeline holds.")
app.add_typer(export, name="export")


@export.command("log")
def export_log(event: Annotated[str, typer.Argument(help="The event's id.")]) -> None:
    """Print an event's race log, one fact as JSON a line, to the end that it has now; `matline score` reads it."""
    from services.ingest.command import export_log as run

    sys.exit(run(event, os.environ))


def main() -> None:
    """Run the command."""
    app()
