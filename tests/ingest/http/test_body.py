"""Decompressing bodies within limits."""

import gzip
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.errors import Refused
from services.ingest.http.body import decompress, decompresses_beyond

LIMIT = 64 * 1024


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zstd_of_unknown_size(data: bytes) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


packing = pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstd), ("zstd", zstd_of_unknown_size)]
)


def status(data: bytes, coding: str) -> int:
    with pytest.raises(Refused) as refused:
        decompress(data, coding, LIMIT)
    return refused.value.status


@packing
@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_within_the_limit_is_decompressed(coding, pack, size):
    assert decompress(pack(b"x" * size), coding, LIMIT) == b"x" * size


@pytest.mark.parametrize("coding", ["", "identity"])
def test_a_body_without_coding_is_returned_unchanged(coding):
    assert decompress(b"abc", coding, LIMIT) == b"abc"


@packing
def test_one_byte_over_the_bound_is_too_large(coding, pack):
    assert status(pack(b"x" * (LIMIT + 1)), coding) == 413


@packing
def test_a_bomb_is_refused_before_it_takes_memory(coding, pack):
    bomb = pack(b"\0" * 256 * 1024 * 1024)
    assert len(bomb) < 512 * 1024
    tracemalloc.start()
    try:
        assert status(bomb, coding) == 413
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_window_larger_than_every_receiver_offers_is_refused():
    window = zstandard.ZstdCompressionParameters.from_level(19, window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=window).compressobj()
    assert status(packer.compress(b"x" * LIMIT) + packer.flush(), "zstd") in (400, 413)


@packing
def test_a_body_that_ends_early_is_damaged(coding, pack):
    packed = pack(bytes(range(256)) * 8)
    for size in (0, 1, len(packed) // 2, len(packed) - 1):
        assert status(packed[:size], coding) == 400


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@given(data=st.binary(max_size=100))
def test_any_bytes_are_decompressed_or_refused(coding, data):
    try:
        outcome: bytes | int = decompress(data, coding, LIMIT)
    except Refused as refused:
        outcome = refused.status
    assert isinstance(outcome, bytes) or outcome in (400, 413)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip"])
def test_an_unknown_coding_is_refused_by_name(coding):
    assert status(b"x", coding) == 415


@packing
def test_a_size_is_checked_without_decompressing_the_whole_body(coding, pack):
    assert [decompresses_beyond(size, pack(b"x" * LIMIT), coding) for size in (LIMIT - 1, LIMIT)] == [True, False]
    bomb = pack(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        assert decompresses_beyond(LIMIT, bomb, coding)
        assert tracemalloc.get_traced_memory()[1] < 16 * LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["", "gzip", "zstd", "br"])
def test_a_body_that_cannot_be_decompressed_is_over_no_size(coding):
    assert not decompresses_beyond(2, b"nothing of the kind", coding)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("data", [b"not packed", b"", gzip.compress(b"x" * 100)[:20], zstd(b"x" * 100)[:8]])
def test_a_damaged_body_is_refused_without_the_words_of_a_library(coding, data):
    with pytest.raises(Refused) as refused:
        decompress(data, coding, LIMIT)
    assert str(refused.value) == (
        f"the body cannot be decompressed: it is damaged, cut off or not {coding}; send it again"
    )
