"""Where readers connect, and what their reads are called on the log: the `[[sources]]` of a TOML file.

[[sources]]
protocol = "mylaps"              # MYLAPS Timing & Scoring exporter, which connects to us
address = "127.0.0.1:3097"       # optional: where we listen
event = "example-2026"
gateway = "start-finish-tent"    # what the log calls this sender
zone = "Asia/Dubai"              # where its readers' clocks stand; or an offset such as "+04:00"
devices = { "5Km" = "5K-A" }     # optional: location -> device on the log; else the location's own name
"""

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from schemas.ids import DeviceId, GatewayId, Slug
from services.ingest.decoders.local_time import parse_zone

SOURCES_MAX = 64  # listeners of one process

Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(?![\s\S])")]


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sender of reads by a protocol of its own. `address` null: ingest's host and the protocol's port."""

    protocol: Literal["mylaps"]
    event: Slug
    gateway: GatewayId
    zone: str
    address: Address | None = None
    devices: dict[str, DeviceId] = field(default_factory=dict)


class SourcesRefused(Exception):
    """The file will not do; `faults` names every fault by its path."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def parse_sources(data: bytes) -> list[Source]:
    """The sources of a TOML file, in its order. Raises SourcesRefused with every fault."""
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourcesRefused([f"it is no TOML: {error}"]) from None
    tables = document.pop("sources", [])
    faults = [f"{key}: is unknown here; only [[sources]] is known" for key in document]
    if not isinstance(tables, list) or not 1 <= len(tables) <= SOURCES_MAX:
        raise SourcesRefused([*faults, f"sources: is a list of 1 to {SOURCES_MAX} tables, [[sources]]"])
    for index, table in enumerate(tables):
        faults += [f"sources[{index}]{fault}" for fault in _faults(table)]
    if faults:
        raise SourcesRefused(faults)
    sources = msgspec.convert(tables, list[Source])
    addresses = [source.address for source in sources]
    twice = [
        f"sources[{i}].address: {a or 'none given'} is used before"
        for i, a in enumerate(addresses)
        if a in addresses[:i]
    ]
    if twice:
        raise SourcesRefused(twice)
    return sources


def _faults(table: Any) -> list[str]:
    if not isinstance(table, Mapping):
        return [": is no table"]
    known = {f.encode_name: f for f in msgspec.structs.fields(Source)}
    faults = [f".{key}: is unknown; known are {', '.join(known)}" for key in table if key not in known]
    faults += [f": needs `{name}`" for name, f in known.items() if f.required and name not in table]
    for key in known.keys() & table.keys():
        try:
            msgspec.convert(table[key], known[key].type)
            if key == "zone":
                parse_zone(table[key])
        except (msgspec.ValidationError, ValueError) as error:
            faults.append(f".{key}: {error}")
    return sorted(faults)


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of an `address`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
