"""The client of an MQTT broker, presented as the connection to a reader: frames come in, acknowledgements go out.

Its session lasts: what readers publish while nobody is connected, and what was not acknowledged, the broker sends to
the next connection with the same client id. A topic to which the source subscribed before stays in the session until
it is taken back. A test beside the mat has a session of its own that ends with it.
"""

import asyncio
import secrets
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from services.ingest.decoders.messages import Cursor
from services.ingest.decoders.mqtt_events import acknowledged, former_topic, frame
from services.ingest.decoders.protocol import ReaderSettings
from services.ingest.readers.line import READ_BYTES, Incoming
from services.ingest.readers.sources import SOURCES_MAX

KEEP_ALIVE_S = 10
PAYLOAD_MAX_BYTES = 1 << 20  # of a longer one the rest is cut off, so that it is a dead letter
WAITING_MAX_BYTES = 8 << 20  # of messages that a broker sends however many wait, as of quality of service 0

_SUCCESS = ReasonCode(PacketTypes.UNSUBACK, "Success")  # which MQTT 3.1.1 does not say, but always means

_CALLS = ThreadPoolExecutor(2 * SOURCES_MAX, "mqtt")
"""Threads of their own for calls to brokers: one that does not answer takes its thread for ten seconds, and the few of
asyncio write journals and cursors."""


async def subscribe(
    host: str, port: int, settings: ReaderSettings, tls: ssl.SSLContext | None, watching: bool, cursor: Cursor
) -> tuple[Incoming, "Subscription"]:
    """Connect to a broker and subscribe to the source's topic, and no more to the one in the cursor.

    Raises OSError, also for a broker that refuses.
    """
    subscription = Subscription(settings, tls, watching, former_topic(cursor, settings))
    try:
        await subscription.open(host, port)
    except BaseException:
        subscription.close()
        raise
    return subscription.incoming, subscription


class Subscription:
    """A client with its thread. What it is written are acknowledgements.

    `former` is the topic that the session has besides the source's, null for none.
    """

    def __init__(
        self, settings: ReaderSettings, tls: ssl.SSLContext | None, watching: bool, former: str | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.incoming = Incoming(limit=READ_BYTES)
        self._topic: str = settings.options["topic"]
        self._former = former
        self._closed = False
        self._answered: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"matline-{secrets.token_hex(4) if watching else settings.gateway}",
            clean_session=watching,
            reconnect_on_failure=False,
            manual_ack=not watching,
        )
        if settings.secret is not None or "user" in settings.options:
            self._client.username_pw_set(settings.options.get("user"), settings.secret)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_unsubscribe = self._unsubscribed
        self._client.on_message = self._published
        self._client.on_disconnect = self._disconnected

    async def open(self, host: str, port: int) -> None:
        """Connect, and return once the broker has granted the subscription and taken back the former one.

        Raises OSError.
        """
        await self._loop.run_in_executor(_CALLS, self._client.connect, host, port, KEEP_ALIVE_S)
        self._client.loop_start()
        reason = await self._answered
        if reason.is_failure:
            raise ConnectionAbortedError(f"the broker refuses topic, user or password: {reason}")

    def write(self, data: bytes) -> None:
        """Acknowledge messages to the broker; without a connection it sends them again."""
        if not self._client.is_connected():
            return
        for number, qos in acknowledged(data):
            self._client.ack(number, qos)

    async def drain(self) -> None:
        """Return at once: the client's thread sends."""

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self._closed

    def close(self) -> None:
        """Leave the broker, which keeps the session of a source."""
        if not self._closed:
            self._closed = True
            self._loop.run_in_executor(None, self._end)

    def _end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    # --- called by the client's thread

    def _connected(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._loop.call_soon_threadsafe(self._settle, reason)
        else:
            client.subscribe(self._topic, qos=1)

    def _subscribed(
        self, client: Client, _: Any, number: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        if self._former is None or reasons[0].is_failure:
            self._loop.call_soon_threadsafe(self._settle, reasons[0])
        else:
            client.unsubscribe(self._former)

    def _unsubscribed(
        self, client: Client, _: Any, number: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._settle, _SUCCESS)

    def _published(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # which would end the client's thread, and nobody would hear of it
            topic = ""
        data = frame(topic, bytes(message.payload[:PAYLOAD_MAX_BYTES]), message.mid, message.qos)
        self._loop.call_soon_threadsafe(self._take, data)

    def _disconnected(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._settle, reason)
            self._loop.call_soon_threadsafe(self.incoming.feed_eof)

    # --- on the event loop

    def _settle(self, reason: ReasonCode) -> None:
        if not self._answered.done():
            self._answered.set_result(reason)

    def _take(self, data: bytes) -> None:
        if self.incoming.waiting > WAITING_MAX_BYTES:
            self.incoming.set_exception(
                ConnectionError("more came at once than the log takes, as of quality of service 0")
            )
        elif self.incoming.broke is None:
            self.incoming.feed_data(data)
