"""Dead letters as records that any Kafka tool shows."""

import msgspec
import pytest

from schemas.ids import REASON_CHARS
from schemas.rejected import RAW_MAX_BYTES, REJECTED_VERSION, Rejection, decode_rejection, encode_rejection
from schemas.topics import RECORD_MAX_BYTES


def test_a_rejection_is_decoded_as_it_was_encoded_with_its_bytes():
    put_aside = Rejection(
        v=REJECTED_VERSION,
        event="e",
        source="mylaps",
        reason="checksum",
        raw=bytes(range(256)),
        size=5000,
        gateway="van",
        index=0,
        topic="race-log",
        partition=3,
        offset=12,
        recorded_at_us=-1,
    )
    assert decode_rejection(encode_rejection(put_aside)) == put_aside


def test_a_rejection_is_one_line_of_json_with_base64():
    data = encode_rejection(Rejection(v=1, event="e", source="http", reason="no fact\n", raw=b"\x00\n", size=2))
    assert b"\n" not in data
    assert msgspec.json.decode(data) == {
        "v": 1,
        "event": "e",
        "source": "http",
        "reason": "no fact\n",
        "raw": "AAo=",
        "size": 2,
    }


@pytest.mark.parametrize("data", [b"", b"{}", b'{"v":1,"event":"e","source":"s","reason":"r","raw":"?","size":1}'])
def test_bytes_that_are_no_rejection_are_refused(data):
    with pytest.raises(msgspec.DecodeError):
        decode_rejection(data)


def test_a_reason_that_quotes_megabytes_is_cut_so_that_the_record_fits():
    raw = b"\xff" * RAW_MAX_BYTES
    data = encode_rejection(Rejection(v=1, event="e", source="http", reason="\x01" * 2_000_000, raw=raw, size=len(raw)))
    assert len(data) < RECORD_MAX_BYTES
    assert decode_rejection(data).reason == "\x01" * REASON_CHARS
