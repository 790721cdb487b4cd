"""Requests that no client library sends: ambiguous lengths, paths with traversal, headers of arbitrary bytes."""

import asyncio
import re

import pytest
from yarl import URL

from tests.builders import EVENT

BODY = b'{"type":"gun_fired","event":"example-2026","race":"hm","at_us":0}'
LENGTH = f"Content-Length: {len(BODY)}".encode()
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
AFTER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def request(*headers: bytes, path: bytes = f"/v1/events/{EVENT}/facts".encode(), body: bytes = BODY) -> bytes:
    return b"\r\n".join((b"POST " + path + b" HTTP/1.1", b"Host: localhost", *headers, b"", body))


async def statuses(address: URL, data: bytes) -> list[int]:
    """The answers to these bytes and to a good request after them, until ingest closes the connection."""
    assert address.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    writer.write(data + AFTER)
    async with asyncio.timeout(30):
        answers = await reader.read()
    writer.close()
    return [int(status) for status in STATUS.findall(answers)]


@pytest.mark.parametrize(
    "data",
    [
        request(LENGTH, b"Content-Length: 5"),
        request(LENGTH, LENGTH),
        request(LENGTH + b", 5"),
        request(b"Content-Length: +65"),
        request(b"Content-Length: -1"),
        request(LENGTH, b"Transfer-Encoding: chunked", body=CHUNKED),
        request(LENGTH, b"Transfer-Encoding:\x0bchunked", body=CHUNKED),
        request(b"Transfer-Encoding: xchunked", body=CHUNKED),
        request(b"Transfer-Encoding: chunked, identity", body=CHUNKED),
        request(b"Transfer-Encoding : chunked", body=CHUNKED),
        request(b"X: a\r\n Content-Length: 5", LENGTH),
        request(b"Transfer-Encoding: chunked", body=CHUNKED.replace(b"\r\n", b";a=\n", 1)),
        request(LENGTH).replace(b"\r\n", b"\n"),
        request(LENGTH, b"Host: elsewhere"),
    ],
)
async def test_a_body_of_ambiguous_length_ends_the_connection(ingest, race_log, data, caplog):
    assert await statuses(ingest, data) == [400]
    assert race_log.records == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    "event",
    [
        b"..%2f..",
        b"%2e%2e",
        b"a%00b",
        b"a%0d%0ab",
        b"%ff",
        b"%ed%a0%80",
        b"a%2Fb",
        EVENT.encode() + b"%20",
        b"a" * 5000,
    ],
)
async def test_a_path_that_is_no_event_is_refused(ingest, race_log, event):
    assert await statuses(ingest, request(LENGTH, path=b"/v1/events/" + event + b"/facts")) in ([400, 200], [404, 200])
    assert race_log.records == []


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Origin: \xff", 403),
        (b"Idempotency-Key: \xff\xfe", 400),
        (b"Content-Type: \xff", 415),
        (b"Content-Encoding: \xff", 415),
        (b"Content-Encoding: gzip, gzip", 415),
        (b"Authorization: Bearer \xff", 200),  # there are no tokens here
    ],
)
async def test_headers_may_hold_any_bytes(ingest, header, status):
    entries = b"bib,chips,race,gender,given_name,family_name\n7,A1,hm,M,A,B\n"
    length = f"Content-Length: {len(entries)}".encode()
    data = request(header, length, path=f"/v1/events/{EVENT}/entries".encode(), body=entries)
    assert await statuses(ingest, data) == [status, 200]
