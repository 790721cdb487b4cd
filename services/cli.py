"""The `matline` command. Each command imports its service only when it runs, so that `--help` answers at once."""

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


def main() -> None:
    """Run the command."""
    app()
