"""Bytes that are no facts are refused as such, whatever is wrong with them."""

import msgspec
import pytest

from schemas.codec import UnknownVersion, UnreadableRecord, decode_envelope, fact_from_json, line_from_json

NO_UTF8 = b"\xa2\xff\xfe"  # a msgpack text of two bytes
DEEP = b"\x91" * 100_000 + b"\xc0"  # a list in a list in a list ...


def record(event: bytes, facts: bytes, v: bytes = b"\x01") -> bytes:
    """A msgpack envelope of raw parts."""
    return b"\x83\xa1v" + v + b"\xa5event" + event + b"\xa5facts" + facts


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        record(NO_UTF8, b"\x90"),
        record(b"\xa1e", b"\x91\x83\xa4type\xadevent_defined\xa5event\xa1e\xaadefinition\x81\xa1a" + DEEP),
        record(b"\xa1e", b"\x90") + b"\x00",
    ],
    ids=["empty", "no msgpack", "text that is not UTF-8", "nested too deeply", "bytes left over"],
)
def test_a_record_that_is_no_envelope_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        decode_envelope(data)


@pytest.mark.parametrize(
    "data",
    [
        record(b"\xa1e", b"\x90", v=b"\x02"),
        record(b"\xa1e", b"\x01", v=b"\x02"),
        record(NO_UTF8, b"\x90", v=b"\x02"),
    ],
    ids=["readable all the same", "of another shape", "text that is not UTF-8"],
)
def test_a_record_of_a_higher_version_is_never_called_unreadable(data: bytes) -> None:
    with pytest.raises(UnknownVersion):
        decode_envelope(data)


@pytest.mark.parametrize("read", [fact_from_json, line_from_json])
@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"gun_fired","event":"\xff","race":"r","at_us":1}',
        b'{"offset":1,"fact":{"type":"gun_fired","event":"\xff","race":"r","at_us":1}}',
        b'{"type":"event_defined","event":"e","definition":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=["text that is not UTF-8", "the same in a logged line", "nested too deeply"],
)
def test_a_line_that_cannot_be_read_raises_the_one_error_that_callers_know(read, data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(data)
