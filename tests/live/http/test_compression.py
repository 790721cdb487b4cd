"""Which coding a client gets, without a server."""

import pytest

from services.live.http.answers import compressible
from services.live.http.compression import accepted_coding


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "gzip"),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("gzip;q=high", None),
        ("gzip ; q=1.0", "gzip"),
        (",,;q=1, br", "br"),
        ("deflate, zstd", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_weighs_most(accept_encoding, coding):
    assert accepted_coding(accept_encoding) == coding


@pytest.mark.parametrize(
    ("content_type", "shrinks"),
    [
        ("application/json; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/xml; charset=utf-8", True),
        ("text/csv; charset=utf-8", True),
        ("image/svg+xml", True),
        ("application/zip", False),
        ("image/png", False),
    ],
)
def test_text_is_compressed_and_archives_are_not(content_type, shrinks):
    assert compressible(content_type) is shrinks
