"""HTTP connections that cost a client little: one that asks again and again, and one that holds a stream open."""

import asyncio
import re
import time
from array import array
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)
_EVENT = re.compile(rb"event: (\w+)\nid: (\d+)\ndata: ([^\n]*)\n\n")
_REST_MAX = 4 * 1024 * 1024  # of an event that has not arrived whole


def address(url: str) -> tuple[str, int, str]:
    """Return host and port of an HTTP server, and both as requests name them. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"{url!r} is not the address of a live; write it as http://127.0.0.1:8700")
    return parts.hostname, parts.port or 80, parts.netloc


def request(path: str, host: str, *more: str) -> bytes:
    """Return a GET request with a host and `more` header lines."""
    return "\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", *more)).encode() + b"\r\n\r\n"


class Polled(Struct):
    """The answers to some connections: their number, by status, and the bytes of bodies."""

    statuses: Counter[int] = field(default_factory=Counter)
    body_bytes: int = 0
    lost: int = 0  # connections that the server closed

    @property
    def answers(self) -> int:
        """The number of all answers."""
        return self.statuses.total()


class Poller(asyncio.Protocol):
    """Sends a request again once it is answered and `pause_s` has passed; with `tagged`, the ETag it got last too."""

    def __init__(
        self, path: str, host: str, coding: str, polled: Polled, *, tagged: bool = False, pause_s: float = 0.0
    ) -> None:
        self._path = path
        self._host = host
        self._accepted = f"Accept-Encoding: {coding}"
        self._polled = polled
        self._tagged = tagged
        self._pause_s = pause_s
        self._request = request(path, host, self._accepted)
        self._received = b""
        self._stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count an answer that is complete, and ask again."""
        received = self._received + data if self._received else data
        head_end = received.find(b"\r\n\r\n")
        length = None if head_end < 0 else _LENGTH.search(received, 0, head_end)
        status = int(received[9:12]) if head_end >= 0 else 0
        body_bytes = 0 if length is None or status == 304 else int(length[1])
        if length is None and _CHUNKED.search(received, 0, max(0, head_end)):
            # The last chunk is empty, and nothing follows it, since only one request is sent at a time.
            whole = received.endswith(b"\r\n0\r\n\r\n")
            body_bytes = len(received) - head_end - 4 if whole else len(received)
        if head_end < 0 or len(received) < head_end + 4 + body_bytes:
            self._received = received
            return
        self._received = b""
        self._polled.statuses[status] += 1
        self._polled.body_bytes += body_bytes
        if self._tagged and (tag := _ETAG.search(received, 0, head_end)):
            self._request = request(self._path, self._host, self._accepted, f"If-None-Match: {tag[1].decode()}")
        if self._stopped:
            self._transport.close()
        elif self._pause_s:
            asyncio.get_running_loop().call_later(self._pause_s, self._ask)
        else:
            self._transport.write(self._request)

    def _ask(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._request)

    def stop(self) -> None:
        """Close the connection."""
        self._stopped = True
        self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Count a connection that the server closed."""
        if not self._stopped:
            self._polled.lost += 1


class Arrivals(Struct):
    """Events that viewers of one subject got: the revision of each, the viewer's one before, and when it arrived."""

    revisions: "array[int]" = field(default_factory=lambda: array("q"))
    before: "array[int]" = field(default_factory=lambda: array("q"))
    at_us: "array[int]" = field(default_factory=lambda: array("q"))


class StreamViewer(asyncio.Protocol):
    """Holds a stream open and notes what arrives. Chunk sizes stand between events, since live writes whole events."""

    def __init__(
        self, path: str, host: str, arrivals: Arrivals, data_of: Callable[[bytes, bytes], None] | None = None
    ) -> None:
        """`data_of` is called with the kind and the data of each event."""
        self._request = request(path, host, "Accept: text/event-stream")
        self._arrivals = arrivals
        self._data_of = data_of
        self._rest = b""
        self._stopped = False
        self.revision: int | None = None
        self.opened = asyncio.get_running_loop().create_future()
        self.received_bytes = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the events that are complete."""
        now_us = time.time_ns() // 1000
        self.received_bytes += len(data)
        received = self._rest + data if self._rest else data
        end = received.rfind(b"\n\n")
        if end < 0:
            self._rest = received[-_REST_MAX:]
            return
        self._rest = received[end + 2 :]
        for event in _EVENT.finditer(received, 0, end + 2):
            self._take(event[1], int(event[2]), event[3], now_us)

    def _take(self, kind: bytes, revision: int, data: bytes, now_us: int) -> None:
        if self.revision is not None and revision > self.revision:
            self._arrivals.revisions.append(revision)
            self._arrivals.before.append(self.revision)
            self._arrivals.at_us.append(now_us)
        self.revision = revision
        if not self.opened.done():
            self.opened.set_result(None)
        if self._data_of is not None:
            self._data_of(kind, data)

    def stop(self) -> None:
        """Close the stream."""
        self._stopped = True
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the server closed the stream."""
        self.lost = not self._stopped
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed before its first event"))
