"""The `matline` command. Each command imports its service only when it runs, so that `--help` answers at once."""

import signal
from typing import Annotated

import typer

from services.commands import log_files, operations, run_stack
from services.commands.plain_help import CommandGroup

app = CommandGroup(
    name="matline", text="Event-sourced race timing: reads in, boards out. Start with matline demo or matline up."
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from services.runtime.build import release

        typer.echo(f"matline {release()}")
        raise typer.Exit


@app.callback()
def _matline(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


for group in (run_stack, log_files, operations):
    app.add_typer(group.commands)


def main() -> None:
    """Run the command; SIGINT ends it, also where it was started in the background of a script.

    A shell without job control starts background commands with SIGINT ignored, and Python then leaves it ignored: a
    `matline simulate ... &` of a script, or of a test run that is itself in the background, could not be ended by it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
