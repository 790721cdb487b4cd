"""The demo's output: progress and a board at a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.formatting.terminal import printable
from services.formatting.times import format_hms, format_ms

REFRESH_PER_S = 4
LINE_EVERY_S = 5.0  # where there is no terminal


class BoardLine(Struct, frozen=True):
    """One line of a board, as shown."""

    place: str
    bib: str
    name: str
    time: str
    gun: str
    chip: str


def board_line(row: dict[str, Any]) -> BoardLine:
    """Return a row of the live API's board as a line."""
    return BoardLine(
        str(row["place"]),
        row["bib"],
        printable(row["name"]),
        format_hms(row["time_s"]),
        format_ms(row["gun_us"]),
        format_ms(row["chip_us"]),
    )


def board_table(title: str, lines: Sequence[BoardLine]) -> Table:
    """Return a board as a table."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", min_width=78)
    for name in ("Place", "Bib", "Name", "Time", "Gun", "Chip"):
        table.add_column(name, justify="left" if name == "Name" else "right", no_wrap=True)
    for line in lines:
        table.add_row(line.place, line.bib, line.name, line.time, line.gun, line.chip)
    return table


class Screen:
    """The demo's output: lines that stay, and a race while it runs."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)

    def step(self, title: str) -> None:
        """Print the heading of a part."""
        self.console.print(f"\n{title}", style="bold cyan", markup=False, soft_wrap=True)

    def check(self, claim: str, holds: bool, figures: str) -> bool:
        """Print a check: the claim, whether it holds, and the figures. Return whether it holds."""
        mark, style = ("passed", "green") if holds else ("FAILED", "bold red")
        self.console.print(f"  [{style}]{mark}[/]", end=" ")
        self.console.print(f"{printable(claim)}: {printable(figures)}", markup=False, soft_wrap=True)
        return holds

    def tables(self, tables: Sequence[Table]) -> None:
        """Print tables."""
        for table in tables:
            self.console.print(table)

    @contextmanager
    def racing(self, total: int, title: str) -> Iterator["Racing"]:
        """Show a race on the screen while the context lasts."""
        racing = Racing(self.console, total, title)
        with racing.live:
            yield racing


class Racing:
    """The progress and the board of a running race."""

    def __init__(self, console: Console, total: int, title: str) -> None:
        self._console = console
        self._title = title
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
        )
        self._task = self._progress.add_task("reads", total=total, rate="")
        self._lines: list[BoardLine] = []
        self._note = ""
        self._printed_s = time.monotonic()
        self._began_s = time.monotonic()
        self.live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=REFRESH_PER_S,
            auto_refresh=console.is_terminal,
        )

    def _render(self) -> Group:
        if not self._console.is_terminal:
            return Group()
        return Group(board_table(self._title, self._lines), self._note, self._progress)

    def accepted(self, reads: int, note: str) -> None:
        """Show the number of accepted reads; `note` is shown beside it."""
        elapsed_s = max(time.monotonic() - self._began_s, 0.001)
        self._note = note
        self._progress.update(self._task, completed=reads, rate=f"{reads / elapsed_s:,.0f} reads/s")
        if not self._console.is_terminal and time.monotonic() - self._printed_s > LINE_EVERY_S:
            self._printed_s = time.monotonic()
            first = self._lines[0] if self._lines else None
            leader = f"; first of {self._title}: {first.name} {first.time}" if first is not None else ""
            self._console.print(f"  {reads:,} reads accepted, {note}{leader}", markup=False, soft_wrap=True)

    def board(self, lines: list[BoardLine]) -> None:
        """Show these first lines of the board."""
        self._lines = lines
