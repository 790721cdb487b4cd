"""A simulated Impinj reader that publishes the events that it otherwise posts to an MQTT broker."""

from loadtest.devices.impinj import posted
from loadtest.devices.llrp import epc
from loadtest.devices.mqtt import BROKER_PORT, PublishingReader
from loadtest.devices.simulated import SimulatedProtocol, Site


def _make(site: Site) -> PublishingReader:
    return PublishingReader(site, posted, names_itself=True)


SIMULATED = SimulatedProtocol(name="impinj_mqtt", port=BROKER_PORT, make=_make, broker=True, has_zone=False, code=epc)
