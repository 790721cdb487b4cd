"""Arguments and options that several commands share."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

Log = Annotated[str, typer.Argument(metavar="LOG", help="A log file, one fact as JSON a line. - reads standard input.")]
Until = Annotated[int | None, typer.Option(min=0, metavar="LINE", help="Stop after this line of the log.")]
Lang = Annotated[
    str | None,
    typer.Option(metavar="LANGUAGE", help="The language of names, such as vi; without it the first of each name."),
]
Lenient = Annotated[bool, typer.Option("--lenient", help="Skip and count lines that are not facts.")]
TextOrJson = Annotated[
    Literal["json", "text"] | None,
    typer.Option("--format", metavar="json|text", help="By default text at a terminal and json elsewhere."),
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="ID", help="Write only the table with this id. May be repeated.")
]
TableFormat = Annotated[
    Literal["csv", "xlsx"] | None,
    typer.Option("--format", metavar="csv|xlsx", help="By default as the name of --out says, otherwise csv."),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Write to this file, or several CSV tables to this folder. By default print."),
]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option(
        metavar="text|json",
        help="How log lines are written, by default as MATLINE_LOG_FORMAT says, otherwise text.",
    ),
]
Stack = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="The data folder of a running matline up, whose addresses are used; by default that of MATLINE_DATA "
        "(.matline), if one runs there.",
    ),
]
Event = Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, such as hanoi-half-2024.")]


def stack_environment(stack: Path | None) -> dict[str, str]:
    """Return the environment for a client of the stack that runs on a folder; end the command if none does."""
    from services.operate.running_stack import client_environment
    from services.runtime.faults import StartFault

    try:
        return client_environment(os.environ, stack)
    except StartFault as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None


def service_environment(log_format: str | None) -> dict[str, str]:
    """Return the environment of a service whose log format was given, None if it was not."""
    return dict(os.environ) if log_format is None else {**os.environ, "MATLINE_LOG_FORMAT": log_format}
