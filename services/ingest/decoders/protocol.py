"""The description of a reader protocol: everything that the rest of Matline needs to know about it.

Each protocol's module ends in `PROTOCOL = ReaderProtocol(...)`; `readers/registry.py` lists them. It gives the fields
of `[[sources]]`, the running reader, `matline check`, `matline gateway test`, `matline rejected replay` and the
table in the documentation.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Literal

from msgspec import Struct

from services.ingest.decoders.messages import Cursor, Message, Reader

Way = Literal["is dialled", "calls us", "comes by HTTP"]
"""How readers connect: we dial them, they call a port of ours, or they post to ingest's own HTTP port."""

Make = Callable[[Cursor], Reader]
"""A function that makes the reader for a new connection, which continues from the cursor."""


class ReaderSettings(Struct, frozen=True, kw_only=True):
    """The settings of a source for its protocol.

    `zone` is that of its readers' clocks; `options` are its own fields.
    """

    gateway: str
    zone: tzinfo = UTC
    zone_name: str = "UTC"
    secret: str | None = None
    options: Mapping[str, Any] = {}


class Option(Struct, frozen=True):
    """A field of `[[sources]]` that only this protocol has: its name, its type for msgspec, and its meaning.

    `check` raises ValueError for a value of that type that is wrong.
    """

    name: str
    type: Any
    meaning: str
    needed: bool = False
    check: Callable[[Any], None] = lambda _: None


def _as_posted(body: bytes, _: Mapping[str, str]) -> bytes:
    return body


def _never(_: ReaderSettings) -> bool:
    return False


class ReaderProtocol(Struct, frozen=True, kw_only=True):
    """One protocol.

    `connect` is called once for a source and returns the function that makes its readers; null for a protocol that
    comes by HTTP. `watch` is the same for `matline gateway test`, which must not change the device or remove anything
    from it (null: `connect` does neither).
    `read_upload` decodes what a reader posts: the body, the reader's name for itself (empty if it gives none), and the
    session; null for a protocol that does not come by HTTP.
    `complete_upload` returns a posted body with what its records need of the URL's query.
    `journalled` returns whether a source cannot send again, so that its messages go to our disk first.
    `tls` returns whether a reader that is dialled is spoken to over TLS; its certificate, its own, is not checked.
    `read_again` decodes a dead letter with the present settings, under the session given. What its bytes do not name
    has an empty `where`. Raises ConnectionFault.
    """

    name: str
    title: str  # for people
    way: Way
    port: int  # the usual one; 0 for HTTP
    connect: Callable[[ReaderSettings], Make] | None
    sample: str  # a complete [[sources]] table
    acknowledges: str  # what ingest acknowledges to the device, and when
    replays: str  # how missed reads are fetched
    takes_over: str  # what a process with another folder gets, when it takes over from the one that read
    read_again: Callable[[bytes, ReaderSettings, str], list[Message]]
    watch: Callable[[ReaderSettings], Make] | None = None
    read_upload: Callable[[bytes, str, str, ReaderSettings], list[Message]] | None = None
    complete_upload: Callable[[bytes, Mapping[str, str]], bytes] = _as_posted
    options: tuple[Option, ...] = ()
    takes_secret: bool = False
    tls: Callable[[ReaderSettings], bool] = _never
    alpn: tuple[str, ...] = ()  # what is offered over TLS, such as h2
    broker: bool = False  # what is dialled is an MQTT broker, which several sources may share
    has_zone: bool = True
    journalled: Callable[[ReaderSettings], bool] = _never
    begins_with: bytes = b"(?!)"  # regular expression for the first bytes that its devices send
    speaks_first: bool = True  # false: its readers are silent until a chip crosses the mat
    is_text: bool = True
    caution: str = ""  # what to know before testing such a reader
