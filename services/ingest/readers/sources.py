"""Which readers there are, and what their reads are called on the log: the `[[sources]]` of `matline.toml`.

[[sources]]
protocol = "mylaps"              # mylaps, chronotrack: they call us; raceresult, ipico, ultra, llrp: we dial them;
                                 # raceresult_http: decoders that upload to ingest's own port
address = "127.0.0.1:3097"       # where they listen (needed), or where we do (else ingest's host, the usual port)
event = "example-2026"
gateway = "start-finish-tent"    # what the log calls this sender
zone = "Asia/Dubai"              # where its clock stands; or an offset such as "+04:00" (llrp: UTC by itself)
devices = { "5Km" = "5K-A" }     # what it calls a place, or "place/antenna" -> device on the log; else its own word
allow = ["192.168.7.0/24"]       # who may call us; needed beyond this machine, unless there is a secret
secret = "..."                   # mylaps: the password that a client has to give; raceresult_http: the `user`
day = 2026-01-04                 # chronotrack: the date of clients that send none
model = "elite"                  # ipico: elite plays what was missed again; lite; trident
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from schemas.definition_faults import Fault
from schemas.ids import DeviceId, GatewayId, Slug
from services.ingest.decoders.local_time import parse_zone
from services.runtime.faults import StartFault
from services.runtime.loopback import is_loopback

SOURCES_MAX = 64  # readers of one process
FILE_MAX_BYTES = 1024 * 1024
PORT_MAX = 65_535

Address = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(?![\s\S])")]


class Protocol(Struct, frozen=True):
    """How readers of a protocol are reached: they call us on a port of their own, we dial them there, or they come to
    ingest's HTTP (no port). `options` are fields that not every source takes.
    """

    way: Literal["calls us", "is dialled", "comes by HTTP"]
    port: int
    options: frozenset[str] = frozenset()
    has_zone: bool = True


PROTOCOLS = {
    "mylaps": Protocol("calls us", 3097, frozenset({"address", "allow", "secret"})),
    "raceresult": Protocol("is dialled", 3601, frozenset({"address"})),
    "raceresult_http": Protocol("comes by HTTP", 0, frozenset({"allow", "secret"})),
    "chronotrack": Protocol("calls us", 61611, frozenset({"address", "allow", "day"})),
    "ipico": Protocol("is dialled", 10000, frozenset({"address", "model"})),
    "ultra": Protocol("is dialled", 23, frozenset({"address"})),
    "llrp": Protocol("is dialled", 5084, frozenset({"address"}), has_zone=False),
}
_OWN_OPTIONS = frozenset().union(*(protocol.options for protocol in PROTOCOLS.values()))


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sender of reads by a protocol of its own. `address` null: ingest's host and the protocol's port."""

    protocol: Literal["mylaps", "raceresult", "raceresult_http", "chronotrack", "ipico", "ultra", "llrp"]
    event: Slug
    gateway: GatewayId
    zone: str = "UTC"
    address: Address | None = None
    devices: dict[str, DeviceId] = field(default_factory=dict)
    allow: list[str] = field(default_factory=list)
    secret: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    day: date | None = None
    model: Literal["elite", "lite", "trident"] | None = None

    def identity(self) -> tuple[str, str, str]:
        """What stays the same while its settings change: its cursor stands under this."""
        return self.protocol, self.event, self.gateway

    def lets_in(self, host: str) -> bool:
        """Whether who calls from there may."""
        try:
            return not self.allow or any(ip_address(host) in ip_network(net) for net in self.allow)
        except ValueError:
            return False

    def __repr__(self) -> str:  # never the secret
        return f"Source({self.protocol} {self.gateway} of {self.event})"


class SourcesRefused(StartFault):
    """The file will not do; `faults` has every fault with its path in the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def parse_sources(data: bytes) -> list[Source]:
    """The sources of a TOML file, in its order. Raises SourcesRefused with every fault."""
    if len(data) > FILE_MAX_BYTES:
        raise SourcesRefused([Fault("$", f"has {len(data)} bytes; at most {FILE_MAX_BYTES} are read")])
    try:
        document = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourcesRefused([Fault("$", f"is no TOML: {error}")]) from None
    return sources_of(document)


def sources_of(document: Mapping[str, Any]) -> list[Source]:
    """The sources of a decoded file. Raises SourcesRefused with every fault."""
    faults = [Fault(key, "is unknown here; only [[sources]] is known") for key in document if key != "sources"]
    tables = document.get("sources")
    if not isinstance(tables, list) or len(tables) > SOURCES_MAX:
        raise SourcesRefused([*faults, Fault("sources", f"is a list of at most {SOURCES_MAX} tables, [[sources]]")])
    for index, table in enumerate(tables):
        faults += _faults(table, f"sources[{index}]")
    if faults:
        raise SourcesRefused(faults)
    sources = msgspec.convert(tables, list[Source])
    if faults := [*_clashes(sources), *exposed_faults(sources)]:
        raise SourcesRefused(faults)
    return sources


def _faults(table: Any, path: str) -> Iterator[Fault]:
    """The faults of one source: each field by itself, then what is missing, then what its protocol does not have."""
    if not isinstance(table, Mapping):
        yield Fault(path, "is no table")
        return
    known = {f.encode_name: f for f in msgspec.structs.fields(Source)}
    for key, value in table.items():
        if key not in known:
            yield Fault(f"{path}.{key}", f"is unknown here; known are {', '.join(known)}")
            continue
        try:
            msgspec.convert(value, known[key].type)
            _check_value(key, value)
        except (msgspec.ValidationError, ValueError) as error:
            text, _, where = str(error).partition(" - at `$")
            yield Fault(f"{path}.{key}{where.rstrip('`')}", text[:1].lower() + text[1:])
    for needed, f in known.items():
        if f.required and needed not in table:
            yield Fault(path, f"needs `{needed}`")
    name = table.get("protocol")
    if isinstance(name, str) and name in PROTOCOLS:
        yield from _protocol_faults(PROTOCOLS[name], table, path)


def _check_value(key: str, value: Any) -> None:
    """Raises ValueError for what the field's type allows and nothing can be made of."""
    if key == "zone":
        parse_zone(value)
    elif key == "address" and host_and_port(value)[1] > PORT_MAX:
        raise ValueError(f"port {host_and_port(value)[1]} is none; the highest is {PORT_MAX}")
    elif key == "secret" and not (value.isprintable() and {"@", "$"}.isdisjoint(value)):
        raise ValueError("it may hold neither `@` nor `$` nor control characters: no client could send it")
    elif key == "allow":
        for net in value:
            try:
                ip_network(net)
            except ValueError:
                raise ValueError(f"{net!r} is no network; write 192.168.7.0/24, or one address") from None


def _protocol_faults(protocol: Protocol, table: Mapping[str, Any], path: str) -> Iterator[Fault]:
    name = table["protocol"]
    for key in sorted((_OWN_OPTIONS - protocol.options) & table.keys()):
        yield Fault(f"{path}.{key}", f"is nothing for {name}, which {protocol.way}")
    if protocol.way == "is dialled" and "address" not in table:
        yield Fault(path, f"needs `address`, where the reader listens (usually its port {protocol.port})")
    if protocol.has_zone and "zone" not in table:
        yield Fault(path, "needs `zone`, since its readers send local times")
    if not protocol.has_zone and "zone" in table:
        yield Fault(f"{path}.zone", f"is nothing that {name} has, its readers send UTC")


def _clashes(sources: list[Source]) -> Iterator[Fault]:
    places: dict[str, int] = {}
    identities: dict[tuple[str, str, str], int] = {}
    for index, source in enumerate(sources):
        place = source.address or f"the usual port of {source.protocol}"
        free = place.endswith(":0") or not PROTOCOLS[source.protocol].port  # port 0 takes a free one
        if places.setdefault(place, index) != index and not free:
            yield Fault(f"sources[{index}].address", f"{place} is that of sources[{places[place]}] already")
        if identities.setdefault(source.identity(), index) != index:
            yield Fault(
                f"sources[{index}].gateway", f"{source.gateway!r} is that of sources[{identities[source.identity()]}]"
            )


def exposed(source: Source) -> bool:
    """Whether a source listens where others can reach it and says nothing of who may call."""
    if PROTOCOLS[source.protocol].way != "calls us" or source.address is None:
        return False
    return not is_loopback(host_and_port(source.address)[0]) and not source.allow and source.secret is None


def exposed_faults(sources: list[Source]) -> list[Fault]:
    """A fault for each source that is `exposed`."""
    reason = "can be reached by others; say by `allow` who may call, such as 192.168.7.0/24"
    return [
        Fault(f"sources[{index}].address", f"{source.address} {reason}")
        for index, source in enumerate(sources)
        if exposed(source)
    ]


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of an `address`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def joined(host: str, port: int) -> Address:
    """The inverse of `host_and_port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
