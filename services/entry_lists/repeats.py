"""Bibs and chips that come more than once in a list, and those that are alike.

Nobody but the race office knows which row is right, so all of them are refused, each naming the others. With `last`,
the last good row is taken. Codes that differ by leading zeros only, 007 and 7, are taken with a warning.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from services.entry_lists.column_names import Field
from services.entry_lists.entry_list import CheckedRow, EntryList, LineNote, ListedEntry, Repeat

LINES_NAMED = 5  # other lines that a note names; the rest are counted


def settle_repeats(
    rows: Sequence[CheckedRow],
    rejected: list[LineNote],
    warnings: list[LineNote],
    repeat: Repeat,
    names: Mapping[Field, str],
) -> EntryList:
    """Return the list with its repeats refused; `names`: the names of the columns `bib` and `chips` in the file."""
    notes = list(_refused(rows, _Lines(rows), names) if repeat == "refuse" else _superseded(rows, names))
    refused = {note.line for note in notes}
    listed = [ListedEntry(row.line, row.entry) for row in rows if row.entry is not None and row.line not in refused]
    doubts = (*warnings, *_alike(listed, names))
    return EntryList(listed, _in_order((*rejected, *notes)), _in_order(doubts))


def _in_order(notes: Iterable[LineNote]) -> list[LineNote]:
    return sorted(notes, key=lambda note: note.line or 0)


def _alike(listed: Sequence[ListedEntry], names: Mapping[Field, str]) -> Iterator[LineNote]:
    """Yield a note for each bib and chip that differs from one on an earlier line by leading zeros only."""
    first: dict[tuple[Field, str], tuple[str, int]] = {}
    for line, entry in listed:
        codes: list[tuple[Field, str]] = [("bib", entry.bib), *(("chips", chip) for chip in entry.chips)]
        for field, code in codes:
            other, before = first.setdefault((field, code.lstrip("0")), (code, line))
            if before != line:
                reason = f"{code} differs from {other} on line {before} by leading zeros only; check both"
                yield LineNote(line, names.get(field, field), code, reason)


class _Lines:
    """The lines that name each bib and each chip."""

    def __init__(self, rows: Sequence[CheckedRow]) -> None:
        self.bibs: dict[str, list[int]] = {}
        self.chips: dict[str, list[int]] = {}
        for row in rows:
            if row.bib is not None:
                self.bibs.setdefault(row.bib, []).append(row.line)
            for chip in row.chips:
                self.chips.setdefault(chip, []).append(row.line)


def _refused(rows: Sequence[CheckedRow], lines: _Lines, names: Mapping[Field, str]) -> Iterator[LineNote]:
    """Yield a note for each bib or chip of a row that is on other rows too, faulty ones included."""
    for row in rows:
        if row.bib is not None and len(lines.bibs[row.bib]) > 1:
            yield _repeated(row, names.get("bib", "bib"), "bib", row.bib, lines.bibs[row.bib])
        for chip in row.chips:
            if len(lines.chips[chip]) > 1:
                yield _repeated(row, names.get("chips", "chips"), "chip", chip, lines.chips[chip])


def _repeated(row: CheckedRow, column: str, what: str, value: str, lines: Sequence[int]) -> LineNote:
    others = _named(islice((line for line in lines if line != row.line), LINES_NAMED), len(lines) - 1)
    keep = "give each athlete a bib of their own" if what == "bib" else "find out who wears it"
    reason = f"{what} {value} is also on {others}; {keep}, or have the last line taken (repeat=last)"
    return LineNote(row.line, column, value, reason)


def _superseded(rows: Sequence[CheckedRow], names: Mapping[Field, str]) -> Iterator[LineNote]:
    """Yield a note for each good row with a bib or chip that a later good row has, which is taken instead."""
    bibs: dict[str, int] = {}
    chips: dict[str, int] = {}
    for row in reversed(rows):
        if row.entry is None or row.bib is None:
            continue
        worn = next((chip for chip in row.chips if chip in chips), None)
        if (line := bibs.get(row.bib)) is not None:
            reason = f"bib {row.bib} comes again on line {line}, which is taken instead"
            yield LineNote(row.line, names.get("bib", "bib"), row.bib, reason)
        elif worn is not None:
            reason = f"chip {worn} comes again on line {chips[worn]}, which is taken instead"
            yield LineNote(row.line, names.get("chips", "chips"), worn, reason)
        else:
            bibs[row.bib] = row.line
            chips |= dict.fromkeys(row.chips, row.line)


def _named(first: Iterable[int], count: int) -> str:
    """Return `count` lines in words, of which the first are given."""
    named = [str(line) for line in first]
    if count > len(named):
        return f"lines {', '.join(named)} and {count - len(named)} more"
    if count == 1:
        return f"line {named[0]}"
    return f"lines {', '.join(named[:-1])} and {named[-1]}"
