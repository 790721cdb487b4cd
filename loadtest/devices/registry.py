"""The simulated readers by protocol: every module of this package that has `SIMULATED` is one of them.

A new device needs no line here. Services cannot be imported here; a test holds these names against ingest's registry.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

import loadtest.devices
from loadtest.devices.simulated import SimulatedProtocol


def _protocols() -> dict[str, SimulatedProtocol]:
    names = sorted(module.name for module in pkgutil.iter_modules(loadtest.devices.__path__))
    modules = [import_module(f"{loadtest.devices.__name__}.{name}") for name in names]
    protocols: list[SimulatedProtocol] = [module.SIMULATED for module in modules if hasattr(module, "SIMULATED")]
    return {protocol.name: protocol for protocol in protocols}


SIMULATED_PROTOCOLS: Mapping[str, SimulatedProtocol] = _protocols()
