"""Errors of entry lists, and the bounds on what is read."""

ENTRIES_MAX = 200_000  # of one list, good and bad: the largest marathons have 60,000
COLUMNS_MAX = 200  # registration systems export some 60


class EntryListError(Exception):
    """A list that has to be changed before it can be read; its text says how."""


class TooManyEntries(EntryListError):
    """More entries than a list may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a list takes at most {limit} entries; split it into several")


class UnreadableFile(EntryListError):
    """The file cannot be taken as a list of entries. `line` is the line or row with the fault, if it is at one."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line
