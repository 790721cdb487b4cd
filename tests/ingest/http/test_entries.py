"""The parameters and the answer of an entry list's request."""

import pytest

from schemas.events import Entry
from services.entry_lists.entry_list import EntryList, LineNote, ListedEntry
from services.entry_lists.row_changes import RowChange
from services.ingest.errors import Refused
from services.ingest.http.entries import NOTES_LISTED_MAX, ListChanges, Options, answer, entry_list_of, options_of

AT_US = 1_767_477_600_000_000  # in 2026
CSV = b"bib,race,gender,full name\n7,hm,F,Ann X\n"


def test_parameters_are_read():
    assert options_of({}) == Options()
    assert options_of({"dry_run": "1", "repeat": "last", "names": "family_first"}) == Options(
        True, "last", "family_first"
    )
    assert not options_of({"dry_run": "0"}).dry_run


@pytest.mark.parametrize("query", [{"dryrun": "1"}, {"dry_run": "yes"}, {"repeat": "first"}, {"names": "western"}])
def test_a_parameter_that_is_not_known_is_refused_with_those_there_are(query):
    with pytest.raises(Refused, match=r"dry_run, repeat, names|write one of"):
        options_of(query)


def test_full_names_are_split_in_the_order_that_is_asked_for():
    [entry] = entry_list_of(CSV, False, None, Options(names="family_first"), AT_US).entries()
    assert (entry.family_name, entry.given_name) == ("Ann", "X")


def test_without_a_definition_a_birth_is_not_after_next_year():
    data = b"bib,race,gender,full name,born\n7,hm,F,Ann X,2062\n"
    [note] = entry_list_of(data, False, None, Options(), AT_US).rejected
    assert note.reason.startswith("2062 is after the event's year")


def test_a_file_that_cannot_be_read_is_refused_with_the_line():
    with pytest.raises(Refused, match=r"line 2: a quote .* Nothing was written") as refused:
        entry_list_of(CSV.replace(b"Ann", b'"Ann'), False, None, Options(), AT_US)
    assert (refused.value.status, refused.value.members) == (400, {"line": 2})


def test_the_answer_counts_lines_and_lists_no_more_notes_than_help():
    entry = Entry(bib="7", chips=[], race="hm", gender="F", given_name="A", family_name="B")
    notes = [LineNote(line, column, "", "no") for line in range(3, 1_003) for column in ("bib", "race")]
    body = answer(
        EntryList([ListedEntry(2, entry)], notes, []),
        ListChanges([RowChange(2, "7", "replaced")]),
        ["no definition"],
        Options(),
        "u",
        5,
    )
    assert (body["accepted"], body["replaced"], body["undo"], body["revision"]) == (1, 1, "u", 5)
    assert (len(body["rejected"]), body["rejected_total"]) == (NOTES_LISTED_MAX, 1_000)
    assert (body["warnings_total"], body["warnings"]) == (1, [LineNote(None, "", "", "no definition")])
    assert "rows" not in body


def test_what_is_replaced_is_null_while_the_entries_in_force_are_not_known():
    entry = Entry(bib="7", chips=[], race="hm", gender="F", given_name="A", family_name="B")
    body = answer(
        EntryList([ListedEntry(2, entry)], [], []),
        ListChanges([RowChange(2, "7", "unknown")]),
        [],
        Options(True),
        None,
        None,
    )
    assert body["replaced"] is None
    assert (body["dry_run"], body["rows"]) == (True, [RowChange(2, "7", "unknown")])
