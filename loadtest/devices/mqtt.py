"""What simulated readers that publish to an MQTT broker share: messages of quality of service 1, sent until taken."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from loadtest.devices.simulated import Sighted, Site, address, places

BROKER_PORT = 1883
AGAIN_S = 0.2
NOBODY = 16  # "no matching subscribers", by MQTT 5

Payload = Callable[[Sequence[Sighted], str], bytes]
"""A function that returns reads as a reader of this kind publishes them, of a reader called so."""


class PublishingReader:
    """A reader at one mat, with a topic of its own; the reader's number there is its antenna.

    `names_itself` false: its messages do not say what it is called, so that its topic is its place.
    """

    def __init__(self, site: Site, payload: Payload, names_itself: bool) -> None:
        [self._mat] = site.mats
        self._site = site
        self._payload = payload
        self._topic = f"readers/{site.gateway}"
        self._name = site.gateway if names_itself else self._topic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken: dict[int, asyncio.Future[int]] = {}
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=site.gateway,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._published

    async def start(self) -> None:
        """Connect to the broker, again and again. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._client.connect, self._site.host, self._site.port, 10)
        self._client.loop_start()

    async def heard(self) -> None:
        """Return once somebody has subscribed to its topic."""
        while await self._publish(b"[]") == NOBODY:  # noqa: ASYNC110  # of subscriptions a broker tells nobody
            await asyncio.sleep(AGAIN_S)

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        """Publish reads, and return once the broker has taken them."""
        await self._publish(self._payload(seen, self._site.gateway))

    async def all_sent(self) -> None:
        """Return at once: `send_reads` has waited for the broker."""

    async def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def source(self) -> dict[str, object]:
        """Return the fields that its `[[sources]]` table has beside protocol, event, gateway and zone."""
        devices = {f"{self._name}/{place}": device for place, device in places(self._mat)}
        return {"address": address(self._site.host, self._site.port), "topic": self._topic, "devices": devices}

    async def _publish(self, payload: bytes) -> int:
        """Publish, and return the code of the broker's answer."""
        number = self._client.publish(self._topic, payload, qos=1).mid
        taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._taken[number] = taken
        return await taken

    def _published(
        self, client: Client, _: Any, number: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._settle, number, int(reason.value))

    def _settle(self, number: int, code: int) -> None:
        if (taken := self._taken.pop(number, None)) is not None and not taken.done():
            taken.set_result(code)
