"""Take what an Impinj reader publishes to an MQTT broker: events as it posts them, `impinj.py`.

Source: Impinj, reader configuration API 1.7.0, model MqttConfiguration: the reader keeps events while it has no broker,
as many as its `eventBufferSize`, and its messages have the quality of service that it is set to.
"""

from services.ingest.decoders.impinj import read_body
from services.ingest.decoders.mqtt_events import mqtt_protocol

PROTOCOL = mqtt_protocol(
    "impinj_mqtt",
    "Impinj reader that publishes to an MQTT broker",
    read_body,
    replays="The broker keeps the messages of a session; without it the reader, as many as its `eventBufferSize`.",
    sample="""\
[[sources]]
protocol = "impinj_mqtt"
event = "example-2026"
gateway = "finish-r700-by-mqtt"
address = "192.168.7.10:1883"
topic = "readers/finish"
devices = { "impinj-14-5e-2b/1" = "F1" }
""",
)
