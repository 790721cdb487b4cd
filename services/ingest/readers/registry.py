"""The registry of reader protocols: their names, each with a module of that name in `decoders` that describes it.

`matline.toml` and its check, the running readers, `matline gateway test`, `matline rejected replay`, the documentation
and the tests read this table. Simulated devices are found in `loadtest.devices` by the same names.
"""

from collections.abc import Mapping
from importlib import import_module

from services.ingest.decoders.protocol import ReaderProtocol

_NAMES = (
    "mylaps",
    "raceresult",
    "raceresult_http",
    "ubidium",
    "chronotrack",
    "ipico",
    "ultra",
    "llrp",
    "wiclax",
    "jchip",
    "p3",
    "impinj",
    "impinj_stream",
    "impinj_mqtt",
    "zebra",
    "zebra_mqtt",
)


def _protocol(name: str) -> ReaderProtocol:
    protocol: ReaderProtocol = import_module(f"services.ingest.decoders.{name}").PROTOCOL
    assert protocol.name == name
    return protocol


PROTOCOLS: Mapping[str, ReaderProtocol] = {name: _protocol(name) for name in _NAMES}


def connected_protocols() -> list[str]:
    """Return the names of the protocols whose readers keep a connection with us, which `gateway test` can test."""
    return [protocol.name for protocol in PROTOCOLS.values() if protocol.connect is not None]


def sample_file() -> str:
    """Return the text of a `matline.toml` with a source of every protocol."""
    return "\n".join(protocol.sample for protocol in PROTOCOLS.values())
