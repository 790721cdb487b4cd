"""The twelve columns of the world rankings over several events, and the contacts that are joined to them."""

from typing import Any

import pytest

from services.offline.export.result_tables import Duration
from services.offline.export.wanda import COLUMNS, Contacts, ContactsFault, contacts_from_csv, finishes, wanda_table
from tests.builders import board, definition, entry, fact, gun, point, race, read, reads, status
from tests.offline.export.exported import read as read_log
from tests.offline.export.exported import rows

COURSE = [point("START"), point("FINISH", km=42.195)]
DEVICES = {"START": "S1", "FINISH": "F1"}


def marathon(event: str, *facts, bibs, boards=None, races=None):
    """An event with one marathon, gun at 0; every fact is of that event."""
    of = definition(
        event=event,
        races=races or [race("fm", points=COURSE, name="Marathon")],
        boards=boards or [board("men", "fm", gender="M"), board("women", "fm", gender="F")],
    )
    plain = [fact("event_defined", definition=of), fact("entries_added", entries=list(bibs)), gun(race="fm"), *facts]
    return read_log(*({**item, "event": event} for item in plain))[1]


def ran(bib: str, start, finish):
    return reads(read("S1", f"C{bib}", start), read("F1", f"C{bib}", finish))


def person(
    bib: str, given: str = "Oanh", family: str = "Nguyễn Thị", gender: str = "F", born: int | None = 1966, **more
):
    year: dict[str, Any] = {} if born is None else {"birth_year": born}
    named = {"given_name": given, "family_name": family}
    return {**entry(bib, race="fm", gender=gender, **year, **more), **named}


def wanda(*events, contacts: str = "bib\n"):
    finished = [finish for event in events for finish in finishes(event)]
    return wanda_table(finished, Contacts(contacts_from_csv(contacts), [event.definition.event for event in events]))


HCMC = marathon(
    "hcmc",
    ran("1", 10, "12610.2"),
    ran("2", 0, 11000),
    ran("3", 5, 13000),
    bibs=[person("1", nationality="VIE"), person("2", "Anh", "Lê", "M", 1980), person("3", "Bình", "Trần", "F", 1990)],
)
NHA_TRANG = marathon("nt", ran("77", 0, 12000), bibs=[person("77", "oanh", "NGUYEN THI")])


def test_there_are_the_twelve_columns_in_order():
    assert wanda(HCMC).columns == COLUMNS
    assert ",".join(COLUMNS) == (
        "name_prefix,name_suffix,first_name,last_name,email,start_num,date_of_birth,nationality,gender,finish_time,"
        "place,place_no_sex"
    )


def test_the_finish_time_is_chip_time_and_places_are_among_the_gender_and_among_all():
    """Bib 1: 12,610.2 − 10 = 12,600.2 s, printed 3:30:01; second of all, first of the women."""
    assert rows(wanda(HCMC), "start_num", "finish_time", "place", "place_no_sex", "gender", "nationality") == [
        ("2", Duration(11000), 1, 1, "M", ""),
        ("1", Duration(12601), 1, 2, "F", "VIE"),
        ("3", Duration(12995), 2, 3, "F", ""),
    ]


def test_of_several_events_an_athletes_fastest_counts_with_that_events_bib_and_places():
    """She is known again without accents and case: 3:20:00 at Nha Trang beats 3:30:01."""
    both = rows(wanda(HCMC, NHA_TRANG), "start_num", "finish_time", "place", "place_no_sex", "last_name")
    assert both == rows(wanda(NHA_TRANG, HCMC), "start_num", "finish_time", "place", "place_no_sex", "last_name")
    assert [row[:4] for row in both] == [
        ("2", Duration(11000), 1, 1),
        ("77", Duration(12000), 1, 1),
        ("3", Duration(12995), 2, 3),
    ]


def test_without_a_birth_year_namesakes_are_not_taken_for_one():
    once = marathon("a", ran("1", 0, 12000), bibs=[person("1", born=None)])
    again = marathon("b", ran("1", 0, 11500), bibs=[person("1", born=None)])
    other = marathon("c", ran("1", 0, 11800), bibs=[person("1", born=1970)])
    assert len(wanda(once, again, other).rows) == 3


def test_only_ranked_finishers_over_a_marathon_count():
    races = [race("fm", points=COURSE), race("hm"), race("ultra", points=[point("START"), point("FINISH", km=42.2)])]
    bibs = [
        person("1"),
        person("2", ranked=False),
        person("3"),
        {**person("4"), "race": "hm"},
        {**person("5"), "race": "ultra"},
    ]
    runs = [ran(bib, 0, 12000) for bib in "1235"] + [gun(race="hm"), gun(race="ultra")]
    event = marathon("e", *runs, ran("4", 0, 5000), status("3", "DQ"), bibs=bibs, races=races)
    assert rows(wanda(event), "start_num") == [("1",)]


def test_places_are_as_the_races_own_boards_rank_gun_first_then_chip():
    boards = [board("men", "fm", gender="M", rank_by="gun_then_chip", gun_places=1)]
    runs = [ran("1", 0, 10000), ran("2", 100, 10001), ran("3", 0, 10002)]
    bibs = [person(bib, f"Runner {bib}", gender="M") for bib in "123"]
    assert rows(wanda(marathon("e", *runs, bibs=bibs, boards=boards)), "start_num", "place", "place_no_sex") == [
        ("2", 2, 2),
        ("1", 1, 1),
        ("3", 3, 3),
    ]


# --- Contacts.


def test_personal_columns_are_joined_by_bib_and_event():
    contacts = (
        "event,bib,email,date_of_birth,name_prefix,name_suffix,phone\n"
        "hcmc,1,oanh@example.org,1966-05-30,Dr,Jr,123\n"
        "nt,2,other@example.org,1980-01-01,,,\n"
    )
    table = wanda(HCMC, marathon("nt", bibs=[person("77")]), contacts=contacts)
    assert rows(table, "start_num", "email", "date_of_birth", "name_prefix", "name_suffix") == [
        ("2", "", "", "", ""),
        ("1", "oanh@example.org", "1966-05-30", "Dr", "Jr"),
        ("3", "", "", "", ""),
    ]


def test_or_by_name_and_birth_year_whatever_accents_and_order():
    contacts = (
        "\ufeffFirst_Name,family_name,date_of_birth,email\n"
        "thi nguyen,OANH,1966-05-30,o@example.org\n"
        "Anh,Lê,1981-01-01,no@example.org\n"
    )
    assert rows(wanda(HCMC, contacts=contacts), "start_num", "email") == [("2", ""), ("1", "o@example.org"), ("3", "")]


def test_a_contact_whose_birth_year_contradicts_the_entry_is_anothers():
    contacts = "bib,date_of_birth,email\n1,1999-01-01,wrong@example.org\n"
    assert rows(wanda(HCMC, contacts=contacts), "email") == [("",)] * 3


def test_a_hidden_athlete_goes_out_by_bib_and_with_nothing_personal():
    event = marathon("e", ran("1", 0, 12000), fact("entry_hidden", bib="1", hidden=True), bibs=[person("1")])
    table = wanda(event, contacts="bib,email,date_of_birth\n1,o@example.org,1966-05-30\n")
    assert rows(table, "first_name", "last_name", "email", "date_of_birth", "start_num") == [("", "1", "", "", "1")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("email\nx@example.org\n", 1, "no column bib"),
        ("", 1, "no column bib"),
        ("bib,date_of_birth\n1,30/05/1966\n", 2, "write it as 1966-05-30"),
        ("bib,date_of_birth,birth_year\n1,1966-05-30,1967\n", 2, "differs from date_of_birth"),
        ("bib,birth_year\n1,'66\n", 2, "is not a year"),
        ("first_name,last_name\nOanh,Nguyễn\n", 2, "neither a bib nor a birth year"),
        ("bib,email\n1,a@example.org\n2,b@example.org\n1,c@example.org\n", 4, "differs from line 2"),
        (f"bib\n{'1' * 33}\n", 2, "takes 1 to 32"),
        ('bib\n"1\n', 2, "is not CSV"),
    ],
)
def test_contacts_that_cannot_be_used_are_refused_with_their_line(text, line, words):
    with pytest.raises(ContactsFault, match=words) as refused:
        Contacts(contacts_from_csv(text), ["hcmc"])
    assert refused.value.line == line


def test_with_several_logs_a_bib_needs_its_event():
    with pytest.raises(ContactsFault, match="add a column event"):
        Contacts(contacts_from_csv("bib\n1\n"), ["hcmc", "nt"])


def test_the_same_said_twice_is_no_fault():
    assert Contacts(contacts_from_csv("bib,email\n1,a@example.org\n\n1,a@example.org\n"), ["hcmc"])
