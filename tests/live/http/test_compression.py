"""Which coding a client gets, without a server."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from services.live.http.answers import compressible
from services.live.http.compression import accepted_coding, compressing


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


async def test_a_body_with_a_tag_is_compressed_once_for_all_requests():
    body = b'{"openapi": "3.1.1"}' * 1000
    request = make_mocked_request("GET", "/openapi.json", headers={"Accept-Encoding": "br"})

    async def described(_):
        return web.Response(body=body, content_type="application/json", headers={"ETag": 'W/"1"'})

    first, second = await compressing(request, described), await compressing(request, described)
    assert isinstance(first, web.Response)
    assert isinstance(second, web.Response)
    assert first.headers["Content-Encoding"] == "br"
    assert first.body is second.body
