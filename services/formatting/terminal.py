"""Text from outside made safe for a terminal, and the tables of the commands."""

from rich.markup import escape
from rich.table import Table

_NUMBER_COLUMNS = ("Place", "Bib", "Time", "Gun", "Chip", "Score")


def clean(text: str) -> str:
    """Return a text without control characters, which could control the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def printable(text: str) -> str:
    """Return a text for the markup of rich, with its brackets escaped."""
    return escape(clean(text))


def new_table(title: str, *columns: str) -> Table:
    """Return an empty table with its title. Columns of numbers are right-aligned and never wrapped."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        is_number = column in _NUMBER_COLUMNS
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number)
    return table
