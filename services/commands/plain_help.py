"""Help as plain text that fits 80 columns: no boxes, no names of Python's types, commands under headings.

Typer's rich help takes brackets for markup (`[[sources]]` comes out as `[]`), breaks paragraphs where the source does,
and prints `<bool>` beside each flag.
"""

import re
from collections.abc import Callable
from typing import Any, Protocol

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType

_RANGE = re.compile(r"(\d[\d.]*)<=x<=(\d[\d.]*)|x>=(\d[\d.]*)")
_Row = tuple[str, str]


class _Formatter(Protocol):
    """The part of Click's help formatter that is used here. Typer brings a Click of its own, which has no types."""

    @property
    def width(self) -> int: ...

    def section(self, name: str) -> Any: ...

    def write_dl(self, rows: list[_Row]) -> None: ...


class _PlainCommand(TyperCommand):
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line: `LOG`, where Typer has `{LOG}`."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, each kind under its heading."""
        _write_options(self, ctx, formatter)


class _PlainGroup(TyperGroup):
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under the headings that they name by `rich_help_panel`, in order of their first use."""
        sections: dict[str, list[_Row]] = {}
        limit = formatter.width - 6 - max(map(len, self.commands))
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None)
            heading = heading if isinstance(heading, str) else "Commands"
            sections.setdefault(heading, []).append((name, command.get_short_help_str(limit)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _write_options(command: TyperCommand | TyperGroup, ctx: Any, formatter: _Formatter) -> None:
    sections: dict[str, list[_Row]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        name, text = record
        text = _RANGE.sub(_range_in_words, text)
        if parameter.param_type_name == "argument":
            sections["Arguments"].append((name.partition(" <")[0], text.replace("  [required]", "")))
        else:
            sections["Options"].append((name, text))
    for heading, rows in sections.items():
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)


def _range_in_words(match: re.Match[str]) -> str:
    least, most, alone = match.groups()
    return f"{alone} or more" if alone else f"from {least} to {most}"


class CommandGroup(typer.Typer):
    """Commands with plain help."""

    def __init__(self, *, name: str | None = None, text: str) -> None:
        super().__init__(
            name=name,
            help=text,
            cls=_PlainGroup,
            no_args_is_help=True,
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
        )

    def command(self, name: str | None = None, **options: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Return a decorator that makes a function a command; `options` as Typer has them."""
        return super().command(name, cls=_PlainCommand, **options)
