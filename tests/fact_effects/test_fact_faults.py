"""Malformed facts: what is wrong, in words for the person who sent them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import fact_from_json
from schemas.definition_faults import DefinitionRefused
from services.fact_effects.fact_times import TIMES
from services.fact_effects.sent_facts import MalformedFacts, facts_from_body
from tests.builders import EVENT, entries, entry, fact, gun, order, status
from tests.schemas.test_events import FACTS

WORDS_OF_THE_DECODER = (
    "Expected",
    "`str`",
    "`int`",
    "`object`",
    "Object ",
    "$",
    "regex",
    "enum",
    "truncated",
    "msgspec",
    "codec",
    "recursion",
)


def reasons(body: object) -> list[str]:
    """Why the facts of a body are refused."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(MalformedFacts) as malformed:
        facts_from_body(data, EVENT, None)
    return [fault["reason"] for fault in malformed.value.faults] or [str(malformed.value)]


def without(plain, *names):
    return {name: value for name, value in plain.items() if name not in names}


PLAIN_WORDS = [
    (gun() | {"rcae": "hm"}, "`rcae` is not a field here; did you mean `race`? The fields are event, id, race, at_us,"),
    (without(gun(), "race"), "`race` is missing"),
    (without(gun(), "at_us"), "`at_us` is missing; write it, or `at`"),
    (gun() | {"at_us": True}, "`at_us`: true is not a whole number"),
    (gun() | {"at_us": "now"}, "`at_us` is the text 'now'; a time as text goes into `at`, without `_us`"),
    (gun() | {"type": "gun"}, "`type`: there is no kind of fact 'gun'; did you mean 'gun_fired'? The kinds are event_"),
    (gun() | {"type": 5}, "`type`: there is no kind of fact 5; the kinds are event_defined, "),
    (without(gun(), "type"), "`type` is missing: it names the kind of fact, one of event_defined, "),
    (gun() | {"race": "a b"}, "`race`: 'a b' is not an id; it takes 1 to 64 letters, digits, `.`, `_` and `-`, and"),
    (gun() | {"race": None}, "`race`: null is not a text"),
    (gun() | {"event": "other"}, f"its event is 'other', but it was sent to event {EVENT!r}"),
    (status("7", "dns"), "`status`: 'dns' is not one of DNS, DNF, DQ, OK"),
    (
        status("") | {"reason": "x" * 2000},
        "`bib` is empty; write at least 1 character; `reason` has 2000 characters; at",
    ),
    (status("7" * 40), f"bib '{'7' * 40}' has 40 characters; it takes 1 to 32"),
    (status("7") | {"bib": 7}, '`bib`: 7 is not a text; write "7", in quotes'),
    (order("1", "") | {"race": "hm"}, "item 2 of `bibs` is empty; write at least 1 character"),
    (order(), "`bibs` is empty; write at least 1 entry"),
    (fact("penalty_set", bib="7", seconds=1e9, reason=""), "`seconds`: 1000000000.0 is not a number of at most 86400"),
    (fact("penalty_set", bib="7", seconds=0.0001, reason=""), "seconds 0.0001 has more than three decimals"),
    (fact("entry_hidden", bib="7", hidden="yes"), "`hidden`: 'yes' is not true or false"),
    (entries(entry(gender="NAM")), "`gender` of item 1 of `entries`: 'NAM' is not one of M, F, X"),
    (
        entries("7", entry() | {"chip": "C7"}),
        "`chip` of item 2 of `entries` is not a field here; did you mean `chips`?",
    ),
    (entries(entry(chips=["C" * 40])), f"chip '{'C' * 40}' has 40 characters; it takes 1 to 32"),
    (fact("event_defined", definition=[]), "`definition`: a list is not a table"),
    (fact("point_waived", race="hm", point="START", reason=""), "point 'START' cannot be waived"),
    (fact("reads_received"), f"reads_received cannot be sent here; POST reads to /v1/events/{EVENT}/reads"),
    ("x", "'x' is not a fact; a fact is an object such as {"),
    ([[]], "a list within a list is not a fact"),
    (b"", "the body is empty; send one fact as a JSON object, or a list of them"),
    (b" \n", "the body is empty; send one fact as a JSON object, or a list of them"),
    ("\ufeff{}".encode(), "it begins with a byte order mark; save it as UTF-8 without one"),
    (b'{"type":"status_set","reason":"\xe9"}', "it is not in UTF-8 (byte 31); save it as UTF-8"),
    (b'[{"reason":"\xe9"}]', "it is not in UTF-8 (byte 11); save it as UTF-8"),
    (b'{"reason":"\\ud800"}', "it ends too early; or a \\u stands for half of a character"),
    (b'{"seconds":1e999}', "it is not JSON: it holds a number that is too large"),
    (b'{"seconds":NaN}', "it is not JSON: invalid character at 'NaN}' (byte 11)"),
    (b'{"a":' * 5000, "it is nested too deeply"),
    (b"[" * 5000, "it is nested too deeply"),
    ({"type": None}, "there is no kind of fact null"),
    (gun() | {"at_us": "1767477600000000"}, "write 1767477600000000, without quotes"),
    (fact("clock_corrected", device="K1", offset_us="-60"), "'-60' is not a whole number; write -60, without quotes"),
    (fact("penalty_set", bib="7", seconds="30.5", reason=""), "'30.5' is not a number; write 30.5, without quotes"),
    (
        without(gun(), "at_us") | {"at": "1999-01-01T00:00:00Z"},
        "`at` is '1999-01-01T00:00:00Z', which is not in the years 2000 to 2100; correct the year",
    ),
    (b'{"type"', "it is not complete JSON: it ends too early"),
    (b'[{"type" "gun_fired"}]', "it is not JSON: expected ':' at '\"gun_fired\"}]' (byte 9); send one fact as a JSON"),
]


@pytest.mark.parametrize(("body", "said"), PLAIN_WORDS)
def test_a_malformed_fact_is_refused_in_plain_words(body, said):
    (reason,) = reasons(body)
    assert said in reason
    assert not [word for word in WORDS_OF_THE_DECODER if word in reason]


def test_all_faults_of_a_fact_are_named_at_once():
    (reason,) = reasons({"type": "status_set", "event": EVENT, "bib": 7, "status": "dnf", "at": "soon", "resaon": ""})
    for field in ("`bib`", "`status`", "`at`", "`resaon`", "`reason` is missing"):
        assert field in reason


def test_of_a_long_list_of_another_shape_the_first_faults_are_named():
    (reason,) = reasons(fact("entries_added", entries=[{"bib": str(bib)} for bib in range(1000)]))
    assert reason.count("is missing") == 5


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=80),
    st.lists(
        st.one_of(st.text(max_size=3), st.integers(), st.dictionaries(st.text(max_size=3), st.none())), max_size=3
    ),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


@given(kind=st.sampled_from(sorted(FACTS)), data=st.data())
def test_whatever_is_in_a_field_is_taken_as_the_decoder_takes_it_or_refused_in_plain_words(kind, data):
    fields, _ = FACTS[kind]
    field = data.draw(st.sampled_from([*fields, "id"]))
    body = msgspec.json.encode(fact(kind, **fields) | {field: data.draw(ODD)})
    try:
        (taken,) = facts_from_body(body, EVENT, None)
    except DefinitionRefused:
        assert kind == "event_defined"
    except MalformedFacts as malformed:
        said = malformed.faults[0]["reason"]
        assert not [word for word in WORDS_OF_THE_DECODER if word in said and word not in body.decode()], said
        if kind != "reads_received" and field not in TIMES.values():
            with pytest.raises(msgspec.DecodeError):
                fact_from_json(body)
    else:
        assert taken == fact_from_json(body)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"type": "status_set", "event": "e", "bib": "1", "bib": "2", "status": "DQ", "reason": "x"}', "bib"),
        (b'[{"type": "entries_added", "event": "e", "entries": [{"bib": "1", "race": "a", "race": "b"}]}]', "race"),
    ],
)
def test_a_field_that_comes_twice_is_refused_since_either_value_may_be_meant(body, name):
    assert reasons(body) == [f"`{name}` comes 2 times; write it once, with the value that is meant"]
