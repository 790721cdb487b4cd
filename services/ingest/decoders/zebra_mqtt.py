"""Take what a Zebra reader publishes to an MQTT broker: events as it posts them, `zebra.py`.

Source: Zebra, rfid-ziotc-docs, for the kinds of events. Which topics a reader publishes tag data to is set in it.
Whether it keeps events while it has no broker depends on its settings for retention.
"""

from services.ingest.decoders.mqtt_events import mqtt_protocol
from services.ingest.decoders.zebra import read_body

PROTOCOL = mqtt_protocol(
    "zebra_mqtt",
    "Zebra reader that publishes to an MQTT broker",
    read_body,
    replays="The broker keeps the messages of a session; whether the reader does without it depends on its settings.",
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
