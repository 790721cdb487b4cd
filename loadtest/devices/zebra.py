"""A simulated Zebra reader that posts events of its IoT Connector, as public captures of one show them."""

import json
from collections.abc import Sequence

from loadtest.devices.llrp import epc
from loadtest.devices.posting import PostingReader
from loadtest.devices.simulated import INGEST_PORT, Sighted, SimulatedProtocol, Site, utc


def event(seen: Sighted) -> dict[str, object]:
    """Return the event of a read."""
    tag = {"antenna": seen.place, "eventNum": 1, "format": "epc", "idHex": epc(seen.read.chip), "peakRssi": -50}
    text = utc(seen.read.at_us).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    return {"type": "SIMPLE", "timestamp": text, "data": tag}


def posted(seen: Sequence[Sighted], name: str) -> bytes:
    """Return reads as a body that a reader with this name sends."""
    return b"\n".join(json.dumps(event(sighted)).encode() for sighted in seen)


def _make(site: Site) -> PostingReader:
    return PostingReader(site, "zebra", posted)


SIMULATED = SimulatedProtocol(name="zebra", port=INGEST_PORT, make=_make, posts=True, has_zone=False, code=epc)
