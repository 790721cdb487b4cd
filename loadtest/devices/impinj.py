"""A simulated Impinj reader that posts events of its IoT device interface, as public captures of one show them."""

import json
from collections.abc import Sequence

from loadtest.devices.llrp import epc
from loadtest.devices.posting import PostingReader
from loadtest.devices.simulated import INGEST_PORT, Sighted, SimulatedProtocol, Site, utc


def event(seen: Sighted, name: str) -> dict[str, object]:
    """Return the event of a read that a reader with this name sends."""
    text = utc(seen.read.at_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tag = {"epcHex": epc(seen.read.chip), "antennaPort": seen.place, "peakRssiCdbm": -5050, "lastSeenTime": text}
    return {"timestamp": text, "hostname": name, "eventType": "tagInventory", "tagInventoryEvent": tag}


def posted(seen: Sequence[Sighted], name: str) -> bytes:
    """Return reads as a body that a reader with this name sends."""
    return json.dumps([event(sighted, name) for sighted in seen]).encode()


def _make(site: Site) -> PostingReader:
    return PostingReader(site, "impinj", posted)


SIMULATED = SimulatedProtocol(name="impinj", port=INGEST_PORT, make=_make, posts=True, has_zone=False, code=epc)
