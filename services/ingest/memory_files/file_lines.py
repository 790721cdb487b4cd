"""The vocabulary of files out of devices' memories: what a line holds, and what a format is.

A format's module ends in a `FileFormat`; `formats.py` lists them and recognises a file by its lines.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, tzinfo
from typing import NamedTuple

from msgspec import Struct


class UnknownFile(Exception):
    """Nothing can be read from the file as it was sent; the message says why and what to do."""


class TimeOfDay(NamedTuple):
    """A time without a date: microseconds since midnight of a day that the file does not name.

    `days` is the last digit of the device's count of days, null without one.
    """

    us: int
    days: int | None = None


When = int | TimeOfDay
"""An instant by the device's clock, in microseconds since 1970 UTC, or a time that lacks its date."""


class FileRead(NamedTuple):
    """One read of a file. `where` is the device's own name for itself or its place, empty where the line has none."""

    where: str
    chip: str
    when: When
    antenna: int | None = None
    rssi: float | None = None
    battery: float | None = None


class FileMark(NamedTuple):
    """A gun or another mark that a device has in its memory. `when` null: its time is incomplete."""

    where: str
    kind: str
    when: When | None
    text: str


class BadRecord(NamedTuple):
    """A record that cannot be read, as one of several in its line."""

    reason: str


Content = FileRead | FileMark | BadRecord


class FileSettings(Struct, frozen=True, kw_only=True):
    """What a file does not say itself.

    `zone` is that of the device's clock, `day` that of times without a date (null: not known). `zone_given` and
    `day_given` false: they are the event's, since nobody named others. `began_us` is the instant at which a clock that
    was never set stood at zero. `shift_us` is added to every time. `columns` names the columns of a table by what they
    hold: a heading, or a number from 1.
    """

    zone: tzinfo = UTC
    zone_given: bool = True
    day: date | None = None
    day_given: bool = True
    began_us: int | None = None
    shift_us: int = 0
    columns: Mapping[str, str] = {}


LineReader = Callable[[str], Iterable[Content]]
"""A function that returns the content of a line, which is not blank. Raises ValueError with the fault."""


class FileFormat(Struct, frozen=True, kw_only=True):
    """One format. `recognises` says whether a line is of it; `reader` makes the function that reads its lines.

    `reader` gets the first lines of the file, for a format whose first line names the columns.
    """

    name: str
    title: str  # for people
    recognises: Callable[[str], bool]
    reader: Callable[[Sequence[str], FileSettings], LineReader]
