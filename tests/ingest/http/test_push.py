"""Bodies of reads: the good ones in order, the bad ones by their index, whatever the form."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_envelope, encode_envelope
from schemas.events import ReadRow, ReadsLogged
from services.ingest.http.push import (
    READS_MAX,
    Push,
    TooManyReads,
    body_fault,
    push_from_json,
    push_from_msgpack,
    push_from_ndjson,
)


def wire(**changes: object) -> dict[str, object]:
    return {"seq": 1, "device": "S1", "chip": "A1", "at_us": 1_767_477_600_000_000, **changes}


def as_json(*reads: object) -> Push:
    return push_from_json(msgspec.json.encode({"gateway": "g", "session": "s", "reads": reads}))


def as_msgpack(*reads: object) -> Push:
    return push_from_msgpack(msgspec.msgpack.encode({"gateway": "g", "session": "s", "reads": reads}))


def as_ndjson(*reads: object) -> Push:
    return push_from_ndjson(b"\n".join(msgspec.json.encode(read) for read in reads), "g", "s")


every_form = pytest.mark.parametrize("push", [as_json, as_msgpack, as_ndjson])

BAD: dict[str, list[Any]] = {
    "seq": [-1, 2**63, "1", None, 1.5, True],
    "device": ["", "x" * 65, 7, None],
    "chip": ["", "   ", "x" * 33, "a\tb", 7, None],
    "at_us": [2**52 + 1, -(2**52) - 1, 1.5, "0", None],
    "rssi": ["-60", 1e10, True],
    "antenna": [1.5, 2**31, "1"],
    "battery": ["3", -1e10],
    "unknown": [1],
}


@every_form
def test_reads_become_rows_in_order(push):
    pushed = push(wire(), wire(seq=2, rssi=-60.5, antenna=3, battery=3.6))
    assert pushed == Push(
        "g",
        "s",
        [
            ReadRow(1, "S1", "A1", 1_767_477_600_000_000),
            ReadRow(2, "S1", "A1", 1_767_477_600_000_000, -60.5, 3, 3.6),
        ],
        [],
    )


@every_form
@pytest.mark.parametrize(("sent", "kept"), [(" a1 ", "A1"), ("0000041", "0000041"), ("ß", "SS"), ("\u00a0é", "É")])
def test_a_chip_is_stripped_and_upper_cased_and_keeps_its_zeros(push, sent, kept):
    assert [row.chip for row in push(wire(chip=sent), wire()).rows] == [kept, "A1"]


@every_form
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_a_bad_read_is_named_and_costs_no_other(push, field, value):
    pushed = push(wire(seq=0), wire(**{field: value}), wire(seq=2))
    assert [row.seq for row in pushed.rows] == [0, 2]
    [bad] = pushed.bad
    assert bad.index == 1
    assert bad.reason
    assert bad.raw


@every_form
def test_every_fault_of_a_read_is_named_in_words(push):
    read = wire(seq="1", chip="", antena=2)
    del read["at_us"]
    [bad] = push(read).bad
    assert bad.reason.startswith("seq: '1' is not a whole number")
    assert "chip: is empty; write at least 1 character; " in bad.reason
    assert "antena is not a field here; did you mean `antenna`?" in bad.reason
    assert bad.reason.endswith("; at_us is missing")


@pytest.mark.parametrize("value", [5, "read", [1]])
def test_what_is_no_read_is_refused_in_words(value):
    [bad] = push_from_json(msgspec.json.encode({"gateway": "g", "session": "s", "reads": [value]})).bad
    assert bad.reason.startswith("this is not a read; a read is an object with seq, device, chip, at_us")


@every_form
@pytest.mark.parametrize("field", ["seq", "device", "chip", "at_us"])
def test_a_read_without_a_needed_field_is_named(push, field):
    read = wire()
    del read[field]
    [bad] = push(read).bad
    assert field in bad.reason


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity"])
def test_json_with_a_number_that_is_none_is_no_read(number):
    line = msgspec.json.encode(wire()).replace(b"}", f',"rssi":{number}}}'.encode())
    pushed = push_from_ndjson(line + b"\n" + msgspec.json.encode(wire()), "g", "s")
    assert [bad.index for bad in pushed.bad] == [0]
    assert len(pushed.rows) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_msgpack_with_a_number_that_is_none_is_no_read(value):
    assert [bad.index for bad in as_msgpack(wire(rssi=value)).bad] == [0]


@pytest.mark.parametrize("form", ["json", "ndjson", "msgpack"])
def test_a_chip_that_is_no_text_is_bad_and_costs_no_other(form):
    good = wire()
    if form == "msgpack":
        body = msgspec.msgpack.encode({"gateway": "g", "session": "s", "reads": [good, wire(chip="AAAA")]})
        pushed = push_from_msgpack(body.replace(b"AAAA", b"A\xffAA"))
    elif form == "json":
        body = msgspec.json.encode({"gateway": "g", "session": "s", "reads": [good, wire(chip="AAAA")]})
        pushed = push_from_json(body.replace(b"AAAA", b"A\xffAA"))
    else:
        pushed = push_from_ndjson(
            msgspec.json.encode(good) + b"\n" + msgspec.json.encode(wire(chip="A")).replace(b"A", b"\xff"), "g", "s"
        )
    assert (len(pushed.rows), [bad.index for bad in pushed.bad]) == (1, [1])


def test_a_gateway_that_is_no_text_is_refused():
    with pytest.raises(UnicodeDecodeError):
        push_from_json(b'{"gateway":"\xff","session":"s","reads":[]}')


@pytest.mark.parametrize("read", [b"0", b'{"seq":1}'])
def test_too_many_reads_are_found_before_each_is_looked_at(read):
    items = [read] * (READS_MAX + 1)
    with pytest.raises(TooManyReads):
        push_from_json(b'{"gateway":"g","session":"s","reads":[' + b",".join(items) + b"]}")
    with pytest.raises(TooManyReads):
        push_from_ndjson(b"\n".join(items), "g", "s")


def test_blank_lines_of_ndjson_do_not_count():
    lines = b"\n \r\n" + msgspec.json.encode(wire(seq=-1)) + b"\r\n\n" + msgspec.json.encode(wire(chip="")) + b"\n"
    assert [bad.index for bad in push_from_ndjson(lines, "g", "s").bad] == [0, 1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"gateway":"g","session":"s"}',
        b'{"gateway":"","session":"s","reads":[]}',
        b'{"gateway":"g","session":"s","reads":[],"more":1}',
        b'{"gateway":"g","session":"s","reads":{}}',
        b"\xff",
    ],
)
def test_a_body_that_names_no_gateway_or_no_reads_is_none(body):
    with pytest.raises(msgspec.DecodeError):
        push_from_json(body)


@pytest.mark.parametrize(("gateway", "session"), [("", "s"), ("g", ""), ("x" * 65, "s"), ("g", "x" * 129)])
def test_ndjson_needs_a_gateway_and_a_session(gateway, session):
    with pytest.raises(msgspec.ValidationError):
        push_from_ndjson(msgspec.json.encode(wire()), gateway, session)


def test_a_read_nested_deeper_than_any_is_bad_and_no_crash():
    line = b'{"seq":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert [bad.index for bad in push_from_ndjson(line, "g", "s").bad] == [0]


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "seq": st.integers(0, 2**63 - 1),
                "device": st.text(min_size=1, max_size=64),
                "chip": st.text(max_size=70),
                "at_us": st.integers(-(2**52), 2**52),
            },
            optional={"rssi": st.floats(-120, 0), "antenna": st.integers(0, 8)},
        ),
        max_size=20,
    )
)
def test_what_is_taken_survives_the_log_and_every_read_is_taken_or_named(reads):
    for push in (as_json, as_msgpack):
        pushed = push(*reads)
        assert len(pushed.rows) + len(pushed.bad) == len(reads)
        fact = ReadsLogged(event="e", gateway="g", session="s", reads=pushed.rows)
        assert decode_envelope(encode_envelope("e", [fact])).facts == [fact]


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_decode_error(data):
    for push in (push_from_json, push_from_msgpack, lambda data: push_from_ndjson(data, "g", "s")):
        try:
            pushed = push(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        assert isinstance(pushed, Push)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"gateway": "g", "reads": []}, "session is missing"),
        ({"gateway": 5, "session": "s", "reads": []}, "gateway is not a text of 1 to 64 characters"),
        ({"gateway": "g", "session": "s", "reads": 5}, "reads is not a list of reads"),
        ({"gateway": "g", "session": "s", "reeds": []}, "reeds is not a field here; did you mean `reads`?"),
        ([], "the body is not an object"),
    ],
)
def test_a_body_that_is_no_push_is_refused_in_words(body, fault):
    data = msgspec.json.encode(body)
    with pytest.raises(msgspec.ValidationError) as refused:
        push_from_json(data)
    assert body_fault(refused.value, data).startswith(fault)
