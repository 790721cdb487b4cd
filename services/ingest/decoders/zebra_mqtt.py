"""Take what a Zebra reader publishes to an MQTT broker: events as it posts them, `zebra.py`.

Source: Zebra, rfid-ziotc-docs, for the kinds of events. Which topics a reader publishes tag data to is set in it.
Whether it keeps events while it has no broker depends on its settings for retention.
"""

from functools import partial

from services.ingest.decoders.json_events import dead_letter_reader
from services.ingest.decoders.mqtt_events import CAUTION, PORT, TLS, TOPIC, USER, connect_to
from services.ingest.decoders.protocol import ReaderProtocol
from services.ingest.decoders.zebra import read_body

PROTOCOL = ReaderProtocol(
    name="zebra_mqtt",
    title="Zebra reader that publishes to an MQTT broker",
    way="is dialled",
    port=PORT,
    connect=partial(connect_to, read_body),
    watch=partial(connect_to, read_body, acknowledges=False),
    read_again=dead_letter_reader(read_body),
    broker=True,
    tls=lambda settings: bool(settings.options.get("tls", False)),
    options=(TOPIC, USER, TLS),
    takes_secret=True,
    has_zone=False,
    speaks_first=False,
    is_text=False,
    acknowledges="Each message to the broker, once Kafka has all of it.",
    takes_over="What was not acknowledged to the broker comes again.",
    replays="The broker keeps the messages of a session; whether the reader does without it depends on its settings.",
    caution=CAUTION,
    sample="""\
[[sources]]
protocol = "zebra_mqtt"
event = "example-2026"
gateway = "finish-fx9600-by-mqtt"
address = "192.168.7.10:1883"
topic = "readers/finish"
devices = { "FX9600F0B1E4/1" = "F1" }
""",
)
