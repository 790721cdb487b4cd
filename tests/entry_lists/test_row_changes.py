"""What a list changes of the entries in force."""

from schemas.events import Entry
from services.entry_lists.entry_list import EntryList, LineNote, ListedEntry
from services.entry_lists.row_changes import RowChange, changes, replaced, taken_chips


def entry(bib, **changes):
    return Entry(bib=bib, race="hm", gender="F", given_name="A", family_name="B", **{"chips": [f"C{bib}"], **changes})


LIST = EntryList(
    [ListedEntry(2, entry("7")), ListedEntry(4, entry("8", club="New")), ListedEntry(5, entry("9"))],
    [LineNote(3, "gender", "Q", "no"), LineNote(3, "race", "Q", "no")],
    [],
)


def test_each_row_is_added_replaced_unchanged_or_rejected():
    in_force = {"7": entry("7"), "8": entry("8")}
    rows = changes(LIST, in_force.get)
    assert rows == [
        RowChange(2, "7", "unchanged"),
        RowChange(3, None, "rejected"),
        RowChange(4, "8", "replaced"),
        RowChange(5, "9", "added"),
    ]
    assert replaced(rows) == 1


def test_good_rows_are_unknown_while_the_entries_in_force_are():
    assert [row.change for row in changes(LIST, None)] == ["unknown", "rejected", "unknown", "unknown"]


def test_chips_taken_from_an_athlete_who_is_not_in_the_list_are_named():
    owners = {"C7": "8", "C8": "8", "C9": "30"}
    [note] = taken_chips(LIST.listed, owners.get)
    assert (note.line, note.column) == (5, "chips")
    assert "C9 is a chip of bib 30, who is not in this list" in note.reason
