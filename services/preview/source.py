"""The questions that a preview asks of the tables, page by page. Pure: somebody else answers them."""

from typing import NamedTuple, Protocol

from services.preview.folded_facts import Line

ROWS_A_PAGE = 1_000  # some 1 kB each
NO_STRENGTH = -1e9  # below all that a read may have
CHIPS_A_PAGE = 500  # with 100 reads each some 2 MB


class ChipColumns(NamedTuple):
    """All reads of a chip as lists in JSON, by their devices' own times and, of equal times, by devices.

    `names` are devices, `devices` the place of each read's among them, from 1 on. `rssi` is NO_STRENGTH where it is not
    known. A read that arrived several times is there as often.
    """

    chip: str
    names: str
    devices: str
    at_us: str
    rssi: str


class Source(Protocol):
    """The tables of one event as they are at one announced revision."""

    def facts_after(self, offset: int, ordinal: int) -> list[Line]:
        """Return the next facts in log order, FACTS_A_PAGE at most."""
        ...

    def event_row(self) -> str | None:
        """Return the row of the event as JSON, or None while there is none."""
        ...

    def rows_after(self, version: int, bib: str) -> list[str]:
        """Return the next athletes' rows above a version as JSON, in the order of bibs, ROWS_A_PAGE at most."""
        ...

    def chips_read(self) -> list[str]:
        """Return every chip that was read."""
        ...

    def chips_read_by(self, devices: list[str]) -> list[str]:
        """Return the chips that were read by any of these devices."""
        ...

    def reads_reach(self) -> int:
        """Return the offset of the last read that has arrived, −1 while there is none.

        Reads are written in the order of the log, so none before it is missing.
        """
        ...

    def reads_of(self, chips: list[str]) -> list[ChipColumns]:
        """Return the reads of some chips, CHIPS_A_PAGE at most."""
        ...

    def wait(self) -> None:
        """Give the tables of facts and reads some time: they are written after the boards."""
        ...
