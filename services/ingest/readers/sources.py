"""Which readers there are, and what their reads are called on the log: the `[[sources]]` of `matline.toml`.

[[sources]]
protocol = "mylaps"              # a name of `registry.PROTOCOLS`
address = "127.0.0.1:3097"       # where they listen (needed), or where we do (else ingest's host, the usual port)
event = "example-2026"
gateway = "start-finish-tent"    # what the log calls this sender
zone = "Asia/Dubai"              # where its clock stands; or an offset such as "+04:00" (needed for local times)
devices = { "5Km" = "5K-A" }     # its name for a place, or "place/antenna" -> device on the log; else its own name
allow = ["192.168.7.0/24"]       # who may call us; needed beyond this machine, unless there is a secret
secret = "..."                   # the password that a client has to give, where its protocol has one

A protocol may have further fields; its row in the registry names them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from schemas.definition_faults import Fault
from schemas.ids import DeviceId, GatewayId, Slug
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings
from services.ingest.readers.registry import PROTOCOLS
from services.runtime.faults import StartFault
from services.runtime.loopback import is_loopback

SOURCES_MAX = 64  # readers of one process
FILE_MAX_BYTES = 1024 * 1024
PORT_MAX = 65_535

Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(?![\s\S])")]


class Source(Struct, frozen=True, kw_only=True):
    """A sender of reads by a protocol of its own. `address` null: ingest's host and the protocol's port.

    `options` are the fields that only its protocol has.
    """

    protocol: str
    event: Slug
    gateway: GatewayId
    zone: str = "UTC"
    address: Address | None = None
    devices: dict[str, DeviceId] = field(default_factory=dict)
    allow: list[str] = field(default_factory=list)
    secret: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def identity(self) -> tuple[str, str, str]:
        """Return what stays the same while its settings change: its cursor is kept under this."""
        return self.protocol, self.event, self.gateway

    def lets_in(self, host: str) -> bool:
        """Whether a caller from this host is let in."""
        try:
            return not self.allow or any(ip_address(host) in ip_network(network) for network in self.allow)
        except ValueError:
            return False

    def settings(self) -> ReaderSettings:
        """Return what its protocol needs of it. Raises ValueError for a zone that is none."""
        return ReaderSettings(
            gateway=self.gateway,
            zone=parse_zone(self.zone),
            zone_name=self.zone,
            secret=self.secret,
            options=self.options,
        )

    def __repr__(self) -> str:  # never the secret
        return f"Source({self.protocol} {self.gateway} of {self.event})"


class SourcesRefused(StartFault):
    """The file cannot be taken; `faults` has every fault with its path in the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


_COMMON = {f.encode_name: f for f in msgspec.structs.fields(Source) if f.name != "options"}
_OPTIONS = {option.name: option for protocol in PROTOCOLS.values() for option in protocol.options}


def parse_sources(data: bytes) -> list[Source]:
    """Return the sources of a TOML file, in its order. Raises SourcesRefused with every fault."""
    if len(data) > FILE_MAX_BYTES:
        raise SourcesRefused([Fault("$", f"has {len(data)} bytes; at most {FILE_MAX_BYTES} are read")])
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourcesRefused([Fault("$", f"is not TOML: {error}")]) from None
    return sources_of(document)


def sources_of(document: Mapping[str, Any]) -> list[Source]:
    """Return the sources of a decoded file. Raises SourcesRefused with every fault."""
    faults = [Fault(key, "is unknown here; only [[sources]] is known") for key in document if key != "sources"]
    tables = document.get("sources")
    if not isinstance(tables, list) or len(tables) > SOURCES_MAX:
        raise SourcesRefused([*faults, Fault("sources", f"is a list of at most {SOURCES_MAX} tables, [[sources]]")])
    for index, table in enumerate(tables):
        faults += _faults(table, f"sources[{index}]")
    if faults:
        raise SourcesRefused(faults)
    sources = [_source(table) for table in tables]
    if faults := [*_clashes(sources), *exposed_faults(sources)]:
        raise SourcesRefused(faults)
    return sources


def _source(table: Mapping[str, Any]) -> Source:
    """Return the source of a table without faults."""
    common = {key: value for key, value in table.items() if key in _COMMON}
    options = {key: msgspec.convert(table[key], _OPTIONS[key].type) for key in table if key in _OPTIONS}
    return msgspec.structs.replace(msgspec.convert(common, Source), options=options)


def _faults(table: Any, path: str) -> Iterator[Fault]:
    """Yield the faults of one source: of each field, then what is missing, then what its protocol does not have."""
    if not isinstance(table, Mapping):
        yield Fault(path, "is not a table")
        return
    for key, value in table.items():
        if key not in _COMMON and key not in _OPTIONS:
            yield Fault(f"{path}.{key}", f"is unknown here; known are {', '.join([*_COMMON, *_OPTIONS])}")
            continue
        try:
            msgspec.convert(value, _OPTIONS[key].type if key in _OPTIONS else _COMMON[key].type)
            _check_value(key, value)
        except (msgspec.ValidationError, ValueError) as error:
            text, _, where = str(error).partition(" - at `$")
            yield Fault(f"{path}.{key}{where.rstrip('`')}", text[:1].lower() + text[1:])
    for needed, f in _COMMON.items():
        if f.required and needed not in table:
            yield Fault(path, f"needs `{needed}`")
    name = table.get("protocol")
    if isinstance(name, str) and name in PROTOCOLS:
        yield from _protocol_faults(PROTOCOLS[name], table, path)


def _check_value(key: str, value: Any) -> None:
    """Raise ValueError for a value that its type allows and that means nothing."""
    if key == "protocol" and value not in PROTOCOLS:
        raise ValueError(f"{value[:80]!r} is not a protocol known here; choose one of {', '.join(PROTOCOLS)}")
    if key == "zone":
        parse_zone(value)
    elif key == "address" and host_and_port(value)[1] > PORT_MAX:
        raise ValueError(f"port {host_and_port(value)[1]} does not exist; the highest is {PORT_MAX}")
    elif key == "secret" and not (value.isprintable() and {"@", "$"}.isdisjoint(value)):
        raise ValueError("it may hold neither `@` nor `$` nor control characters: no client could send it")
    elif key == "allow":
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"{network!r} is not a network; write 192.168.7.0/24, or one address") from None


def fields_of(protocol: ReaderProtocol) -> set[str]:
    """Return the fields that a source of this protocol may have beside those of every source."""
    own = {option.name for option in protocol.options}
    if protocol.way != "comes by HTTP":
        own.add("address")
    if protocol.way != "is dialled":
        own.add("allow")
    return own | ({"secret"} if protocol.takes_secret else set())


def _protocol_faults(protocol: ReaderProtocol, table: Mapping[str, Any], path: str) -> Iterator[Fault]:
    elsewhere = {"address", "allow", "secret", *_OPTIONS} - fields_of(protocol)
    for key in sorted(elsewhere & table.keys()):
        yield Fault(f"{path}.{key}", f"does not apply to {protocol.name}, which {protocol.way}")
    if protocol.way == "is dialled" and "address" not in table:
        yield Fault(path, f"needs `address`, where the reader listens (usually its port {protocol.port})")
    if protocol.has_zone and "zone" not in table:
        yield Fault(path, "needs `zone`, since its readers send local times")
    if not protocol.has_zone and "zone" in table:
        yield Fault(f"{path}.zone", f"does not apply to {protocol.name}, whose readers send UTC")


def _clashes(sources: list[Source]) -> Iterator[Fault]:
    addresses: dict[str, int] = {}
    identities: dict[tuple[str, str, str], int] = {}
    for index, source in enumerate(sources):
        address = source.address or f"the usual port of {source.protocol}"
        free = address.endswith(":0") or PROTOCOLS[source.protocol].way == "comes by HTTP"  # port 0 takes a free one
        if addresses.setdefault(address, index) != index and not free:
            yield Fault(
                f"sources[{index}].address", f"{address} is the address of sources[{addresses[address]}] already"
            )
        if identities.setdefault(source.identity(), index) != index:
            first = identities[source.identity()]
            yield Fault(f"sources[{index}].gateway", f"{source.gateway!r} is the gateway of sources[{first}] already")


def exposed(source: Source) -> bool:
    """Whether a source listens where others can reach it and does not say who may call."""
    if PROTOCOLS[source.protocol].way != "calls us" or source.address is None:
        return False
    return not is_loopback(host_and_port(source.address)[0]) and not source.allow and source.secret is None


def exposed_faults(sources: list[Source]) -> list[Fault]:
    """Return a fault for each source that is `exposed`."""
    reason = "can be reached by others; say by `allow` who may call, such as 192.168.7.0/24"
    return [
        Fault(f"sources[{index}].address", f"{source.address} {reason}")
        for index, source in enumerate(sources)
        if exposed(source)
    ]


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of an `address`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def joined(host: str, port: int) -> Address:
    """Return the address of these parts, the inverse of `host_and_port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
