"""Take what Zebra readers post: tag events of the IoT Connector (FX7500, FX9600, FXR90, ATR7000).

A body is a list of events, one event, or one a line. An event has a type, a timestamp with its offset, and the tag.
Which fields a tag has is its owner's choice: without `antenna` a place has one device.

Source: reelyactive/barnowl-zebra (fields of real readers' events); Zebra, rfid-ziotc-docs, whose schemas name the
interface and the kinds of events. Whether a reader keeps what was not answered depends on its settings for retention.
Its MQTT, WebSocket and TCP outputs are not spoken here.
"""

import msgspec
from msgspec import Struct, field

from schemas.ids import label
from services.ingest.decoders.json_events import Antenna, Dbm, events_of, instant_us, reader_name
from services.ingest.decoders.messages import DecodedRead, Message, Unreadable
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings

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


def read_body(body: bytes, device: str, session: str) -> list[Message]:
    """Return the messages in a body that a reader posted, in order; `device` names it where its events do not."""
    events, faults = events_of(body)
    messages: list[Message] = [*faults]
    for index, raw in enumerate(events):
        try:
            event = msgspec.json.decode(raw, type=Event)
            if event.data is not None and event.data.id_hex is not None:
                messages.append(_read(event, event.data, event.data.id_hex, device, session, index))
            elif event.type is None or event.type.lower() not in WITHOUT_TAG:
                raise ValueError("it has no tag with an idHex, and is no heartbeat")
        except (ValueError, RecursionError) as error:
            messages.append(Unreadable(raw, f"not an event of a Zebra reader: {error}", index=index, where=device))
    return messages


def _read(event: Event, tag: Tag, chip: str, device: str, session: str, index: int) -> DecodedRead:
    if event.timestamp is None:
        raise ValueError("a read has no timestamp")
    where = device or reader_name(tag.host_name or tag.mac)
    return DecodedRead(
        session, index, where, label(chip, "idHex"), instant_us(event.timestamp), tag.antenna, tag.peak_rssi
    )


def _read_upload(body: bytes, device: str, session: str, settings: ReaderSettings) -> list[Message]:
    return read_body(body, device, session)


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    return read_body(raw, "", session)


PROTOCOL = ReaderProtocol(
    name="zebra",
    title="Zebra reader that posts JSON (IoT Connector)",
    way="comes by HTTP",
    port=0,
    connect=None,
    read_upload=_read_upload,
    read_again=_read_again,
    takes_secret=True,
    has_zone=False,
    simulated=False,
    acknowledges="Each post, by 200 once Kafka has all of it.",
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
