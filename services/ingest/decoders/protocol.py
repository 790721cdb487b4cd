"""The description of a reader protocol: all that the rest of Matline has to know of it, in one row.

Each protocol's module ends in `PROTOCOL = ReaderProtocol(...)`; `readers/registry.py` lists them. From a row come the
fields of `[[sources]]`, the running reader, `matline check`, `matline gateway test`, `matline rejected replay` and the
table in the documentation.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Literal

from msgspec import Struct

from services.ingest.decoders.messages import Cursor, Message, Reader

Way = Literal["is dialled", "calls us", "comes by HTTP"]
"""How its readers are reached: we dial them, they call a port of ours, or they post to ingest's own HTTP port."""

Make = Callable[[Cursor], Reader]
"""Makes the reader of a new connection, which continues from the cursor."""


class ReaderSettings(Struct, frozen=True, kw_only=True):
    """What a source gives to its protocol. `zone` is where its readers' clocks stand; `options` have its own fields."""

    gateway: str
    zone: tzinfo = UTC
    zone_name: str = "UTC"
    secret: str | None = None
    options: Mapping[str, Any] = {}


class Option(Struct, frozen=True):
    """A field of `[[sources]]` that only this protocol has: its name, its type for msgspec, and its meaning."""

    name: str
    type: Any
    meaning: str


def _never(_: ReaderSettings) -> bool:
    return False


class ReaderProtocol(Struct, frozen=True, kw_only=True):
    """One protocol.

    `connect` is called once for a source and gives what makes its readers; null for a protocol that comes by HTTP.
    `watch` is the same for `matline gateway test`, where nothing may be changed or taken out of the device (null:
    `connect` does neither).
    `journalled` says whether such a source cannot send a second time, so that its messages go to our disk first.
    `read_again` decodes what became a dead letter, under the session given (null: it cannot be read by itself).
    """

    name: str
    title: str  # what a person calls it
    way: Way
    port: int  # the usual one; 0 for HTTP
    connect: Callable[[ReaderSettings], Make] | None
    sample: str  # a complete [[sources]] table
    acknowledges: str  # what the device learns from us, and when
    replays: str  # how reads that were missed are fetched again
    watch: Callable[[ReaderSettings], Make] | None = None
    options: tuple[Option, ...] = ()
    takes_secret: bool = False
    has_zone: bool = True
    journalled: Callable[[ReaderSettings], bool] = _never
    read_again: Callable[[bytes, ReaderSettings, str], list[Message]] | None = None
    simulated: bool = True  # loadtest.devices has a device of this name
    begins_with: bytes = b"(?!)"  # regular expression of how its devices begin to speak
    speaks_first: bool = True  # false: its readers are silent until a chip crosses
    is_text: bool = True
    caution: str = ""  # what a person has to know before testing such a reader
