"""How the connection to a reader that listens is opened, by its protocol: TCP, TLS, or a client of an MQTT broker."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from services.ingest.decoders.messages import Cursor
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings
from services.ingest.readers.line import dial
from services.ingest.readers.mqtt import subscribe

CONNECT_WAIT_S = 10.0


class Outgoing(Protocol):
    """What is written to a reader, as to an `asyncio.StreamWriter`."""

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...


Dial = Callable[[Cursor], Awaitable[tuple[asyncio.StreamReader, Outgoing]]]
"""Opens a connection to a reader, which goes on from the source's cursor. Raises OSError."""


def dial_of(protocol: ReaderProtocol, settings: ReaderSettings, host: str, port: int, watching: bool = False) -> Dial:
    """Return the function that opens connections to a source's reader at this address.

    `watching`: for a test beside the mat, which leaves ingest's session with a broker alone.
    """
    tls = _unchecked_tls(protocol.alpn) if protocol.tls(settings) else None
    if protocol.broker:
        return lambda cursor: subscribe(host, port, settings, tls, watching, cursor)
    return lambda _: dial(host, port, tls)


def _unchecked_tls(alpn: Sequence[str]) -> ssl.SSLContext:
    """Return TLS for readers, whose certificates are their own, on a network of the timer's own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
