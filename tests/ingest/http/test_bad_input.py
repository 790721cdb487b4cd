"""Bodies that no client should send, at every door of ingest: refused in our words, without a bug or a line each."""

import re

import pytest

from tests.builders import EVENT

FACT = '{"type": "status_set", "event": "%s", "bib": %s, "status": "DQ", "reason": "r"}'

BODIES = {
    "empty": b"",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "not UTF-8": b'{"type": "\xff"}',
    "UTF-16": "{}".encode("utf-16"),
    "NUL": b"\x00",
    "a list in a list": b"[[]]",
    "a number": b"1",
    "a null": b"[null]",
    "wrong types": b'{"type": [], "event": {}, "gateway": 1, "session": [], "reads": {}}',
    "reads of all kinds": b'{"gateway": "g", "session": "s", "reads": [1, null, [], {}, {"seq": "x", "chip": []}]}',
    "a deep definition": b'{"type": "event_defined", "event": "e", "definition": %b}'
    % (b'{"a":' * 3000 + b"1" + b"}" * 3000),
    "a number without end": b'{"type": "gun_fired", "at_us": ' + b"9" * 5000 + b"}",
    "a huge power": b'{"type": "gun_fired", "at_us": 1e999}',
    "half a character": (FACT % (EVENT, r'"\ud800"')).encode(),
    "a control character": (FACT % (EVENT, r'"7\u0000"')).encode(),
    "no archive": b"PK\x03\x04 not one",
    "a list with NUL": b"bib,chips,race,gender,given_name,family_name\n7\x00,A1,hm,M,A,B\n",
}
DOORS = {
    "facts": ("POST", "facts"),
    "reads": ("POST", "reads"),
    "lines of reads": ("POST", "reads?gateway=g&session=s"),
    "definition": ("PUT", "definition"),
    "entries": ("POST", "entries"),
    "import": ("POST", "import"),
}
TYPES = [
    "application/json",
    "application/x-ndjson",
    "application/msgpack",
    "application/toml",
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
]
LIBRARIES_WORDS = re.compile(
    r"Expected `|got `|codec can't|recursion|bytearray|Traceback|NoneType|<class|malformed: |[a-z](Error|Exception)\b"
)


@pytest.mark.parametrize("door", DOORS)
async def test_bodies_that_make_no_sense_are_refused_in_our_words(client, race_log, caplog, door):
    method, path = DOORS[door]
    for kind in TYPES:
        for name, body in BODIES.items():
            async with client.request(method, path, data=body, headers={"Content-Type": kind}) as response:
                text = await response.text()
            about = f"{name} as {kind}: {response.status} {text}"
            assert response.status < 500, about
            assert not LIBRARIES_WORDS.search(text), about
    reasons = [rejection.reason for rejection in race_log.dead_letters]
    assert [reason for reason in reasons if LIBRARIES_WORDS.search(reason)] == []
    assert len(caplog.records) <= 5, "a line for a sender whose input cannot be read, none for each request"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH"])
async def test_methods_that_a_door_does_not_take_are_named_with_those_that_it_takes(client, race_log, method):
    async with client.request(method, "facts") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert race_log.records == []
