"""Take what an Impinj reader publishes to an MQTT broker: events as it posts them, `impinj.py`.

Source: Impinj, reader configuration API 1.7.0, model MqttConfiguration: the reader keeps events while it has no broker,
as many as its `eventBufferSize`, and its messages have the quality of service that it is set to.
"""

from functools import partial

from services.ingest.decoders.impinj import read_body
from services.ingest.decoders.json_events import dead_letter_reader
from services.ingest.decoders.mqtt_events import CAUTION, PORT, TLS, TOPIC, USER, connect_to
from services.ingest.decoders.protocol import ReaderProtocol

PROTOCOL = ReaderProtocol(
    name="impinj_mqtt",
    title="Impinj reader that publishes to an MQTT broker",
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
    replays="The broker keeps the messages of a session; without it the reader, as many as its `eventBufferSize`.",
    caution=CAUTION,
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
