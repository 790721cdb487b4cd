"""Take what Zebra readers post: tag events of the IoT Connector (FX7500, FX9600, FXR90, ATR7000).

A body is a list of events, one event, or one a line. An event has a type, a timestamp with its offset, and the tag.
Which fields a tag has is its owner's choice: without `antenna` a place has one device.

Source: reelyactive/barnowl-zebra (fields of real readers' events); Zebra, rfid-ziotc-docs, whose schemas name the
interface and the kinds of events. Whether a reader keeps what was not answered depends on its settings for retention.
The same events come by MQTT (`zebra_mqtt.py`); its WebSocket and TCP outputs are not spoken here.
"""

import msgspec
from msgspec import Struct, field

from schemas.ids import label
from services.ingest.decoders.json_events import (
    Antenna,
    Dbm,
    body_reader,
    dead_letter_reader,
    instant_us,
    reader_name,
    upload_reader,
)
from services.ingest.decoders.messages import DecodedRead, Message
from services.ingest.decoders.protocol import ReaderProtocol

MAKER = "a Zebra reader"
WITHOUT_TAG = frozenset(("heartbeat",))
"""Types of events that have no meaning for a race; any other event without a tag is a dead letter."""


class Tag(Struct, rename="camel"):
    """A tag that the reader saw."""

    id_hex: str | None = None
    antenna: Antenna | None = None
    peak_rssi: Dbm | None = None
    host_name: str | None = None
    mac: str | None = field(default=None, name="MAC")


class Event(Struct):
    """An event; without a tag in `data` its type has to say that it has none, such as a heartbeat."""

    type: str | None = None
    timestamp: str | None = None
    data: Tag | None = None


def read_event(raw: bytes, device: str, session: str, number: int) -> list[Message]:
    """Return the read of an event, of which `device` names the reader if not empty; nothing of a heartbeat.

    Raises ValueError, RecursionError.
    """
    event = msgspec.json.decode(raw, type=Event)
    if event.data is not None and event.data.id_hex is not None:
        return [_read(event, event.data, event.data.id_hex, device, session, number)]
    if event.type is None or event.type.lower() not in WITHOUT_TAG:
        raise ValueError("it has no tag with an idHex, and is no heartbeat")
    return []


def _read(event: Event, tag: Tag, chip: str, device: str, session: str, number: int) -> DecodedRead:
    if event.timestamp is None:
        raise ValueError("a read has no timestamp")
    where = device or reader_name(tag.host_name or tag.mac)
    return DecodedRead(
        session, number, where, label(chip, "idHex"), instant_us(event.timestamp), tag.antenna, tag.peak_rssi
    )


read_body = body_reader(read_event, MAKER)

PROTOCOL = ReaderProtocol(
    name="zebra",
    title="Zebra reader that posts JSON (IoT Connector)",
    way="comes by HTTP",
    port=0,
    connect=None,
    read_upload=upload_reader(read_body),
    read_again=dead_letter_reader(read_body),
    takes_secret=True,
    has_zone=False,
    acknowledges="Each post, by 200 once Kafka has all of it.",
    takes_over="Posts that were not answered come again, if the reader does that.",
    replays="Set it to retain tag data; whether it then posts unanswered reads again is not documented.",
    sample="""\
[[sources]]
protocol = "zebra"
event = "example-2026"
gateway = "finish-fx9600"
secret = "fx 7"
devices = { "FX9600F0B1E4/1" = "F1" }
""",
)
