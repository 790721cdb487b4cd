"""Read `[[sources]]` of `matline.toml`: which readers there are, and the names of their devices on the log.

[[sources]]
protocol = "mylaps"              # a name of `registry.PROTOCOLS`
address = "127.0.0.1:3097"       # of a reader that we dial (needed); of one that calls us our own (default: usual port)
event = "example-2026"
gateway = "start-finish-tent"    # the name of this sender on the log
zone = "Asia/Dubai"              # of its clock; or an offset such as "+04:00" (needed for local times)
devices = { "5Km" = "5K-A" }     # its name for a place, or "place/antenna" -> device on the log; default: its own name
allow = ["192.168.7.0/24"]       # who may call us; needed beyond this machine, unless there is a secret
secret = "..."                   # the password that a client has to give, where its protocol has one

A protocol may have further fields; its description in `decoders` names them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, field

from schemas.definition_faults import Fault, not_a_field
from schemas.definition_shape import in_words
from schemas.ids import DeviceId, GatewayId, Slug
from services.ingest.decoders.clock_origin import began_us
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings
from services.ingest.readers.registry import PROTOCOLS
from services.runtime.faults import StartFault
from services.runtime.loopback import is_loopback

SOURCES_MAX = 64  # of one ingest
FILE_MAX_BYTES = 1024 * 1024
PORT_MAX = 65_535
EVERY_ADDRESS = ("0.0.0.0", "::")

Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(?![\s\S])")]


class Source(Struct, frozen=True, kw_only=True):
    """A sender of reads, by one of the reader protocols. `address` null means ingest's host and the usual port.

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

    def log_fields(self) -> dict[str, str]:
        """Return the fields that log lines about the source have."""
        return {"event": self.event, "gateway": self.gateway}

    def identity(self) -> tuple[str, str, str]:
        """Return the key of a source, which stays the same while its settings change. Its cursor is kept under it."""
        return self.protocol, self.event, self.gateway

    def lets_in(self, host: str) -> bool:
        """Return whether a caller from this host is let in."""
        try:
            return not self.allow or any(ip_address(host) in ip_network(network) for network in self.allow)
        except ValueError:
            return False

    def settings(self) -> ReaderSettings:
        """Return the settings for its protocol. Raises ValueError for an unknown time zone."""
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
    """The file has faults; `faults` lists every one with its path in the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


_COMMON = {f.encode_name: f for f in msgspec.structs.fields(Source) if f.name != "options"}
_OPTIONS = {option.name: option for protocol in PROTOCOLS.values() for option in protocol.options}


def parse_sources(data: bytes) -> list[Source]:
    """Return the sources of a TOML file, in its order. Raises SourcesRefused with every fault."""
    if len(data) > FILE_MAX_BYTES:
        raise SourcesRefused([Fault("$", f"the file has {len(data)} bytes; at most {FILE_MAX_BYTES} are allowed")])
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourcesRefused([Fault("$", f"is not TOML: {error}")]) from None
    return sources_of(document)


def sources_of(document: Mapping[str, Any]) -> list[Source]:
    """Return the sources of a decoded file. Raises SourcesRefused with every fault."""
    faults = [Fault(key, not_a_field(key, ["sources"])) for key in document if key != "sources"]
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
    """Yield the faults of one source: of each field, then missing fields, then fields of other protocols."""
    if not isinstance(table, Mapping):
        yield Fault(path, "is not a table")
        return
    for key, value in table.items():
        if key not in _COMMON and key not in _OPTIONS:
            yield Fault(f"{path}.{key}", not_a_field(key, [*_COMMON, *_OPTIONS]))
            continue
        kind = _OPTIONS[key].type if key in _OPTIONS else _COMMON[key].type
        if type_faults := list(_type_faults(value, kind, f"{path}.{key}")):
            yield from type_faults
            continue
        try:
            _OPTIONS[key].check(value) if key in _OPTIONS else _check_value(key, value)
        except ValueError as error:
            yield Fault(f"{path}.{key}", str(error))
    for needed, f in _COMMON.items():
        if f.required and needed not in table:
            yield Fault(path, f"needs `{needed}`")
    name = table.get("protocol")
    if isinstance(name, str) and name in PROTOCOLS:
        yield from _protocol_faults(PROTOCOLS[name], table, path)


def _type_faults(value: Any, kind: Any, path: str) -> Iterator[Fault]:
    """Yield the faults of a value against the type of its field, in words for the person who writes the file."""
    if isinstance(value, Mapping) and get_origin(kind) is dict:
        for name, item in value.items():
            yield from _type_faults(item, get_args(kind)[1], f"{path}.{name}")
        return
    if isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value):
            yield from _type_faults(item, get_args(kind)[0], f"{path}[{index}]")
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if kind == Address | None and isinstance(value, str):
            yield Fault(path, f"{value[:80]!r} is not an address; write host and port, such as 192.168.7.20:3601")
        elif kind is date:
            yield Fault(path, f"{str(value)[:80]!r} is not a date; write one such as 2026-01-04")
        elif kind is datetime:
            yield Fault(path, f"{str(value)[:80]!r} is not a date and time; write them such as 2026-01-04T05:12:07")
        else:
            yield Fault(path, in_words(value, kind, str(error)))


def _check_value(key: str, value: Any) -> None:
    """Raise ValueError for a value that its type allows but that is wrong."""
    if key == "protocol" and value not in PROTOCOLS:
        raise ValueError(f"{value[:80]!r} is not a protocol; choose one of {', '.join(PROTOCOLS)}")
    if key == "zone":
        parse_zone(value)
    elif key == "address":
        check_address(value)
    elif key == "secret" and not value.isprintable():
        raise ValueError("it may not hold control characters, which no reader takes; choose another")
    elif key == "allow":
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(
                    f"{network!r} is not a network; write one such as 192.168.7.0/24, or a single address"
                ) from None


def check_address(address: Address) -> None:
    """Raise ValueError for an address with a port or a name of a machine that cannot be."""
    host, port = host_and_port(address)
    if port > PORT_MAX:
        raise ValueError(f"port {port} is too high; the highest is {PORT_MAX}")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"{host[:80]!r} is not the name of a machine") from None


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
        yield Fault(f"{path}.{key}", f"does not apply to {protocol.name}, which {protocol.way}; remove it")
    if protocol.way == "is dialled" and "address" not in table:
        yield Fault(path, f"needs `address`, where the reader listens (usually its port {protocol.port})")
    for option in protocol.options:
        if option.needed and option.name not in table:
            yield Fault(path, f"needs `{option.name}`: {option.meaning.removesuffix('. Required')}")
    if protocol.has_zone and "zone" not in table:
        yield Fault(path, "needs `zone`, since its readers send local times")
    secret = table.get("secret")
    if protocol.way != "is dialled" and isinstance(secret, str) and not {"@", "$"}.isdisjoint(secret):
        yield Fault(f"{path}.secret", "may hold neither `@` nor `$`, which not every client can send; choose another")
    if "day" in table and "began" in table:
        yield Fault(
            f"{path}.day", "contradicts `began`; give `day` for a clock that shows the time of day, else `began`"
        )
    elif isinstance(began := table.get("began"), datetime):
        try:
            began_us(began, parse_zone(table.get("zone", "UTC")))
        except (ValueError, TypeError) as error:
            yield Fault(f"{path}.began", str(error))
    if not protocol.has_zone and "zone" in table:
        yield Fault(f"{path}.zone", f"does not apply to {protocol.name}, whose readers send UTC; remove it")


def _clashes(sources: list[Source]) -> Iterator[Fault]:
    places: list[_Place] = []
    identities: dict[tuple[str, str, str], int] = {}
    sessions: dict[tuple[str, int, str], int] = {}
    for index, source in enumerate(sources):
        protocol = PROTOCOLS[source.protocol]
        host, port = ("", protocol.port) if source.address is None else host_and_port(source.address)
        place = _Place(index, host, port, protocol.way == "calls us")
        first = next((other.source for other in places if _overlap(place, other)), None)
        if first is not None:
            address = source.address or f"the usual port of {source.protocol}"
            taken = sources[first].address or address
            same = "" if taken == address else f" ({taken})"
            yield Fault(f"sources[{index}].address", f"{address} is already the address of sources[{first}]{same}")
        elif port and protocol.way != "comes by HTTP" and not protocol.broker:  # port 0: any free one
            places.append(place)
        if identities.setdefault(source.identity(), index) != index:
            first = identities[source.identity()]
            yield Fault(f"sources[{index}].gateway", f"{source.gateway!r} is already the gateway of sources[{first}]")
        elif protocol.broker and (first := sessions.setdefault(_session(host, port, source), index)) != index:
            reason = (
                f"is already that of sources[{first}] at this broker, which would end the connection of one of them"
            )
            yield Fault(f"sources[{index}].gateway", f"{source.gateway!r} {reason}")


def _session(host: str, port: int, source: Source) -> tuple[str, int, str]:
    """Return what a broker's session of a source is known by: the gateway names it."""
    return "loopback" if is_loopback(host) else host.lower(), port, source.gateway


class _Place(NamedTuple):
    """Where a source's readers are met: host (empty: ingest's own) and port, and whether we listen there."""

    source: int
    host: str
    port: int
    listens: bool


def _overlap(place: _Place, other: _Place) -> bool:
    """Return whether two places are one: by name, or because one of them is every address of this machine."""
    hosts = {"loopback" if is_loopback(host) else host.lower() for host in (place.host, other.host)}
    if place.port != other.port:
        return False
    every = not hosts.isdisjoint(EVERY_ADDRESS) and "" not in hosts
    return len(hosts) == 1 or (every and ((place.listens and other.listens) or "loopback" in hosts))


def exposed(source: Source) -> bool:
    """Return whether a source listens where other machines can reach it and does not say who may call."""
    if PROTOCOLS[source.protocol].way != "calls us" or source.address is None:
        return False
    return not is_loopback(host_and_port(source.address)[0]) and not source.allow and source.secret is None


def exposed_faults(sources: list[Source]) -> list[Fault]:
    """Return a fault for each source that is `exposed`."""
    reason = "can be reached by other machines; say in `allow` who may call, such as 192.168.7.0/24"
    return [
        Fault(f"sources[{index}].address", f"{source.address} {reason}")
        for index, source in enumerate(sources)
        if exposed(source)
    ]


def host_and_port(address: str) -> tuple[str, int]:
    """Return the host and the port of an `address`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def joined(host: str, port: int) -> Address:
    """Return the `address` of a host and a port; the inverse of `host_and_port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
