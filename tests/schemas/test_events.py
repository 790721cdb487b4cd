"""Facts as JSON: every type, what is required, what is refused at the door. Source: R1."""

from typing import Any

import msgspec
import pytest

from schemas.codec import fact_from_json, logged, to_json
from schemas.events import ENTRIES_MAX, ORDER_MAX, READS_MAX, Fact, ReadsLogged, ReadsReceived
from schemas.ids import INSTANT_MAX_US, bib_order, case_bibs, case_name, case_pairs, label
from tests.builders import EVENT, definition, entry, fact, line, read, reads, typed

AT = 1767477601120000

FACTS: dict[
    str, tuple[dict[str, Any], list[str]]
] = {  # every type with all of its fields, and which of them are required
    "event_defined": ({"definition": definition()}, ["definition"]),
    "entries_added": (
        {
            "entries": [
                {
                    "bib": "7",
                    "chips": ["C7", "D7"],
                    "race": "hm",
                    "gender": "F",
                    "given_name": "Thị",
                    "family_name": "Nguyễn",
                    "birth_year": 1990,
                    "nationality": "VIE",
                    "division": "mass",
                    "club": "Sao",
                    "team": "Hà Nội",
                    "wave": "A",
                    "personal_best_s": 5400.5,
                    "ranked": False,
                }
            ],
            "part_of": "list-1",
        },
        ["entries"],
    ),
    "entry_withdrawn": ({"bib": "7", "reason": "ill"}, ["bib", "reason"]),
    "gun_fired": ({"race": "hm", "at_us": AT, "wave": "A"}, ["race", "at_us"]),
    "reads_received": (
        {
            "gateway": "van",
            "session": "1",
            "reads": [
                {"seq": 1, "device": "S1", "chip": "C7", "at_us": AT, "rssi": -61.5, "antenna": 2, "battery": 3.1}
            ],
        },
        ["gateway", "session", "reads"],
    ),
    "clock_corrected": (
        {"device": "S1", "offset_us": -1500, "from_us": AT, "until_us": AT + 1},
        ["device", "offset_us"],
    ),
    "device_assigned": ({"device": "S1", "mat": "10k", "from_us": AT, "until_us": AT + 1}, ["device", "mat"]),
    "chip_assigned": ({"chip": "C7", "bib": "8", "from_us": AT, "until_us": AT + 1}, ["chip", "bib"]),
    "time_set": (
        {"bib": "7", "point": "10K", "at_us": AT, "reason": "seen by a judge"},
        ["bib", "point", "at_us", "reason"],
    ),
    "read_excluded": (
        {"device": "S1", "chip": "C7", "at_us": AT, "reason": "a helper"},
        ["device", "chip", "at_us", "reason"],
    ),
    "status_set": (
        {"bib": "7", "status": "DQ", "reason": "short cut", "at_us": AT, "rule": "TR 6"},
        ["bib", "status", "reason"],
    ),
    "penalty_set": (
        {"bib": "7", "seconds": -30.25, "reason": "took a gel outside the station", "rule": "TR 6"},
        ["bib", "seconds", "reason"],
    ),
    "point_waived": (
        {"race": "hm", "point": "10K", "from_us": AT, "until_us": AT + 1, "reason": "the reader stood still"},
        ["race", "point", "reason"],
    ),
    "order_set": ({"race": "hm", "bibs": ["7", "8"], "reason": "photo"}, ["race", "bibs", "reason"]),
    "case_decided": (
        {"case": "missed:7", "outcome": "accept", "reason": "seen"},
        ["case", "outcome", "reason"],
    ),
    "race_closed": ({"race": "hm", "at_us": AT}, ["race"]),
    "race_reopened": ({"race": "hm"}, ["race"]),
    "protest_filed": (
        {"protest": "p1", "race": "hm", "text": "he cut the corner", "bib": "7"},
        ["protest", "race", "text"],
    ),
    "protest_decided": (
        {"protest": "p1", "outcome": "upheld", "reason": "seen"},
        ["protest", "outcome", "reason"],
    ),
    "results_published": ({"race": "hm", "state": "official", "boards": ["men"]}, ["race", "state"]),
    "entry_hidden": ({"bib": "7", "hidden": True}, ["bib", "hidden"]),
    "fact_withdrawn": ({"fact": "f1", "reason": "entered in error"}, ["fact", "reason"]),
    "notice_received": (
        {"gateway": "van", "device": "S1", "kind": "gunshot", "at_us": AT, "text": "heard"},
        ["gateway", "device", "kind"],
    ),
    "event_archived": ({}, []),
    "event_reopened": ({}, []),
}
REQUIRED = [(name, field) for name, (_, required) in FACTS.items() for field in required]


def refused(plain):
    """Why a fact is refused."""
    with pytest.raises(msgspec.ValidationError) as error:
        fact_from_json(line(plain))
    return str(error.value)


# --- Every type.


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_of_each_type_with_all_that_it_can_say_comes_back_as_it_went(name):
    fields, _ = FACTS[name]
    plain = fact(name, **fields, id="f-1", by="referee", recorded_at_us=AT)
    taken = fact_from_json(line(plain))
    assert taken.__struct_config__.tag == name
    shown = msgspec.json.decode(to_json(taken))
    assert shown == plain
    assert fact_from_json(to_json(taken)) == taken


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_needs_no_more_than_what_is_required(name):
    fields, required = FACTS[name]
    taken = typed(fact(name, **{field: fields[field] for field in required}))
    assert (taken.id, taken.by, taken.recorded_at_us) == (None, None, None)


@pytest.mark.parametrize(("name", "field"), REQUIRED)
def test_a_fact_without_what_is_required_is_refused(name, field):
    fields = dict(FACTS[name][0])
    del fields[field]
    assert refused(fact(name, **fields)) == f"Object missing required field `{field}`"


@pytest.mark.parametrize("name", FACTS)
def test_an_unknown_field_is_refused(name):
    """A typo must not pass."""
    assert refused(fact(name, **FACTS[name][0], reson="typo")) == "Object contains unknown field `reson`"


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_names_its_event(name):
    plain = fact(name, **FACTS[name][0])
    del plain["event"]
    assert refused(plain) == "Object missing required field `event`"
    assert "matching regex" in refused({**plain, "event": "a b"})


def test_the_examples_are_of_every_kind():
    known = {kind.__struct_config__.tag for kind in Fact.__args__}
    assert known == set(FACTS)


@pytest.mark.parametrize("name", ["", "gun", "reads_logged", None, 5])
def test_an_unknown_type_is_refused(name):
    assert "type" in refused({"type": name, "event": EVENT})


def test_a_fact_without_a_type_is_refused():
    assert refused({"event": EVENT, "race": "hm"}) == "Object missing required field `type`"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"7", b"{", b'{"type":"race_closed"} x', b"\xff"])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(msgspec.DecodeError):
        fact_from_json(data)


# --- Within lists and entries.


def test_an_unknown_field_of_an_entry_or_a_read_is_refused_by_its_path():
    """Nobody's e-mail address gets onto the log, which cannot forget."""
    mailed = {**entry(), "email": "x@example.org"}
    assert refused(fact("entries_added", entries=[entry(), mailed])).endswith("`email` - at `$.entries[1]`")
    born = {**entry(), "birth_date": "1990-01-01"}
    assert "birth_date" in refused(fact("entries_added", entries=[born]))
    assert refused(reads(read("S1", "C7", 1, power=5))).endswith("`power` - at `$.reads[0]`")


@pytest.mark.parametrize("field", ["bib", "chips", "race", "gender", "given_name", "family_name"])
def test_an_entry_needs_what_is_required(field):
    plain = entry()
    del plain[field]
    assert f"required field `{field}`" in refused(fact("entries_added", entries=[plain]))


@pytest.mark.parametrize("field", ["seq", "device", "chip", "at_us"])
def test_a_read_needs_what_is_required(field):
    plain = read("S1", "C7", 1)
    del plain[field]
    assert f"required field `{field}`" in refused(fact("reads_received", gateway="g", session="s", reads=[plain]))


@pytest.mark.parametrize(
    "changed",
    [
        {"gender": "W"},
        {"gender": "m"},
        {"birth_year": 1899},
        {"birth_year": 2101},
        {"birth_year": "1990"},
        {"nationality": "VN"},
        {"nationality": "VIET"},
        {"nationality": "V1E"},
        {"nationality": "VIE\n"},
        {"personal_best_s": 0},
        {"chips": "C7"},
        {"chips": [f"C{n}" for n in range(21)]},
        {"ranked": "no"},
        {"given_name": "x" * 201},
        {"race": "no slug"},
        {"bib": 7},
    ],
)
def test_an_entry_outside_of_its_limits_is_refused(changed):
    assert "$.entries[0]" in refused(fact("entries_added", entries=[{**entry(), **changed}]))


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": -1},
        {"seq": 2**63},
        {"at_us": INSTANT_MAX_US + 1},
        {"at_us": -INSTANT_MAX_US - 1},
        {"at_us": 1.5},
        {"at_us": "1"},
        {"at_us": None},
        {"rssi": "strong"},
        {"rssi": 1e9},
        {"rssi": -1e9},
        {"battery": 1e300},
        {"antenna": 2**31},
        {"antenna": -(2**31) - 1},
        {"antenna": 1.5},
        {"device": ""},
        {"device": "x" * 65},
    ],
)
def test_a_read_outside_of_its_limits_is_refused(changed):
    assert "$.reads[0]" in refused(
        fact("reads_received", gateway="g", session="s", reads=[{**read("S1", "C7", 1), **changed}])
    )


def test_a_read_at_its_limits_is_taken():
    edges = {
        "seq": 2**63 - 1,
        "at_us": INSTANT_MAX_US,
        "rssi": -999_999_999.0,
        "antenna": 2**31 - 1,
        "device": "x" * 64,
    }
    taken = typed(fact("reads_received", gateway="g", session="s", reads=[{**read("S1", "C7", 1), **edges}]))
    assert taken.reads[0].seq == 2**63 - 1
    assert typed(reads(read("S1", "C7", 1, rssi=-61))).reads[0].rssi == -61


@pytest.mark.parametrize(
    "plain",
    [
        fact("gun_fired", race="hm", at_us=INSTANT_MAX_US + 1),
        fact("gun_fired", race="hm", at_us=AT, id=""),
        fact("gun_fired", race="hm", at_us=AT, id="x" * 65),
        fact("status_set", bib="7", status="OTL", reason=""),
        fact("status_set", bib="7", status="DQ", reason="x" * 1001),
        fact("order_set", race="hm", bibs=[], reason=""),
        fact("order_set", race="hm", bibs=["7"] * (ORDER_MAX + 1), reason=""),
        fact("case_decided", case="", outcome="accept", reason=""),
        fact("case_decided", case="missed:7", outcome="upheld", reason=""),
        fact("protest_decided", protest="p", outcome="accept", reason=""),
        fact("results_published", race="hm", state="final"),
        fact("time_set", bib="7", point="10K", at_us=AT, reason=None),
        fact("clock_corrected", device="S1", offset_us=None),
        fact("entry_hidden", bib="7", hidden=None),
        fact("event_defined", definition=[]),
        fact("reads_received", gateway="", session="s", reads=[]),
    ],
)
def test_a_fact_outside_of_its_limits_is_refused(plain):
    assert refused(plain)


def test_an_officials_time_is_taken_back_by_null_and_not_by_silence():
    assert typed(fact("time_set", bib="7", point="10K", at_us=None, reason="")).at_us is None
    assert "at_us" in refused(fact("time_set", bib="7", point="10K", reason=""))


def test_lists_are_bounded():
    assert READS_MAX == ENTRIES_MAX == 100_000
    too_many = fact("reads_received", gateway="g", session="s", reads=[read("S1", "C7", 1)] * (READS_MAX + 1))
    assert f"length <= {READS_MAX}" in refused(too_many)


# --- Bibs, chips, names of cases.


@pytest.mark.parametrize(
    ("given", "held"), [("7", "7"), (" a7 ", "A7"), ("a-7/b", "A-7/B"), ("é7", "É7"), ("007", "007")]
)
def test_bibs_and_chips_are_stripped_and_upper_cased_wherever_they_stand(given, held):
    """Leading zeros stay: they are text. Source: R1."""
    (only,) = typed(fact("entries_added", entries=[entry(given, [given, "X"])])).entries
    assert (only.bib, only.chips) == (held, [held, "X"])
    assert typed(reads(read("S1", given, 1))).reads[0].chip == held
    assert typed(fact("chip_assigned", chip=given, bib=given)) == typed(fact("chip_assigned", chip=held, bib=held))
    assert typed(fact("time_set", bib=given, point="P", at_us=1, reason="")).bib == held
    assert typed(fact("status_set", bib=given, status="DQ", reason="")).bib == held
    assert typed(fact("read_excluded", device="s1", chip=given, at_us=1, reason="")).chip == held
    assert typed(fact("order_set", race="hm", bibs=[given, "8"], reason="")).bibs == [held, "8"]
    assert typed(fact("entry_hidden", bib=given, hidden=True)).bib == held
    assert typed(fact("entry_withdrawn", bib=given, reason="")).bib == held
    assert typed(fact("protest_filed", protest="p", race="hm", text="", bib=given)).bib == held
    assert typed(fact("case_decided", case=f"missed:{given}", outcome="dq", reason="")).case == f"missed:{held}"


@pytest.mark.parametrize("given", ["", " ", "x" * 33, "a\tb", "a\nb", "a\x00b", "\u200e7"])
def test_a_bib_or_chip_of_no_or_too_many_or_unprintable_characters_is_refused(given):
    assert refused(fact("entries_added", entries=[entry(given)]))
    assert refused(reads(read("S1", given, 1)))
    assert refused(fact("status_set", bib=given, status="DQ", reason=""))
    assert refused(fact("order_set", race="hm", bibs=["7", given], reason=""))


def test_a_label_may_have_32_characters_and_be_padded_by_a_gateway():
    assert label("x" * 32, "bib") == "X" * 32
    assert label(" " * 16 + "x" * 32 + " " * 16, "chip") == "X" * 32
    with pytest.raises(ValueError, match=r"chip 'x+' has 33 characters; it takes 1 to 32"):
        label("x" * 33, "chip")
    with pytest.raises(ValueError, match="holds a control character"):
        label("a\x01b", "chip")


def test_a_letter_that_grows_in_upper_case_counts_as_it_is_held():
    """ß becomes SS: 17 of them are 34 characters."""
    assert label("ß" * 16, "bib") == "SS" * 16
    with pytest.raises(ValueError, match="34 characters"):
        label("ß" * 17, "bib")


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("missed:a7", "missed:A7"),
        (" missed: a7 ", "missed:A7"),
        ("reads_after:a7", "reads_after:A7"),
        ("after_close: a7", "after_close:A7"),
        ("team:teams:Hà Nội", "team:teams:Hà Nội"),
        ("other:a7", "other:a7"),
        ("missed", "missed"),
        ("missed:a:b", "missed:A:B"),
        ("together:7:a12", "together:7:A12"),
        (" together: 7 : a12 ", "together:7:A12"),
        ("together:a:b:c", "together:A:B:C"),
    ],
)
def test_the_bib_in_a_cases_name_is_upper_cased_and_a_teams_name_is_not(given, held):
    assert case_name(given) == held


def test_a_case_of_two_athletes_may_be_about_any_bibs_that_its_name_can_spell():
    assert case_pairs("together:7:12") == [("7", "12")]
    assert case_pairs("together:A:B:C") == [("A", "B:C")]
    assert case_pairs("together:1:2:33:44") == [("1", "2:33:44"), ("1:2", "33:44")]
    assert case_bibs("together:1:2:33:44") == ("1", "2:33:44", "1:2", "33:44")


@pytest.mark.parametrize("name", ["together:12:7", "together:7:7", "together:7", "together:", "together", "team:t:a:b"])
def test_a_name_that_no_case_of_two_athletes_has_is_about_nobody(name):
    assert case_pairs(name) == []
    assert case_bibs(name) == ()


def test_a_nationality_is_upper_cased():
    assert typed(fact("entries_added", entries=[entry(nationality="vie")])).entries[0].nationality == "VIE"


def test_bibs_are_ordered_shorter_first_then_by_text():
    assert sorted(["B1", "10", "9", "A", "100", "09"], key=bib_order) == ["9", "A", "09", "10", "B1", "100"]


# --- Slugs.


@pytest.mark.parametrize("slug", ["a", "5k", "A.b_c-d", "x" * 64, "0"])
def test_slugs(slug):
    assert typed(fact("race_closed", race=slug)).race == slug


@pytest.mark.parametrize("slug", ["", "-a", ".a", "_a", "a b", "a/b", "é", "x" * 65, "a\n", "a:b"])
def test_what_is_no_slug(slug):
    assert "$.race" in refused(fact("race_closed", race=slug))


# --- Reads as arrays.


def test_reads_are_logged_as_arrays_in_the_order_of_fields():
    sent = {"seq": 5, "device": "S1", "chip": "C7", "at_us": AT, "rssi": -61.5, "antenna": 2, "battery": 3.1}
    taken = typed(fact("reads_received", gateway="van", session="s", reads=[sent], id="r1", recorded_at_us=9))
    packed = logged(taken)
    assert isinstance(packed, ReadsLogged)
    plain = msgspec.to_builtins(packed)
    assert [list(row) for row in plain["reads"]] == [[5, "S1", "C7", AT, -61.5, 2, 3.1]]
    assert (plain["type"], plain["id"], plain["recorded_at_us"]) == ("reads_received", "r1", 9)
    assert fact_from_json(to_json(packed)) == taken
    assert isinstance(fact_from_json(to_json(packed)), ReadsReceived)


def test_any_other_fact_is_logged_as_it_is():
    taken = typed(fact("race_closed", race="hm"))
    assert logged(taken) is taken
