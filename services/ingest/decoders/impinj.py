"""Take what Impinj readers post: events of the IoT device interface (from firmware 7 on), and tags of Speedway Connect.

A body is a list of events, one event, or one a line. A read is an event `tagInventory`; other events tell of antennas,
of the inventory and of tags that the reader had no room for, and become notices. The instant of a read is when the tag
was first seen, where the reader sends that, else last seen, else that of the event, all in UTC.

Source: reelyactive/barnowl-impinj (fields of a real reader's events); Impinj support, article 360000044739 (Speedway
Connect). Whether a reader posts again what was not answered is not documented. The same events come by its HTTP stream
(`impinj_stream.py`) and by MQTT (`impinj_mqtt.py`); its Kafka output is not read.
"""

import base64
import binascii

import msgspec
from msgspec import Struct, field

from schemas.ids import REASON_CHARS, label
from services.ingest.decoders.json_events import (
    Antenna,
    Centidbm,
    Dbm,
    body_reader,
    dead_letter_reader,
    instant_us,
    reader_name,
    upload_reader,
)
from services.ingest.decoders.messages import DecodedRead, Message, Notice
from services.ingest.decoders.protocol import ReaderProtocol

MAKER = "an Impinj reader"
REPORTED = frozenset(("overflow", "antennaConnected", "antennaDisconnected", "inventoryStatus", "inventoryTerminated"))
"""Kinds of events that officials get as notices; others, such as diagnostics, have no meaning for a race."""


URL_SAFE = str.maketrans("-_", "+/")
"""From the alphabet of base64 that readers were seen to use in their stream to the usual one."""


class TagInventory(Struct, rename="camel"):
    """A tag that the reader saw; which fields it sends is its owner's choice."""

    epc: str | None = None  # base64
    epc_hex: str | None = None
    antenna_port: Antenna | None = None
    peak_rssi_cdbm: Centidbm | None = None
    first_seen_time: str | None = None
    last_seen_time: str | None = None


class Event(Struct, rename="camel"):
    """An event of the IoT device interface, or, with `epc`, a tag of Speedway Connect."""

    event_type: str | None = None
    timestamp: str | None = None
    hostname: str | None = None
    tag_inventory_event: TagInventory | None = None
    epc: str | None = None  # hex
    antenna_port: Antenna | None = None
    peak_rssi: Dbm | None = None
    first_seen_timestamp: str | None = None
    is_heart_beat: bool = field(default=False)


def read_event(raw: bytes, device: str, session: str, number: int) -> list[Message]:
    """Return the messages of an event, of which `device` names the reader if not empty.

    Raises ValueError, RecursionError.
    """
    event = msgspec.json.decode(raw, type=Event)
    where = device or reader_name(event.hostname)
    if event.tag_inventory_event is not None:
        return [_read(event, event.tag_inventory_event, where, session, number)]
    if event.is_heart_beat:
        return []
    if event.epc is not None and event.first_seen_timestamp is not None:
        seen_us = instant_us(event.first_seen_timestamp)
        chip = label(event.epc.replace(" ", ""), "EPC")
        return [DecodedRead(session, number, where, chip, seen_us, event.antenna_port, event.peak_rssi)]
    if event.event_type is None:
        raise ValueError("it has neither an event type nor a tag")
    if event.event_type == "tagInventory":
        raise ValueError("it is a tagInventory without tagInventoryEvent")
    if event.event_type not in REPORTED:
        return []
    at_us = instant_us(event.timestamp) if event.timestamp is not None else None
    return [Notice(where, event.event_type, at_us, raw.decode("utf-8", "replace")[:REASON_CHARS])]


def _read(event: Event, tag: TagInventory, where: str, session: str, number: int) -> DecodedRead:
    seen = tag.first_seen_time or tag.last_seen_time or event.timestamp
    if seen is None:
        raise ValueError("a read has no time")
    rssi = None if tag.peak_rssi_cdbm is None else tag.peak_rssi_cdbm / 100
    return DecodedRead(session, number, where, _chip(tag), instant_us(seen), tag.antenna_port, rssi)


def _chip(tag: TagInventory) -> str:
    """Return the EPC in hex, as LLRP gives it. Raises ValueError."""
    if tag.epc_hex:
        return label(tag.epc_hex, "EPC")
    if not tag.epc:
        raise ValueError("a read has no EPC; set the reader to send epcHex")
    try:
        return label(base64.b64decode(tag.epc.translate(URL_SAFE), validate=True).hex(), "EPC")
    except binascii.Error:
        raise ValueError(f"EPC {tag.epc[:40]!r} is not base64") from None


read_body = body_reader(read_event, MAKER)

PROTOCOL = ReaderProtocol(
    name="impinj",
    title="Impinj reader that posts JSON (IoT device interface, Speedway Connect)",
    way="comes by HTTP",
    port=0,
    connect=None,
    read_upload=upload_reader(read_body),
    read_again=dead_letter_reader(read_body),
    takes_secret=True,
    has_zone=False,
    acknowledges="Each post, by 200 once Kafka has all of it.",
    takes_over="Posts that were not answered come again, if the reader does that.",
    replays="A post that was not answered may come again; whether a reader does that is not documented.",
    sample="""\
[[sources]]
protocol = "impinj"
event = "example-2026"
gateway = "finish-impinj"
secret = "gate 7"
devices = { "impinj-14-5e-2b/1" = "F1" }
""",
)
