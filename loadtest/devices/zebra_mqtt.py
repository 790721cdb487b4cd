"""A simulated Zebra reader that publishes the events that it otherwise posts to an MQTT broker."""

from loadtest.devices.llrp import epc
from loadtest.devices.mqtt import BROKER_PORT, PublishingReader
from loadtest.devices.simulated import SimulatedProtocol, Site
from loadtest.devices.zebra import posted


def _make(site: Site) -> PublishingReader:
    return PublishingReader(site, posted, names_itself=False)


SIMULATED = SimulatedProtocol(name="zebra_mqtt", port=BROKER_PORT, make=_make, broker=True, has_zone=False, code=epc)
