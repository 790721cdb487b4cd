"""JSON lists of entries: each is checked by itself, and its faults are named by number and field."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Entry
from services.entry_lists.entry_list import Conventions
from services.entry_lists.errors import ENTRIES_MAX, EntryListError, TooManyEntries, UnreadableFile
from services.entry_lists.json_list import read_json_list

MISSING = object()


def entry(**changes: object) -> dict[str, object]:
    plain = {
        "bib": "7",
        "chips": ["A1"],
        "race": "hm",
        "gender": "F",
        "given_name": "Ann",
        "family_name": "Example",
        **changes,
    }
    return {name: value for name, value in plain.items() if value is not MISSING}


def read(*entries: object, limit: int = ENTRIES_MAX, **conventions):
    return read_json_list(msgspec.json.encode(entries), Conventions(**conventions), limit)


def test_entries_are_taken_in_order():
    entry_list = read(entry(), entry(bib="8", chips=[], birth_year=1990, nationality="vie", ranked=False))
    assert entry_list.rejected == entry_list.warnings == []
    assert [entry.bib for entry in entry_list.entries()] == ["7", "8"]
    assert entry_list.entries()[1] == msgspec.convert(
        entry(bib="8", chips=[], birth_year=1990, nationality="VIE", ranked=False), Entry
    )


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"bib": ""}, "bib", "is empty; write at least 1 character"),
        ({"bib": 7}, "bib", "7 is not a text"),
        ({"bib": "x" * 40}, "bib", "it takes 1 to 32"),
        ({"bib": MISSING}, "bib", "is missing; every entry has this field"),
        ({"gender": "W"}, "gender", "is not known; write M, F or X"),
        ({"chips": "A1"}, "chips", '"A1" is not a list of chips; write [] for none'),
        ({"chips": [""]}, "chips", "is empty; write at least 1 character"),
        ({"chips": [5]}, "chips", "5 is not a text"),
        ({"chips": ["A"] * 21}, "chips", "has 21 entries; at most 20 are allowed"),
        ({"race": "h m"}, "race", "'h m' is not an id"),
        ({"birth_year": 90}, "birth_year", "90 is not a whole number of at least 1900"),
        ({"birth_year": "1990-01-01"}, "birth_year", "'1990-01-01' is not a whole number"),
        ({"birth_date": "1990-01-01"}, "birth_date", "did you mean birth_year?"),
        ({"nationality": "Vietnam"}, "nationality", "'Vietnam' is not a code of three letters"),
        ({"personal_best_s": 0}, "personal_best_s", "0 is not a number above 0"),
        ({"club": "ask ann@example.org"}, "club", "holds an e-mail address"),
    ],
)
def test_a_bad_entry_is_named_by_number_and_field_and_the_others_are_taken(changes, column, reason):
    entry_list = read(entry(), entry(**{"bib": "8", "chips": ["A2"], **changes}), entry(bib="9", chips=[]))
    assert [entry.bib for entry in entry_list.entries()] == ["7", "9"]
    [note] = entry_list.rejected
    assert (note.line, note.column) == (2, column)
    assert reason in note.reason
    assert "`" not in note.reason.partition("; it takes")[0]


def test_every_fault_of_an_entry_is_named():
    [*notes] = read(entry(bib=7, gender="Q", club=None, wave=5)).rejected
    assert [note.column for note in notes] == ["bib", "gender", "wave"]


def test_what_is_no_entry_is_refused():
    [*notes] = read(5, [entry()]).rejected
    assert [(note.line, note.reason.partition(";")[0]) for note in notes] == [
        (1, "is not an entry"),
        (2, "is not an entry"),
    ]


def test_entries_with_the_same_bib_or_chip_are_refused_each_naming_the_others():
    worn = {" 7 ": ["A2"], "8": ["a1"], "9": ["A3", "A3"]}
    entries = (entry(), *(entry(bib=bib, chips=chips) for bib, chips in worn.items()))
    entry_list = read(*entries)
    assert [entry.bib for entry in entry_list.entries()] == ["9"]
    refused = [(note.line, note.column) for note in entry_list.rejected]
    assert refused == [(1, "bib"), (1, "chips"), (2, "bib"), (3, "chips")]
    assert [entry.bib for entry in read(*entries, repeat="last").entries()] == ["7", "8", "9"]


def test_an_unknown_race_waits_with_a_warning():
    entry_list = read(entry(race="fm"), races={"hm": ("Half",)})
    assert len(entry_list.listed) == 1
    assert [str(note) for note in entry_list.warnings] == [
        "line 1, race: fm is not a race of this event, so the entry waits; the races are hm"
    ]


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"null", b'"x"', b"[\xff]", b'[{"bib":' + b"[" * 100_000])
def test_a_body_that_is_no_json_list_is_refused(data):
    with pytest.raises(UnreadableFile, match="list"):
        read_json_list(data, Conventions())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b'[{"bib": "7"', "it is not complete JSON: it ends too early"),
        (b"[\xff]", "it is not in UTF-8 (byte 1); save it as UTF-8"),
        (b'[{"bib": "7",}]', "it is not JSON: trailing comma in object at '}]' (byte 13)"),
    ],
)
def test_what_is_wrong_with_a_body_that_is_no_json_is_said_with_its_place(data, reason):
    with pytest.raises(UnreadableFile) as refused:
        read_json_list(data, Conventions())
    assert str(refused.value) == f"the body is not a JSON list of entries: {reason}"


def test_an_entry_nested_without_end_is_no_crash():
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(UnreadableFile):
        read_json_list(b'[{"bib":' + deep + b"}]", Conventions())


def test_there_is_a_limit_on_entries_good_or_bad():
    assert len(read(entry(), 0, limit=2).rejected) == 1
    with pytest.raises(TooManyEntries):
        read(entry(), 0, 0, limit=2)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(data):
    for body in (data, b"[" + data + b"]"):
        try:
            entry_list = read_json_list(body, Conventions())
        except EntryListError:
            continue
        assert all(note.reason for note in entry_list.rejected)
